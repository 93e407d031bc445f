//! The header of whatever comes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = imaging::probe(bytes);
});
