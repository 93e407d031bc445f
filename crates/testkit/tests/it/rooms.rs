use diesel::sql_query;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, QueueDeclareOptions},
    types::FieldTable,
};
use messages::Work;
use redis::Commands as _;
use std::time::Duration;
use testkit::{TestBroker, TestBucket, TestDatabase, TestRedis, eventually, services};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_database_is_migrated_and_its_own() {
    let (one, other) = tokio::join!(TestDatabase::create(), TestDatabase::create());
    assert_ne!(one.name(), other.name());
    for database in [&one, &other] {
        let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
        connection
            .batch_execute("SELECT 1 FROM products; CREATE TABLE mine (id int)")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_database_is_gone_when_its_test_is_over_even_while_in_use() {
    let database = TestDatabase::create().await;
    let name = database.name().to_owned();
    let _busy = AsyncPgConnection::establish(database.url()).await.unwrap();
    drop(database);
    let mut admin = AsyncPgConnection::establish(&services().database_url)
        .await
        .unwrap();
    let found = sql_query("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind::<diesel::sql_types::Text, _>(name)
        .execute(&mut admin)
        .await
        .unwrap();
    assert_eq!(found, 0);
}

#[tokio::test]
async fn queues_are_counted_purged_and_deleted() {
    let broker = TestBroker::create().await;
    let queue = broker.names().queue(Work::Jobs);
    assert_eq!(broker.queue_depth(&queue).await, None);
    let channel = broker.channel().await;
    channel
        .queue_declare(
            queue.as_str().into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    channel
        .basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            b"x",
            BasicProperties::default(),
        )
        .await
        .unwrap();
    eventually(Duration::from_secs(5), || async {
        (broker.queue_depth(&queue).await == Some(1)).then_some(())
    })
    .await;
    broker.purge(&queue).await;
    assert_eq!(broker.queue_depth(&queue).await, Some(0));

    drop(broker);
    assert_eq!(TestBroker::create().await.queue_depth(&queue).await, None);
}

#[tokio::test]
async fn keys_are_gone_when_their_test_is_over() {
    let redis = TestRedis::create();
    let key = format!("{}:a", redis.prefix());
    let client = redis.client().clone();
    let mut connection = client.get_connection().unwrap();
    let _: () = connection.set(&key, 1).unwrap();
    assert_eq!(redis.keys(), std::slice::from_ref(&key));
    drop(redis);
    assert!(!connection.exists::<_, bool>(&key).unwrap());
}

#[tokio::test]
async fn a_bucket_is_gone_when_its_test_is_over() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    store
        .object_put("variants/a/1/b.jpg", "x".into(), "image/jpeg", "no-store")
        .await
        .unwrap();
    assert_eq!(bucket.keys("").await, ["variants/a/1/b.jpg"]);
    assert_eq!(bucket.object("variants/a/1/b.jpg").await.unwrap().bytes, "x");
    assert_eq!(bucket.object("variants/a/2/b.jpg").await, None);
    drop(bucket);
    assert!(store.check().await.is_err());
}
