//! Signatures, as the library that the authors of Standard Webhooks publish judges them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    QUICK, received,
    receiver::{Conduct, Received, Receiver},
};
use crate::app::TestApp;

/// The body, where the library takes it for genuine.
async fn verified(secret: &str, received: &Received) -> Option<Value> {
    let delivery = json!({"secret": secret, "headers": received.headers, "body": received.text}).to_string();
    let run = move || {
        let script = testkit::workspace_root().join("deploy/local/verify-webhook");
        let mut child = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(delivery.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Some(serde_json::from_slice(&output.stdout).unwrap());
    }
    assert!(complaint.contains("No matching signature found"), "{complaint}");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_genuine_to_the_standards_own_library_and_a_forged_one_is_not() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let (id, secret) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let came = received(&receiver, 1).await.remove(0);
    assert_eq!(verified(&secret, &came).await.as_ref(), Some(&came.body));

    let mut tampered = came.clone();
    tampered.text = came.text.replace("\"version\":1", "\"version\":9");
    assert_ne!(tampered.text, came.text, "{}", came.text);
    assert_eq!(verified(&secret, &tampered).await, None);
    let mut renamed = came.clone();
    renamed
        .headers
        .insert("webhook-id".to_owned(), "another".to_owned());
    assert_eq!(verified(&secret, &renamed).await, None);

    // After a rotation both secrets fit.
    let rotated = app.ask(Method::POST, &format!("/{id}/rotate-secret"), None).await;
    assert_eq!(
        (rotated.status, rotated.header("cache-control")),
        (200, "no-store")
    );
    assert_eq!(rotated.header("etag"), "\"2\"");
    let new = rotated.body["secret"].as_str().unwrap();
    assert_ne!(new, secret);
    app.create("Cup", 0).await;
    let came = received(&receiver, 2).await.remove(1);
    assert_eq!(came.headers["webhook-signature"].split(' ').count(), 2);
    assert!(verified(&secret, &came).await.is_some());
    assert!(verified(new, &came).await.is_some());
}
