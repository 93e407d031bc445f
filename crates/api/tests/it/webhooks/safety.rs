//! What is never connected to.

use super::{
    QUICK, received,
    receiver::{Conduct, Receiver},
};
use crate::app::TestApp;

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
    let outside = Receiver::start(Conduct::Redirect(inside.url())).await;
    let (id, _) = app.endpoint(&outside.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let failed = app.newest_is(&id, "failed").await;
    assert_eq!(failed["attempts"][0]["status_code"], 307);
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(inside.received().len(), 0);
    assert_eq!(received(&outside, 4).await.len(), 4);
}
