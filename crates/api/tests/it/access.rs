//! Keys, scopes and accounts.

use std::time::Duration;

use api::access::token::Token;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Scope};
use reqwest::Method;
use serde_json::json;
use storage_postgres::{Database, NewApiKey, account_create, api_key_insert, api_key_revoke};

use crate::app::{Answer, TestApp};

const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Guarded {
    pub(crate) app: TestApp,
    database: Database,
}

/// A key as a caller has it.
pub(crate) struct Key(Token);

impl Guarded {
    pub(crate) async fn start() -> Self {
        let app = TestApp::start_with(&[("PMS__AUTH__MODE", "keys")]).await;
        let database = Database::new(&app.database.config()).unwrap();
        Self { app, database }
    }

    pub(crate) async fn key(&self, account: &str, scope: Scope) -> Key {
        self.key_until(account, scope, None).await
    }

    async fn key_until(&self, account: &str, scope: Scope, expires_at: Option<DateTime<Utc>>) -> Key {
        let token = Token::generate().unwrap();
        let key = NewApiKey {
            id: token.id,
            account_id: account_create(&self.database, account).await.unwrap(),
            name: String::new(),
            secret_hash: token.secret_hash(),
            scope,
            expires_at,
        };
        api_key_insert(&self.database, &key).await.unwrap();
        Key(token)
    }

    async fn send(&self, method: Method, path: &str, authorization: &str, body: &str) -> Answer {
        let headers = [
            ("authorization", authorization),
            ("content-type", "application/json"),
        ];
        self.app.send(method, path, &headers, body.into()).await
    }

    async fn list(&self, authorization: &str) -> Answer {
        self.send(Method::GET, "/api/v1/products", authorization, "")
            .await
    }
}

impl Key {
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0.reveal())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_there_is_no_way_in() {
    let guarded = Guarded::start().await;
    let key = guarded.key("shop", Scope::Read).await;
    assert_eq!(guarded.list(&key.bearer()).await.status, 200);
    assert_eq!(
        guarded
            .list(&key.bearer().replace("Bearer", "bearer"))
            .await
            .status,
        200
    );

    let missing = guarded.app.get("/api/v1/products").await;
    assert_eq!(missing.status, 401, "{}", missing.text);
    assert_eq!(missing.body["code"], "unauthenticated");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"pms\"");
    let stranger = Token::generate().unwrap();
    let expired = guarded
        .key_until("shop", Scope::Read, Some(Utc::now() - TimeDelta::seconds(1)))
        .await;
    let other_secret = key
        .bearer()
        .replace(&key.0.reveal()[37..], &stranger.reveal()[37..]);
    for bad in [
        &format!("Bearer {}", stranger.reveal()),
        &other_secret,
        &expired.bearer(),
        &key.bearer()[..20],
        &key.bearer().replace("Bearer", "Basic"),
        "Bearer",
        "",
    ] {
        let answer = guarded.list(bad).await;
        assert_eq!(answer.status, 401, "{bad}: {}", answer.text);
        assert!(
            answer.header("www-authenticate").contains("invalid_token"),
            "{bad}"
        );
    }
    // Nor is it told which addresses there are.
    assert_eq!(guarded.app.get("/api/v1/nothing").await.status, 401);
    for open in [
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/problems/unauthenticated",
    ] {
        assert_eq!(guarded.app.get(open).await.status, 200, "{open}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_no_more_than_its_scope_says() {
    let guarded = Guarded::start().await;
    let reader = guarded.key("shop", Scope::Read).await.bearer();
    let writer = guarded.key("shop", Scope::Write).await.bearer();
    let mug = json!({"name": "Mug", "price": {"amount": "1.00"}}).to_string();
    let products = "/api/v1/products";
    let refused = guarded.send(Method::POST, products, &reader, &mug).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert_eq!(refused.body["code"], "insufficient_scope");
    assert!(refused.header("www-authenticate").contains("scope=\"write\""));
    let created = guarded.send(Method::POST, products, &writer, &mug).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let product = format!("{products}/{}", created.id());
    assert_eq!(guarded.send(Method::GET, &product, &reader, "").await.status, 200);
    assert_eq!(
        guarded.send(Method::PATCH, &product, &reader, "{}").await.status,
        403
    );
    assert_eq!(
        guarded.send(Method::DELETE, &product, &reader, "").await.status,
        403
    );
    assert_eq!(
        guarded.send(Method::DELETE, &product, &writer, "").await.status,
        204
    );
    let webhooks = "/api/v1/webhook-endpoints";
    let administrator = guarded.key("shop", Scope::Admin).await.bearer();
    let status = async |bearer: &str| guarded.send(Method::GET, webhooks, bearer, "").await.status;
    assert_eq!((status(&writer).await, status(&administrator).await), (403, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sees_and_changes_nothing_of_another() {
    let guarded = Guarded::start().await;
    let mine = guarded.key("mine", Scope::Admin).await.bearer();
    let other = guarded.key("other", Scope::Admin).await.bearer();
    let mug = json!({"name": "Mug", "sku": "M-1", "price": {"amount": "1.00"}}).to_string();
    let created = guarded.send(Method::POST, "/api/v1/products", &mine, &mug).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let product = format!("/api/v1/products/{}", created.id());
    // Once from the database and once from the cache.
    for _ in 0..2 {
        assert_eq!(guarded.send(Method::GET, &product, &mine, "").await.status, 200);
        assert_eq!(guarded.send(Method::GET, &product, &other, "").await.status, 404);
    }
    assert_eq!(
        guarded.send(Method::PATCH, &product, &other, "{}").await.status,
        404
    );
    assert_eq!(
        guarded.send(Method::DELETE, &product, &other, "").await.status,
        404
    );
    let listed = guarded.list(&other).await;
    assert_eq!(listed.body["data"], json!([]));
    assert_eq!(
        guarded.list(&mine).await.body["data"].as_array().map(Vec::len),
        Some(1)
    );
    // A sku is unique in its account only.
    let same_sku = guarded.send(Method::POST, "/api/v1/products", &other, &mug).await;
    assert_eq!(same_sku.status, 201, "{}", same_sku.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_in_force_within_seconds_on_every_process() {
    let guarded = Guarded::start().await;
    let beside = guarded.app.start_beside(&[("PMS__AUTH__MODE", "keys")]).await;
    let key = guarded.key("shop", Scope::Read).await;
    let authorization = key.bearer();
    let headers = [("authorization", authorization.as_str())];
    let ask = async |app: &TestApp| {
        app.send(Method::GET, "/api/v1/products", &headers, Vec::new())
            .await
            .status
    };
    assert_eq!((ask(&guarded.app).await, ask(&beside).await), (200, 200));
    assert!(api_key_revoke(&guarded.database, key.0.id).await.unwrap());
    testkit::eventually(Duration::from_secs(5), async || {
        ((ask(&guarded.app).await, ask(&beside).await) == (401, 401)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_key_costs_no_question_to_the_database() {
    let guarded = Guarded::start().await;
    let key = guarded.key("shop", Scope::Read).await;
    let bearer = key.bearer();
    let revoke_unheard = "SET session_replication_role = replica; UPDATE api_keys SET revoked_at = now()";
    testkit::eventually(SOON, async || {
        let database = &guarded.app.database;
        database.execute("UPDATE api_keys SET revoked_at = NULL").await;
        if guarded.list(&bearer).await.status != 200 {
            return None;
        }
        // No trigger tells of this, so that only a question to the database would notice.
        database.execute(revoke_unheard).await;
        (guarded.list(&bearer).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_authentication_is_off_everybody_is_the_default_account() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let owner = app
        .database
        .count(&format!("products WHERE account_id = '{}'", AccountId::DEFAULT))
        .await;
    assert_eq!((created.status, owner), (201, 1));
}
