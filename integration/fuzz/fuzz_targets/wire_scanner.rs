//! See `tuffet_fuzz::wire_scanner`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::wire_scanner::run(data));
