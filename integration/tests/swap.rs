//! A device whose images run at one address: the bootloader exchanges them, and what that costs. Its power cuts are in
//! `power_cuts.rs`.

use tuffet_boot::{Slot, Why};
use tuffet_integration::device::Small;
use tuffet_integration::device::small::{range, regions};
use tuffet_integration::life::{Recorded, bad_and_hanging, bad_and_saying_so, delta};
use tuffet_integration::nor::Tears;
use tuffet_integration::powercut::SEED;
use tuffet_integration::powercut::swap::interrupted_swap;
use tuffet_integration::simulator::release::successor;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{RegionError, Strategy as _, Swap};
use tuffet_no_std_client::{Outcome, Stop};

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
    let scenario = interrupted_swap();
    let device = Small::with_contents(scenario.map, scenario.start.clone(), &scenario.end);
    for slot in [Slot::A, Slot::B] {
        let place = Swap::place(&device.storage(), slot);
        assert_eq!(place, Err(RegionError::Unsettled));
    }
    device.boot().unwrap().unwrap();
    assert_eq!(device.place(Slot::B), scenario.map.slots.running);
}

/// An image on trial says that it has failed, goes on without a reset, and asks for an update: its own slot is the free one now.
#[test]
fn a_failed_trial_that_goes_on_is_not_written_over() {
    let scenario = bad_and_saying_so::<Swap>();
    let mut device = Small::with_contents(scenario.map, scenario.start.clone(), &scenario.end);
    assert!(matches!(device.cycle(), Ok(Outcome::Installed { .. })));
    let failing = device.boot().unwrap().unwrap().placed.slot;
    device.storage().boot_records().unwrap().fail().unwrap();
    let mut repository = scenario.end.clone();
    repository.stage("4.0.0");
    let newest = successor("4.0.0", &scenario.firmware[1].image);
    repository.release.carry(newest);
    repository.release.set_security_version(3);
    repository.publish();
    let contents = device.flash().borrow().contents().to_vec();
    let mut device = Small::with_contents(scenario.map, contents, &repository);
    let runs = device.slot_contents(failing);
    assert_eq!(device.cycle(), Err(Stop::Flash(RegionError::Unsettled)));
    assert_eq!(device.place(failing), scenario.map.slots.running);
    assert!(
        device.slot_contents(failing) == runs,
        "the program that runs is written over"
    );
    // The reset brings the confirmed image back, and the update comes.
    assert_ne!(device.boot().unwrap().unwrap().placed.slot, failing);
    assert!(matches!(device.cycle(), Ok(Outcome::Installed { .. })));
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

/// A confirmed image that rots gives way to the one before it, which comes back to where it runs.
#[test]
fn a_fallback_is_an_exchange_back() {
    let mut scenario = delta::<Swap>();
    let (old, new) = (scenario.firmware[0].clone(), scenario.firmware[1].clone());
    scenario.end.stage("2.0.1");
    scenario.end.release.carry(new.image);
    scenario.end.release.set_security_version(old.security_version.into());
    scenario.end.publish();
    let mut device = Small::with_contents(scenario.map, scenario.start.clone(), &scenario.end);
    device.cycle().unwrap();
    device.boot().unwrap().unwrap();
    device.storage().boot_records().unwrap().confirm().unwrap();
    let running = range(scenario.map.slots.running);
    device.flash().borrow_mut().rot(running.start * 8 + 77);
    let run = device.boot().unwrap().unwrap();
    assert_eq!((run.why, run.placed.slot), (Why::FellBack, Slot::A));
    assert_eq!(
        device.flash().borrow().contents()[running][..old.image.len()],
        old.image
    );
    assert_eq!(device.boot().unwrap().unwrap().why, Why::Confirmed);
}
