use serde_json::json;

use super::by_address;
use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_what_the_product_shows_of_the_same_version() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 2).await;
    // Once from the database, and then from the cache.
    for _ in 0..2 {
        let listed = app.images(product.id()).await;
        assert_eq!((listed.status, listed.header("etag")), (200, "\"1\""));
        assert_eq!(listed.header("cache-control"), "private, no-cache");
        assert_eq!(listed.body, json!({"data": product.body["images"]}));
        let path = format!("/api/v1/products/{}/images", product.id());
        for image in product.body["images"].as_array().unwrap() {
            let found = app
                .get(&format!("{path}/{}", image["id"].as_str().unwrap()))
                .await;
            assert_eq!(
                (found.status, &found.body, found.header("etag")),
                (200, image, "\"1\"")
            );
        }
    }
    // A change shows at once.
    app.add_image(product.id(), &[], &by_address("a")).await;
    let listed = app.images(product.id()).await;
    assert_eq!(
        (
            listed.body["data"].as_array().unwrap().len(),
            listed.header("etag")
        ),
        (3, "\"2\"")
    );
    let none = app.create("Bowl", 0).await;
    assert_eq!(app.images(none.id()).await.body, json!({"data": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_pictures_already_is_told_so() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 1).await;
    let list = format!("/api/v1/products/{}/images", product.id());
    let one = format!("{list}/{}", product.body["images"][0]["id"].as_str().unwrap());
    for path in [&list, &one] {
        let get = async |tag| {
            app.send(reqwest::Method::GET, path, &[("if-none-match", tag)], Vec::new())
                .await
        };
        let known = get("\"1\"").await;
        assert_eq!(
            (known.status, known.text.as_str(), known.header("etag")),
            (304, "", "\"1\"")
        );
        assert_eq!(get("\"0\"").await.status, 200);
        let head = app.send(reqwest::Method::HEAD, path, &[], Vec::new()).await;
        assert_eq!((head.status, head.header("etag")), (200, "\"1\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_another_product_is_not_there() {
    let app = TestApp::start().await;
    let (product, other) = (app.create("Mug", 1).await, app.create("Bowl", 1).await);
    let foreign = other.body["images"][0]["id"].as_str().unwrap();
    for image in [foreign, "01900000-0000-7000-8000-00000000beef", "first"] {
        let path = format!("/api/v1/products/{}/images/{image}", product.id());
        let answer = app.get(&path).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("not_found")),
            "{image}"
        );
    }
    assert_eq!(
        app.images("01900000-0000-7000-8000-00000000beef").await.status,
        404
    );
}
