//! What a URL's host leads to: no way of writing an address makes a closed one public.

#![no_main]

use std::net::IpAddr;

use image_worker::fetch::{AddressGuard, address};
use url::{Host, Url};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(url) = Url::parse(text) else {
        return;
    };
    let found: IpAddr = match url.host() {
        Some(Host::Ipv4(four)) => four.into(),
        Some(Host::Ipv6(six)) => six.into(),
        _ => return,
    };
    let destination = address::destination(found);
    assert_eq!(address::is_public(found), address::is_public(destination));
    assert_eq!(AddressGuard::default().permits(found), address::is_public(found));
    if let IpAddr::V4(four) = destination {
        let closed = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_unspecified();
        assert!(!(closed && address::is_public(found)), "{found}");
    }
});
