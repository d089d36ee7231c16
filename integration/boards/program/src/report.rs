//! What every board says of the same things, as lines of the contract.

use crate::{Line, Stack, Wire};
use tuffet_no_std_client::boot::{Recovery, Run, Slot, Why};
use tuffet_no_std_client::{FellBack, Outcome, Stop, Way};

/// A bootloader starts this.
pub fn boot<W: Wire>(run: &Run) {
    let line = Line::<W>::of("boot").with("slot", slot(run.placed.slot));
    match run.why {
        Why::Confirmed => drop(line.with("why", "confirmed")),
        Why::FellBack => drop(line.with("why", "fell-back")),
        Why::Reverted { .. } => drop(line.with("why", "reverted")),
        Why::Trial { attempts_left } => drop(line.with("why", "trial").with_number("attempts_left", attempts_left)),
    }
}

/// A bootloader starts nothing, for this reason.
pub fn recovery<W: Wire>(why: Recovery) {
    let line = Line::<W>::of("recovery");
    match why {
        Recovery::Mismatch { slot: at } => drop(line.with("why", "mismatch").with("slot", slot(at))),
        Recovery::BelowCounter { .. } => drop(line.with("why", "below-counter")),
        Recovery::Unprovisioned => drop(line.with("why", "unprovisioned")),
        _ => drop(line.with("why", "damaged")),
    }
}

/// What an update came to.
pub fn update<W: Wire, E>(outcome: &Result<Outcome, Stop<E>>) {
    let line = Line::<W>::of("update");
    match outcome {
        Ok(outcome) => told(line, outcome),
        Err(stop) => {
            let line = line.with_number("error", stop.code());
            if W::NAMES_ERRORS {
                line.with("name", stop.name());
            }
        }
    }
}

fn told<W: Wire>(line: Line<W>, outcome: &Outcome) {
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
            match fell_back {
                Some(FellBack { fault, .. }) if W::NAMES_ERRORS => drop(line.with("fell_back", fault.name())),
                Some(FellBack { fault, .. }) => drop(line.with_number("fell_back", fault.code())),
                None => {}
            }
        }
        Outcome::MoreRoots => drop(line.with("outcome", "more-roots")),
        Outcome::NoRelease => drop(line.with("outcome", "no-release")),
        Outcome::Refused(refusal) => drop(line.with("outcome", "refused").with("name", refusal.name())),
        Outcome::UpToDate => drop(line.with("outcome", "up-to-date")),
        Outcome::Waiting(reason) => drop(line.with("outcome", "waiting").with("name", reason.name())),
    }
}

/// What was used of the RAM so far.
pub fn memory<W: Wire>(stack: &Stack) {
    Line::<W>::of("memory")
        .with_number("statics", stack.statics())
        .with_number("stack", stack.deepest())
        .with_number("left", stack.left());
}

const fn name(way: Way) -> &'static str {
    match way {
        Way::Delta => "delta",
        Way::File => "file",
        Way::Whole => "whole",
    }
}

const fn slot(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "A",
        Slot::B => "B",
    }
}
