//! Endpoints, and who may see them.

use domain::{
    AccountId, Expected, WebhookDeliveryId, WebhookDeliveryStatus, WebhookDisabledReason, WebhookTopic,
    webhook::ENDPOINTS_MAX,
};
use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use storage_postgres::{
    AttemptEnd, Deleted, Once, Updated, WebhookRefusal, webhook_delivery_page, webhook_endpoint_delete,
    webhook_endpoint_get, webhook_endpoint_list, webhook_endpoint_update,
};

use super::new_endpoint;
use crate::support::{Room, draft, product_of};

#[tokio::test]
async fn an_account_has_twenty_endpoints_at_most_even_if_they_are_made_at_once() {
    let room = Room::open().await;
    let news: Vec<_> = (0..ENDPOINTS_MAX + 5)
        .map(|_| new_endpoint(AccountId::DEFAULT, &[WebhookTopic::All]))
        .collect();
    let created = join_all(news.iter().map(|new| room.try_endpoint(new))).await;
    let refused = created
        .iter()
        .filter(|created| **created == Once::Refused(WebhookRefusal::TooMany));
    assert_eq!(refused.count(), 5);
    let listed = webhook_endpoint_list(&room.database, AccountId::DEFAULT)
        .await
        .unwrap();
    assert_eq!(listed.len(), ENDPOINTS_MAX);
    // Another account has its own twenty.
    let other = room.account("other").await;
    room.endpoint_of(other, &[WebhookTopic::All]).await;
}

#[tokio::test]
async fn two_accounts_never_see_each_others_endpoints_or_deliveries() {
    let room = Room::open().await;
    let mine = room.endpoint(&[WebhookTopic::All]).await;
    room.create(&product_of(draft("Mug"), 0)).await;
    let delivery = room.log(&mine).await[0].id;
    let other = room.account("other").await;
    let database = &room.database;
    assert_eq!(webhook_endpoint_list(database, other).await.unwrap(), []);
    assert_eq!(
        webhook_endpoint_get(database, other, mine.id).await.unwrap(),
        None
    );
    let page = webhook_delivery_page(database, other, mine.id, None, 10).await;
    assert_eq!(page.unwrap(), None);
    let change = |endpoint: &domain::WebhookEndpoint| Ok::<_, ()>(endpoint.draft.clone());
    let updated = webhook_endpoint_update(database, other, mine.id, None, change).await;
    assert_eq!(updated.unwrap(), Updated::NotFound);
    let not_found = WebhookRefusal::NotFound;
    let rotated = room.rotate(other, mine.id, None, "whsec_theirs").await;
    assert_eq!(rotated, Once::Refused(not_found));
    let deleted = webhook_endpoint_delete(database, other, mine.id, None).await;
    assert_eq!(deleted.unwrap(), Deleted::NotFound);
    assert_eq!(room.ping(other, mine.id).await, Once::Refused(not_found));
    let again = room.redeliver(other, mine.id, delivery).await;
    assert_eq!(again, Once::Refused(not_found));

    // Nor does the id of one's own endpoint open the deliveries of another.
    let theirs = room.endpoint_of(other, &[WebhookTopic::All]).await;
    let again = room.redeliver(other, theirs.id, delivery).await;
    assert_eq!(again, Once::Refused(not_found));
    assert_eq!(room.log(&mine).await.len(), 1);
}

#[tokio::test]
async fn both_secrets_sign_after_a_rotation_and_the_one_before_those_does_not() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    for secret in ["whsec_second", "whsec_third"] {
        let rotated = room.rotate(AccountId::DEFAULT, endpoint.id, None, secret).await;
        assert!(matches!(rotated, Once::Fresh(_)), "{rotated:?}");
    }
    // One that means another version replaces nothing.
    let expected = Expected::one_of(&[1]);
    let refused = room
        .rotate(AccountId::DEFAULT, endpoint.id, Some(&expected), "whsec_late")
        .await;
    let current = WebhookRefusal::VersionMismatch { current: 3 };
    assert_eq!(refused, Once::Refused(current));
    let secrets = async || -> Vec<String> {
        room.create(&product_of(draft("Mug"), 0)).await;
        let due = room.claim(10, 10, &[]).await;
        let secrets = due[0].secrets.iter();
        secrets.map(|secret| secret.expose_secret().to_owned()).collect()
    };
    assert_eq!(secrets().await, ["whsec_third", "whsec_second"]);
    room.execute("UPDATE webhook_endpoints SET previous_secret_until = now()")
        .await;
    assert_eq!(secrets().await, ["whsec_third"]);
}

#[tokio::test]
async fn a_disabled_endpoint_gets_what_waited_once_it_is_enabled() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    room.create(&product_of(draft("Mug"), 0)).await;
    room.create(&product_of(draft("Mug"), 0)).await;
    let due = room.claim(1, 1, &[]).await;
    assert!(room.end(&due[0], AttemptEnd::Gone).await.disabled);
    assert_eq!(room.claim(10, 10, &[]).await.len(), 0);
    let found = webhook_endpoint_get(&room.database, AccountId::DEFAULT, endpoint.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.draft.enabled, found.disabled_reason, found.version),
        (false, Some(WebhookDisabledReason::Gone), 2)
    );
    let disabled = Once::Refused(WebhookRefusal::Disabled);
    assert_eq!(room.ping(AccountId::DEFAULT, endpoint.id).await, disabled);
    for delivery in [due[0].id, WebhookDeliveryId::generate()] {
        let again = room.redeliver(AccountId::DEFAULT, endpoint.id, delivery).await;
        assert_eq!(again, disabled);
    }
    let log = room.log(&endpoint).await;
    assert_eq!(log.len(), 2, "a ping that is refused is not kept");
    let failed = log.iter().find(|delivery| delivery.id == due[0].id).unwrap();
    assert_eq!(failed.status, WebhookDeliveryStatus::Failed);

    let expected = Expected::one_of(&[2]);
    let enable = webhook_endpoint_update(
        &room.database,
        AccountId::DEFAULT,
        endpoint.id,
        Some(&expected),
        |endpoint| {
            let mut draft = endpoint.draft.clone();
            draft.enabled = true;
            Ok::<_, ()>(draft)
        },
    );
    let Updated::Changed(enabled) = enable.await.unwrap() else {
        panic!("it was disabled");
    };
    assert_eq!((enabled.disabled_reason, enabled.version), (None, 3));
    assert_eq!(room.claim(10, 10, &[]).await.len(), 1);
}
