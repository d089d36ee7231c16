//! Power cuts, by exhaustion: every operation, with the log filled so that each kind of write and erase happens, is cut before,
//! after and inside each of its flash operations. After the reset the device is in the state before or in the state after,
//! never in a third one; the counter never falls; the same request again ends in the state after.

mod support;

use std::fmt::Debug;
use support::{flash::*, *};
use tuffet_boot::{Boot, BootRecords, RECORD_BYTES, Slot, State};

struct Scenario {
    name: &'static str,
    /// The state it starts from.
    from: fn() -> Records,
    /// The operation.
    run: fn(&mut Records) -> Outcome<()>,
    /// Whether the operation need not be asked for again.
    done: fn(&Seen) -> bool,
}

const SCENARIOS: [Scenario; 12] = [
    Scenario {
        name: "provision_erased",
        from: unprovisioned,
        run: |records| records.provision(placed(Slot::A, 1)),
        done: |seen| matches!(seen.state, State::Confirmed { .. }),
    },
    Scenario {
        name: "provision_damaged",
        from: damaged,
        run: |records| records.provision(placed(Slot::B, 7)),
        done: |seen| matches!(seen.state, State::Confirmed { .. }),
    },
    Scenario {
        name: "mark_empty",
        from: updated,
        run: |records| records.mark_empty(Slot::A),
        done: |seen| {
            matches!(
                seen.state,
                State::Confirmed {
                    other: tuffet_boot::Other::Nothing,
                    ..
                }
            )
        },
    },
    Scenario {
        name: "begin_trial",
        from: provisioned,
        run: |records| records.begin_trial(verified(Slot::B, 2, 1), 3),
        done: |seen| matches!(seen.state, State::Trial { .. }),
    },
    Scenario {
        name: "begin_trial_again",
        from: reverted,
        run: |records| records.begin_trial(verified(Slot::B, 2, 2), 3),
        done: |seen| matches!(seen.state, State::Trial { .. }),
    },
    Scenario {
        name: "boot_trial",
        from: || trial_with_attempts(2),
        run: boot,
        done: |seen| matches!(seen.state, State::Trial { trial, .. } if trial.attempts_left < 2),
    },
    Scenario {
        name: "boot_trial_fullest",
        from: fullest,
        run: boot,
        done: |seen| matches!(seen.state, State::Trial { trial, .. } if trial.attempts_left < 2),
    },
    Scenario {
        name: "boot_no_attempts_left",
        from: || trial_booted_once(1),
        run: boot,
        done: |seen| seen.failed == [failed(2, 1)],
    },
    Scenario {
        name: "confirm",
        from: fullest,
        run: |records| records.confirm().map(|_| ()),
        done: |seen| seen.counter == 2,
    },
    Scenario {
        name: "fail",
        from: fullest,
        run: |records| records.fail().map(|_| ()),
        done: |seen| seen.failed.last() == Some(&failed(2, 1)),
    },
    Scenario {
        name: "trial_mismatched",
        from: || trial_booted_once(2),
        run: |records| records.mismatched(Slot::B).map(|_| ()),
        done: |seen| seen.failed == [failed(2, 1)],
    },
    Scenario {
        name: "confirmed_mismatched",
        from: updated_same_security,
        run: |records| records.mismatched(Slot::B).map(|_| ()),
        done: |seen| matches!(seen.state, State::Confirmed { confirmed, .. } if confirmed.slot == Slot::A),
    },
];

fn boot(records: &mut Records) -> Outcome<()> {
    match records.boot()? {
        Boot::Run(_) => Ok(()),
        Boot::Recovery(why) => panic!("nothing to run: {why:?}"),
    }
}

/// The start of a scenario with only `room` places left on the current page: the others hold torn records.
fn with_room(scenario: &Scenario, room: usize) -> Vec<u8> {
    let mut bytes = (scenario.from)().close().bytes;
    let places = PAGE_BYTES / RECORD_BYTES;
    let page = &mut bytes[..PAGE_BYTES];
    for place in 1..places - room {
        let record = &mut page[place * RECORD_BYTES..][..RECORD_BYTES];
        if record.iter().all(|byte| *byte == 0xFF) {
            record[..4].copy_from_slice(&[0x54, 0x62, 0, 4]);
        }
    }
    bytes
}

/// Ways to end this operation early: before, after, at every byte from either end, and by random bits.
fn tears(operation: Operation, seed: u64) -> Vec<Tear> {
    let (Operation::Write { bytes } | Operation::Erase { bytes }) = operation;
    let mut tears = vec![Tear::Before, Tear::After];
    tears.extend((1..bytes).map(Tear::Prefix));
    tears.extend((1..bytes).map(Tear::Suffix));
    tears.extend((1..=12).map(|index| Tear::Bits(seed * 1000 + index)));
    tears
}

/// Runs the scenario's operation on `bytes` and cuts it. `None`: the operation ended before the cut.
fn cut(scenario: &Scenario, bytes: &[u8], cut: Cut) -> Option<Vec<u8>> {
    let mut flash = Flash::with(bytes.to_vec());
    flash.cut = Some(cut);
    let mut records = BootRecords::open(flash).unwrap();
    match (scenario.run)(&mut records) {
        Ok(()) => None,
        Err(_) => Some(records.close().bytes),
    }
}

fn open(bytes: &[u8]) -> Records {
    BootRecords::open(Flash::with(bytes.to_vec())).unwrap()
}

/// The flash operations of one uncut run, and what it leaves.
fn whole(scenario: &Scenario, bytes: &[u8]) -> (Vec<Operation>, Seen) {
    let mut records = open(bytes);
    (scenario.run)(&mut records).unwrap();
    let after = seen(&records);
    let flash = records.close();
    assert_eq!(
        seen(&open(&flash.bytes)),
        after,
        "{}: a reset shows something else",
        scenario.name
    );
    (flash.operations, after)
}

/// What holds after any cut; then the request is made again and must arrive.
fn check_after_cut(scenario: &Scenario, before: &Seen, after: &Seen, bytes: &[u8], place: &dyn Debug) {
    let mut records = open(bytes);
    let found = seen(&records);
    let never_provisioned = !matches!(before.state, State::Confirmed { .. } | State::Trial { .. });
    // A factory that was cut finds broken or erased flash, and starts again.
    let started = never_provisioned && matches!(found.state, State::Damaged | State::Unprovisioned);
    assert!(
        found == *before || found == *after || started,
        "{} {place:?}: neither: {found:?}",
        scenario.name
    );
    assert!(
        found.counter >= before.counter,
        "{} {place:?}: the counter fell",
        scenario.name
    );
    if !(scenario.done)(&found) {
        (scenario.run)(&mut records).unwrap_or_else(|error| panic!("{} {place:?}: again: {error:?}", scenario.name));
    }
    let end = seen(&records);
    assert!(end == *after, "{} {place:?}: the retry ends at {end:?}", scenario.name);
    assert!((scenario.done)(&end), "{} {place:?}: not done", scenario.name);
    assert_eq!(
        seen(&reset(records)),
        end,
        "{} {place:?}: a reset shows something else",
        scenario.name
    );
}

#[test]
fn every_operation_cut_everywhere() {
    let mut cuts = 0_u32;
    for scenario in &SCENARIOS {
        let mut erased = false;
        for room in 0..8 {
            let bytes = with_room(scenario, room);
            let before = seen(&open(&bytes));
            let (operations, after) = whole(scenario, &bytes);
            erased |= operations
                .iter()
                .any(|operation| matches!(operation, Operation::Erase { .. }));
            for (operation, kind) in operations.iter().enumerate() {
                for tear in tears(*kind, cuts.into()) {
                    let place = Cut { operation, tear };
                    let left = cut(scenario, &bytes, place).expect("the cut is inside the operation");
                    check_after_cut(scenario, &before, &after, &left, &(room, place));
                    cuts += 1;
                }
            }
        }
        assert!(erased, "{}: no compaction was cut", scenario.name);
    }
    println!("{cuts} cuts");
    assert!(cuts > 70_000, "only {cuts} cuts");
}

#[test]
fn every_operation_cut_twice_in_a_row() {
    let mut cuts = 0_u32;
    for scenario in &SCENARIOS {
        for room in 0..3 {
            let bytes = with_room(scenario, room);
            let before = seen(&open(&bytes));
            let (operations, after) = whole(scenario, &bytes);
            for first in few_tears(&operations) {
                let left = cut(scenario, &bytes, first).expect("the cut is inside the operation");
                let between = seen(&open(&left));
                if (scenario.done)(&between) {
                    continue;
                }
                // The retry may do other flash operations than the first try, so it is measured by itself.
                let (operations, after_retry) = whole(scenario, &left);
                assert_eq!(after_retry, after, "{} {first:?}", scenario.name);
                for second in few_tears(&operations) {
                    let left = cut(scenario, &left, second).expect("the cut is inside the retry");
                    check_after_cut(scenario, &before, &after, &left, &(room, first, second));
                    cuts += 1;
                }
            }
        }
    }
    println!("{cuts} double cuts");
    assert!(cuts > 15_000, "only {cuts} double cuts");
}

/// Before, after, and inside at the border of a field, of a write unit, of an erase unit, and by random bits.
fn few_tears(operations: &[Operation]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (operation, kind) in operations.iter().enumerate() {
        let inside = match kind {
            Operation::Write { .. } => [
                Tear::Prefix(4),
                Tear::Prefix(60),
                Tear::Suffix(60),
                Tear::Bits(operation as u64 + 1),
            ],
            Operation::Erase { .. } => [
                Tear::Prefix(64),
                Tear::Prefix(512),
                Tear::Suffix(512),
                Tear::Bits(operation as u64 + 1),
            ],
        };
        cuts.extend(
            [Tear::Before, Tear::After]
                .into_iter()
                .chain(inside)
                .map(|tear| Cut { operation, tear }),
        );
    }
    cuts
}

/// Long lives under random cuts: whatever happens, one of the images that were installed runs, the counter never falls, and the
/// slot that is being written is never the one that runs.
#[test]
fn lives_with_random_cuts() {
    let mut cuts = 0;
    for seed in 1..=300 {
        cuts += live(seed);
    }
    println!("{cuts} random cuts");
    assert!(cuts > 3_000, "only {cuts} random cuts");
}

fn live(seed: u64) -> u32 {
    let mut random = Random(seed);
    let mut records = provisioned();
    let (mut cuts, mut number, mut counter) = (0, 1_u8, records.counter());
    for _ in 0..60 {
        let mut flash = records.close().power_on();
        let tear = match random.below(4) {
            0 => Tear::Before,
            1 => Tear::Prefix(random.below(RECORD_BYTES)),
            2 => Tear::Bits(random.next()),
            _ => Tear::After,
        };
        flash.cut = Some(Cut {
            operation: random.below(12),
            tear,
        });
        records = BootRecords::open(flash).unwrap();
        while step(&mut records, &mut random, &mut number).is_ok() {
            assert!(records.counter() >= counter, "seed {seed}");
            counter = records.counter();
        }
        cuts += 1;
        records = reset(records);
        assert!(records.counter() >= counter, "seed {seed}: the counter fell");
        counter = records.counter();
        let (State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. }) = records.state() else {
            panic!("seed {seed}: nothing is confirmed");
        };
        assert!(
            confirmed.image.security_version >= counter
                && confirmed.image.length == image(confirmed.image.digest[0]).length
        );
    }
    cuts
}

/// One thing that a device does in its state; an error is the cut.
fn step(records: &mut Records, random: &mut Random, number: &mut u8) -> Outcome<()> {
    match records.state() {
        State::Confirmed { confirmed, other } => {
            if random.below(8) == 0 {
                records.mismatched(confirmed.slot)?;
                return Ok(());
            }
            let spare = confirmed.slot.other();
            if !matches!(other, tuffet_boot::Other::Nothing) {
                return records.mark_empty(spare);
            }
            *number = if *number == 250 { 250 } else { *number + 1 };
            let attempt = records
                .failed()
                .iter()
                .map(|failed| failed.attempt + 1)
                .max()
                .unwrap_or(1);
            records.begin_trial(verified(spare, *number, attempt), 2)
        }
        State::Trial { trial, .. } if trial.attempts_left == trial.attempts || random.below(3) == 0 => boot(records),
        State::Trial { .. } if random.below(3) == 0 => records.fail().map(|_| ()),
        State::Trial { .. } => records.confirm().map(|_| ()),
        State::Damaged | State::Unprovisioned => panic!("the device lost its records"),
    }
}
