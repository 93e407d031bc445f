//! How often callers may call.

use std::time::{Duration, Instant};

use api::access::token::Token;
use domain::Scope;
use futures_util::future::join_all;
use storage_postgres::Database;
use testkit::{Mode, Proxy, TestRedis};

use crate::{
    access::make_key,
    app::{Answer, TestApp},
};

/// So slow that little comes back while a test runs.
const ONE_AN_AGE: [(&str, &str); 2] = [("PMS__LIMITS__RATE", "1"), ("PMS__LIMITS__BURST", "5")];

async fn answers(apps: &[&TestApp], calls: usize) -> Vec<Answer> {
    join_all((0..calls).map(|number| apps[number % apps.len()].get("/api/v1/products"))).await
}

fn allowed(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// What many calls at once are answered. As many must be allowed as the limit says, with what comes back meanwhile.
async fn flood(apps: &[&TestApp]) -> Vec<Answer> {
    let began = Instant::now();
    let answers = answers(apps, 60).await;
    let came_back = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let allowed = allowed(&answers);
    assert!((5..=5 + came_back).contains(&allowed), "{allowed}, {came_back}");
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_too_often_is_refused_with_the_time_to_wait() {
    let app = TestApp::start_with(&ONE_AN_AGE).await;
    let beside = app.start_beside(&ONE_AN_AGE).await;
    // All processes count together.
    let answers = flood(&[&app, &beside]).await;
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
    let answers = flood(&[&app]).await;
    assert!(answers.iter().any(|answer| answer.status == 429));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_cut_off_lets_nobody_wait_and_nobody_call_without_end() {
    let redis = TestRedis::create();
    let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
    let port = proxy.address().port().to_string();
    let settings = [
        &ONE_AN_AGE[..],
        &[
            ("PMS__REDIS__PORT", &port),
            ("PMS__REDIS__RESPONSE_TIMEOUT", "200ms"),
        ],
    ]
    .concat();
    let app = TestApp::start_with(&settings).await;
    assert_eq!(app.get("/api/v1/products").await.status, 200);
    for mode in [Mode::Silent, Mode::Cut] {
        proxy.set(mode);
        // The process counts for itself from now on, from a full bucket where it has not done so before.
        testkit::eventually(Duration::from_secs(20), async || {
            let answers = answers(&[&app], 10).await;
            assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 429)));
            (allowed(&answers) < answers.len()).then_some(())
        })
        .await;
    }
    proxy.set(Mode::Pass);
    testkit::eventually(Duration::from_secs(30), async || {
        app.get("/api/v1/products").await;
        let keys = app.redis.keys();
        keys.iter().any(|key| key.contains(":limit:")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_client_is_counted_for_itself_and_else_nobody_is_believed() {
    let trusting = [
        &ONE_AN_AGE[..],
        &[("PMS__SERVER__TRUSTED_PROXIES", "[127.0.0.0/8]")],
    ]
    .concat();
    let for_client = async |app: &TestApp, client: &str| {
        let headers = [("x-forwarded-for", client)];
        app.send(reqwest::Method::GET, "/api/v1/products", &headers, Vec::new())
            .await
    };
    let app = TestApp::start_with(&trusting).await;
    testkit::eventually(Duration::from_secs(20), async || {
        (for_client(&app, "192.0.2.66, 203.0.113.9").await.status == 429).then_some(())
    })
    .await;
    // What the client has written before it changes nothing.
    let others: Vec<String> = (0..60)
        .map(|number| format!("192.0.2.{number}, 203.0.113.9"))
        .collect();
    let others = join_all(others.iter().map(|client| for_client(&app, client))).await;
    assert!(others.iter().any(|answer| answer.status == 429));
    assert_eq!(for_client(&app, "203.0.113.10").await.status, 200);

    let wary = TestApp::start_with(&ONE_AN_AGE).await;
    let number = std::cell::Cell::new(0_u8);
    testkit::eventually(Duration::from_secs(20), async || {
        number.set(number.get().wrapping_add(1));
        (for_client(&wary, &format!("203.0.113.{}", number.get()))
            .await
            .status
            == 429)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_nothing_is_said_of_one() {
    let app = TestApp::start().await;
    let answers = answers(&[&app], 200).await;
    assert_eq!(allowed(&answers), 200);
    assert!(!answers[0].headers.contains_key("ratelimit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_keys_beyond_the_limit_cost_the_database_nothing_and_a_good_key_is_let_in() {
    let app = TestApp::start_with(&[&ONE_AN_AGE[..], &[("PMS__AUTH__MODE", "keys")]].concat()).await;
    let database = Database::new(&app.database.config()).unwrap();
    let good = make_key(&database, "shop", Scope::Read, None).await;
    let call = async |token: &Token| {
        let authorization = format!("Bearer {}", token.reveal());
        let headers = [("authorization", authorization.as_str())];
        app.send(reqwest::Method::GET, "/api/v1/products", &headers, Vec::new())
            .await
    };
    assert_eq!(call(&good).await.status, 200);
    testkit::eventually(Duration::from_secs(20), async || {
        (call(&Token::generate().unwrap()).await.status == 429).then_some(())
    })
    .await;
    // Whoever asks for a key now, waits until it is given up.
    let began = Instant::now();
    let held = app
        .database
        .hold("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        .await;
    let made_up: Vec<Token> = (0..60).map(|_| Token::generate().unwrap()).collect();
    let answers = join_all(made_up.iter().map(&call)).await;
    let came_back = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let asked = answers.iter().filter(|answer| answer.status != 429).count();
    assert!(
        asked <= came_back,
        "{asked} of 60 asked, and {came_back} were allowed"
    );
    held.release().await;
    testkit::eventually(Duration::from_secs(20), async || {
        (call(&good).await.status == 200).then_some(())
    })
    .await;
}
