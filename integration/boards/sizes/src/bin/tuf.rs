#![no_std]
#![no_main]
use tuffet_tuf as _;
tuffet_sizes::start_with!(run);
fn run() {
    core::hint::black_box(tuffet_sizes::input());
}
