//! The issuer's keys, as they change and go away.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use testkit::{Origin, Reply, eventually, free_port};

use super::{NOTHING, SOON, Trusting, claims, key_set, make_accounts, send, settings, signer::Signer};
use crate::app::TestApp;

/// Nothing but what tokens ask for is read within a test.
const RARELY: (&str, &str) = ("PMS__AUTH__JWT__REFRESH_EVERY", "1h");
const OFTEN: [(&str, &str); 2] = [
    ("PMS__AUTH__JWT__REFRESH_EVERY", "1s"),
    ("PMS__AUTH__JWT__REFRESH_PAUSE", "100ms"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_new_is_fetched_when_a_token_names_it() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let more = [RARELY, ("PMS__AUTH__JWT__REFRESH_PAUSE", "100ms")];
    let trusting = Trusting::start_with(&[&old], &more).await;
    let (of_old, of_new) = (
        old.sign(&claims("shop", "read")),
        new.sign(&claims("shop", "read")),
    );
    assert_eq!(trusting.ask(&of_old).await.status, 404);
    trusting.assert_refused(&of_new, "does not have").await;
    trusting.issuer.serve("/jwks", key_set(&[&new]));
    eventually(SOON, async || {
        (trusting.ask(&of_new).await.status == 404).then_some(())
    })
    .await;
    // What the issuer does not have any more does not count any more.
    trusting.assert_refused(&of_old, "does not have").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_names_of_keys_do_not_have_the_issuer_asked_each_time() {
    let (signer, stranger) = (Signer::es256("e"), Signer::es256("made-up"));
    let trusting = Trusting::start_with(&[&signer], &[RARELY]).await;
    assert_eq!(
        trusting.ask(&signer.sign(&claims("shop", "read"))).await.status,
        404
    );
    let token = stranger.sign(&claims("shop", "read"));
    for _ in 0..20 {
        trusting.assert_refused(&token, "does not have").await;
    }
    // The first reading, and none since: the pause is ten seconds.
    assert!(
        trusting.issuer.hits("/jwks") <= 2,
        "{}",
        trusting.issuer.hits("/jwks")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_issuer_is_away_the_keys_of_before_count() {
    let (signer, stranger) = (Signer::es256("e"), Signer::es256("unknown"));
    let trusting = Trusting::start_with(&[&signer], &OFTEN).await;
    let token = signer.sign(&claims("shop", "read"));
    assert_eq!(trusting.ask(&token).await.status, 404);
    for reply in [
        Reply::Status(500),
        Reply::HangUp,
        Reply::Bytes {
            content_type: "application/json".to_owned(),
            body: Bytes::from_static(b"{\"keys\": []}"),
        },
        Reply::Endless {
            content_type: "application/json".to_owned(),
            start: Bytes::from_static(b"{\"keys\": ["),
        },
    ] {
        let before = trusting.issuer.hits("/jwks");
        trusting.issuer.serve("/jwks", reply);
        eventually(SOON, async || {
            (trusting.issuer.hits("/jwks") > before + 1).then_some(())
        })
        .await;
        assert_eq!(trusting.ask(&token).await.status, 404);
    }
    // Whose key is not known cannot be told from a forgery.
    let answer = trusting.ask(&stranger.sign(&claims("shop", "read"))).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_at_the_start_is_waited_for() {
    let signer = Signer::es256("e");
    let nowhere = format!("http://127.0.0.1:{}/jwks", free_port());
    let app = TestApp::start_with(&settings(&nowhere)).await;
    make_accounts(&app).await;
    let token = signer.sign(&claims("shop", "read"));
    let answer = send(&app, Method::GET, NOTHING, &token, "").await;
    assert_eq!(answer.status, 503, "{}", answer.text);

    let issuer = Origin::start().await;
    let jwks = issuer.serve(
        "/jwks",
        Reply::First {
            times: 2,
            reply: Box::new(Reply::Status(503)),
            then: Box::new(key_set(&[&signer])),
        },
    );
    let beside = app.start_beside(&[&settings(&jwks)[..], &OFTEN].concat()).await;
    eventually(SOON, async || {
        let answer = send(&beside, Method::GET, NOTHING, &token, "").await;
        (answer.status == 404).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_answer_keeps_nobody_waiting_for_long() {
    let (signer, stranger) = (Signer::es256("e"), Signer::es256("unknown"));
    let more = [RARELY, OFTEN[1], ("PMS__AUTH__JWT__REQUEST_TIMEOUT", "300ms")];
    let trusting = Trusting::start_with(&[&signer], &more).await;
    let token = signer.sign(&claims("shop", "read"));
    assert_eq!(trusting.ask(&token).await.status, 404);
    trusting.issuer.serve("/jwks", Reply::Hang);
    let strange = stranger.sign(&claims("shop", "read"));
    let asked = tokio::time::timeout(SOON, async {
        eventually(SOON, async || {
            (trusting.ask(&strange).await.status == 503).then_some(())
        })
        .await;
    });
    asked.await.unwrap();
    assert_eq!(trusting.ask(&token).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_keys_may_be_replaced() {
    let (old, new) = (Signer::es256("old"), Signer::ed_dsa("new"));
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let write = |signer: &Signer| {
        let set = serde_json::json!({"keys": [signer.jwk()]});
        std::fs::write(&path, set.to_string()).unwrap();
    };
    write(&old);
    let settings = settings(path.to_str().unwrap());
    let app = TestApp::start_with(&[&settings[..], &OFTEN].concat()).await;
    make_accounts(&app).await;
    let status = async |signer: &Signer| {
        let token = signer.sign(&claims("shop", "read"));
        send(&app, Method::GET, NOTHING, &token, "").await.status
    };
    assert_eq!((status(&old).await, status(&new).await), (404, 401));
    write(&new);
    eventually(Duration::from_secs(10), async || {
        ((status(&old).await, status(&new).await) == (401, 404)).then_some(())
    })
    .await;
}
