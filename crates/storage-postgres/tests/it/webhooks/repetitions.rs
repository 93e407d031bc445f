//! Requests that come again with their key.

use domain::{AccountId, Expected, WebhookDeliveryStatus, WebhookEndpoint, WebhookTopic};
use secrecy::ExposeSecret;
use storage_postgres::{
    AttemptEnd, IdempotencyClaim, Once, StoredAnswer, WebhookDelivery, WebhookRefusal, webhook_ping,
    webhook_redeliver, webhook_secret_rotate,
};

use super::Outcome;
use crate::support::{Room, draft, product_of};

fn claim(path: &str) -> IdempotencyClaim {
    IdempotencyClaim {
        account: AccountId::DEFAULT,
        key: "key".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        fingerprint: [7; 32],
    }
}

fn shown(delivery: &WebhookDelivery) -> StoredAnswer {
    StoredAnswer {
        status: 202,
        headers: Vec::new(),
        body: delivery.id.to_string().into_bytes(),
    }
}

async fn ping(room: &Room, endpoint: &WebhookEndpoint) -> Outcome<WebhookDelivery> {
    let claim = claim("/ping");
    webhook_ping(
        &room.database,
        endpoint.account_id,
        endpoint.id,
        Some(&claim),
        shown,
    )
    .await
    .unwrap()
}

/// The answer shows the secret that is new by it.
async fn rotate(
    room: &Room,
    endpoint: &WebhookEndpoint,
    version: i64,
    secret: &str,
) -> Outcome<WebhookEndpoint> {
    let (claim, expected) = (claim("/rotate-secret"), Expected::one_of(&[version]));
    let (account, id) = (endpoint.account_id, endpoint.id);
    let answer = |endpoint: &WebhookEndpoint| shows(secret, endpoint.version);
    let secret = secret.into();
    let rotated = webhook_secret_rotate(
        &room.database,
        account,
        id,
        Some(&expected),
        &secret,
        Some(&claim),
        answer,
    );
    rotated.await.unwrap()
}

fn shows(secret: &str, version: i64) -> StoredAnswer {
    StoredAnswer {
        status: 200,
        headers: vec![("etag".to_owned(), version.to_string())],
        body: secret.as_bytes().to_vec(),
    }
}

#[tokio::test]
async fn a_repeated_ping_gets_the_first_answer_and_is_due_once() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    let first = ping(&room, &endpoint).await;
    let Once::Fresh(delivery) = first else {
        panic!("{first:?}")
    };
    assert_eq!(ping(&room, &endpoint).await, Once::Replayed(shown(&delivery)));
    assert_eq!(room.log(&endpoint).await, [delivery]);
}

#[tokio::test]
async fn a_repeated_redelivery_gets_the_first_answer_and_is_due_once() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    room.create(&product_of(draft("Mug"), 0)).await;
    let due = room.claim(1, 1, &[]).await.remove(0);
    room.end(&due, AttemptEnd::Failed).await;
    let again = async || {
        let (account, claim) = (endpoint.account_id, claim("/redeliver"));
        webhook_redeliver(&room.database, account, endpoint.id, due.id, Some(&claim), shown)
            .await
            .unwrap()
    };
    let first = again().await;
    let Once::Fresh(delivery) = first else {
        panic!("{first:?}")
    };
    let due = room.claim(1, 1, &[]).await.remove(0);
    room.end(&due, AttemptEnd::Delivered).await;
    assert_eq!(again().await, Once::Replayed(shown(&delivery)));
    let log = room.log(&endpoint).await.remove(0);
    assert_eq!(log.status, WebhookDeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_repeated_rotation_gets_the_first_answer_whatever_the_version_is_by_then() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    let rotated = rotate(&room, &endpoint, 1, "whsec_second").await;
    assert!(
        matches!(&rotated, Once::Fresh(endpoint) if endpoint.version == 2),
        "{rotated:?}"
    );
    for version in [1, 2] {
        assert_eq!(
            rotate(&room, &endpoint, version, "whsec_third").await,
            Once::Replayed(shows("whsec_second", 2))
        );
    }
    room.create(&product_of(draft("Mug"), 0)).await;
    let due = room.claim(1, 1, &[]).await.remove(0);
    let secrets: Vec<_> = due.secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["whsec_second", "whsec_first"]);
}

#[tokio::test]
async fn what_is_refused_leaves_its_key_free() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    let refused = rotate(&room, &endpoint, 7, "whsec_late").await;
    let current = WebhookRefusal::VersionMismatch { current: 1 };
    assert_eq!(refused, Once::Refused(current));
    room.execute("UPDATE webhook_endpoints SET enabled = false").await;
    let refused = ping(&room, &endpoint).await;
    assert_eq!(refused, Once::Refused(WebhookRefusal::Disabled));
    assert_eq!(room.count("idempotency_keys").await, 0);
    room.execute("UPDATE webhook_endpoints SET enabled = true").await;
    let rotated = rotate(&room, &endpoint, 1, "whsec_second").await;
    assert!(matches!(rotated, Once::Fresh(_)), "{rotated:?}");
    let pinged = ping(&room, &endpoint).await;
    assert!(matches!(pinged, Once::Fresh(_)), "{pinged:?}");
}
