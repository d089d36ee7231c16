//! What the application says about updates, as lines of the contract.

use core::convert::Infallible;

use tuffet_board_layout::flash::Mapped;
use tuffet_mps2::serial::Uart;
use tuffet_mps2::start::own_address;
use tuffet_mps2::{Line, Nor, Stack, report};
use tuffet_no_std_client::{Outcome, Stop};

/// It started.
pub fn started<S: Mapped>(version: &str) {
    let [a, b] = S::MAP.slots.addresses();
    let slot = match own_address() {
        address if address == a && address == b => "any",
        address if address == a => "A",
        address if address == b => "B",
        _ => "none",
    };
    Line::of("app").with("version", version).with("slot", slot);
}

/// What an update came to.
pub fn update(outcome: &Result<Outcome, Stop<Infallible>>) {
    report::update::<Uart, _>(outcome);
}

/// What it cost so far.
pub fn cost(flash: &Nor, stack: &Stack) {
    let done = flash.done();
    Line::of("flash")
        .with_number("erases", done.erases)
        .with_number("writes", done.writes)
        .with_number("bytes", done.bytes);
    report::memory::<Uart>(stack);
}

/// How long it took, and how much of that the network had to be waited for.
pub fn time(took_us: u64, waited_us: u64) {
    // A longer one than an hour says no more than that.
    let number = |us: u64| u32::try_from(us).unwrap_or(u32::MAX);
    Line::of("time")
        .with_number("took_us", number(took_us))
        .with_number("waited_us", number(waited_us));
}
