use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use domain::{AccountId, ProductDraft, product::NewProduct};
use futures_util::future::join_all;
use storage_postgres::{
    Created, Database, IdempotencyClaim, StorageError, idempotency_purge, product_create,
};

use crate::support::{Room, answer, cause, draft, product, product_of};

fn claim(key: &str) -> IdempotencyClaim {
    IdempotencyClaim {
        account: AccountId::DEFAULT,
        key: key.to_owned(),
        method: "POST".to_owned(),
        path: "/api/v1/products".to_owned(),
        fingerprint: [7; 32],
    }
}

async fn create(
    database: &Database,
    new: &NewProduct,
    claim: &IdempotencyClaim,
) -> Result<Created, StorageError> {
    product_create(database, new, &cause(), Some(claim), answer).await
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_makes_nothing() {
    let room = Room::open().await;
    let first = create(&room.database, &product_of(draft("Mug"), 2), &claim("a"))
        .await
        .unwrap();
    let Created::Fresh(made) = &first else {
        panic!("{first:?}");
    };
    assert_eq!(room.get(made).await.as_ref(), Some(made));
    for _ in 0..2 {
        let again = create(&room.database, &product_of(draft("Mug"), 2), &claim("a"))
            .await
            .unwrap();
        assert_eq!(again, Created::Replayed(answer(made)));
    }
    assert_eq!((room.count("products").await, room.count("outbox").await), (1, 2));
}

#[tokio::test]
async fn a_key_belongs_to_its_account_method_path_and_request() {
    let room = Room::open().await;
    let make = async |claim: IdempotencyClaim| {
        let new = NewProduct {
            account_id: claim.account,
            ..product("Mug")
        };
        create(&room.database, &new, &claim).await.unwrap()
    };
    assert!(matches!(make(claim("a")).await, Created::Fresh(_)));
    let other = IdempotencyClaim {
        fingerprint: [8; 32],
        ..claim("a")
    };
    assert_eq!(make(other).await, Created::KeyReused);
    let account = room.account("other").await;
    for elsewhere in [
        claim("b"),
        IdempotencyClaim {
            account,
            ..claim("a")
        },
        IdempotencyClaim {
            method: "PUT".to_owned(),
            ..claim("a")
        },
        IdempotencyClaim {
            path: "/api/v1/products/batch".to_owned(),
            ..claim("a")
        },
    ] {
        assert!(matches!(make(elsewhere).await, Created::Fresh(_)));
    }
}

#[tokio::test]
async fn what_failed_leaves_the_key_free() {
    let room = Room::open().await;
    let with_sku = || {
        product_of(
            ProductDraft {
                sku: Some("MUG-01".to_owned()),
                ..draft("Mug")
            },
            1,
        )
    };
    room.create(&with_sku()).await;
    let refused = create(&room.database, &with_sku(), &claim("a")).await;
    assert!(matches!(refused, Err(StorageError::DuplicateSku)), "{refused:?}");
    assert_eq!(room.count("idempotency_keys").await, 0);
    room.execute("DELETE FROM products").await;
    assert!(matches!(
        create(&room.database, &with_sku(), &claim("a")).await.unwrap(),
        Created::Fresh(_)
    ));
}

#[tokio::test]
async fn fifty_equal_requests_at_once_make_one_product() {
    let room = Room::open().await;
    let tasks = (0..50).map(|_| {
        let database = room.database.clone();
        tokio::spawn(async move {
            create(&database, &product_of(draft("Mug"), 1), &claim("a"))
                .await
                .unwrap()
        })
    });
    let (mut made, mut replayed) = (Vec::new(), Vec::new());
    for outcome in join_all(tasks).await {
        match outcome.unwrap() {
            Created::Fresh(product) => made.push(product),
            Created::Replayed(answer) => replayed.push(answer),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((made.len(), replayed.len()), (1, 49));
    assert!(replayed.iter().all(|replayed| *replayed == answer(&made[0])));
    assert_eq!((room.count("products").await, room.count("outbox").await), (1, 1));
}

#[tokio::test]
async fn a_request_waits_for_the_first_one_and_not_for_ever() {
    let room = Room::open().await;
    let mut config = room.config();
    config.statement_timeout = Duration::from_secs(1);
    let database = Database::new(&config).unwrap();
    let hold = format!(
        "BEGIN; INSERT INTO idempotency_keys (account_id, method, path, key, fingerprint) \
         VALUES ('{}', 'POST', '/api/v1/products', 'a', decode(repeat('07', 32), 'hex'))",
        AccountId::DEFAULT
    );
    let mut first = room.connection().await;
    first.batch_execute(&hold).await.unwrap();
    assert_eq!(
        create(&database, &product("Mug"), &claim("a")).await.unwrap(),
        Created::KeyInUse
    );
    assert_eq!(room.count("products").await, 0);

    let waiting = tokio::spawn({
        let database = room.database.clone();
        async move { create(&database, &product("Mug"), &claim("a")).await.unwrap() }
    });
    let waits = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    testkit::eventually(Duration::from_secs(4), || async {
        (room.number(waits).await > 0).then_some(())
    })
    .await;
    first.batch_execute("ROLLBACK").await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Created::Fresh(_)));
}

#[tokio::test]
async fn an_answer_is_forgotten_after_a_day() {
    let room = Room::open().await;
    for key in ["a", "b", "c"] {
        create(&room.database, &product("Mug"), &claim(key))
            .await
            .unwrap();
    }
    let age = async |key: &str, hours: u32| {
        room.execute(&format!(
            "UPDATE idempotency_keys SET created_at = now() - interval '{hours} hours' WHERE key = '{key}'"
        ))
        .await;
    };
    age("a", 25).await;
    age("b", 25).await;
    age("c", 23).await;
    assert!(matches!(
        create(&room.database, &product("Mug"), &claim("a"))
            .await
            .unwrap(),
        Created::Fresh(_)
    ));
    assert!(matches!(
        create(&room.database, &product("Mug"), &claim("c"))
            .await
            .unwrap(),
        Created::Replayed(_)
    ));
    assert_eq!(idempotency_purge(&room.database).await.unwrap(), 1);
    assert_eq!(
        room.texts("SELECT key AS text FROM idempotency_keys ORDER BY key")
            .await,
        ["a", "c"]
    );

    room.execute(&format!(
        "INSERT INTO idempotency_keys (account_id, method, path, key, fingerprint, created_at) \
         SELECT '{}', 'POST', '/', n::text, decode(repeat('07', 32), 'hex'), now() - interval '2 days' \
         FROM generate_series(1, 2500) n",
        AccountId::DEFAULT
    ))
    .await;
    assert_eq!(idempotency_purge(&room.database).await.unwrap(), 2_500);
    assert_eq!(room.count("idempotency_keys").await, 2);
}
