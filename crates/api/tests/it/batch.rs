//! `POST /api/v1/products/batch`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{Answer, TestApp, redacted};

const BATCH: &str = "/api/v1/products/batch";
const PATIENCE: Duration = Duration::from_secs(15);

impl TestApp {
    async fn batch(&self, media_type: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let headers = [headers, &[("content-type", media_type)]].concat();
        self.send(Method::POST, BATCH, &headers, body.into()).await
    }

    async fn batch_of(&self, items: &Value) -> Answer {
        self.batch("application/json", &[], json!({ "items": items }).to_string())
            .await
    }

    async fn total(&self) -> Value {
        self.get("/api/v1/products?include_total=true").await.body["total"].clone()
    }
}

fn statuses(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.body["items"].as_array().unwrap().iter();
    let items = items.enumerate().map(|(index, item)| {
        assert_eq!(item["index"], index);
        item["status"].as_u64().unwrap()
    });
    items.collect()
}

/// A problem without what belongs to its request.
fn bare(problem: &Value) -> Value {
    let mut problem = problem.clone();
    for name in ["instance", "request_id"] {
        assert!(
            problem.as_object_mut().unwrap().remove(name).is_some(),
            "{problem}"
        );
    }
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_is_answered_as_a_request_of_its_own_would_be() {
    let app = TestApp::start().await;
    let taken = json!({"name": "Mug", "sku": "MUG-01", "price": {"amount": "5"}});
    assert_eq!(app.post(taken.clone()).await.status, 201);
    let refused = [
        json!({"name": "", "colour": "blue", "price": {"amount": "-1"}}),
        taken,
        json!(null),
        json!([{"name": "Mug"}]),
        json!({"name": "Mug", "price": {"amount": "5"}, "images": [{"source_url": "ftp://example.com/a.jpg"}]}),
    ];
    let bowl = json!({
        "name": "Bowl", "sku": "BOWL-01", "price": {"amount": "7"},
        "images": [{"source_url": "https://example.com/bowl.jpg"}],
    });
    let items: Vec<_> = [&bowl].into_iter().chain(&refused).chain([&bowl]).collect();
    let answer = app.batch_of(&json!(items)).await;
    assert_eq!(statuses(&answer), [201, 422, 409, 422, 422, 422, 409]);
    insta::assert_json_snapshot!("batch", redacted(&answer.body));
    for (item, body) in answer.body["items"].as_array().unwrap()[1..].iter().zip(refused) {
        let single = app.post(body).await;
        assert_eq!(item["status"], single.status);
        assert_eq!(bare(&item["problem"]), bare(&single.body));
        assert_eq!(item["problem"]["instance"], BATCH);
        assert_eq!(item["problem"]["request_id"], answer.header("x-request-id"));
    }
    let product = &answer.body["items"][0]["product"];
    assert_eq!(&app.product(product["id"].as_str().unwrap()).await.body, product);
    assert_eq!(app.total().await, 2);
    eventually(PATIENCE, async || (app.jobs().await == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_not_json_is_refused_alone() {
    let app = TestApp::start().await;
    let lines = "\n{\"name\":\"A\",\"price\":{\"amount\":\"1\"}}\r\n{\"name\":\n  \n\
                 {\"name\":\"B\",\"name\":\"C\"}\n{\"name\":\"D\",\"price\":{\"amount\":\"2\"}}";
    let answer = app.batch("application/x-ndjson; charset=utf-8", &[], lines).await;
    assert_eq!(statuses(&answer), [201, 400, 400, 201]);
    assert_eq!(answer.header("content-type"), "application/json");
    let problem = &answer.body["items"][1]["problem"];
    assert_eq!(
        (&problem["code"], &problem["type"]),
        (&json!("malformed_json"), &json!("/problems/malformed-json"))
    );
    let told = |index: usize| {
        answer.body["items"][index]["problem"]["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        told(1).starts_with("Line 3 of the body is not JSON"),
        "{}",
        told(1)
    );
    assert!(told(2).contains("stands twice"), "{}", told(2));
    assert_eq!(app.total().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_batch_gets_its_whole_answer_again() {
    let app = TestApp::start().await;
    let body = json!({"items": [{"name": "Mug", "sku": "M", "price": {"amount": "5"}}, {}]}).to_string();
    let send = |body: &str| {
        app.batch(
            "application/json",
            &[("idempotency-key", "import-1")],
            body.to_owned(),
        )
    };
    let first = send(&body).await;
    assert_eq!(statuses(&first), [201, 422]);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = send(&body).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(app.total().await, 1);
    let other = send("{\"items\":[{}]}").await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (422, &json!("idempotency_key_reused"))
    );

    // A batch of which nothing was created is an answer like any other.
    let nothing = || {
        app.batch(
            "application/json",
            &[("idempotency-key", "import-2")],
            "{\"items\":[{}]}",
        )
    };
    assert_eq!(statuses(&nothing().await), [422]);
    assert_eq!(nothing().await.header("idempotency-replayed"), "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_none_is_refused_whole() {
    let app = TestApp::start_with(&[("PMS__SERVER__MAX_BATCH_BYTES", "4KiB")]).await;
    let faults = async |media_type: &str, body: String| {
        let answer = app.batch(media_type, &[], body).await;
        let faults = answer.body["errors"].as_array().into_iter().flatten();
        let faults = faults.map(|fault| {
            let word = |name: &str| fault[name].as_str().unwrap();
            format!("{} {}", word("pointer"), word("code"))
        });
        (answer.status, faults.collect::<Vec<_>>().join(", "))
    };
    let told = |faults: &str| (422, faults.to_owned());
    let json = async |body: &str| faults("application/json", body.to_owned()).await;
    assert_eq!(json("{\"items\":[]}").await, told("#/items too_few"));
    assert_eq!(
        json(&json!({"items": vec![0; 501]}).to_string()).await,
        told("#/items too_many")
    );
    assert_eq!(
        json("{\"products\":[]}").await,
        told("#/items required, #/products unknown_field")
    );
    assert_eq!(json("[]").await, told("# wrong_type"));
    assert_eq!(json("{").await, (400, String::new()));
    let lines = async |body: String| faults("application/x-ndjson", body).await;
    assert_eq!(lines(" \n".to_owned()).await, told("# too_few"));
    assert_eq!(lines("{}\n".repeat(501)).await, told("# too_many"));

    let long = app.batch("application/x-ndjson", &[], "{}\n".repeat(2_000)).await;
    assert_eq!((long.status, &long.body["code"]), (413, &json!("body_too_large")));
    assert!(long.body["detail"].as_str().unwrap().contains("4096"));
    let other = app.batch("text/csv", &[], "name,price").await;
    assert_eq!(
        (other.status, other.header("accept")),
        (415, "application/json, application/x-ndjson")
    );
    let get = app.get(BATCH).await;
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
    let query = app
        .send(
            Method::POST,
            &format!("{BATCH}?atomic=true"),
            &[("content-type", "application/json")],
            b"{\"items\":[{}]}".to_vec(),
        )
        .await;
    assert_eq!(query.status, 400);
    assert_eq!(app.total().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_products_pass_the_limit_of_other_bodies() {
    let app = TestApp::start_with(&[("PMS__SERVER__MAX_BODY_BYTES", "1KiB")]).await;
    let items: Vec<_> = (0..500)
        .map(|number| {
            json!({
                "name": format!("Mug {number}"), "sku": format!("MUG-{number}"), "price": {"amount": "5"},
                "description": "Holds half a litre. ".repeat(20), "images": [{"source_url": "https://example.com/mug.jpg"}],
            })
        })
        .collect();
    let answer = app.batch_of(&json!(items)).await;
    assert_eq!(statuses(&answer), vec![201; 500]);
    assert_eq!(app.total().await, 500);
    let again = app.batch_of(&json!(items)).await;
    assert_eq!(statuses(&again), vec![409; 500]);
    assert_eq!(app.total().await, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_batches_than_are_read_at_a_time_wait_for_their_turn() {
    let app = TestApp::start().await;
    let items = json!([{"name": "Mug", "price": {"amount": "5"}}]);
    let answers = futures_util::future::join_all((0..40).map(|_| app.batch_of(&items))).await;
    for answer in &answers {
        assert_eq!(statuses(answer), [201]);
    }
    assert_eq!(app.total().await, 40);
}
