//! Callers that are slow, and requests that are too large: raw connections, so that nothing is put right on the way.

use std::time::Duration;

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::app::TestApp;

const PATIENCE: Duration = Duration::from_secs(30);
/// Between two bytes.
const PAUSE: Duration = Duration::from_millis(20);
/// A connection is closed soon once nothing is asked on it; heads have time enough on a busy machine.
const RESTS: [(&str, &str); 2] = [
    ("PMS__SERVER__HEAD_TIMEOUT", "3s"),
    ("PMS__SERVER__KEEP_ALIVE", "300ms"),
];
const WHOLE: &str = "GET /health/live HTTP/1.1\r\nhost: test\r\n\r\n";

async fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(app.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends `start`, and then a byte at a time without end; what comes back until the server closes.
async fn drip(stream: TcpStream, start: &str) -> String {
    let (mut reading, mut writing) = stream.into_split();
    writing.write_all(start.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            sleep(PAUSE).await;
        }
    });
    let mut answer = Vec::new();
    let mut block = [0; 1_024];
    let end = async {
        // A reset is an end as well: the server closed while a byte was on its way.
        while let Ok(1..) = reading
            .read(&mut block)
            .await
            .inspect(|count| answer.extend_from_slice(&block[..*count]))
        {}
    };
    timeout(PATIENCE, end).await.unwrap();
    dripping.abort();
    String::from_utf8(answer).unwrap()
}

/// Sends a whole request, and reads the whole answer, which has a length.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(WHOLE.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let whole = async {
        while !answer.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
    };
    timeout(PATIENCE, whole).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_a_byte_at_a_time_is_not_waited_for() {
    let app = TestApp::start_with(&[("PMS__SERVER__HEAD_TIMEOUT", "300ms")]).await;
    let answer = drip(
        connect(&app).await,
        "GET /health/live HTTP/1.1\r\nhost: test\r\nx-slow: ",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    // Nothing at all is a slow head too.
    let answer = drip(connect(&app).await, "").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_a_byte_at_a_time_is_not_waited_for() {
    let settings = [("PMS__SERVER__BODY_TIMEOUT", "300ms"), RESTS[0], RESTS[1]];
    let app = TestApp::start_with(&settings).await;
    for length in ["content-length: 100000", "transfer-encoding: chunked"] {
        let head = format!(
            "POST /api/v1/products HTTP/1.1\r\nhost: test\r\nx-request-id: slow\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
        );
        // The first chunk is a long one.
        let start = if length.contains("chunked") {
            "ffff\r\n{"
        } else {
            "{"
        };
        let answer = drip(connect(&app).await, &format!("{head}{start}")).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{length}: {answer}");
        assert!(answer.contains("x-request-id: slow"), "{answer}");
        assert!(
            answer.contains("\"code\":\"request_timeout\"") && answer.contains("300ms"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_head_is_not_waited_for_either() {
    let app = TestApp::start_with(&RESTS).await;
    let mut stream = connect(&app).await;
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    // It is closed without an answer: `drip` would go on for ever otherwise.
    let answer = drip(stream, "GET /health/live HTTP/1.1\r\nhost: test\r\nx-slow: ").await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_reads_holds_no_connection() {
    let app = TestApp::start_with(&[RESTS[0], RESTS[1], ("PMS__AUTH__MODE", "keys")]).await;
    for length in ["content-length: 100000", "transfer-encoding: chunked"] {
        let start = format!(
            "POST /api/v1/products HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n{length}\r\n\r\nffff\r\n"
        );
        let answer = drip(connect(&app).await, &start).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{length}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rests_is_closed() {
    let app = TestApp::start_with(&[("PMS__SERVER__KEEP_ALIVE", "300ms")]).await;
    let mut stream = connect(&app).await;
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    let rest = timeout(PATIENCE, stream.read(&mut [0; 16])).await.unwrap();
    assert_eq!(rest.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_served_than_the_limit() {
    let settings = [
        ("PMS__SERVER__MAX_CONNECTIONS", "1"),
        ("PMS__SERVER__WORKERS", "1"),
    ];
    let app = TestApp::start_with(&settings).await;
    let mut first = connect(&app).await;
    ask(&mut first).await;
    let mut second = connect(&app).await;
    second.write_all(WHOLE.as_bytes()).await.unwrap();
    for _ in 0..50 {
        ask(&mut first).await;
    }
    let early = second.try_read(&mut [0; 16]);
    assert!(early.is_err(), "{early:?}");
    drop(first);
    let mut start = [0; 12];
    timeout(PATIENCE, second.read_exact(&mut start))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_beyond_the_limits_is_refused_with_the_limit() {
    let settings = [
        ("PMS__SERVER__MAX_URI_BYTES", "1KiB"),
        ("PMS__SERVER__MAX_HEAD_BYTES", "2KiB"),
    ];
    let app = TestApp::start_with(&settings).await;
    let long = app
        .get(&format!("/api/v1/products?q={}", "x".repeat(1_024)))
        .await;
    assert_eq!((long.status, &long.body["code"]), (414, &"uri_too_long".into()));
    assert!(
        long.body["detail"].as_str().unwrap().contains("1024"),
        "{}",
        long.text
    );
    let cookie = "x".repeat(2_048);
    let large = app
        .send(
            Method::GET,
            "/api/v1/products",
            &[("cookie", &cookie)],
            Vec::new(),
        )
        .await;
    assert_eq!(
        (large.status, &large.body["code"]),
        (431, &"head_too_large".into())
    );
    assert!(
        large.body["detail"].as_str().unwrap().contains("2048"),
        "{}",
        large.text
    );
    // Beyond what the library reads, nobody is there to say more.
    let endless = format!(
        "GET / HTTP/1.1\r\nhost: test\r\nx-large: {}",
        "x".repeat(200 << 10)
    );
    let mut stream = connect(&app).await;
    // The server may close before it has taken everything.
    let _ = stream.write_all(endless.as_bytes()).await;
    let mut start = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut start))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused_before_it_comes() {
    let app = TestApp::start_with(&[("PMS__SERVER__MAX_BODY_BYTES", "1KiB")]).await;
    let head = "POST /api/v1/products HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n";
    for rest in [
        "content-length: 1000000\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n",
    ] {
        let start = if rest.contains("chunked") {
            format!("{head}{rest}2000\r\n{}", "x".repeat(0x1_000))
        } else {
            format!("{head}{rest}")
        };
        let mut stream = connect(&app).await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{rest}");
    }
}
