//! The log of deliveries, page by page.

use serde_json::Value;

use super::{ENDPOINTS, QUICK};
use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_comes_in_pages_with_the_newest_first() {
    let app = TestApp::start_with(&QUICK).await;
    let (id, _) = app.endpoint("http://127.0.0.1:9/", &["*"]).await;
    let (other, _) = app.endpoint("http://127.0.0.1:9/", &["product.deleted"]).await;
    let mut products = Vec::new();
    for _ in 0..5 {
        products.insert(0, app.create("Mug", 0).await.id().to_owned());
    }
    let mut path = format!("{ENDPOINTS}/{id}/deliveries?limit=2");
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let page = app.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let data = page.body["data"].as_array().unwrap();
        sizes.push(data.len());
        seen.extend(
            data.iter()
                .map(|delivery| delivery["data"]["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            assert_eq!(
                (&page.body["has_more"], page.header("link")),
                (&Value::Bool(false), "")
            );
            break;
        };
        assert_eq!(page.body["has_more"], true);
        let wrong = app
            .get(&format!("{ENDPOINTS}/{other}/deliveries?cursor={cursor}"))
            .await;
        assert_eq!(
            (wrong.status, &wrong.body["code"]),
            (400, &"cursor_mismatch".into())
        );
        path = page.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
        // What comes meanwhile stands before the first page, and moves nothing.
        app.create("Cup", 0).await;
    }
    assert_eq!((seen, sizes), (products, vec![2, 2, 1]));
}
