//! See `tuffet_fuzz::key_and_signature`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::key_and_signature::run(data));
