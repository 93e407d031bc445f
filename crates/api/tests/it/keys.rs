//! `api keys`, run as an operator does.

use api::access::token::Token;
use reqwest::Method;

use crate::{
    app::TestApp,
    commands::{Said, command, said},
};

async fn keys(app: &TestApp, arguments: &[&str]) -> Said {
    said(command(app, &["keys"], arguments)).await
}

/// The key that was shown, alone on its line.
fn shown(said: &Said) -> &str {
    assert!(said.is_success, "{said:?}");
    let key = said.text.lines().find(|line| line.starts_with("pms_")).unwrap();
    key.parse::<Token>().unwrap();
    key
}

async fn lets_in(app: &TestApp, key: &str) -> bool {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str())];
    let answer = app
        .send(Method::GET, "/api/v1/products", &headers, Vec::new())
        .await;
    answer.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_rotated_and_revoked() {
    let app = TestApp::start_with(&[("PMS__AUTH__MODE", "keys")]).await;
    let create = [
        "create",
        "--account",
        "shop",
        "--scope",
        "write",
        "--name",
        "till 4",
    ];
    let refused = keys(&app, &create).await;
    assert!(
        !refused.is_success && refused.says("--new-account"),
        "{refused:?}"
    );
    let made = keys(&app, &[&create[..], &["--new-account"]].concat()).await;
    let first = shown(&made);
    assert!(lets_in(&app, first).await);

    let listed = keys(&app, &["list", "--account", "shop"]).await;
    let id = &first[..36];
    assert!(listed.says(id) && listed.says("shop  write  good") && listed.says("till 4"));
    assert!(listed.says("1 keys") && !listed.says(&first[37..]), "{listed:?}");
    assert!(!keys(&app, &["list", "--account", "nobody"]).await.is_success);

    let rotated = keys(&app, &["rotate", id, "--overlap", "1h"]).await;
    let second = shown(&rotated);
    assert!(lets_in(&app, first).await && lets_in(&app, second).await);
    assert!(keys(&app, &["list"]).await.says("good until"));

    let revoked = keys(&app, &["revoke", first]).await;
    assert!(revoked.is_success && revoked.says(id), "{revoked:?}");
    testkit::eventually(std::time::Duration::from_secs(5), async || {
        (!lets_in(&app, first).await).then_some(())
    })
    .await;
    assert!(lets_in(&app, second).await);
    assert!(!keys(&app, &["rotate", id]).await.is_success);
    let unknown = Token::generate().unwrap().reveal();
    assert!(!keys(&app, &["revoke", &unknown]).await.is_success);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_words_are_refused_with_the_right_ones() {
    let app = TestApp::start().await;
    let refused = keys(&app, &["create", "--account", "default", "--scope", "all"]).await;
    assert!(
        !refused.is_success && refused.says("read write admin"),
        "{refused:?}"
    );
    assert!(keys(&app, &["revoke", "mine"]).await.says("api keys list"));
    let made = keys(
        &app,
        &[
            "create",
            "--account",
            "default",
            "--scope",
            "read",
            "--expires-in",
            "90d",
        ],
    )
    .await;
    shown(&made);
    assert!(made.says("auth.mode: keys"), "{made:?}");
}
