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
use image_worker::fetch::Lookup;
use testkit::{Origin, Reply};

use crate::stage::{HERE, LIMITS, failure_of, fetcher, local_fetcher, verdict};

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

#[tokio::test]
async fn a_name_that_leads_to_a_closed_address_among_others_is_not_connected_to() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    for closed in CLOSED.iter().chain(&["127.0.0.1", "[::ffff:127.0.0.1]"]) {
        let address: IpAddr = closed.trim_matches(['[', ']']).parse().unwrap();
        let lookup = Lookup::Function(Arc::new(move |_: &str| Ok(vec![address])));
        let outcome = fetcher(LIMITS, &[], lookup)
            .fetch(&format!("http://shop.test:{port}/a.jpg"))
            .await;
        assert_eq!(verdict(outcome), (BlockedAddress, false), "{closed}");
    }
    assert!(is_quiet(&canary), "a connection was made");
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
