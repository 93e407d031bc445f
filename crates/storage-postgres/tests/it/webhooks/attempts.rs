//! Taking what is due, and noting how it went.

use std::{collections::HashSet, time::Duration};

use domain::{AccountId, WebhookDeliveryStatus, WebhookDisabledReason, WebhookEvent, WebhookTopic};
use futures_util::future::join_all;
use storage_postgres::{
    AttemptEnd, DeliveryEnd, Once, webhook_deliveries_purge, webhook_deliveries_waiting, webhook_endpoint_get,
};

use super::LONG;
use crate::support::{Room, draft, product_of};

const NOTED: DeliveryEnd = DeliveryEnd {
    noted: true,
    disabled: false,
};

async fn happen(room: &Room, times: usize) {
    for _ in 0..times {
        room.create(&product_of(draft("Mug"), 0)).await;
    }
}

#[tokio::test]
async fn processes_side_by_side_take_each_delivery_once() {
    let room = Room::open().await;
    for _ in 0..3 {
        room.endpoint(&[WebhookTopic::All]).await;
    }
    happen(&room, 20).await;
    let taken = join_all((0..6).map(|_| async {
        let mut taken = Vec::new();
        loop {
            let due = room.claim(7, 100, &[]).await;
            if due.is_empty() {
                return taken;
            }
            taken.extend(due.into_iter().map(|due| (due.endpoint_id.uuid(), due.id.uuid())));
        }
    }))
    .await
    .concat();
    assert_eq!(taken.len(), 60);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 60);
}

#[tokio::test]
async fn an_endpoint_that_is_busy_holds_up_no_other() {
    let room = Room::open().await;
    let busy = room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 50).await;
    let quick = room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 1).await;
    let due = room.claim(10, 4, &[busy.id, busy.id, busy.id]).await;
    let of_busy = due.iter().filter(|due| due.endpoint_id == busy.id).count();
    assert_eq!(
        (of_busy, due.len()),
        (1, 2),
        "one place is left there, whatever waits"
    );
    assert!(due.iter().any(|due| due.endpoint_id == quick.id));
}

#[tokio::test]
async fn an_endpoint_that_fails_gets_one_at_a_time_until_it_does_not() {
    let room = Room::open().await;
    room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 10).await;
    let first = room.claim(10, 4, &[]).await;
    assert_eq!(first.len(), 4);
    for due in &first {
        room.end(due, AttemptEnd::Retry(LONG)).await;
    }
    let next = room.claim(10, 4, &[]).await;
    assert_eq!(next.len(), 1);
    room.end(&next[0], AttemptEnd::Delivered).await;
    assert_eq!(room.claim(10, 4, &[]).await.len(), 4);
}

#[tokio::test]
async fn what_was_taken_and_never_noted_comes_again_as_the_same() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 1).await;
    let lost = room.claim(1, 1, &[]).await.remove(0);
    assert_eq!(room.claim(1, 1, &[]).await.len(), 0, "somebody has it");
    room.execute("UPDATE webhook_deliveries SET due_at = now()").await;
    let again = room.claim(1, 1, &[]).await.remove(0);
    assert_eq!((again.id, &again.data), (lost.id, &lost.data));

    // The one that was thought to be gone comes back late: the other has the last word.
    assert!(!room.end(&lost, AttemptEnd::Failed).await.noted);
    assert_eq!(room.end(&again, AttemptEnd::Delivered).await, NOTED);
    assert!(!room.end(&lost, AttemptEnd::Failed).await.noted);
    let log = room.log(&endpoint).await;
    assert_eq!(
        (log[0].status, log[0].attempts.len()),
        (WebhookDeliveryStatus::Delivered, 1)
    );
}

#[tokio::test]
async fn a_failure_waits_for_its_time_and_is_counted() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 1).await;
    for failures in 0..3 {
        let due = room.claim(1, 1, &[]).await.remove(0);
        assert_eq!(due.failures, failures);
        assert_eq!(room.end(&due, AttemptEnd::Retry(LONG)).await, NOTED);
        assert_eq!(room.claim(1, 1, &[]).await.len(), 0);
        room.execute("UPDATE webhook_deliveries SET due_at = now()").await;
    }
    let due = room.claim(1, 1, &[]).await.remove(0);
    room.end(&due, AttemptEnd::Failed).await;
    let log = room.log(&endpoint).await.remove(0);
    assert_eq!(
        (log.status, log.attempts.len()),
        (WebhookDeliveryStatus::Failed, 4)
    );
    assert!(log.ended_at.is_some() && log.next_attempt_at.is_none());

    // Whoever asks for it again begins at the first rung.
    let again = room.redeliver(AccountId::DEFAULT, endpoint.id, log.id).await;
    assert!(matches!(again, Once::Fresh(_)), "{again:?}");
    let due = room.claim(1, 1, &[]).await.remove(0);
    assert_eq!((due.id, due.failures), (log.id, 0));
    // While it is under way, asking again begins no second one.
    room.redeliver(AccountId::DEFAULT, endpoint.id, log.id).await;
    assert_eq!(room.claim(1, 1, &[]).await.len(), 0);
    assert_eq!(room.end(&due, AttemptEnd::Delivered).await, NOTED);
}

#[tokio::test]
async fn an_endpoint_is_disabled_once_everything_has_failed_for_long() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 3).await;
    let mut due = room.claim(10, 10, &[]).await;
    assert!(!room.end(&due.remove(0), AttemptEnd::Failed).await.disabled);
    room.execute("UPDATE webhook_endpoints SET failing_since = now() - interval '59 minutes'")
        .await;
    assert!(!room.end(&due.remove(0), AttemptEnd::Failed).await.disabled);
    room.execute("UPDATE webhook_endpoints SET failing_since = now() - interval '61 minutes'")
        .await;
    assert!(room.end(&due.remove(0), AttemptEnd::Retry(LONG)).await.disabled);
    let found = webhook_endpoint_get(&room.database, AccountId::DEFAULT, endpoint.id).await;
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.draft.enabled, found.disabled_reason),
        (false, Some(WebhookDisabledReason::Failing))
    );
}

#[tokio::test]
async fn one_success_is_enough_to_stay_enabled() {
    let room = Room::open().await;
    room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 3).await;
    let mut due = room.claim(10, 10, &[]).await;
    room.end(&due.remove(0), AttemptEnd::Failed).await;
    room.execute("UPDATE webhook_endpoints SET failing_since = now() - interval '2 hours'")
        .await;
    room.end(&due.remove(0), AttemptEnd::Delivered).await;
    assert!(!room.end(&due.remove(0), AttemptEnd::Failed).await.disabled);
}

#[tokio::test]
async fn a_ping_goes_to_its_endpoint_alone_whatever_that_asked_for() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::ImageFailed]).await;
    let other = room.endpoint(&[WebhookTopic::All]).await;
    let pinged = room.ping(AccountId::DEFAULT, endpoint.id).await;
    assert!(matches!(pinged, Once::Fresh(_)), "{pinged:?}");
    let due = room.claim(10, 10, &[]).await;
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].endpoint_id, due[0].event),
        (endpoint.id, WebhookEvent::Ping)
    );
    assert_eq!(room.log(&other).await, []);
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_nothing_else() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    happen(&room, 3).await;
    let due = room.claim(2, 2, &[]).await;
    room.end(&due[0], AttemptEnd::Delivered).await;
    room.end(&due[1], AttemptEnd::Failed).await;
    let waiting = webhook_deliveries_waiting(&room.database).await.unwrap();
    assert_eq!(waiting.count, 1);
    let retention = Duration::from_secs(60);
    assert_eq!(
        webhook_deliveries_purge(&room.database, retention).await.unwrap(),
        0
    );
    let age = format!(
        "UPDATE webhook_deliveries SET ended_at = now() - interval '2 minutes' WHERE id = '{}'",
        due[0].id
    );
    room.execute(&age).await;
    assert_eq!(
        webhook_deliveries_purge(&room.database, retention).await.unwrap(),
        1
    );
    assert_eq!(room.log(&endpoint).await.len(), 2);
}
