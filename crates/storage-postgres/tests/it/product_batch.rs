use std::time::Duration;

use domain::{AccountId, Product, ProductDraft, WebhookTopic, product::NewProduct};
use futures_util::future::join_all;
use storage_postgres::{
    Created, Database, IdempotencyClaim, StorageError, StoredAnswer, product_get, products_create,
};
use testkit::{Mode, Proxy};

use crate::support::{Room, cause, draft, product, product_of};

fn claim(key: &str) -> IdempotencyClaim {
    IdempotencyClaim {
        account: AccountId::DEFAULT,
        key: key.to_owned(),
        method: "POST".to_owned(),
        path: "/api/v1/products/batch".to_owned(),
        fingerprint: [7; 32],
    }
}

fn with_sku(sku: &str, images: usize) -> NewProduct {
    let sku = Some(sku.to_owned());
    product_of(ProductDraft { sku, ..draft("Mug") }, images)
}

/// What was created, by its identifier.
fn answer(products: &[Option<Product>]) -> StoredAnswer {
    let ids = products
        .iter()
        .map(|product| product.as_ref().map(|product| product.id.to_string()));
    let ids: Vec<_> = ids.map(Option::unwrap_or_default).collect();
    StoredAnswer {
        status: 200,
        headers: Vec::new(),
        body: ids.join(" ").into_bytes(),
    }
}

async fn create(
    database: &Database,
    new: &[NewProduct],
    claim: Option<&IdempotencyClaim>,
) -> Result<(Created<StoredAnswer>, Vec<Option<Product>>), StorageError> {
    let mut products = Vec::new();
    let keep = |created: Vec<Option<Product>>| {
        products = created;
        answer(&products)
    };
    let created = products_create(database, AccountId::DEFAULT, new, &cause(), claim, keep).await?;
    Ok((created, products))
}

async fn created(room: &Room, new: &[NewProduct]) -> Vec<Option<Product>> {
    let (created, products) = create(&room.database, new, None).await.unwrap();
    assert_eq!(created, Created::Fresh(answer(&products)));
    products
}

#[tokio::test]
async fn products_come_back_as_they_were_created_with_their_jobs_and_news() {
    let room = Room::open().await;
    room.endpoint(&[WebhookTopic::All]).await;
    let mut new = vec![with_sku("B", 2), product("Bowl"), with_sku("A", 1)];
    new[1].draft.description = Some("Größe \"L\", 50 % off; it's \\ here, {NULL}".to_owned());
    new[1].draft.metadata = [("ключ".to_owned(), "\"{}\"".to_owned())].into();
    let products = created(&room, &new).await;
    for (new, product) in new.iter().zip(products) {
        let product = product.unwrap();
        assert_eq!(
            (product.id, &product.draft, product.version),
            (new.id, &new.draft, 1)
        );
        assert_eq!(room.get(&product).await, Some(product));
    }
    // Jobs are in the order of the items and of their pictures.
    let jobs = room
        .texts("SELECT convert_from(body, 'UTF8')::json ->> 'image_id' AS text FROM outbox ORDER BY id")
        .await;
    let images = new.iter().flat_map(|product| &product.images);
    assert_eq!(jobs, images.map(|image| image.id.to_string()).collect::<Vec<_>>());
    let told = "SELECT event || ' ' || (data ->> 'id') || ' ' || (data ->> 'version') AS text FROM webhook_deliveries ORDER BY 1";
    let mut expected: Vec<_> = new
        .iter()
        .map(|product| format!("product.created {} 1", product.id))
        .collect();
    expected.sort();
    assert_eq!(room.texts(told).await, expected);
}

#[tokio::test]
async fn a_taken_sku_costs_its_own_product_and_nothing_else() {
    let room = Room::open().await;
    room.endpoint(&[WebhookTopic::All]).await;
    room.create(&with_sku("TAKEN", 1)).await;
    let elsewhere = NewProduct {
        account_id: room.account("other").await,
        ..with_sku("FREE", 0)
    };
    room.create(&elsewhere).await;
    let counts = async || {
        [
            room.count("products").await,
            room.count("images").await,
            room.count("outbox").await,
            room.count("webhook_deliveries").await,
        ]
    };
    let before = counts().await;
    let new = [
        with_sku("FREE", 1),
        with_sku("TAKEN", 1),
        with_sku("FREE", 1),
        product_of(draft("No sku"), 1),
        product_of(draft("No sku"), 1),
        with_sku("free", 1),
    ];
    let products = created(&room, &new).await;
    let there: Vec<_> = products.iter().map(Option::is_some).collect();
    assert_eq!(
        there,
        [true, false, false, true, true, true],
        "the first of two with one sku stays"
    );
    assert_eq!(counts().await, before.map(|count| count + 4));
    for (new, product) in new.iter().zip(&products) {
        let found = product_get(&room.database, AccountId::DEFAULT, new.id)
            .await
            .unwrap();
        assert_eq!(&found, product);
    }
}

#[tokio::test]
async fn a_batch_is_written_with_its_answer_or_not_at_all() {
    let room = Room::open().await;
    room.execute("ALTER TABLE outbox ADD CONSTRAINT no_more CHECK (false) NOT VALID")
        .await;
    let new = [with_sku("A", 1), with_sku("B", 1)];
    for _ in 0..2 {
        create(&room.database, &new, Some(&claim("a"))).await.unwrap_err();
        for table in ["products", "images", "idempotency_keys"] {
            assert_eq!(room.count(table).await, 0, "{table}");
        }
    }
    room.execute("ALTER TABLE outbox DROP CONSTRAINT no_more").await;
    let (made, products) = create(&room.database, &new, Some(&claim("a"))).await.unwrap();
    assert_eq!(made, Created::Fresh(answer(&products)));
    assert!(products.iter().all(Option::is_some));
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_makes_nothing() {
    let room = Room::open().await;
    room.create(&with_sku("TAKEN", 0)).await;
    let batch = || [with_sku("A", 1), with_sku("TAKEN", 0)];
    let batches: Vec<_> = (0..5).map(|_| batch()).collect();
    let key = claim("a");
    let outcomes = join_all(batches.iter().map(|new| create(&room.database, new, Some(&key)))).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let (fresh, again): (Vec<_>, Vec<_>) = outcomes
        .iter()
        .partition(|(created, _)| matches!(created, Created::Fresh(_)));
    assert_eq!((fresh.len(), again.len()), (1, 4));
    let first = answer(&fresh[0].1);
    assert!(
        again
            .iter()
            .all(|(created, _)| *created == Created::Replayed(first.clone()))
    );
    assert_eq!((room.count("products").await, room.count("outbox").await), (2, 1));

    let other = IdempotencyClaim {
        fingerprint: [8; 32],
        ..claim("a")
    };
    assert_eq!(
        create(&room.database, &batch(), Some(&other)).await.unwrap().0,
        Created::KeyReused
    );
    // A batch of which nothing is left to be created has an answer as well.
    for expected in [Created::Fresh(answer(&[])), Created::Replayed(answer(&[]))] {
        assert_eq!(
            create(&room.database, &[], Some(&claim("b"))).await.unwrap().0,
            expected
        );
    }
}

#[tokio::test]
async fn the_largest_batch_takes_as_many_statements_as_a_small_one() {
    let room = Room::open().await;
    room.endpoint(&[WebhookTopic::All]).await;
    room.execute(
        "CREATE SEQUENCE statements; \
         CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM nextval('statements'); RETURN NULL; END $$",
    )
    .await;
    for table in [
        "products",
        "images",
        "outbox",
        "webhook_deliveries",
        "idempotency_keys",
    ] {
        room.execute(&format!(
            "CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION count_statement()"
        ))
        .await;
    }
    let mut before = 0;
    for (key, size, images) in [("small", 2, 1), ("large", 500, 20)] {
        let new: Vec<_> = (0..size)
            .map(|number| with_sku(&format!("{key}-{number}"), images))
            .collect();
        create(&room.database, &new, Some(&claim(key))).await.unwrap();
        let statements = room.number("SELECT last_value AS number FROM statements").await;
        // One for each table, and three for the key: what is too old goes, the key comes, and its answer.
        assert_eq!(statements - before, 7, "{key}");
        before = statements;
    }
    assert_eq!(
        (room.count("products").await, room.count("outbox").await),
        (502, 10_002)
    );
}

#[tokio::test]
async fn five_hundred_products_take_three_round_trips_and_with_a_key_four() {
    let room = Room::open().await;
    let mut config = room.config();
    let line = Proxy::start(format!("{}:{}", config.host, config.port)).await;
    (config.host, config.port) = (line.address().ip().to_string(), line.address().port());
    config.pool_size = 1;
    let database = Database::new(&config).unwrap();
    let batch = || {
        (0..499)
            .map(|_| product("Mug"))
            .chain([product_of(draft("Mug"), 1)])
            .collect::<Vec<_>>()
    };
    // Once, so that the connection is there and knows the statements.
    create(&database, &batch(), Some(&claim("first"))).await.unwrap();
    line.set(Mode::Delay(Duration::from_millis(20)));
    let mut counts = [Vec::new(), Vec::new()];
    for round in 0..3 {
        let key = claim(&format!("round {round}"));
        for (key, counts) in [None, Some(&key)].into_iter().zip(&mut counts) {
            let before = line.turns();
            create(&database, &batch(), key).await.unwrap();
            counts.push(line.turns() - before);
        }
    }
    // A client that is slow itself may be counted once more, but never less.
    assert_eq!(
        counts.each_ref().map(|counts| counts.iter().min()),
        [Some(&3), Some(&4)],
        "{counts:?}"
    );
}

#[tokio::test]
async fn batches_with_the_same_skus_in_any_order_do_not_block_each_other_for_ever() {
    let room = Room::open().await;
    for round in 0..5 {
        let batches: Vec<Vec<NewProduct>> = (0..6)
            .map(|batch| {
                let mut new: Vec<_> = (0..100)
                    .map(|number| with_sku(&format!("{round}-{number}"), 0))
                    .collect();
                if batch % 2 == 1 {
                    new.reverse();
                }
                new
            })
            .collect();
        let outcomes = join_all(batches.iter().map(|new| create(&room.database, new, None))).await;
        let made = outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap().1.iter().flatten().count());
        assert_eq!(made.sum::<usize>(), 100, "each sku is there once");
    }
}

#[tokio::test]
async fn a_batch_can_run_on_another_thread() {
    let room = Room::open().await;
    let database = room.database.clone();
    let task = tokio::spawn(async move {
        let (new, answer) = ([product("Mug")], |products: Vec<_>| answer(&products));
        products_create(&database, AccountId::DEFAULT, &new, &cause(), None, answer).await
    });
    assert!(matches!(task.await.unwrap(), Ok(Created::Fresh(_))));
}
