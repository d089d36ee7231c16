//! See `tuffet_fuzz::release_document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::release_document::run(data));
