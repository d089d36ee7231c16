//! See `tuffet_fuzz::patch_mixing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::patch_mixing::run(data));
