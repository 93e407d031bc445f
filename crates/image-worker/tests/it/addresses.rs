//! Every address that the fuzzer starts from, and every one that it once found.

use std::{fs, net::IpAddr, path::Path};

use image_worker::fetch::AddressGuard;
use url::{Host, Url};

#[test]
fn of_the_corpus_of_addresses_only_the_public_one_is_permitted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/addresses");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let address: IpAddr = match Url::parse(text.trim()).unwrap().host() {
            Some(Host::Ipv4(four)) => four.into(),
            Some(Host::Ipv6(six)) => six.into(),
            other => panic!("{text}: {other:?} is no address"),
        };
        let is_public = path.ends_with("public");
        assert_eq!(AddressGuard::default().permits(address), is_public, "{text}");
        count += 1;
    }
    assert!(count >= 10, "{count} addresses in the corpus");
}
