use std::time::Duration;

use domain::{AccountId, Change, ChangeEvent, ProductId};
use storage_redis::{CacheConfig, LiveChannel, Subscription};
use testkit::{Mode, Proxy, TestRedis, eventually};

const SOON: Duration = Duration::from_secs(10);

fn change(version: i64) -> Change {
    Change::of_product(
        ChangeEvent::ImageReady,
        AccountId::DEFAULT,
        ProductId::generate(),
        version,
    )
}

async fn subscribed(channel: &LiveChannel) -> Subscription {
    eventually(SOON, async || channel.subscribe().await.ok()).await
}

async fn publish(channel: &LiveChannel, changes: &[Change]) {
    eventually(SOON, async || channel.publish(changes).await.then_some(())).await;
}

#[tokio::test]
async fn what_one_process_tells_all_hear_in_its_order_and_no_other_installation_does() {
    let (redis, other) = (TestRedis::create(), TestRedis::create());
    let told = LiveChannel::new(&redis.config()).unwrap();
    let elsewhere = LiveChannel::new(&other.config()).unwrap();
    let mut subscriptions = [
        subscribed(&told).await,
        subscribed(&LiveChannel::new(&redis.config()).unwrap()).await,
    ];
    publish(&elsewhere, &[change(9)]).await;
    let changes: Vec<_> = (1..=300).map(change).collect();
    publish(&told, &changes).await;
    for subscription in &mut subscriptions {
        for change in &changes {
            assert_eq!(subscription.next().await.unwrap().as_ref(), Some(change));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_of() {
    let redis = TestRedis::create();
    let channel = LiveChannel::new(&redis.config()).unwrap();
    let mut subscription = subscribed(&channel).await;
    let mut connection = redis.client().get_connection().unwrap();
    let name = format!("{}:changes", redis.prefix());
    let _: i64 = redis::Commands::publish(&mut connection, name, "{}").unwrap();
    assert_eq!(subscription.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_subscription_that_is_lost_ends_however_it_is_lost() {
    for mode in [Mode::Cut, Mode::Silent, Mode::Frozen] {
        let redis = TestRedis::create();
        let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
        let config = CacheConfig {
            host: "127.0.0.1".to_owned(),
            port: proxy.address().port(),
            response_timeout: Duration::from_millis(200),
            ..redis.config()
        };
        let channel = LiveChannel::new(&config).unwrap();
        let mut subscription = subscribed(&channel).await;
        proxy.set(mode);
        assert!(!channel.publish(&[change(1)]).await, "{mode:?}");
        assert!(subscription.next().await.is_err(), "{mode:?}");
        proxy.set(Mode::Pass);
        let mut again = subscribed(&channel).await;
        let second = change(2);
        let telling = LiveChannel::new(&redis.config()).unwrap();
        publish(&telling, std::slice::from_ref(&second)).await;
        // What was held back on its way may come as well.
        while again.next().await.unwrap().as_ref() != Some(&second) {}
    }
}
