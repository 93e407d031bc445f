//! What a URL leads to: no way of writing it makes a closed address public, or another port or scheme an open one.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use outbound::{AddressGuard, HopGuard, address};
use url::{Host, Url};

const PORTS: [u16; 2] = [80, 443];

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(url) = Url::parse(text) else {
        return;
    };
    let is_let_through = HopGuard::new(AddressGuard::default(), PORTS.to_vec())
        .judge(&url)
        .is_ok();
    if is_let_through {
        // As it is written, and not by the parser's own answers.
        let rest = url
            .as_str()
            .strip_prefix("http://")
            .or_else(|| url.as_str().strip_prefix("https://"));
        let rest = rest.unwrap_or_else(|| panic!("{url} is of another scheme"));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(!authority.is_empty() && !authority.contains('@'), "{url}");
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        let port = port.filter(|port| !port.ends_with(']'));
        let is_open = |port: &str| PORTS.iter().any(|open| open.to_string() == port);
        assert!(port.is_none_or(is_open), "{url}");
    }
    let found: IpAddr = match url.host() {
        Some(Host::Ipv4(four)) => four.into(),
        Some(Host::Ipv6(six)) => six.into(),
        _ => return,
    };
    let destination = address::destination(found);
    assert_eq!(address::is_public(found), address::is_public(destination));
    assert_eq!(AddressGuard::default().permits(found), address::is_public(found));
    let is_closed = match found {
        IpAddr::V4(four) => is_closed_v4(four),
        IpAddr::V6(six) => is_closed_v6(six),
    };
    assert!(!(is_closed && address::is_public(found)), "{found}");
    assert!(!(is_closed && is_let_through), "{url}");
});

/// By the first bytes, and by the standard library where it knows a kind: not by the table that is being tried.
fn is_closed_v4(four: Ipv4Addr) -> bool {
    let [a, b, _, _] = four.octets();
    let is_this_network = a == 0;
    let is_shared = a == 100 && b & 0xc0 == 64;
    let is_benchmark = a == 198 && b & 0xfe == 18;
    let is_reserved = a >= 240;
    is_this_network
        || is_shared
        || is_benchmark
        || is_reserved
        || four.is_private()
        || four.is_loopback()
        || four.is_link_local()
        || four.is_multicast()
        || four.is_broadcast()
        || four.is_documentation()
}

fn is_closed_v6(six: Ipv6Addr) -> bool {
    let last = |segments: [u16; 2]| Ipv4Addr::from(u32::from(segments[0]) << 16 | u32::from(segments[1]));
    match six.segments() {
        // Unspecified, loopback and IPv4-compatible; mapped; translated; Teredo; 6to4.
        [0, 0, 0, 0, 0, 0, ..] => true,
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_closed_v4(last([high, low]))
        }
        [0x2001, 0, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => true,
        _ => six.is_unique_local() || six.is_unicast_link_local() || six.is_multicast(),
    }
}
