//! The header of whatever comes.

#![no_main]

#[path = "panics.rs"]
mod panics;

libfuzzer_sys::fuzz_target!(init: panics::leave_to_the_shield(), |bytes: &[u8]| {
    let _ = imaging::probe(bytes);
});
