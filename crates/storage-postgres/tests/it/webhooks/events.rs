//! From what happens to the rows that tell of it.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use domain::{AccountId, ImagesStatus, Product, WebhookEvent, WebhookTopic};
use serde_json::json;
use storage_postgres::{
    Applied, Deleted, Heard, Listener, Updated, image_result_apply, product_delete, product_update,
    webhook_deliveries_purge, webhook_endpoint_update,
};

use crate::support::{Room, cause, draft, failed, processed, product, product_of, started};

async fn rename(room: &Room, product: &Product, name: &str) -> Updated<()> {
    product_update(&room.database, product.account_id, product.id, None, |_| {
        Ok(draft(name))
    })
    .await
    .unwrap()
}

async fn delete(room: &Room, product: &Product) -> Deleted {
    product_delete(&room.database, product.account_id, product.id, None, &cause())
        .await
        .unwrap()
}

async fn apply(room: &Room, result: &messages::ImageResult) -> Applied {
    image_result_apply(&room.database, result, &cause())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_account_without_endpoints_has_no_rows() {
    let room = Room::open().await;
    let other = room.account("other").await;
    let endpoint = room.endpoint_of(other, &[WebhookTopic::All]).await;
    let product = room.create(&product_of(draft("Mug"), 1)).await;
    rename(&room, &product, "Cup").await;
    apply(&room, &processed(&product, 0)).await;
    delete(&room, &product).await;
    assert_eq!(room.count("webhook_deliveries").await, 0);
    assert_eq!(room.log(&endpoint).await, []);
}

#[tokio::test]
async fn every_change_of_a_product_is_told_with_its_version() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    let product = room.create(&product_of(draft("Mug"), 0)).await;
    rename(&room, &product, "Cup").await;
    assert!(matches!(
        rename(&room, &product, "Cup").await,
        Updated::Unchanged(_)
    ));
    delete(&room, &product).await;
    let told: Vec<_> = room
        .log(&endpoint)
        .await
        .into_iter()
        .map(|delivery| (delivery.event, delivery.data))
        .collect();
    let expected = [
        (WebhookEvent::ProductDeleted, 3),
        (WebhookEvent::ProductUpdated, 2),
        (WebhookEvent::ProductCreated, 1),
    ]
    .map(|(event, version)| (event, json!({"id": product.id.uuid(), "version": version})));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_endpoint_is_told_what_it_asked_for_and_nothing_else() {
    let room = Room::open().await;
    let deletions = room.endpoint(&[WebhookTopic::ProductDeleted]).await;
    let both = room
        .endpoint(&[WebhookTopic::ProductCreated, WebhookTopic::ProductUpdated])
        .await;
    let disabled = room.endpoint(&[WebhookTopic::All]).await;
    webhook_endpoint_update(
        &room.database,
        AccountId::DEFAULT,
        disabled.id,
        None,
        |endpoint| {
            let mut draft = endpoint.draft.clone();
            draft.enabled = false;
            Ok::<_, ()>(draft)
        },
    )
    .await
    .unwrap();
    let product = room.create(&product("Mug")).await;
    rename(&room, &product, "Cup").await;
    delete(&room, &product).await;
    let events = async |endpoint| -> Vec<_> {
        room.log(endpoint)
            .await
            .iter()
            .map(|delivery| delivery.event)
            .collect()
    };
    assert_eq!(events(&deletions).await, [WebhookEvent::ProductDeleted]);
    assert_eq!(
        events(&both).await,
        [WebhookEvent::ProductUpdated, WebhookEvent::ProductCreated]
    );
    assert_eq!(events(&disabled).await, []);
}

#[tokio::test]
async fn an_event_has_one_identifier_wherever_it_goes() {
    let room = Room::open().await;
    let endpoints = [
        room.endpoint(&[WebhookTopic::All]).await,
        room.endpoint(&[WebhookTopic::All]).await,
    ];
    room.create(&product_of(draft("Mug"), 0)).await;
    let ids = [&endpoints[0], &endpoints[1]].map(async |endpoint| room.log(endpoint).await[0].id);
    let [one, other] = ids;
    assert_eq!(one.await, other.await);
}

#[tokio::test]
async fn the_end_of_the_last_image_completes_its_product_once() {
    let room = Room::open().await;
    let topics = [
        WebhookTopic::ImageReady,
        WebhookTopic::ImageFailed,
        WebhookTopic::ProductImagesCompleted,
    ];
    let endpoint = room.endpoint(&topics).await;
    let product = room.create(&product_of(draft("Mug"), 2)).await;
    apply(&room, &started(&product, 0, 1)).await;
    assert_eq!(
        room.log(&endpoint).await,
        [],
        "that one has begun is not asked for"
    );
    apply(&room, &processed(&product, 0)).await;
    assert_eq!(room.log(&endpoint).await.len(), 1, "another is still unfinished");
    apply(&room, &failed(&product, 1)).await;
    // What comes twice tells nothing new.
    apply(&room, &failed(&product, 1)).await;
    apply(&room, &processed(&product, 0)).await;
    let told: Vec<_> = room
        .log(&endpoint)
        .await
        .into_iter()
        .map(|delivery| (delivery.event, delivery.data))
        .collect();
    let [one, other] = [0, 1].map(|image| product.images[image].id.uuid());
    let id = product.id.uuid();
    let error = json!({"code": "corrupt_image", "detail": "the file ends too early", "retryable": false});
    let status = ImagesStatus::Partial.as_str();
    assert_eq!(
        told,
        [
            (
                WebhookEvent::ProductImagesCompleted,
                json!({"id": id, "version": 4, "images_status": status})
            ),
            (
                WebhookEvent::ImageFailed,
                json!({"id": other, "product_id": id, "version": 4, "error": error})
            ),
            (
                WebhookEvent::ImageReady,
                json!({"id": one, "product_id": id, "version": 3})
            ),
        ]
    );
}

#[tokio::test]
async fn nothing_is_told_of_what_did_not_happen() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    let mut taken = draft("Mug");
    taken.sku = Some("MUG-01".to_owned());
    room.create(&product_of(taken.clone(), 0)).await;
    room.try_create(&product_of(taken, 0)).await.unwrap_err();
    assert_eq!(room.log(&endpoint).await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_being_deleted_neither_fails_nor_holds_up_a_change() {
    let room = Room::open().await;
    let endpoint = room.endpoint(&[WebhookTopic::All]).await;
    let product = room.create(&product_of(draft("Mug"), 0)).await;
    let mut deleting = room.connection().await;
    let delete = format!(
        "BEGIN; DELETE FROM webhook_endpoints WHERE id = '{}'",
        endpoint.id
    );
    deleting.batch_execute(&delete).await.unwrap();
    assert!(matches!(
        rename(&room, &product, "Cup").await,
        Updated::Changed(_)
    ));
    deleting.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        room.claim(10, 10, &[]).await.len(),
        0,
        "what is left of it is nobody's"
    );
    room.execute("UPDATE webhook_deliveries SET due_at = now() - interval '2 minutes'")
        .await;
    let retention = Duration::from_secs(60);
    assert_eq!(
        webhook_deliveries_purge(&room.database, retention).await.unwrap(),
        2
    );
}

#[tokio::test]
async fn whoever_delivers_is_woken_by_what_is_to_be_delivered() {
    let room = Room::open().await;
    let mut listener = Listener::connect(&room.config()).await.unwrap();
    room.create(&product_of(draft("Mug"), 0)).await;
    assert!(
        futures_util::FutureExt::now_or_never(listener.wait()).is_none(),
        "nobody wants to hear of it"
    );
    room.endpoint(&[WebhookTopic::All]).await;
    room.create(&product_of(draft("Mug"), 0)).await;
    let heard = tokio::time::timeout(Duration::from_secs(20), listener.wait()).await;
    let expected = Heard {
        webhooks: true,
        ..Heard::default()
    };
    assert_eq!(heard.unwrap().unwrap(), expected);
}
