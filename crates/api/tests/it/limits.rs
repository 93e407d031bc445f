//! How often callers may call.

use std::time::Duration;

use futures_util::future::join_all;

use crate::app::{Answer, TestApp};

/// So slow that nothing comes back while a test runs.
const ONE_AN_AGE: [(&str, &str); 2] = [("PMS__LIMITS__RATE", "1"), ("PMS__LIMITS__BURST", "5")];

async fn statuses(apps: &[&TestApp], calls: usize) -> Vec<Answer> {
    join_all((0..calls).map(|number| apps[number % apps.len()].get("/api/v1/products"))).await
}

fn allowed(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_too_often_is_refused_with_the_time_to_wait() {
    let app = TestApp::start_with(&ONE_AN_AGE).await;
    let beside = app.start_beside(&ONE_AN_AGE).await;
    let answers = statuses(&[&app, &beside], 30).await;
    // All processes count together; while they do, a token or two may have come back.
    assert!((5..=8).contains(&allowed(&answers)), "{}", allowed(&answers));
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.body["code"], "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit-policy"), "\"default\";q=5;w=5");
    assert_eq!(refused.header("ratelimit"), "\"default\";r=0;t=5");
    assert_eq!(app.get("/health/live").await.status, 200);
    testkit::eventually(Duration::from_secs(10), async || {
        (app.get("/api/v1/products").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_process_counts_for_itself() {
    let nowhere = testkit::free_port().to_string();
    let settings = [&ONE_AN_AGE[..], &[("PMS__REDIS__PORT", &nowhere)]].concat();
    let app = TestApp::start_with(&settings).await;
    let answers = statuses(&[&app], 30).await;
    assert!((5..=8).contains(&allowed(&answers)), "{}", allowed(&answers));
    assert!(answers.iter().any(|answer| answer.status == 429));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_nothing_is_said_of_one() {
    let app = TestApp::start().await;
    let answers = statuses(&[&app], 200).await;
    assert_eq!(allowed(&answers), 200);
    assert!(!answers[0].headers.contains_key("ratelimit"));
}
