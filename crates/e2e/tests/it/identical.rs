//! One request, sent many times at once.

use std::{collections::BTreeMap, time::Duration};

use e2e::{PATIENCE, System};
use reqwest::{Client, header::RETRY_AFTER};
use serde_json::{Value, json};
use testkit::{free_port, http_client};
use tokio::{task::JoinSet, time::sleep};

/// What the caller is told.
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_identical_posts_over_two_apis_make_one_product_and_give_one_answer() {
    let system = System::prepare().await;
    let port = free_port();
    let _first = system.start_api().await;
    let mut second = system
        .start_api_with(&[("PMS__SERVER__PORT", port.to_string())])
        .await;
    let beside = format!("http://127.0.0.1:{port}");
    second
        .wait_until_ready(&format!("{beside}/health/ready"), PATIENCE)
        .await;

    let client = http_client();
    let addresses = [
        system.url("/api/v1/products"),
        format!("{beside}/api/v1/products"),
    ];
    let mut callers = JoinSet::new();
    for address in addresses.iter().cycle().take(200) {
        callers.spawn(insist(client.clone(), address.clone()));
    }
    let callers = callers.join_all().await;

    let mut bodies = BTreeMap::<String, usize>::new();
    for answers in callers {
        let answers = answers.unwrap();
        let (last, refusals) = answers.split_last().unwrap();
        assert_eq!(last.status, 201, "{}", last.body);
        *bodies.entry(last.body.clone()).or_default() += 1;
        for refusal in refusals {
            let problem: Value = serde_json::from_str(&refusal.body).unwrap();
            assert_eq!(refusal.status, 409, "{}", refusal.body);
            assert_eq!(problem["code"], "idempotency_key_in_use");
            assert!(refusal.retry_after.is_some(), "{}", refusal.body);
        }
    }
    assert_eq!(bodies.len(), 1, "one answer to all: {bodies:?}");
    assert_eq!(bodies.into_values().sum::<usize>(), 200);
    assert_eq!(system.database.count("products").await, 1);
    assert_eq!(system.database.count("images").await, 1);
}

/// Sends the request until it is carried out, as a well-behaved caller does; all answers in their order.
async fn insist(client: Client, address: String) -> reqwest::Result<Vec<Answer>> {
    let body = json!({
        "name": "Mug",
        "price": {"amount": "5.00"},
        "images": [{"source_url": "https://example.com/mug.png"}],
    });
    let mut answers = Vec::new();
    loop {
        let request = client
            .post(&address)
            .header("idempotency-key", "order-7")
            .json(&body);
        let response = request.send().await?;
        let header = response.headers().get(RETRY_AFTER);
        let answer = Answer {
            status: response.status().as_u16(),
            retry_after: header.and_then(|value| value.to_str().ok()?.parse().ok()),
            body: response.text().await?,
        };
        let wait = (answer.status == 409).then_some(answer.retry_after).flatten();
        answers.push(answer);
        match wait {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => return Ok(answers),
        }
    }
}
