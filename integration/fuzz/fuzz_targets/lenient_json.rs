//! See `tuffet_fuzz::lenient_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::lenient_json::run(data));
