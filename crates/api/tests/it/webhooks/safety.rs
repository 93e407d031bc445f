//! What is never connected to.

use std::{io::ErrorKind, net::TcpListener};

use reqwest::Method;
use serde_json::Value;

use super::{
    QUICK, quick, received,
    receiver::{Conduct, Receiver},
};
use crate::app::TestApp;

/// A port that nobody is to connect to. Nothing accepts there, so that a connection stays to be seen.
struct Canary(TcpListener);

impl Canary {
    fn listen(host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}/latest/meta-data", self.0.local_addr().unwrap())
    }

    fn assert_untouched(&self, what: &str) {
        match self.0.accept() {
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{what}"),
            Ok((_, from)) => panic!("{what}: connected to from {from}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_never_connected_to() {
    // As an operator has it who has opened nothing.
    let app = TestApp::start_with(&[("PMS__WEBHOOKS__RETRY_DELAYS", "[]")]).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    for host in [
        "127.0.0.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "localhost",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let (id, _) = app.endpoint(&format!("http://{host}:{port}"), &["*"]).await;
        app.create("Mug", 0).await;
        let failed = app.newest_is(&id, "failed").await;
        assert_eq!(failed["attempts"][0]["error"], "blocked_address", "{host}");
    }
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let app = TestApp::start_with(&QUICK).await;
    let inside = Receiver::start(Conduct::Status(200)).await;
    let outside = Receiver::start(Conduct::Redirect(307, inside.url())).await;
    let (id, _) = app.endpoint(&outside.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let failed = app.newest_is(&id, "failed").await;
    assert_eq!(failed["attempts"][0]["status_code"], 307);
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(inside.received().len(), 0);
    assert_eq!(received(&outside, 4).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_private_address_fails_and_leads_to_no_connection() {
    // The endpoints' own address is open, and no other of this machine.
    let app = TestApp::start_with(&quick(&[
        ("PMS__WEBHOOKS__ALLOWED_NETWORKS", "[127.0.0.1/32]"),
        ("PMS__WEBHOOKS__RETRY_DELAYS", "[]"),
    ]))
    .await;
    let (shut, open) = (Canary::listen("127.0.0.2"), Canary::listen("127.0.0.1"));
    for status in [301, 302, 303, 307, 308] {
        // No address is connected to for being redirected to, not even one that may be.
        for canary in [&open, &shut] {
            let what = format!("{status} to {}", canary.url());
            let outside = Receiver::start(Conduct::Redirect(status, canary.url())).await;
            let (id, _) = app.endpoint(&outside.url(), &["product.deleted"]).await;
            app.ask(Method::POST, &format!("/{id}/ping"), None).await;
            let failed = app.newest_is(&id, "failed").await;
            canary.assert_untouched(&what);
            let attempts = failed["attempts"].as_array().unwrap();
            assert_eq!(attempts.len(), 1, "{what}");
            assert_eq!(attempts[0]["status_code"], status, "{what}");
            assert_eq!(attempts[0]["error"], Value::Null, "{what}");
            assert_eq!(outside.received().len(), 1, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_at_a_port_that_is_not_open_is_not_connected_to() {
    let app = TestApp::start_with(&quick(&[
        ("PMS__WEBHOOKS__ALLOWED_PORTS", "[443]"),
        ("PMS__WEBHOOKS__RETRY_DELAYS", "[]"),
    ]))
    .await;
    let canary = Canary::listen("127.0.0.1");
    let (id, _) = app.endpoint(&canary.url(), &["product.deleted"]).await;
    app.ask(Method::POST, &format!("/{id}/ping"), None).await;
    let failed = app.newest_is(&id, "failed").await;
    assert_eq!(failed["attempts"][0]["error"], "blocked_address");
    canary.assert_untouched("the port");
}
