//! What goes wrong while the power stays: operations that fail, erase units that are stuck. And erases that were cut and read
//! differently each time.
//!
//! A device may say that it cannot go on, or go on. It never starts what is not the image that its boot record pins.

use super::{Depth, SEED, Sweep, Tally};
use crate::device::Small;
use crate::device::small::Layout;
use crate::life::{Fate, Findings, Life, Recorded, Scenario};
use crate::life::{bad_and_hanging, delta, full, long_logs};
use crate::nor::{Cut, Fault, Random, Tear};
use sha2::{Digest as _, Sha256};
use tuffet_boot::{Run, Why};
use tuffet_no_std_client::Outcome;
use tuffet_no_std_client::flash::{Swap, Xip};
use tuffet_no_std_client::release::Refusal;

/// Boots after which a device that still has errors is left alone.
const BOOTS_MAX: usize = 12;

/// What a device came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum End {
    /// At rest, with the newest image or with the one before a bad one.
    AtRest,
    /// Every cycle, or every boot, ends with an error.
    Errors,
    /// Nothing may run, and the boot record says why.
    NothingRuns,
}

/// Each operation fails once, with nothing, some or all of it done. The device gets over it.
#[must_use]
pub fn operations_that_fail(depth: Depth) -> Sweep {
    let (tally, all) = (Tally::new("operations that fail once"), Findings::default());
    fail_on([full::<Xip>(), delta(), long_logs(2)], depth, &tally, &all);
    fail_on([delta::<Swap>(), bad_and_hanging()], depth, &tally, &all);
    tally.end(&all)
}

fn fail_on<S: Layout, const N: usize>(scenarios: [Scenario<S>; N], depth: Depth, tally: &Tally, all: &Findings) {
    let stride = match depth {
        Depth::Short => 97,
        Depth::Plain => 7,
        Depth::Deep => 1,
    };
    for recorded in scenarios.map(Recorded::new) {
        let scenario = recorded.scenario();
        let name = strategy(&recorded);
        let operations: Vec<usize> = (0..recorded.operations()).step_by(stride).collect();
        let found = Findings::of_each(&operations, |operation, findings| {
            let seed = SEED ^ *operation as u64;
            for tear in [Tear::Before, Tear::Bits { seed }, Tear::After] {
                let fault = Fault {
                    operation: *operation,
                    count: 1,
                    tear,
                };
                let say = || format!("{name}, {fault:?}");
                findings.look(say, || {
                    let end = lived(scenario, |device| device.flash().borrow_mut().fail(fault));
                    tally.count(&name, told(end), true);
                    assert_eq!(end, End::AtRest, "one error, and it is never over");
                });
            }
        });
        all.extend(&found);
    }
}

/// Each erase unit is stuck from the beginning.
#[must_use]
pub fn stuck_units() -> Sweep {
    let (tally, all) = (Tally::new("erase units that are stuck"), Findings::default());
    stuck_on([full::<Xip>(), bad_and_hanging()], &tally, &all);
    stuck_on([delta::<Swap>(), bad_and_hanging()], &tally, &all);
    tally.end(&all)
}

fn stuck_on<S: Layout, const N: usize>(scenarios: [Scenario<S>; N], tally: &Tally, all: &Findings) {
    for recorded in scenarios.map(Recorded::new) {
        let scenario = recorded.scenario();
        let name = strategy(&recorded);
        let units: Vec<usize> = (0..recorded.tally.erases().len()).collect();
        let found = Findings::of_each(&units, |unit, findings| {
            let say = || format!("{name}, unit {unit}");
            findings.look(say, || {
                let end = lived(scenario, |device| device.flash().borrow_mut().stick(*unit));
                tally.count(&name, told(end), true);
            });
        });
        all.extend(&found);
    }
}

/// Each erase is cut, and what it leaves reads differently each time.
#[must_use]
pub fn unstable_erases(depth: Depth) -> Sweep {
    let (tally, all) = (
        Tally::new("erases that were cut and read differently each time"),
        Findings::default(),
    );
    unstable_on(
        [full::<Xip>(), delta(), bad_and_hanging(), long_logs(2)],
        depth,
        &tally,
        &all,
    );
    unstable_on([delta::<Swap>(), bad_and_hanging()], depth, &tally, &all);
    tally.end(&all)
}

fn unstable_on<S: Layout, const N: usize>(scenarios: [Scenario<S>; N], depth: Depth, tally: &Tally, all: &Findings) {
    let tries = match depth {
        Depth::Short => 0,
        Depth::Plain => 1,
        Depth::Deep => 8,
    };
    for recorded in scenarios.map(Recorded::new) {
        let scenario = recorded.scenario();
        let name = strategy(&recorded);
        let erases: Vec<usize> = (0..recorded.operations())
            .filter(|operation| recorded.is_erase(*operation))
            .collect();
        let found = Findings::of_each(&erases, |operation, findings| {
            let mut random = Random::new(SEED ^ *operation as u64);
            for _ in 0..tries {
                let cut = Cut {
                    operation: *operation,
                    tear: Tear::Unstable { seed: random.number() },
                };
                findings.look(
                    || format!("{name}, {cut:?}"),
                    || {
                        tally.count(&name, "unstable", true);
                        let mut life = Life::new(scenario, scenario.start.clone());
                        life.cut_at(cut);
                        assert!(life.survives_until_cut().is_err(), "the cut is not reached");
                        life.settle().expect("the power stays");
                    },
                );
            }
        });
        all.extend(&found);
    }
}

fn strategy<S: Layout>(recorded: &Recorded<S>) -> String {
    let map = &recorded.scenario().map;
    let strategy = if map.slots.parts().len() == 3 { "swap" } else { "xip" };
    format!("{strategy}, {}", recorded.scenario().name)
}

const fn told(end: End) -> &'static str {
    match end {
        End::AtRest => "goes on",
        End::Errors => "an error each time",
        End::NothingRuns => "nothing runs",
    }
}

/// Lives with a fault. Whatever it comes to, what starts is an image of the scenario that stands where it runs.
fn lived<S: Layout>(scenario: &Scenario<S>, spoil: impl FnOnce(&Small<S>)) -> End {
    let mut device = Small::with_contents(scenario.map, scenario.start.clone(), &scenario.end);
    spoil(&device);
    for _ in 0..BOOTS_MAX {
        device.flash().borrow_mut().power_on();
        let run = match device.boot() {
            Ok(Ok(run)) => run,
            Ok(Err(_)) => return End::NothingRuns,
            Err(_) => continue,
        };
        assert_runs(scenario, &device, &run);
        match run.why {
            Why::Trial { .. } => try_out(scenario, &device, &run),
            Why::Confirmed | Why::FellBack | Why::Reverted { .. } => {
                let outcome = device.cycle();
                if let Ok(Outcome::UpToDate | Outcome::Refused(Refusal::FailedBefore { .. })) = outcome {
                    return End::AtRest;
                }
            }
        }
    }
    End::Errors
}

/// Errors of the boot record are what the next boot sees, too.
fn try_out<S: Layout>(scenario: &Scenario<S>, device: &Small<S>, run: &Run) {
    let fate = scenario
        .firmware(&run.placed.image.digest)
        .map(|firmware| firmware.fate);
    if let Ok(mut records) = device.storage().boot_records() {
        let _ = match fate {
            Some(Fate::Confirms) => records.confirm(),
            Some(Fate::Fails) => records.fail(),
            Some(Fate::Hangs) | None => return,
        };
    }
}

fn assert_runs<S: Layout>(scenario: &Scenario<S>, device: &Small<S>, run: &Run) {
    let flash = device.flash().borrow();
    let start = scenario.map.slots.runs_at(run.placed.slot).start as usize;
    let image = &flash.contents()[start..start + run.placed.image.length as usize];
    let digest: [u8; 32] = Sha256::digest(image).into();
    assert!(
        digest == run.placed.image.digest && scenario.firmware(&digest).is_some(),
        "what boots is no image of the scenario: {run:?}"
    );
}
