//! See `tuffet_fuzz::tuf_state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::tuf_state::run(data));
