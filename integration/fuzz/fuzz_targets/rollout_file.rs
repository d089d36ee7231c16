//! See `tuffet_fuzz::rollout_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::rollout_file::run(data));
