//! What the fetcher does to the network, and what it lets the network do.

use std::{io, sync::Arc, time::Duration};

use domain::ImageErrorCode::{DownloadFailed, DownloadTimeout, TooLarge};
use image_worker::fetch::Lookup;
use testkit::{Origin, Reply, free_port};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::stage::{HERE, LIMITS, fetcher, local_fetcher, verdict};

#[tokio::test]
async fn a_file_is_fetched_whole() {
    let origin = Origin::start().await;
    let body = vec![7; 300_000];
    let url = origin.serve("/a.jpg", Reply::jpeg(body.clone()));
    let fetched = local_fetcher().fetch(&url).await.unwrap();
    assert!(fetched.bytes == body);
    assert_eq!(fetched.redirects, 0);
}

#[tokio::test]
async fn redirects_are_followed_up_to_their_limit() {
    let origin = Origin::start().await;
    for hop in 0..8 {
        let status = [301, 302, 303, 307, 308][hop % 5];
        let location = match hop % 2 {
            0 => format!("{}", hop + 1),
            _ => origin.url(&format!("/{}", hop + 1)),
        };
        origin.serve(&format!("/{hop}"), Reply::Redirect { status, location });
    }
    origin.serve("/8", Reply::jpeg("the end"));
    let fetched = local_fetcher().fetch(&origin.url("/3")).await.unwrap();
    assert_eq!(
        (fetched.bytes.as_ref(), fetched.redirects),
        (b"the end".as_slice(), 5)
    );
    assert_eq!(
        verdict(local_fetcher().fetch(&origin.url("/2")).await),
        (DownloadFailed, false)
    );
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let origin = Origin::start().await;
    origin.serve("/a", Reply::redirect("/b"));
    let url = origin.serve("/b", Reply::redirect("/a"));
    assert_eq!(
        verdict(local_fetcher().fetch(&url).await),
        (DownloadFailed, false)
    );
    assert_eq!(origin.hits("/a") + origin.hits("/b"), 6);
}

#[tokio::test]
async fn too_many_bytes_are_refused_announced_or_not() {
    let origin = Origin::start().await;
    let announced = origin.serve(
        "/announced",
        Reply::CutShort {
            content_type: "image/jpeg".to_owned(),
            body: vec![0; 100].into(),
            announced: 1 << 40,
        },
    );
    let endless = origin.serve(
        "/endless",
        Reply::Endless {
            content_type: "image/jpeg".to_owned(),
            start: vec![0xff, 0xd8].into(),
        },
    );
    let max = usize::try_from(LIMITS.max_bytes).unwrap();
    let exact = origin.serve("/exact", Reply::jpeg(vec![0; max]));
    let above = origin.serve("/above", Reply::jpeg(vec![0; max + 1]));
    for url in [announced, endless, above] {
        assert_eq!(
            verdict(local_fetcher().fetch(&url).await),
            (TooLarge, false),
            "{url}"
        );
    }
    assert_eq!(local_fetcher().fetch(&exact).await.unwrap().bytes.len(), max);
}

#[tokio::test]
async fn a_broken_source_may_heal() {
    let origin = Origin::start().await;
    let cut = Reply::CutShort {
        content_type: "image/jpeg".to_owned(),
        body: vec![0; 100].into(),
        announced: 1_000,
    };
    let cases = [
        (origin.serve("/cut", cut), true),
        (origin.serve("/hang-up", Reply::HangUp), true),
        (origin.serve("/500", Reply::Status(500)), true),
        (origin.serve("/503", Reply::Status(503)), true),
        (origin.serve("/429", Reply::Status(429)), true),
        (origin.serve("/408", Reply::Status(408)), true),
        (format!("http://127.0.0.1:{}/", free_port()), true),
        (origin.serve("/403", Reply::Status(403)), false),
        (origin.url("/nothing"), false),
        ("not an address".to_owned(), false),
        ("ftp://127.0.0.1/".to_owned(), false),
        ("http://somebody@127.0.0.1/".to_owned(), false),
    ];
    for (url, is_passing) in cases {
        assert_eq!(
            verdict(local_fetcher().fetch(&url).await),
            (DownloadFailed, is_passing),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_host_that_nobody_knows_may_be_known_later() {
    let unknown = Lookup::Function(Arc::new(|_| Err(io::Error::other("no such host"))));
    let outcome = fetcher(LIMITS, &[], unknown)
        .fetch("https://nowhere.test/a.jpg")
        .await;
    assert_eq!(verdict(outcome), (DownloadFailed, true));
}

#[tokio::test]
async fn slowness_of_every_kind_has_a_limit() {
    let origin = Origin::start().await;
    let hang = origin.serve("/hang", Reply::Hang);
    let slow = origin.serve(
        "/slow",
        Reply::Slow {
            content_type: "image/jpeg".to_owned(),
            body: vec![0; 100_000].into(),
            bytes_per_second: 20,
        },
    );
    let mut limits = LIMITS;
    limits.idle_timeout = Duration::from_millis(400);
    let outcome = fetcher(limits, HERE, Lookup::System).fetch(&hang).await;
    assert_eq!(verdict(outcome), (DownloadTimeout, true));
    // Never idle for long, and never done.
    limits.idle_timeout = Duration::from_secs(10);
    limits.total_timeout = Duration::from_millis(800);
    let outcome = fetcher(limits, HERE, Lookup::System).fetch(&slow).await;
    assert_eq!(verdict(outcome), (DownloadTimeout, true));
}

#[tokio::test]
async fn requests_say_who_asks_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in [
            "HTTP/1.1 302 Found\r\nLocation: /b.jpg\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(String::from_utf8(request).unwrap().to_ascii_lowercase());
        }
        requests
    });
    local_fetcher()
        .fetch(&format!("http://127.0.0.1:{port}/a.jpg?size=full"))
        .await
        .unwrap();
    let requests = server.await.unwrap();
    let agent = concat!(
        "\r\nuser-agent: pms-image-worker/",
        env!("CARGO_PKG_VERSION"),
        "\r\n"
    );
    for request in &requests {
        assert!(request.contains(agent), "{request}");
        assert!(request.contains("\r\naccept-encoding: identity\r\n"), "{request}");
        for header in ["\r\ncookie:", "\r\nreferer:", "\r\nauthorization:"] {
            assert!(!request.contains(header), "{request}");
        }
    }
    assert!(requests[0].starts_with("get /a.jpg?size=full http/1.1\r\n"));
    assert!(requests[1].starts_with("get /b.jpg http/1.1\r\n"));
}
