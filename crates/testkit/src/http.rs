//! An HTTP client, and ports to listen on.

use std::{net::TcpListener, time::Duration};

/// A client that follows no redirects and gives up after half a minute. Installs the TLS provider that the library
/// wants to find.
pub fn http_client() -> reqwest::Client {
    // Fails where it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // Shorter than any server keeps an idle connection, so that none is used while it is being closed.
        .pool_idle_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client can be built")
}

/// A port of 127.0.0.1 that nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}
