//! Nothing but what every program has; the others are measured against it.
#![no_std]
#![no_main]

tuffet_sizes::start_with!(run);

fn run() {
    core::hint::black_box(tuffet_sizes::input());
}
