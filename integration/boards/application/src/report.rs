//! What the application says about updates, as lines of the contract.

use core::convert::Infallible;

use tuffet_board_layout::flash::Mapped;
use tuffet_mps2::start::own_address;
use tuffet_mps2::{Line, Nor, Stack};
use tuffet_no_std_client::{Outcome, Stop, Way};

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
    let line = Line::of("update");
    match outcome {
        Ok(outcome) => told(line, outcome),
        Err(stop) => drop(line.with_number("error", stop.code()).with("name", stop.name())),
    }
}

fn told(line: Line, outcome: &Outcome) {
    match outcome {
        Outcome::Installed {
            version,
            way,
            fell_back,
        } => {
            let line = line
                .with("outcome", "installed")
                .with_version("version", [version.major, version.minor, version.patch])
                .with("way", name(*way));
            if let Some(fell_back) = fell_back {
                line.with("fell_back", fell_back.fault.name());
            }
        }
        Outcome::MoreRoots => drop(line.with("outcome", "more-roots")),
        Outcome::NoRelease => drop(line.with("outcome", "no-release")),
        Outcome::Refused(refusal) => drop(line.with("outcome", "refused").with("name", refusal.name())),
        Outcome::UpToDate => drop(line.with("outcome", "up-to-date")),
        Outcome::Waiting(reason) => drop(line.with("outcome", "waiting").with("name", reason.name())),
    }
}

const fn name(way: Way) -> &'static str {
    match way {
        Way::Delta => "delta",
        Way::File => "file",
        Way::Whole => "whole",
    }
}

/// What it cost so far.
pub fn cost(flash: &Nor, stack: &Stack) {
    let done = flash.done();
    Line::of("flash")
        .with_number("erases", done.erases)
        .with_number("writes", done.writes)
        .with_number("bytes", done.bytes);
    Line::of("memory")
        .with_number("statics", stack.statics())
        .with_number("stack", stack.deepest())
        .with_number("left", stack.left());
}

/// How long it took, and how much of that the network had to be waited for.
pub fn time(took_us: u64, waited_us: u64) {
    // A longer one than an hour says no more than that.
    let number = |us: u64| u32::try_from(us).unwrap_or(u32::MAX);
    Line::of("time")
        .with_number("took_us", number(took_us))
        .with_number("waited_us", number(waited_us));
}
