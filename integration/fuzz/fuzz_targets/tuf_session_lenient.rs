//! See `tuffet_fuzz::tuf_session_lenient`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::tuf_session_lenient::run(data));
