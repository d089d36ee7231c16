//! The scenarios of a device that exchanges its slots.

use super::SEED;
use crate::life::{Recorded, Scenario, bad_and_hanging, bad_and_saying_so, delta};
use crate::nor::Tears;
use tuffet_no_std_client::flash::Swap;

/// Operations of the journal from its begin to the middle of an exchange, and from there to its end.
const HALF: usize = 8;

/// The parts of the map that an exchange touches, and the boot record.
pub const PARTS: [&str; 4] = ["boot record", "running place", "staged place", "journal"];

/// An update, two bad ones, and an exchange in either direction that was interrupted before.
#[must_use]
pub fn scenarios() -> Vec<Scenario<Swap>> {
    vec![
        named("swap", delta()),
        named("swap, revert", bad_and_hanging()),
        named("swap, revert by its own word", bad_and_saying_so()),
        interrupted_swap(),
        interrupted_revert(),
    ]
}

/// The power went in the middle of the exchange before a trial.
#[must_use]
pub fn interrupted_swap() -> Scenario<Swap> {
    interrupted("interrupted swap", delta(), |journal| journal[HALF])
}

/// The power went in the middle of the exchange back.
#[must_use]
pub fn interrupted_revert() -> Scenario<Swap> {
    interrupted("interrupted revert", bad_and_hanging(), |journal| {
        // Behind the last step stands the closing mark.
        journal[journal.len() - HALF - 1]
    })
}

fn named(name: &'static str, mut scenario: Scenario<Swap>) -> Scenario<Swap> {
    scenario.name = name;
    scenario
}

/// Cut inside an operation of the journal.
fn interrupted(name: &'static str, scenario: Scenario<Swap>, at: fn(&[usize]) -> usize) -> Scenario<Swap> {
    let recorded = Recorded::new(scenario);
    let journal: Vec<usize> = recorded.operations_in("journal").collect();
    let operation = at(&journal);
    let last = recorded
        .cuts(operation..operation + 1, Tears::Inside { seed: SEED })
        .last();
    let (_, contents) = last.expect("an operation can be cut");
    let mut scenario = named(name, recorded.into_scenario());
    scenario.start = contents;
    scenario
}
