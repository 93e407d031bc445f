//! `GET /api/v1/products`.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::app::TestApp;

async fn create(app: &TestApp, body: Value) {
    let answer = app.post(body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// The names on a page.
async fn names(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/api/v1/products?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| product["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A small shop, oldest first.
async fn shop(app: &TestApp) {
    for (name, amount, currency, more) in [
        (
            "Enamel mug",
            "19.90",
            "EUR",
            json!({"sku": "MUG-01", "description": "A cup for hot tea."}),
        ),
        ("apple 100% juice", "2.50", "EUR", json!({"status": "draft"})),
        (
            "Teapot",
            "2.50",
            "EUR",
            json!({"images": [{"source_url": "https://example.com/teapot.jpg"}]}),
        ),
        ("Zen_Garden", "99", "USD", json!({"status": "archived"})),
        ("Äpfel", "1", "USD", json!({})),
    ] {
        let mut body = json!({"name": name, "price": {"amount": amount, "currency": currency}});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        create(app, body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_shows_what_it_names() {
    let app = TestApp::start().await;
    shop(&app).await;
    for (query, expected) in [
        (
            "",
            &["Äpfel", "Zen_Garden", "Teapot", "apple 100% juice", "Enamel mug"][..],
        ),
        ("name=TEA", &["Teapot"]),
        ("name=100%25", &["apple 100% juice"]),
        ("name=%25", &["apple 100% juice"]),
        ("name=_", &["Zen_Garden"]),
        ("sku=MUG-01", &["Enamel mug"]),
        ("sku=mug-01", &[]),
        (
            "status=draft&status=archived",
            &["Zen_Garden", "apple 100% juice"],
        ),
        ("images_status=pending", &["Teapot"]),
        ("images_status=none&status=active", &["Äpfel", "Enamel mug"]),
        ("currency=USD", &["Äpfel", "Zen_Garden"]),
        ("max_price=50", &["Äpfel"]),
        (
            "min_price=2.5&max_price=2.50&currency=EUR",
            &["Teapot", "apple 100% juice"],
        ),
        (
            "sort=price&currency=EUR",
            &["apple 100% juice", "Teapot", "Enamel mug"],
        ),
        ("sort=-price", &["Zen_Garden", "Äpfel"]),
        (
            "sort=name",
            &["Äpfel", "apple 100% juice", "Enamel mug", "Teapot", "Zen_Garden"],
        ),
        (
            "sort=created_at",
            &["Enamel mug", "apple 100% juice", "Teapot", "Zen_Garden", "Äpfel"],
        ),
        ("q=tea", &["Enamel mug"]),
        ("q=MUG-01", &["Enamel mug"]),
        (
            "created_after=2000-01-01T00:00:00Z&updated_before=2000-01-02T00:00:00Z",
            &[],
        ),
    ] {
        assert_eq!(names(&app, query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn following_the_cursor_shows_every_product_once() {
    let app = TestApp::start().await;
    for index in 0..23 {
        create(
            &app,
            json!({"name": format!("Mug {}", index % 5), "price": {"amount": "5"}}),
        )
        .await;
    }
    for sort in domain::filter::Sort::WORDS {
        let mut seen = HashSet::new();
        let mut path = format!("/api/v1/products?sort={sort}&limit=4");
        loop {
            let page = app.get(&path).await;
            for product in page.body["data"].as_array().unwrap() {
                assert!(
                    seen.insert(product["id"].as_str().unwrap().to_owned()),
                    "{sort}: a product came twice"
                );
            }
            let link = page.header("link");
            assert_eq!(page.body["has_more"], !link.is_empty());
            let Some(next) = link.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
                assert_eq!(page.body["next_cursor"], Value::Null);
                break;
            };
            path = next.0.to_owned();
        }
        assert_eq!(seen.len(), 23, "{sort}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_product_is_skipped_or_repeated_while_others_are_written() {
    let app = TestApp::start().await;
    for index in 0..30 {
        create(
            &app,
            json!({"name": format!("Old {index:02}"), "price": {"amount": "5"}}),
        )
        .await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/api/v1/products?sort=name&limit=5{cursor}"))
            .await;
        seen.extend(
            page.body["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|product| product["name"].as_str().unwrap().to_owned()),
        );
        // Before, among and behind the page that was just read.
        for name in ["A", "Old 15a", "Z"] {
            create(&app, json!({"name": name, "price": {"amount": "5"}})).await;
        }
        let Some(next) = page.body["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
        if seen.len() > 200 {
            break;
        }
    }
    let old: Vec<_> = seen
        .iter()
        .filter(|name| name.starts_with("Old") && !name.ends_with('a'))
        .collect();
    let expected: Vec<_> = (0..30).map(|index| format!("Old {index:02}")).collect();
    assert_eq!(old, expected.iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_list_is_refused() {
    let app = TestApp::start().await;
    shop(&app).await;
    let page = app.get("/api/v1/products?limit=2").await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let code = async |query: String| {
        let answer = app.get(&format!("/api/v1/products?{query}")).await;
        (
            answer.status,
            answer.body["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(
        code(format!("sort=name&cursor={cursor}")).await,
        (400, "cursor_mismatch".to_owned())
    );
    assert_eq!(
        code(format!("status=draft&cursor={cursor}")).await,
        (400, "cursor_mismatch".to_owned())
    );
    assert_eq!(
        code("cursor=none".to_owned()).await,
        (400, "invalid_cursor".to_owned())
    );
    // The size of a page may change on the way.
    assert_eq!(
        app.get(&format!("/api/v1/products?limit=1&cursor={cursor}"))
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_is_counted_where_it_is_asked_for() {
    let app = TestApp::start().await;
    shop(&app).await;
    let counted = app
        .get("/api/v1/products?include_total=true&limit=1&currency=EUR")
        .await;
    assert_eq!(
        (&counted.body["total"], &counted.body["has_more"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(app.get("/api/v1/products").await.body.get("total"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_product_is_the_product_that_is_read() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 3).await;
    let listed = app.get("/api/v1/products").await;
    assert_eq!(listed.body["data"][0], created.body);
}
