//! Tokens of an issuer, beside keys.

mod forgeries;
mod issuer;
mod signer;

use std::time::Duration;

use chrono::Utc;
use domain::Scope;
use reqwest::Method;
use serde_json::{Value, json};
use signer::Signer;
use storage_postgres::{Database, account_create};
use testkit::{Origin, Reply, eventually};

use crate::app::{Answer, TestApp};

const ISSUER: &str = "https://issuer.example.com";
const SOON: Duration = Duration::from_secs(20);
const PRODUCTS: &str = "/api/v1/products";
/// An address where nothing is, so that nothing but access is asked for: 404 for who is let in.
const NOTHING: &str = "/api/v1/nothing";

/// An api that takes the tokens of an issuer, with the accounts `shop` and `other`.
struct Trusting {
    app: TestApp,
    issuer: Origin,
}

/// The settings for an issuer whose keys are at `jwks`.
fn settings(jwks: &str) -> Vec<(&str, &str)> {
    vec![
        ("PMS__AUTH__MODE", "keys"),
        ("PMS__AUTH__JWT__ISSUER", ISSUER),
        ("PMS__AUTH__JWT__AUDIENCE", "[pms, catalogue]"),
        ("PMS__AUTH__JWT__JWKS", jwks),
    ]
}

fn key_set(signers: &[&Signer]) -> Reply {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    Reply::Bytes {
        content_type: "application/json".to_owned(),
        body: json!({"keys": keys}).to_string().into(),
    }
}

/// What a good token of `account` says.
fn claims(account: &str, scope: &str) -> Value {
    let now = Utc::now().timestamp();
    json!({
        "iss": ISSUER, "aud": "pms", "sub": "user-7", "iat": now, "nbf": now - 1, "exp": now + 600,
        "account": account, "scope": scope,
    })
}

/// The same, but for one claim.
fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims("shop", "read");
    claims[name] = value;
    claims
}

impl Trusting {
    async fn start(signers: &[&Signer]) -> Self {
        Self::start_with(signers, &[]).await
    }

    /// Starts, and waits until the keys of the signers are known.
    async fn start_with(signers: &[&Signer], more: &[(&str, &str)]) -> Self {
        let issuer = Origin::start().await;
        let jwks = issuer.serve("/jwks", key_set(signers));
        let app = TestApp::start_with(&[&settings(&jwks)[..], more].concat()).await;
        make_accounts(&app).await;
        let trusting = Self { app, issuer };
        let known = signers[0].sign(&claims("shop", "read"));
        eventually(SOON, async || {
            (trusting.ask(&known).await.status != 503).then_some(())
        })
        .await;
        trusting
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: &str) -> Answer {
        send(&self.app, method, path, token, body).await
    }

    /// What access says to a token.
    async fn ask(&self, token: &str) -> Answer {
        self.send(Method::GET, NOTHING, token, "").await
    }

    async fn assert_refused(&self, token: &str, words: &str) {
        let answer = self.ask(token).await;
        assert_eq!(answer.status, 401, "{words}: {}", answer.text);
        assert_eq!(answer.body["code"], "unauthenticated");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"invalid_token\"") && challenge.contains(words),
            "{words}: {challenge}"
        );
    }
}

async fn send(app: &TestApp, method: Method, path: &str, token: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    app.send(method, path, &headers, body.into()).await
}

async fn make_accounts(app: &TestApp) {
    let database = Database::new(&app.database.config()).unwrap();
    for account in ["shop", "other"] {
        account_create(&database, account).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_lets_in_whatever_it_is_signed_by_and_so_does_a_key() {
    let signers = [Signer::rs256("r"), Signer::es256("e"), Signer::ed_dsa("d")];
    let trusting = Trusting::start(&signers.each_ref()).await;
    for signer in &signers {
        let answer = trusting.ask(&signer.sign(&claims("shop", "openid read"))).await;
        assert_eq!(answer.status, 404, "{}: {}", signer.algorithm(), answer.text);
    }
    let several = claims_but("aud", json!(["elsewhere", "catalogue"]));
    assert_eq!(trusting.ask(&signers[1].sign(&several)).await.status, 404);

    let database = Database::new(&trusting.app.database.config()).unwrap();
    let key = crate::access::make_key(&database, "shop", Scope::Read, None).await;
    let answer = trusting.ask(&key.reveal()).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    let missing = trusting.app.get(NOTHING).await;
    assert_eq!(
        (missing.status, missing.header("www-authenticate")),
        (401, "Bearer realm=\"pms\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_name_of_its_key_is_tried_with_all_that_fit() {
    let signers = [
        Signer::es256("one"),
        Signer::es256("two"),
        Signer::ed_dsa("three"),
    ];
    let trusting = Trusting::start(&signers.each_ref()).await;
    let nameless = signers[1].sign_as(&json!({"alg": "ES256"}), &claims("shop", "read"));
    assert_eq!(trusting.ask(&nameless).await.status, 404);
    let stranger = Signer::es256("four").sign_as(&json!({"alg": "ES256"}), &claims("shop", "read"));
    trusting.assert_refused(&stranger, "signature").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_time_issuer_or_audience_is_refused_and_told_why() {
    let signer = Signer::es256("e");
    let trusting = Trusting::start(&[&signer]).await;
    let now = Utc::now().timestamp();
    for (name, value, words) in [
        ("exp", json!(now - 40), "has expired"),
        ("nbf", json!(now + 60), "not valid yet"),
        ("iss", json!("https://other.example.com"), "another issuer"),
        ("aud", json!("elsewhere"), "another audience"),
        ("aud", json!([]), "another audience"),
        ("exp", Value::Null, "exp"),
        ("exp", json!("tomorrow"), "exp"),
        ("nbf", json!("yesterday"), "malformed"),
        ("iss", Value::Null, "iss"),
        ("aud", Value::Null, "aud"),
        ("account", Value::Null, "names no account"),
        ("account", json!(7), "names no account"),
        ("account", json!("nobody"), "does not exist"),
    ] {
        let token = signer.sign(&claims_but(name, value));
        trusting.assert_refused(&token, words).await;
    }
    // Clocks may differ by half a minute.
    for (name, value) in [("exp", json!(now - 5)), ("nbf", json!(now + 10))] {
        let answer = trusting.ask(&signer.sign(&claims_but(name, value))).await;
        assert_eq!(answer.status, 404, "{name}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_no_more_than_its_scope_says() {
    let signer = Signer::ed_dsa("d");
    let more = [
        ("PMS__AUTH__JWT__SCOPE_CLAIM", "realm_access.roles"),
        ("PMS__AUTH__JWT__SCOPE_PREFIX", "pms:"),
    ];
    let trusting = Trusting::start_with(&[&signer], &more).await;
    let with = |roles: Value| signer.sign(&claims_but("realm_access", json!({"roles": roles})));
    let mug = json!({"name": "Mug", "price": {"amount": "1.00"}}).to_string();
    let reader = with(json!(["pms:read", "admin"]));
    assert_eq!(
        trusting.send(Method::GET, PRODUCTS, &reader, "").await.status,
        200
    );
    let refused = trusting.send(Method::POST, PRODUCTS, &reader, &mug).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.header("www-authenticate").contains("scope=\"write\""));
    let writer = with(json!(["pms:write"]));
    assert_eq!(
        trusting.send(Method::POST, PRODUCTS, &writer, &mug).await.status,
        201
    );
    let nobody = trusting.ask(&with(json!(["admin"]))).await;
    assert_eq!(
        (nobody.status, &nobody.body["code"]),
        (403, &json!("insufficient_scope"))
    );
    assert!(nobody.header("www-authenticate").contains("insufficient_scope"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_sees_and_changes_nothing_of_another_account() {
    let signer = Signer::es256("e");
    let trusting = Trusting::start(&[&signer]).await;
    let (mine, other) = (
        signer.sign(&claims("shop", "write")),
        signer.sign(&claims("other", "admin")),
    );
    let mug = json!({"name": "Mug", "price": {"amount": "1.00"}}).to_string();
    let created = trusting.send(Method::POST, PRODUCTS, &mine, &mug).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let product = format!("{PRODUCTS}/{}", created.id());
    // Once from the database and once from the cache.
    for _ in 0..2 {
        assert_eq!(trusting.send(Method::GET, &product, &mine, "").await.status, 200);
        assert_eq!(trusting.send(Method::GET, &product, &other, "").await.status, 404);
    }
    assert_eq!(
        trusting.send(Method::DELETE, &product, &other, "").await.status,
        404
    );
    assert_eq!(
        trusting.send(Method::GET, PRODUCTS, &other, "").await.body["data"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_token_costs_no_question_to_the_database() {
    let signer = Signer::es256("e");
    let trusting = Trusting::start(&[&signer]).await;
    let token = signer.sign(&claims("shop", "read"));
    assert_eq!(trusting.ask(&token).await.status, 404);
    trusting.app.database.refuse_connections().await;
    // Whoever asks the database is told that it is away.
    let other = signer.sign(&claims("other", "read"));
    eventually(SOON, async || {
        (trusting.ask(&other).await.status == 503).then_some(())
    })
    .await;
    assert_eq!(trusting.ask(&token).await.status, 404);
    assert_eq!(
        trusting.ask(&signer.sign(&claims("shop", "write"))).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_made_is_let_in_within_seconds() {
    let signer = Signer::es256("e");
    let trusting = Trusting::start(&[&signer]).await;
    let token = signer.sign(&claims("new", "read"));
    trusting.assert_refused(&token, "does not exist").await;
    let made = crate::commands::said(crate::commands::command(
        &trusting.app,
        &["accounts"],
        &["create", "new"],
    ))
    .await;
    assert!(made.is_success, "{made:?}");
    eventually(SOON, async || {
        (trusting.ask(&token).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subject_is_counted_for_itself() {
    let signer = Signer::es256("e");
    let more = [("PMS__LIMITS__RATE", "1"), ("PMS__LIMITS__BURST", "3")];
    let trusting = Trusting::start_with(&[&signer], &more).await;
    let of = |subject: &str| signer.sign(&claims_but("sub", json!(subject)));
    let (eager, calm) = (of("eager"), of("calm"));
    eventually(SOON, async || {
        (trusting.ask(&eager).await.status == 429).then_some(())
    })
    .await;
    let answer = trusting.ask(&calm).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert_eq!(answer.header("ratelimit"), "\"default\";r=2;t=1");
}
