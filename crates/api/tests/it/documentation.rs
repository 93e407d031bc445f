//! The description of the API, and its pages.

use crate::app::TestApp;

/// The checked-in description, for those who read it without a server.
const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// `UPDATE_OPENAPI=1` writes it anew.
#[test]
fn the_checked_in_description_is_current() {
    let current = api::http::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(CHECKED_IN, &current).unwrap();
    }
    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(
        checked_in == current,
        "docs/openapi.json is not what the code describes; write it with UPDATE_OPENAPI=1 cargo test -p api --test it description"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_and_its_page_needs_no_network() {
    let app = TestApp::start().await;
    let description = app.get("/openapi.json").await;
    assert_eq!(
        (description.status, &description.body["openapi"]),
        (200, &serde_json::json!("3.1.0"))
    );
    assert_eq!(app.get("/docs").await.header("location"), "/docs/");
    let page = app.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(
        !page.text.contains("src=\"http") && !page.text.contains("href=\"http"),
        "{}",
        page.text
    );
    let assets: Vec<&str> = page
        .text
        .split('"')
        .filter(|text| text.starts_with("./"))
        .collect();
    assert!(!assets.is_empty());
    for asset in assets {
        assert_eq!(
            app.get(&format!("/docs/{}", &asset[2..])).await.status,
            200,
            "{asset}"
        );
    }
}
