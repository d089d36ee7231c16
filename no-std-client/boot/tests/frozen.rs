//! Pages of records as they were written once. Whoever changes what bytes mean sees it here, on every target.
//!
//! - `frozen/NAME_vVERSION.txt` is what both pages held behind a history, in hexadecimal digits. The same history writes the same
//!   bytes, and they are read as the same state, to the end of time.
//! - `TUFFET_FREEZE=1 cargo test -p tuffet-boot --test frozen` writes files that are missing. None is written again: if one fails, the
//!   code is wrong.
//! - Places in the bytes are those of `docs/spec/boot-record.md`, by number, so that the paper is held against the code.

#[path = "../../tests/support/frozen.rs"]
mod files;
mod support;

use std::{collections::BTreeSet, path::Path};
use support::{flash::Operation, *};
use tuffet_boot::{
    BadRecord, Boot, BootRecords, Image, Other, Placed, RECORD_BYTES, Recovery, Slot, State, Trial, VerifiedImage,
    crc32,
};

const VERSION: u8 = 1;

/// A history, and what both pages hold behind it.
struct History {
    name: &'static str,
    records: Records,
    state: State,
}

/// Every kind of record in one page, and then in the other what compaction carries.
fn life() -> History {
    let mut records = updated_same_security();
    records.mismatched(Slot::B).unwrap();
    records.begin_trial(verified(Slot::B, 2, 7), 2).unwrap();
    records.boot().unwrap();
    records.fail().unwrap();
    records.begin_trial(verified(Slot::B, 4, 8), 3).unwrap();
    records.boot().unwrap();
    records.confirm().unwrap();
    records.mark_empty(Slot::A).unwrap();
    records.begin_trial(verified(Slot::A, 5, 9), 3).unwrap();
    records.boot().unwrap();
    records.confirm().unwrap();
    // The page is full now.
    records.mark_empty(Slot::B).unwrap();
    records.begin_trial(verified(Slot::B, 6, 1), 1).unwrap();
    records.boot().unwrap();
    records.boot().unwrap();
    History {
        name: "life",
        records,
        state: State::Confirmed {
            confirmed: placed(Slot::A, 5),
            other: Other::Nothing,
        },
    }
}

/// A page that carries the fullest state: four failed digests, and a trial.
fn carried() -> History {
    let mut records = fullest();
    let State::Trial { confirmed, mut trial } = records.state() else {
        panic!("a trial is open");
    };
    // The page is full: one more boot goes into the other one, behind all that is carried.
    records.boot().unwrap();
    trial.attempts_left -= 1;
    History {
        name: "carried",
        records,
        state: State::Trial { confirmed, trial },
    }
}

/// The largest numbers.
fn extremes() -> History {
    let largest = |slot, byte| Placed {
        slot,
        image: Image {
            digest: [byte; 32],
            length: u32::MAX,
            security_version: u32::MAX,
        },
    };
    let mut records = unprovisioned();
    records.provision(largest(Slot::B, 0xFF)).unwrap();
    let proof = VerifiedImage::assertion(largest(Slot::A, 0xFE), u32::MAX);
    records.begin_trial(proof, u8::MAX).unwrap();
    records.boot().unwrap();
    records.fail().unwrap();
    let proof = VerifiedImage::assertion(largest(Slot::A, 0xFD), u32::MAX);
    records.begin_trial(proof, u8::MAX).unwrap();
    records.boot().unwrap();
    records.confirm().unwrap();
    History {
        name: "extremes",
        records,
        state: State::Confirmed {
            confirmed: largest(Slot::A, 0xFD),
            other: Other::Previous(largest(Slot::B, 0xFF).image),
        },
    }
}

/// The smallest ones.
fn zeros() -> History {
    let smallest = |slot| Placed {
        slot,
        image: Image {
            digest: [0; 32],
            length: 0,
            security_version: 0,
        },
    };
    let mut records = unprovisioned();
    records.provision(smallest(Slot::A)).unwrap();
    records
        .begin_trial(VerifiedImage::assertion(smallest(Slot::B), 0), 1)
        .unwrap();
    let trial = Trial {
        placed: smallest(Slot::B),
        attempt: 0,
        attempts: 1,
        attempts_left: 1,
    };
    History {
        name: "zeros",
        records,
        state: State::Trial {
            confirmed: smallest(Slot::A),
            trial,
        },
    }
}

fn histories() -> [History; 4] {
    [life(), carried(), extremes(), zeros()]
}

fn stored(history: History) -> Vec<u8> {
    let flash = history.records.close();
    // A record is written at once.
    for operation in &flash.operations {
        assert!(matches!(
            operation,
            Operation::Erase { .. } | Operation::Write { bytes: RECORD_BYTES }
        ));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen");
    files::held(&files::path(&folder, history.name, VERSION), &flash.bytes)
}

fn written(pages: &[u8]) -> impl Iterator<Item = &[u8]> {
    pages
        .chunks(RECORD_BYTES)
        .filter(|record| record.iter().any(|byte| *byte != 0xFF))
}

fn opened(pages: &[u8]) -> Records {
    BootRecords::open(Flash::with(pages.to_vec())).unwrap()
}

fn ignored(records: &mut Records) -> Vec<BadRecord> {
    let mut found = Vec::new();
    records.ignored(|ignored| found.push(ignored.reason)).unwrap();
    found
}

/// With its checksum made to fit again.
fn edited(record: &[u8], place: usize, value: u8) -> Vec<u8> {
    let mut record = record.to_vec();
    record[place] = value;
    let checksum = crc32(&record[..60]).to_le_bytes();
    record[60..].copy_from_slice(&checksum);
    record
}

#[test]
fn frozen_pages_are_written_and_read() {
    for history in histories() {
        let (name, state, seen) = (history.name, history.state, seen(&history.records));
        assert_eq!(seen.state, state, "{name}");
        let pages = stored(history);
        let mut records = opened(&pages);
        assert_eq!(support::seen(&records), seen, "{name}");
        assert_eq!(ignored(&mut records), [], "{name}");
        for record in written(&pages) {
            assert_eq!(record[..3], *b"Tb\x01", "{name}");
            assert_eq!(record[60..], crc32(&record[..60]).to_le_bytes(), "{name}");
        }
    }
}

#[test]
fn every_kind_is_frozen_appended_and_carried() {
    let pages: Vec<u8> = histories().into_iter().flat_map(stored).collect();
    // Kind, and whether compaction wrote it.
    let kinds: BTreeSet<(u8, u8)> = written(&pages).map(|record| (record[3], record[25])).collect();
    let appended = [2, 3, 4, 5, 6, 7].map(|kind| (kind, 0));
    let carried = [1, 2, 4, 6].map(|kind| (kind, 1));
    assert_eq!(kinds, appended.into_iter().chain(carried).collect());
}

/// A record, field by field, as the paper names them.
#[test]
fn fields_stand_where_the_paper_draws_them() {
    let pages = stored(life());
    let trial = written(&pages).find(|record| record[3] == 4).unwrap();
    let number = |place: usize| u32::from_le_bytes(trial[place..place + 4].try_into().unwrap());
    // Sequence, counter, length, security version, attempt.
    assert_eq!([4, 8, 12, 16, 20].map(number), [3, 1, 1_003, 1, 1]);
    // Slot, origin, attempts, attempts left.
    assert_eq!(trial[24..28], [1, 0, 3, 3]);
    assert_eq!(trial[28..60], [3; 32]);
    assert_eq!(number(60), crc32(&trial[..60]));
}

#[test]
fn other_versions_and_kinds_are_named_and_not_believed() {
    for history in histories() {
        let pages = stored(history);
        for (place, value, reason) in [
            (2, 0, BadRecord::LayoutVersion(0)),
            (2, 2, BadRecord::LayoutVersion(2)),
            (2, u8::MAX, BadRecord::LayoutVersion(u8::MAX)),
            (3, 0, BadRecord::UnknownKind(0)),
            (3, 8, BadRecord::UnknownKind(8)),
            (3, u8::MAX, BadRecord::UnknownKind(u8::MAX)),
        ] {
            let others: Vec<u8> = pages
                .chunks(RECORD_BYTES)
                .flat_map(|record| match record.iter().all(|byte| *byte == 0xFF) {
                    true => record.to_vec(),
                    false => edited(record, place, value),
                })
                .collect();
            let mut records = opened(&others);
            assert_eq!(ignored(&mut records), vec![reason; written(&pages).count()]);
            assert_eq!(records.state(), State::Damaged);
            assert_eq!(records.boot(), Ok(Boot::Recovery(Recovery::Damaged)));
        }
    }
}

/// What a kind does not use has one value.
#[test]
fn fields_that_a_kind_does_not_use_are_as_the_paper_says() {
    let unused: [(u8, &[usize]); 7] = [
        (1, &[12, 16, 20, 24, 26, 27, 28, 59]),
        (2, &[20, 26, 27]),
        (3, &[12, 16, 20, 26, 27, 28, 59]),
        (4, &[]),
        (5, &[]),
        (6, &[12, 16, 24, 26, 27]),
        (7, &[12, 16, 20, 26, 27, 28, 59]),
    ];
    let pages = stored(life());
    for (kind, places) in unused {
        let position = pages.chunks(RECORD_BYTES).position(|record| record[3] == kind).unwrap();
        let from = position * RECORD_BYTES;
        for place in places {
            let mut others = pages.clone();
            let record = edited(&pages[from..from + RECORD_BYTES], *place, 1);
            others[from..from + RECORD_BYTES].copy_from_slice(&record);
            let found = ignored(&mut opened(&others));
            assert!(
                found.contains(&BadRecord::Malformed),
                "kind {kind}, byte {place}: {found:?}"
            );
        }
    }
}
