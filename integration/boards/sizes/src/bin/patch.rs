//! The patch core, which has no decoder yet: linked, so that its row is there and says 0.
#![no_std]
#![no_main]

use tuffet_patch as _;

tuffet_sizes::start_with!(run);

fn run() {
    core::hint::black_box(tuffet_sizes::input());
}
