//! Flash that fails under a device whose images run at one address: the confirmed image still runs.

use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use tuffet_integration::nor::{Fault, Nor, Tear, Unreadable};
use tuffet_no_std_client::boot::{Image, Placed, Recovery, Run, Slot, VerifiedImage, Why};
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Map, Span, Storage, Swap, Units};

const UNIT: u32 = 256;
/// Units of an image. The slots have one more.
const UNITS: u32 = 4;
const UNIT_BYTES: usize = UNIT as usize;
const IMAGE_BYTES: usize = UNITS as usize * UNIT_BYTES;
const NOTHING: Span = Span::new(0, 0);
const RUNNING: Span = Span::new(2_048, (UNITS + 1) * UNIT);
const STAGED: Span = Span::new(RUNNING.start + RUNNING.bytes, RUNNING.bytes + UNIT);
const JOURNAL: Span = Span::new(
    STAGED.start + STAGED.bytes,
    Swap::journal_bytes(
        RUNNING.bytes,
        Units {
            capacity: u32::MAX,
            erase_bytes: UNIT,
            write_bytes: 4,
        },
    ),
);
const MAP: Map<Swap> = Map {
    boot_record: Span::new(0, 2_048),
    state: NOTHING,
    roots: [NOTHING; 2],
    snapshots: [NOTHING; 2],
    document: NOTHING,
    checkpoints: [NOTHING; 2],
    slots: Swap {
        running: RUNNING,
        staged: STAGED,
        journal: JOURNAL,
        base: 0,
    },
};

type Part = Nor<4, UNIT_BYTES>;

/// Image 0 is confirmed and runs, image 1 is on trial and was not booted yet.
fn on_trial() -> RefCell<Part> {
    let mut contents = vec![0xFF; (JOURNAL.start + JOURNAL.bytes) as usize];
    contents[RUNNING.start as usize..][..IMAGE_BYTES].copy_from_slice(&image(0));
    contents[(STAGED.start + UNIT) as usize..][..IMAGE_BYTES].copy_from_slice(&image(1));
    // A place of the journal that reads as erased after a write that failed may be written again.
    let flash = RefCell::new(Part::with_contents(contents).with_writes_per_unit(4));
    let mut records = Storage::new(&flash, &MAP).boot_records().unwrap();
    records.provision(placed(0)).unwrap();
    records.begin_trial(VerifiedImage::assertion(placed(1), 1), 3).unwrap();
    flash
}

/// The image on trial runs, and does not confirm itself. Its attempts are used up.
fn to_revert() -> RefCell<Part> {
    let flash = on_trial();
    for _ in 0..3 {
        assert!(matches!(boot(&flash).unwrap().why, Why::Trial { .. }));
    }
    flash
}

fn image(number: u8) -> Vec<u8> {
    (0..IMAGE_BYTES)
        .map(|offset| (offset / UNIT_BYTES) as u8 | (number + 1) << 4)
        .collect()
}

fn placed(number: u8) -> Placed {
    Placed {
        slot: [Slot::A, Slot::B][usize::from(number)],
        image: Image {
            digest: Sha256::digest(image(number)).into(),
            length: IMAGE_BYTES as u32,
            security_version: 1,
        },
    }
}

/// What is started after a reset, if something is. It stands where it runs.
fn boot(flash: &RefCell<Part>) -> Option<Run> {
    flash.borrow_mut().power_on();
    let run = choose_slot(&Storage::new(flash, &MAP), &mut || ()).ok()?.ok()?;
    let number = u8::from(run.placed.slot == Slot::B);
    assert_eq!(run.placed, placed(number));
    let start = RUNNING.start as usize;
    assert_eq!(flash.borrow().contents()[start..][..IMAGE_BYTES], image(number));
    Some(run)
}

/// The trial has ended within these boots, and the confirmed image runs at rest.
fn assert_ends_at_the_confirmed(flash: &RefCell<Part>, boots: usize, context: &str) {
    for _ in 0..boots {
        let run = boot(flash);
        assert!(run.is_none_or(|run| run.placed.slot == Slot::A), "{context}: {run:?}");
    }
    for _ in 0..2 {
        let run = boot(flash).unwrap_or_else(|| panic!("{context}: nothing is started"));
        assert_eq!((run.placed.slot, run.why), (Slot::A, Why::Confirmed), "{context}");
    }
    flash.borrow_mut().take_tally();
    boot(flash).unwrap();
    assert_eq!(flash.borrow().tally().operations(), 0, "{context}: not at rest");
}

fn units(span: Span) -> std::ops::Range<usize> {
    (span.start / UNIT) as usize..((span.start + span.bytes) / UNIT) as usize
}

fn operations_of(start: &RefCell<Part>) -> usize {
    let flash = start.clone();
    flash.borrow_mut().take_tally();
    boot(&flash).unwrap();
    flash.into_inner().tally().operations()
}

/// A unit that is stuck from the beginning on, whichever of the staged place or the journal it is.
#[test]
fn a_stuck_unit_ends_the_trial() {
    for unit in units(STAGED).take(UNITS as usize).chain(units(JOURNAL).take(1)) {
        let flash = on_trial();
        flash.borrow_mut().stick(unit);
        assert_ends_at_the_confirmed(&flash, 1, &format!("unit {unit}"));
    }
}

/// The image that leaves for the confirmed one need not be saved.
#[test]
fn a_stuck_unit_does_not_stop_a_revert() {
    for unit in units(STAGED) {
        let flash = to_revert();
        flash.borrow_mut().stick(unit);
        assert_ends_at_the_confirmed(&flash, 1, &format!("unit {unit}"));
    }
}

/// A unit of the journal that says it was erased, and holds marks of an exchange before: they would say that steps are done which
/// are not. Nothing is moved.
#[test]
fn marks_that_an_erase_left_are_seen() {
    // Four places of 64 bytes in each unit: the second one holds marks only.
    let mut map = MAP;
    let units = Units {
        capacity: u32::MAX,
        erase_bytes: UNIT,
        write_bytes: 64,
    };
    map.slots.journal.bytes = Swap::journal_bytes(RUNNING.bytes, units);
    let start = on_trial();
    let mut contents = start.borrow().contents()[..JOURNAL.start as usize].to_vec();
    contents.resize((JOURNAL.start + map.slots.journal.bytes) as usize, 0xFF);
    let marks = (JOURNAL.start + UNIT) as usize;
    contents[..2_048].fill(0xFF);
    contents[marks..marks + UNIT_BYTES].fill(0);
    let flash = RefCell::new(Nor::<64, UNIT_BYTES>::with_contents(contents));
    let storage = Storage::new(&flash, &map);
    let mut records = storage.boot_records().unwrap();
    records.provision(placed(0)).unwrap();
    records.begin_trial(VerifiedImage::assertion(placed(1), 1), 3).unwrap();
    flash.borrow_mut().stick(marks / UNIT_BYTES);
    for _ in 0..2 {
        let run = choose_slot(&storage, &mut || ()).unwrap().unwrap();
        assert_eq!(run.placed, placed(0));
        let running = RUNNING.start as usize;
        assert_eq!(flash.borrow().contents()[running..][..IMAGE_BYTES], image(0));
    }
}

/// The confirmed image cannot be noted as coming back, so it stays where it is whole: recovery, which can write over what runs.
#[test]
fn a_stuck_journal_ends_a_revert_in_recovery() {
    let flash = to_revert();
    // The exchange before the trial took the first area.
    for unit in units(JOURNAL).skip(1) {
        flash.borrow_mut().stick(unit);
    }
    for _ in 0..3 {
        flash.borrow_mut().power_on();
        let chosen = choose_slot(&Storage::new(&flash, &MAP), &mut || ()).unwrap();
        assert_eq!(chosen, Err(Recovery::Mismatch { slot: Slot::A }));
    }
}

/// A word of the journal that cannot be read until it is erased. Where the confirmed image stands where it runs, the bootloader
/// writes the journal anew, and the device can be updated again.
#[test]
fn unreadable_journal_is_written_anew() {
    for revert in [false, true] {
        let start = if revert { to_revert() } else { on_trial() };
        boot(&start).unwrap();
        if !revert {
            Storage::new(&start, &MAP).boot_records().unwrap().confirm().unwrap();
        }
        for word in JOURNAL.start / 4..(JOURNAL.start + JOURNAL.bytes) / 4 {
            let flash = start.clone();
            flash.borrow_mut().spoil(word as usize, Unreadable::UntilErased);
            let run = boot(&flash).unwrap_or_else(|| panic!("revert {revert}, word {word}: nothing is started"));
            assert_eq!(run.why, Why::Confirmed, "revert {revert}, word {word}");
            let storage = Storage::new(&flash, &MAP);
            let place = storage.slot(run.placed.slot).map(|_| ());
            assert!(place.is_ok(), "revert {revert}, word {word}: {place:?}");
            // At rest, without a word that matters being unreadable.
            flash.borrow_mut().take_tally();
            boot(&flash).unwrap();
            assert_eq!(flash.borrow().tally().operations(), 0, "revert {revert}, word {word}");
        }
    }
}

/// Operations that fail and say so: for a while, or for the rest of this boot.
#[test]
fn an_operation_that_fails_ends_the_trial_at_worst() {
    for start in [on_trial(), to_revert()] {
        let is_revert = Storage::new(&start, &MAP).boot_records().unwrap().state()
            != Storage::new(&on_trial(), &MAP).boot_records().unwrap().state();
        for operation in 0..operations_of(&start) {
            for count in [1, 2, 3, 9, usize::MAX] {
                for tear in [Tear::Before, Tear::After, Tear::Bits { seed: 7 }] {
                    let flash = start.clone();
                    flash.borrow_mut().fail(Fault { operation, count, tear });
                    let context = format!("revert {is_revert}, operation {operation}, {count} fail, {tear:?}");
                    boot(&flash);
                    flash.borrow_mut().fail(Fault {
                        operation: 0,
                        count: 0,
                        tear,
                    });
                    let run = boot(&flash).unwrap_or_else(|| panic!("{context}: nothing is started"));
                    assert!(!is_revert || run.placed.slot == Slot::A, "{context}");
                }
            }
        }
    }
}
