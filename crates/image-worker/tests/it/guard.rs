//! What the fetcher must never connect to, in whatever form it is named.

use std::{
    io,
    net::{IpAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use domain::ImageErrorCode::{BlockedAddress, DownloadFailed};
use image_worker::{configure, fetch::Lookup};
use runtime::{
    Settings,
    settings::{LoadOptions, Program},
};
use testkit::{Origin, Reply};

use crate::stage::{HERE, LIMITS, failure_of, fetcher, fetcher_at, hop_guard, local_fetcher, verdict};

/// One of each kind that nobody listens at here: this network, private, shared by carriers, link-local, multicast,
/// broadcast; then the same behind IPv6, Teredo, unique-local, link-local and multicast.
const CLOSED: [&str; 16] = [
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a00:1::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
    "[fec0::1]",
];

fn is_quiet(canary: &TcpListener) -> bool {
    canary.set_nonblocking(true).unwrap();
    matches!(canary.accept(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn no_form_of_a_closed_address_is_connected_to() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    let names = Lookup::Function(Arc::new(|host: &str| {
        assert!(
            host.starts_with("localhost"),
            "{host} is an address and needs no look-up"
        );
        Ok(vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()])
    }));
    let fetcher = fetcher(LIMITS, &[], names);
    let hosts = [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "%31%32%37.0.0.1",
        "１２７.０.０.１",
        "127。0。0。1",
        "0",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::1]",
        "localhost",
        "LocalHost",
        "localhost.",
    ];
    for host in hosts.into_iter().chain(CLOSED) {
        for scheme in ["http", "https"] {
            let outcome = fetcher.fetch(&format!("{scheme}://{host}:{port}/a.jpg")).await;
            assert_eq!(verdict(outcome), (BlockedAddress, false), "{scheme} {host}");
        }
    }
    assert!(is_quiet(&canary), "a connection was made");
}

/// A name that has these addresses.
fn leading_to(addresses: &[&str]) -> Lookup {
    let addresses: Vec<IpAddr> = addresses
        .iter()
        .map(|address| address.trim_matches(['[', ']']).parse().unwrap())
        .collect();
    Lookup::Function(Arc::new(move |_: &str| Ok(addresses.clone())))
}

#[tokio::test]
async fn a_name_that_leads_to_closed_addresses_alone_is_not_connected_to() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    let mapped = "[::ffff:127.0.0.1]";
    let single = CLOSED.into_iter().chain(["127.0.0.1", mapped]);
    let several = [
        vec!["10.0.0.1", "127.0.0.1"],
        vec![mapped, "127.0.0.1", "[fe80::1]"],
    ];
    let single = single.map(|closed| vec![closed]);
    for addresses in single.chain(several) {
        let outcome = fetcher(LIMITS, &[], leading_to(&addresses))
            .fetch(&format!("http://shop.test:{port}/a.jpg"))
            .await;
        assert_eq!(verdict(outcome), (BlockedAddress, false), "{addresses:?}");
    }
    assert!(is_quiet(&canary), "a connection was made");
}

#[tokio::test]
async fn of_a_name_with_open_and_closed_addresses_the_open_ones_alone_are_connected_to() {
    let origin = Origin::start().await;
    let port = origin.address().port();
    // It would answer first, and as well: only the judge stands in between.
    let canary = TcpListener::bind(("127.0.0.2", port)).unwrap();
    origin.serve("/a.jpg", Reply::jpeg("from the open one"));
    let lookup = leading_to(&["127.0.0.2", "10.0.0.1", "127.0.0.1"]);
    let fetched = fetcher(LIMITS, HERE, lookup)
        .fetch(&format!("http://shop.test:{port}/a.jpg"))
        .await
        .unwrap();
    assert_eq!(fetched.bytes, "from the open one");
    assert!(is_quiet(&canary), "a connection was made");
}

#[tokio::test]
async fn a_user_name_that_looks_like_a_host_leads_nowhere() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    let origin = Origin::start().await;
    for url in [
        format!("http://8.8.8.8@127.0.0.1:{port}/"),
        format!("http://example.com:80@127.0.0.1:{port}/"),
        format!("http://example.com%2F@127.0.0.1:{port}/"),
    ] {
        // Even where the address itself is open.
        for fetcher in [fetcher(LIMITS, &[], Lookup::System), local_fetcher()] {
            assert_eq!(
                verdict(fetcher.fetch(&url).await),
                (DownloadFailed, false),
                "{url}"
            );
        }
        let redirecting = origin.serve("/start", Reply::redirect(url.clone()));
        let outcome = local_fetcher().fetch(&redirecting).await;
        assert_eq!(verdict(outcome), (DownloadFailed, false), "to {url}");
    }
    assert!(is_quiet(&canary), "a connection was made");
}

#[tokio::test]
async fn a_closed_port_is_not_connected_to_at_once_nor_by_a_redirect() {
    let origin = Origin::start().await;
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let (open, closed) = (origin.address().port(), canary.local_addr().unwrap().port());
    let questions = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&questions);
    let lookup = Lookup::Function(Arc::new(move |_: &str| {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }));
    // The address is open: only the port stands in between.
    let fetcher = fetcher_at(LIMITS, hop_guard(HERE, &[open]), lookup);
    for url in [
        format!("http://127.0.0.1:{closed}/a.jpg"),
        format!("https://127.0.0.1:{closed}/a.jpg"),
        format!("http://shop.test:{closed}/a.jpg"),
    ] {
        let redirecting = origin.serve("/start", Reply::redirect(url.clone()));
        for (url, redirects) in [(url, false), (redirecting, true)] {
            let failure = failure_of(fetcher.fetch(&url).await);
            assert_eq!(
                (failure.code, failure.is_passing),
                (BlockedAddress, false),
                "{url}"
            );
            // Which ports are open is told, and nothing of where a redirect leads.
            assert!(
                failure.detail.ends_with(&format!(": {open}")),
                "{}",
                failure.detail
            );
            let names_it = failure.detail.contains(&closed.to_string());
            assert!(!(redirects && names_it), "{}", failure.detail);
        }
    }
    assert_eq!(questions.load(Ordering::SeqCst), 0, "a name was asked for");
    assert!(is_quiet(&canary), "a connection was made");
    let good = origin.serve("/good.jpg", Reply::jpeg("good"));
    let moved = origin.serve("/moved.jpg", Reply::redirect(good));
    assert_eq!(fetcher.fetch(&moved).await.unwrap().bytes, "good");
}

#[tokio::test]
async fn unless_the_operator_says_otherwise_only_ports_of_the_web_are_connected_to() {
    let settings = Settings::load(&LoadOptions::bare(Program::ImageWorker, "/nonexistent")).unwrap();
    let guard = configure::hop_guard(&settings.images);
    assert_eq!(guard.ports(), [80, 443, 8080, 8443]);
    let fetcher = fetcher_at(LIMITS, guard, Lookup::System);
    for url in [
        "http://8.8.8.8:25/",
        "http://8.8.8.8:22/a.jpg",
        "https://8.8.8.8:6379/a.jpg",
        "http://[2606:4700:4700::1111]:5432/a.jpg",
    ] {
        let failure = failure_of(fetcher.fetch(url).await);
        assert_eq!(
            (failure.code, failure.is_passing),
            (BlockedAddress, false),
            "{url}"
        );
        assert!(
            failure.detail.contains("80, 443, 8080, 8443"),
            "{}",
            failure.detail
        );
    }
}

#[tokio::test]
async fn every_hop_is_judged() {
    let origin = Origin::start().await;
    let canary = TcpListener::bind("127.0.0.2:0").unwrap();
    let elsewhere = format!("http://{}/a.jpg", canary.local_addr().unwrap());
    let port = canary.local_addr().unwrap().port();
    let cases = [
        ("http://169.254.169.254/latest/meta-data/", BlockedAddress),
        (elsewhere.as_str(), BlockedAddress),
        (&format!("//2130706434:{port}/"), BlockedAddress),
        (&format!("http://[::ffff:127.0.0.2]:{port}/"), BlockedAddress),
        ("file:///etc/passwd", DownloadFailed),
        ("gopher://127.0.0.1/", DownloadFailed),
        ("data:image/png;base64,AAAA", DownloadFailed),
        ("http://somebody:secret@127.0.0.1/", DownloadFailed),
        ("http://", DownloadFailed),
    ];
    for (location, code) in cases {
        let url = origin.serve("/start", Reply::redirect(location));
        let failure = failure_of(local_fetcher().fetch(&url).await);
        assert_eq!((failure.code, failure.is_passing), (code, false), "{location}");
        for secret in ["169.254", "127.0.0.2", "secret", "passwd"] {
            assert!(!failure.detail.contains(secret), "{}", failure.detail);
        }
    }
    assert!(is_quiet(&canary), "a connection was made");
}

#[tokio::test]
async fn a_name_that_moves_between_two_questions_gains_nothing() {
    let origin = Origin::start().await;
    let port = origin.address().port();
    // The second address answers as well as the first: only the judge stands in between.
    let canary = TcpListener::bind(("127.0.0.2", port)).unwrap();
    origin.serve(
        "/a.jpg",
        Reply::redirect(format!("http://moving.test:{port}/b.jpg")),
    );
    let questions = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&questions);
    let lookup = Lookup::Function(Arc::new(move |host: &str| {
        assert_eq!(host, "moving.test");
        let answer = match asked.fetch_add(1, Ordering::SeqCst) {
            0 => "127.0.0.1",
            _ => "127.0.0.2",
        };
        Ok(vec![answer.parse::<IpAddr>().unwrap()])
    }));
    let outcome = fetcher(LIMITS, HERE, lookup)
        .fetch(&format!("http://moving.test:{port}/a.jpg"))
        .await;
    assert_eq!(verdict(outcome), (BlockedAddress, false));
    assert_eq!(origin.hits("/a.jpg"), 1);
    // One question for each connection: what was judged is what would have been connected to.
    assert_eq!(questions.load(Ordering::SeqCst), 2);
    assert!(is_quiet(&canary), "a connection was made");
}
