//! `DELETE /api/v1/products/{id}`.

use std::time::Duration;

use testkit::eventually;

use crate::app::TestApp;

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_product_is_gone_and_its_pictures_are_purged_through_the_queue() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 2).await.id().to_owned();
    eventually(PATIENCE, async || (app.jobs().await == 2).then_some(())).await;
    assert_eq!(app.product(&id).await.status, 200);
    let gone = app.delete(&id, &[]).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(app.product(&id).await.status, 404);
    assert_eq!(app.delete(&id, &[]).await.status, 404);
    assert_eq!(
        app.get("/api/v1/products").await.body["data"],
        serde_json::json!([])
    );
    // One purge for each picture, behind its job.
    eventually(PATIENCE, async || (app.jobs().await == 4).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_has_changed_is_not_deleted_by_mistake() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    assert_eq!(app.delete(&id, &[("if-match", "\"2\"")]).await.status, 412);
    assert_eq!(app.product(&id).await.status, 200);
    assert_eq!(app.delete(&id, &[("if-match", "\"1\"")]).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_none_match_keeps_a_product_from_being_deleted() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    for tags in ["\"1\"", "W/\"1\"", "*"] {
        assert_eq!(
            app.delete(&id, &[("if-none-match", tags)]).await.status,
            412,
            "{tags}"
        );
    }
    assert_eq!(app.delete(&id, &[("if-none-match", "\"2\"")]).await.status, 204);
    assert_eq!(app.delete(&id, &[("if-match", "*")]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_deletion_is_passed_over() {
    let app = TestApp::start().await;
    for (media_type, body) in [("application/json", "{\"name\": "), ("text/plain", "goodbye")] {
        let id = app.create("Mug", 0).await.id().to_owned();
        let (path, headers) = (format!("/api/v1/products/{id}"), [("content-type", media_type)]);
        let gone = app
            .send(reqwest::Method::DELETE, &path, &headers, body.into())
            .await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    }
}
