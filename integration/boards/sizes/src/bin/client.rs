#![no_std]
#![no_main]
use tuffet_no_std_client as _;
tuffet_sizes::start_with!(run);
fn run() {
    core::hint::black_box(tuffet_sizes::input());
}
