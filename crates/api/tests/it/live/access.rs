//! Who may watch, and for how long.

use domain::Scope;
use reqwest::Method;
use serde_json::json;
use storage_postgres::api_key_revoke;

use super::{Events, path};
use crate::access::Guarded;

const MUG: &str = r#"{"name": "Mug", "price": {"amount": "5.00"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_watched_by_keys_of_its_account_only_and_while_they_are_good() {
    let guarded = Guarded::start().await;
    let writer = guarded.key("shop", Scope::Write).await;
    let reader = guarded.key("shop", Scope::Read).await;
    let stranger = guarded.key("other", Scope::Admin).await;
    let created = guarded
        .send(Method::POST, "/api/v1/products", &writer.bearer(), MUG)
        .await;
    let path = path(created.id());

    let refused = guarded.send(Method::GET, &path, &stranger.bearer(), "").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (404, &json!("not_found"))
    );
    assert_eq!(guarded.app.get(&path).await.status, 401);

    let bearer = reader.bearer();
    let mut events = Events::open(&guarded.app, &path, &[("authorization", &bearer)]).await;
    events.expect("product.updated", 1).await;
    assert!(api_key_revoke(&guarded.database, reader.0.id).await.unwrap());
    assert!(events.next().await.is_none());
}
