//! What a stream costs.

use std::fs;

use serde_json::Value;
use testkit::{Binary, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{SOON, path};
use crate::app::TestApp;

const STREAMS: usize = 1_000;

/// Memory of a process that is in use, in bytes.
fn resident(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints a figure rather than checks one; run it by name with --nocapture"]
async fn memory_of_a_thousand_streams() {
    let app = TestApp::start().await;
    let (port, admin_port) = (testkit::free_port(), testkit::free_port());
    let ports = [
        ("PMS__SERVER__PORT".to_owned(), port.to_string()),
        ("PMS__SERVER__ADMIN_PORT".to_owned(), admin_port.to_string()),
        (
            "PMS__AWS__PUBLIC_BASE_URL".to_owned(),
            "https://pictures.example.com".to_owned(),
        ),
    ];
    let settings = [
        app.database.settings(),
        app.broker.settings(),
        app.redis.settings(),
    ]
    .concat();
    let settings = settings.into_iter().chain(ports);
    let process = Binary::start(env!("CARGO_BIN_EXE_api"), &["serve"], settings);
    let client = testkit::http_client();
    let ready = format!("http://127.0.0.1:{port}/health/live");
    eventually(SOON, async || client.get(&ready).send().await.ok()).await;
    let products: Vec<Value> = {
        let mut products = Vec::new();
        for index in 0..10 {
            products.push(app.create(&format!("Mug {index}"), 0).await.body);
        }
        products
    };
    let open = async |count: usize| {
        let mut streams = Vec::new();
        for index in 0..count {
            let id = products[index % products.len()]["id"].as_str().unwrap();
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let head = format!("GET {} HTTP/1.1\r\nhost: test\r\n\r\n", path(id));
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut beginning = [0; 64];
            stream.read_exact(&mut beginning).await.unwrap();
            assert!(beginning.starts_with(b"HTTP/1.1 200"));
            streams.push(stream);
        }
        streams
    };
    // What the first ones need is needed once.
    let warm = open(50).await;
    let before = resident(process.pid());
    let streams = open(STREAMS).await;
    let after = resident(process.pid());
    println!(
        "{} bytes of resident memory for each of {STREAMS} streams, connection included ({before} before, {after} after)",
        after.saturating_sub(before) / STREAMS
    );
    drop((warm, streams));
}
