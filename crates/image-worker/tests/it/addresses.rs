//! Every address that the fuzzer starts from, and every one that it once found.

use std::{fs, path::Path};

use image_worker::fetch::{AddressGuard, HopGuard};
use outbound::HopFault;
use url::Url;

#[test]
fn of_the_corpus_of_addresses_only_the_public_one_is_permitted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/addresses");
    let guard = HopGuard::new(AddressGuard::default(), vec![80, 443]);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let verdict = match path.file_name().unwrap().to_str().unwrap() {
            "public" => Ok(()),
            "port" => Err(HopFault::Port),
            "scheme" => Err(HopFault::Scheme),
            "user" | "password" => Err(HopFault::UserInfo),
            _ => Err(HopFault::Address),
        };
        assert_eq!(guard.judge(&Url::parse(text.trim()).unwrap()), verdict, "{text}");
        count += 1;
    }
    assert!(count >= 13, "{count} addresses in the corpus");
}
