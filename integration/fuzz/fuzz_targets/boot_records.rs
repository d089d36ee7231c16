//! See `tuffet_fuzz::boot_records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tuffet_fuzz::boot_records::run(data));
