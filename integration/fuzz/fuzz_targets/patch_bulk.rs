//! See `tuffet_fuzz::patch_bulk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::patch_bulk::run(data));
