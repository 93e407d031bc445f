use domain::{
    AccountId, Expected, ImageStatus, ImagesStatus, Product, ProductDraft, ProductStatus, Versions,
};
use futures_util::future::join_all;
use messages::{ImageProcessV1, ImageSource, Job, Message as _};
use storage_postgres::{
    Created, Deleted, OutboxPart, StorageError, Updated, outbox_drain, product_delete, product_get,
    product_update,
};

use crate::support::{Room, cause, draft, money, product, product_of};

fn full_draft() -> ProductDraft {
    ProductDraft {
        sku: Some("MUG-01".to_owned()),
        description: Some("Größe \"L\", 50 % off; it's \\ here".to_owned()),
        price: money("999999999999.9999", "CLF"),
        status: ProductStatus::Draft,
        metadata: [
            ("colour".to_owned(), "blue".to_owned()),
            (String::from("ключ"), String::new()),
        ]
        .into(),
        ..draft("Enamel mug")
    }
}

async fn rename(room: &Room, product: &Product, expected: Option<i64>, name: &str) -> Updated<()> {
    let change = |product: &Product| {
        Ok(ProductDraft {
            name: name.to_owned(),
            ..product.draft.clone()
        })
    };
    product_update(
        &room.database,
        product.account_id,
        product.id,
        expected.map(|version| Expected::one_of(&[version])).as_ref(),
        change,
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_product_comes_back_as_it_was_created() {
    let room = Room::open().await;
    let new = product_of(full_draft(), 3);
    let created = room.create(&new).await;
    assert_eq!(created.draft, new.draft);
    assert_eq!(
        (created.version, created.images_status()),
        (1, ImagesStatus::Pending)
    );
    assert_eq!(created.created_at, created.updated_at);
    let positions: Vec<_> = created
        .images
        .iter()
        .map(|image| (image.id, image.position))
        .collect();
    assert_eq!(
        positions,
        [
            (new.images[0].id, 0),
            (new.images[1].id, 1),
            (new.images[2].id, 2)
        ]
    );
    assert!(
        created
            .images
            .iter()
            .all(|image| image.status == ImageStatus::Pending && image.generation == 1)
    );
    assert_eq!(room.get(&created).await, Some(created));
}

#[tokio::test]
async fn each_image_has_its_job_in_the_outbox() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 2)).await;
    let mut rows = Vec::new();
    outbox_drain(&room.database, OutboxPart::Ordinary, 10, |claimed| {
        rows = claimed;
        async { Vec::new() }
    })
    .await
    .unwrap();
    let jobs: Vec<Job> = rows
        .iter()
        .map(|row| Job::decode(&row.type_name, &row.body).unwrap())
        .collect();
    let expected = |index: usize| {
        Job::Process(ImageProcessV1 {
            account_id: AccountId::DEFAULT,
            product_id: created.id,
            image_id: created.images[index].id,
            generation: 1,
            source: ImageSource::Url {
                url: format!("https://example.com/{index}.jpg"),
            },
        })
    };
    assert_eq!(jobs, [expected(0), expected(1)]);
    for (row, image) in rows.iter().zip(&created.images) {
        assert_eq!(row.envelope.correlation_id, image.id.uuid());
        assert_eq!(row.envelope.request_id, cause().request_id);
        assert_eq!(row.envelope.traceparent, cause().traceparent);
        assert_eq!(row.envelope.attempt, 1);
        assert_eq!(row.created_at, created.created_at);
    }
}

#[tokio::test]
async fn a_product_its_images_and_its_jobs_are_one_transaction() {
    let room = Room::open().await;
    let nothing = async || {
        for table in ["products", "images", "outbox"] {
            assert_eq!(room.count(table).await, 0, "{table}");
        }
    };

    // The last of the images breaks a rule; on a fresh connection, and on one that knows the statements.
    let mut new = product_of(full_draft(), 20);
    new.images[19].source_url = "x".repeat(3_000);
    for _ in 0..2 {
        let error = room.try_create(&new).await.unwrap_err();
        assert!(
            matches!(&error, StorageError::Constraint { name, .. } if name == "images_source_url_check"),
            "{error:?}"
        );
        nothing().await;
    }

    // The outbox, which is written last, refuses.
    room.execute("ALTER TABLE outbox ADD CONSTRAINT no_more CHECK (false) NOT VALID")
        .await;
    new.images[19].source_url = "https://example.com/19.jpg".to_owned();
    for _ in 0..2 {
        room.try_create(&new).await.unwrap_err();
        nothing().await;
    }

    room.execute("ALTER TABLE outbox DROP CONSTRAINT no_more").await;
    room.create(&new).await;
    assert_eq!(
        (
            room.count("products").await,
            room.count("images").await,
            room.count("outbox").await
        ),
        (1, 20, 20)
    );
}

#[tokio::test]
async fn a_sku_is_unique_in_its_account_until_its_product_is_deleted() {
    let room = Room::open().await;
    let with_sku = |sku: &str| {
        product_of(
            ProductDraft {
                sku: Some(sku.to_owned()),
                ..draft("Mug")
            },
            1,
        )
    };
    let first = room.create(&with_sku("MUG-01")).await;
    let refused = room.try_create(&with_sku("MUG-01")).await;
    assert!(matches!(refused, Err(StorageError::DuplicateSku)), "{refused:?}");
    assert_eq!((room.count("images").await, room.count("outbox").await), (1, 1));

    room.create(&with_sku("mug-01")).await;
    let mut elsewhere = with_sku("MUG-01");
    elsewhere.account_id = room.account("other").await;
    room.create(&elsewhere).await;
    room.create(&product("Mug")).await;
    room.create(&product("Mug")).await;

    let other = room.create(&with_sku("MUG-02")).await;
    let change = |product: &Product| {
        Ok::<_, ()>(ProductDraft {
            sku: Some("MUG-01".to_owned()),
            ..product.draft.clone()
        })
    };
    let refused = product_update(&room.database, AccountId::DEFAULT, other.id, None, change).await;
    assert!(matches!(refused, Err(StorageError::DuplicateSku)), "{refused:?}");
    product_delete(&room.database, AccountId::DEFAULT, first.id, None, &cause())
        .await
        .unwrap();
    let changed = product_update(&room.database, AccountId::DEFAULT, other.id, None, change)
        .await
        .unwrap();
    assert!(matches!(changed, Updated::Changed(_)));
}

#[tokio::test]
async fn another_account_never_sees_or_changes_it() {
    let room = Room::open().await;
    let other = room.account("other").await;
    let mine = room.create(&product_of(draft("Mug"), 1)).await;
    assert_eq!(product_get(&room.database, other, mine.id).await.unwrap(), None);
    let change = |_: &Product| -> Result<ProductDraft, ()> { panic!("it was shown to another account") };
    let updated = product_update(&room.database, other, mine.id, None, change)
        .await
        .unwrap();
    assert_eq!(updated, Updated::NotFound);
    let deleted = product_delete(&room.database, other, mine.id, None, &cause())
        .await
        .unwrap();
    assert_eq!(deleted, Deleted::NotFound);
    assert_eq!(room.get(&mine).await, Some(mine));
}

#[tokio::test]
async fn a_change_grows_the_version_and_one_that_changes_nothing_does_not() {
    let room = Room::open().await;
    let created = room.create(&product_of(full_draft(), 2)).await;
    let Updated::Changed(changed) = rename(&room, &created, Some(1), "Steel mug").await else {
        panic!("nothing changed");
    };
    assert_eq!((changed.version, changed.draft.name.as_str()), (2, "Steel mug"));
    assert!(changed.updated_at > created.updated_at);
    assert_eq!(changed.created_at, created.created_at);
    assert_eq!(room.get(&created).await.as_ref(), Some(&changed));

    assert_eq!(
        rename(&room, &created, None, "Steel mug").await,
        Updated::Unchanged(changed.clone())
    );
    let refused = product_update(&room.database, created.account_id, created.id, None, |_| {
        Err("no")
    })
    .await
    .unwrap();
    assert_eq!(refused, Updated::Refused("no"));
    assert_eq!(
        rename(&room, &created, Some(1), "Glass mug").await,
        Updated::VersionMismatch { current: 2 }
    );
    let none_of = Expected {
        none_of: Versions::These(vec![2]),
        ..Expected::default()
    };
    let change =
        |_: &Product| -> Result<ProductDraft, ()> { panic!("it is of a version that is not expected") };
    let (account, id) = (created.account_id, created.id);
    assert_eq!(
        product_update(&room.database, account, id, Some(&none_of), change)
            .await
            .unwrap(),
        Updated::VersionMismatch { current: 2 }
    );
    assert_eq!(room.get(&created).await, Some(changed));
}

#[tokio::test]
async fn of_changes_that_race_for_a_version_one_wins_and_the_others_are_told() {
    let room = Room::open().await;
    let created = room.create(&product("Mug")).await;
    let names: Vec<String> = (0..8).map(|index| format!("Mug {index}")).collect();
    let outcomes = join_all(names.iter().map(|name| rename(&room, &created, Some(1), name))).await;
    let won = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Updated::Changed(_)))
        .count();
    let lost = outcomes
        .iter()
        .filter(|outcome| **outcome == Updated::VersionMismatch { current: 2 })
        .count();
    assert_eq!((won, lost), (1, 7), "{outcomes:?}");

    // Without an expected version, each of them counts.
    let others: Vec<String> = (0..8).map(|index| format!("Cup {index}")).collect();
    join_all(others.iter().map(|name| rename(&room, &created, None, name))).await;
    assert_eq!(room.get(&created).await.unwrap().version, 10);
}

#[tokio::test]
async fn a_deletion_takes_the_images_along_and_asks_for_their_objects_to_be_deleted() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 3)).await;
    room.execute("DELETE FROM outbox").await;
    let delete = async |expected: Option<Expected>| {
        product_delete(
            &room.database,
            created.account_id,
            created.id,
            expected.as_ref(),
            &cause(),
        )
        .await
        .unwrap()
    };
    assert_eq!(
        delete(Some(Expected::one_of(&[2, 3]))).await,
        Deleted::VersionMismatch { current: 1 }
    );
    assert_eq!(room.count("outbox").await, 0);
    assert_eq!(
        delete(Some(Expected::one_of(&[3, 1]))).await,
        Deleted::Done { version: 1 }
    );
    assert_eq!(delete(None).await, Deleted::NotFound);
    assert_eq!((room.count("products").await, room.count("images").await), (0, 0));
    let purged = room.texts("SELECT convert_from(body, 'UTF8') AS text FROM outbox WHERE type_name = 'image.purge.v1' ORDER BY id").await;
    let expected: Vec<_> = created
        .images
        .iter()
        .map(|image| format!("{{\"image_id\":\"{}\"}}", image.id))
        .collect();
    assert_eq!(purged, expected);
}

#[tokio::test]
async fn no_rule_of_the_schema_can_be_broken() {
    let room = Room::open().await;
    let mut connection = room.connection().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    let rules = [
        ("products", "price_amount = -0.01", "products_price_amount_check"),
        ("products", "price_amount = 'NaN'", "products_price_amount_check"),
        (
            "products",
            "price_currency = 'eur'",
            "products_price_currency_check",
        ),
        ("products", "name = ''", "products_name_check"),
        ("products", "sku = 'A B'", "products_sku_check"),
        (
            "products",
            "description = repeat('ü', 20001)",
            "products_description_check",
        ),
        ("products", "status = 'sold'", "products_status_check"),
        ("products", "metadata = '[]'", "products_metadata_check"),
        ("products", "images_status = ''", "products_images_status_check"),
        ("products", "version = 0", "products_version_check"),
        ("images", "position = -1", "images_position_check"),
        ("images", "source_url = NULL", "images_source_check"),
        ("images", "generation = 0", "images_generation_check"),
        ("images", "attempts = -1", "images_attempts_check"),
        ("images", "status = 'ready'", "images_ready_check"),
        (
            "images",
            "status = 'ready', variants = '{}', width = 1, height = 1, format = 'gif', bytes = 1",
            "images_variants_check",
        ),
        ("images", "variants = '[{}]'", "images_ready_check"),
        (
            "images",
            "status = 'ready', variants = '[{}]'",
            "images_ready_facts_check",
        ),
        ("images", "status = 'failed'", "images_failed_check"),
        (
            "images",
            "error_code = 'too_large', error_detail = ''",
            "images_failed_check",
        ),
        ("images", "error_detail = ''", "images_error_check"),
        ("images", "width = 0", "images_size_check"),
    ];
    for (table, change, rule) in rules {
        let sql = format!("UPDATE {table} SET {change}");
        let error = diesel_async::SimpleAsyncConnection::batch_execute(&mut connection, &sql)
            .await
            .unwrap_err();
        let diesel::result::Error::DatabaseError(_, information) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(information.constraint_name(), Some(rule), "{sql}: {error}");
    }
    assert_eq!(room.get(&created).await, Some(created));
}

#[tokio::test]
async fn every_call_can_run_on_another_thread() {
    let room = Room::open().await;
    let database = room.database.clone();
    let new = product_of(draft("Mug"), 1);
    let task = tokio::spawn(async move {
        let created =
            storage_postgres::product_create(&database, &new, &cause(), None, crate::support::answer).await;
        let Ok(Created::Fresh(product)) = created else {
            panic!("{created:?}");
        };
        let change = |product: &Product| Ok::<_, ()>(product.draft.clone());
        product_update(&database, product.account_id, product.id, None, change)
            .await
            .unwrap();
        let result = crate::support::processed(&product, 0);
        storage_postgres::image_result_apply(&database, &result, &cause())
            .await
            .unwrap();
        outbox_drain(&database, OutboxPart::Ordinary, 10, |rows| async move {
            vec![true; rows.len()]
        })
        .await
        .unwrap();
        let request = crate::listing::request(domain::filter::Sort::NEWEST, 10);
        storage_postgres::product_list(&database, product.account_id, &request)
            .await
            .unwrap();
        product_delete(&database, product.account_id, product.id, None, &cause())
            .await
            .unwrap()
    });
    assert_eq!(task.await.unwrap(), Deleted::Done { version: 2 });
}
