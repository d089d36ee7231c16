//! A device whose images run at one address: the bootloader exchanges them, and the power may go at any moment of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use tuffet_boot::{Slot, Why};
use tuffet_integration::device::Small;
use tuffet_integration::device::small::{range, regions};
use tuffet_integration::life::{Findings, Life, Recorded, Scenario};
use tuffet_integration::life::{bad_and_hanging, bad_and_saying_so, delta};
use tuffet_integration::nor::Tears;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Strategy as _, Swap};

const SEED: u64 = 0x7377_6170;
/// Erase units of an image of the scenarios.
const IMAGE_UNITS: usize = 8;

/// In the middle of an exchange, at so many tenths of the operations at the running place.
fn interrupted(name: &'static str, scenario: Scenario<Swap>, which: fn(&Recorded<Swap>) -> usize) -> Scenario<Swap> {
    let recorded = Recorded::new(scenario);
    let operation = which(&recorded);
    let cut = recorded.cuts(operation..operation + 1, Tears::Inside { seed: SEED });
    let (_, contents) = cut.last().unwrap();
    let mut scenario = recorded.into_scenario();
    scenario.name = name;
    scenario.start = contents;
    scenario
}

fn middle_of_first(recorded: &Recorded<Swap>) -> usize {
    let mut journal = recorded.operations_in("journal");
    journal.nth(IMAGE_UNITS).unwrap()
}

fn middle_of_last(recorded: &Recorded<Swap>) -> usize {
    let journal: Vec<usize> = recorded.operations_in("journal").collect();
    journal[journal.len() - IMAGE_UNITS]
}

fn all() -> Vec<Recorded<Swap>> {
    let scenarios = [
        delta(),
        bad_and_hanging(),
        bad_and_saying_so(),
        interrupted("interrupted swap", delta(), middle_of_first),
        interrupted("interrupted revert", bad_and_hanging(), middle_of_last),
    ];
    scenarios.into_iter().map(Recorded::new).collect()
}

fn tears(region: &str) -> Tears {
    match region {
        "journal" | "boot record" => Tears::EveryUnit { seed: SEED },
        _ => Tears::Inside { seed: SEED },
    }
}

#[test]
fn every_operation_of_an_exchange_cut_everywhere() {
    let all = all();
    let mut places: Vec<(&Recorded<Swap>, usize)> = Vec::new();
    for recorded in &all {
        let touched = |operation: &usize| {
            ["journal", "running place", "staged place", "boot record"].contains(&recorded.region(*operation))
        };
        places.extend(
            (0..recorded.operations())
                .filter(touched)
                .map(|operation| (recorded, operation)),
        );
    }
    let cuts = AtomicUsize::new(0);
    let findings = Findings::of_each(&places, |(recorded, operation), findings| {
        let region = recorded.region(*operation);
        for (point, contents) in recorded.cuts(*operation..operation + 1, tears(region)) {
            cuts.fetch_add(1, Ordering::Relaxed);
            let name = || format!("{} ({region}), {point}", recorded.scenario().name);
            findings.look(name, || recorded.recovered(&point, contents));
        }
    });
    findings.assert_none();
    println!("{} operations, {cuts:?} cuts", places.len());
    assert!(cuts.into_inner() > 5_000);
}

/// A boot of an image on trial is counted after its exchange.
#[test]
fn a_cut_in_an_exchange_costs_no_attempt() {
    let recorded = Recorded::<Swap>::new(delta());
    let moved: Vec<usize> = recorded.operations_in("running place").collect();
    assert!(!moved.is_empty());
    for operation in moved {
        for (point, contents) in recorded.cuts(operation..operation + 1, Tears::Inside { seed: SEED }) {
            let run = recorded.after_cut(&point, contents).device().boot().unwrap().unwrap();
            assert_eq!(run.why, Why::Trial { attempts_left: 2 }, "{point}");
        }
    }
}

/// Every bit of the journal that an exchange uses, at rest and in the middle of exchanges in either direction.
#[test]
fn every_bit_of_the_journal_flipped() {
    for recorded in [delta(), bad_and_hanging()].map(Recorded::<Swap>::new) {
        let scenario = recorded.scenario();
        let operations: Vec<usize> = recorded.operations_in("journal").collect();
        let last = operations.len() - 1;
        // Before and behind the Begins, in the middle of each exchange, before the last mark, and at rest.
        let mut ages: Vec<usize> = [0, 1, 2, 3, 4, last / 4, last * 3 / 4, last]
            .map(|index| operations[index])
            .into();
        ages.push(recorded.operations() - 1);
        for operation in ages {
            let (_, contents) = recorded.cuts(operation..operation + 1, Tears::Between).next().unwrap();
            let sound = Life::new(scenario, contents.clone()).moment().clone();
            let bits: Vec<usize> = used(scenario).flat_map(|byte| byte * 8..byte * 8 + 8).collect();
            let findings = Findings::of_each(&bits, |bit, findings| {
                let name = || format!("{}, before operation {operation}, bit {bit}", scenario.name);
                findings.look(name, || {
                    let mut rotten = contents.clone();
                    rotten[bit / 8] ^= 1 << (bit % 8);
                    let mut life = Life::new(scenario, rotten);
                    assert_eq!(life.moment(), &sound);
                    life.starts();
                });
            });
            findings.assert_none();
            println!("{}, before operation {operation}: {} bits", scenario.name, bits.len());
        }
    }
}

/// The bytes of the journal's two areas that are ever read: two Begins and two marks for each unit.
fn used(scenario: &Scenario<Swap>) -> impl Iterator<Item = usize> {
    let journal = range(scenario.map.slots.journal);
    let (first, second) = (journal.start, (journal.start + journal.end) / 2);
    let bytes = 16 * (2 + 2 * IMAGE_UNITS);
    (first..first + bytes).chain(second..second + bytes)
}

/// One erase of each unit at the running place and two in the staged one for an update, and one each for a revert.
#[test]
fn wear_of_an_exchange() {
    let updated = Recorded::<Swap>::new(delta());
    let reverted = Recorded::<Swap>::new(bad_and_hanging());
    for (recorded, running_max, staged_max) in [(&updated, 1, 2), (&reverted, 1 + 1, 2 + 1)] {
        let map = &recorded.scenario().map;
        for region in regions(map) {
            let wear = recorded.tally.of(&region);
            match region.name {
                "running place" => assert_eq!(wear.erases_max, running_max, "{wear}"),
                "staged place" => assert_eq!(wear.erases_max, staged_max, "{wear}"),
                // An erase of one of two areas for each exchange.
                "journal" => assert_eq!(wear.erases, running_max, "{wear}"),
                _ => {}
            }
            println!("{}: {wear}", recorded.scenario().name);
        }
    }
}

/// Nobody writes into slots that lie half exchanged.
#[test]
fn half_exchanged_slots_lie_nowhere() {
    let scenario = interrupted("interrupted swap", delta(), middle_of_first);
    let device = Small::with_contents(scenario.map, scenario.start.clone(), &scenario.end);
    for slot in [Slot::A, Slot::B] {
        let place = Swap::place(&device.storage(), slot);
        assert_eq!(place, Err(tuffet_no_std_client::flash::RegionError::Unsettled));
    }
    device.boot().unwrap().unwrap();
    assert_eq!(device.place(Slot::B), scenario.map.slots.running);
}

/// A watchdog is petted at every operation of an exchange, and while images are hashed.
#[test]
fn an_exchange_pets_the_watchdog() {
    let recorded = Recorded::<Swap>::new(delta());
    let first = recorded.operations_in("journal").next().unwrap();
    let (_, contents) = recorded.cuts(first..first + 1, Tears::Between).next().unwrap();
    let device = Small::with_contents(recorded.scenario().map, contents, &recorded.scenario().end);
    let (mut pets, mut operations, mut longest) = (0, 0, 0);
    let mut pet = || {
        pets += 1;
        let done = device.flash().borrow().tally().operations();
        longest = longest.max(done - operations);
        operations = done;
    };
    choose_slot(&device.storage(), &mut pet).unwrap().unwrap();
    let image_bytes = recorded.scenario().firmware[1].image.len();
    assert!(
        pets > operations + 2 * image_bytes / 128,
        "{pets} pets in {operations} operations"
    );
    assert_eq!(longest, 1, "most operations without a pet");
}
