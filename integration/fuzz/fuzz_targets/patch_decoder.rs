//! See `tuffet_fuzz::patch_decoder`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::patch_decoder::run(data));
