//! The journal of exchanges.

use super::{
    flash::{Cut, RamFlash, Tear},
    held,
};
use crate::flash::{Map, Span, Storage, Strategy as _, Swap, Units};
use core::cell::RefCell;
use std::{format, vec::Vec};
use tuffet_boot::Slot;

const VERSION: u8 = 1;
/// The flash model's erase unit.
const UNIT_BYTES: u32 = 512;
const IMAGE_BYTES: u32 = 1_000;
const AREA_BYTES: usize = 512;

const fn map(write_bytes: u32) -> Map<Swap> {
    let none = Span::new(0, 0);
    let units = Units {
        capacity: 16 * UNIT_BYTES,
        erase_bytes: UNIT_BYTES,
        write_bytes,
    };
    let running_bytes = 2 * UNIT_BYTES;
    Map {
        boot_record: Span::new(0, 4 * UNIT_BYTES),
        state: none,
        roots: [none; 2],
        snapshots: [none; 2],
        document: none,
        checkpoints: [none; 2],
        slots: Swap {
            running: Span::new(4 * UNIT_BYTES, running_bytes),
            staged: Span::new(6 * UNIT_BYTES, 3 * UNIT_BYTES),
            journal: Span::new(9 * UNIT_BYTES, Swap::journal_bytes(running_bytes, units)),
            base: 0,
        },
    }
}

/// A part with something in its slots, and nothing in its journal.
struct Part<const WRITE_BYTES: usize> {
    map: Map<Swap>,
    flash: RefCell<RamFlash<WRITE_BYTES>>,
}

impl<const WRITE_BYTES: usize> Part<WRITE_BYTES> {
    fn new() -> Self {
        let map = map(u32::try_from(WRITE_BYTES).unwrap());
        let end = usize::try_from(map.slots.journal.start + map.slots.journal.bytes).unwrap();
        let mut bytes: Vec<u8> = (0..end).map(|place| place as u8).collect();
        bytes[..4 * AREA_BYTES].fill(0xFF);
        bytes[range(map.slots.journal)].fill(0xFF);
        Self {
            map,
            flash: RefCell::new(RamFlash::with(bytes)),
        }
    }

    fn storage(&self) -> Storage<'_, RamFlash<WRITE_BYTES>, Swap> {
        Storage::new(&self.flash, &self.map)
    }

    fn exchange(&self) {
        Swap::exchange(&self.storage(), IMAGE_BYTES, &mut || ()).unwrap();
    }

    /// The power goes in an exchange, at this operation from here, and comes again.
    fn exchange_cut_at(&self, operation: usize) {
        let operation = self.flash.borrow().operations.len() + operation;
        let cut = Cut {
            operation,
            tear: Tear::Before,
        };
        self.flash.borrow_mut().cut = Some(cut);
        Swap::exchange(&self.storage(), IMAGE_BYTES, &mut || ()).unwrap_err();
        self.flash
            .replace_with(|flash| RamFlash::with(core::mem::take(&mut flash.bytes)));
        Swap::settle(&self.storage(), &mut || ()).unwrap();
    }

    fn journal(&self) -> Vec<u8> {
        self.flash.borrow().bytes[range(self.map.slots.journal)].to_vec()
    }

    /// The slot at the running place, by this journal.
    fn runs(&self, journal: &[u8]) -> Slot {
        self.flash.borrow_mut().bytes[range(self.map.slots.journal)].copy_from_slice(journal);
        let is_running = |slot: &Slot| Swap::place(&self.storage(), *slot).unwrap() == self.map.slots.running;
        [Slot::A, Slot::B].into_iter().find(is_running).unwrap()
    }
}

fn range(span: Span) -> core::ops::Range<usize> {
    let start = usize::try_from(span.start).unwrap();
    start..start + usize::try_from(span.bytes).unwrap()
}

fn holds<const WRITE_BYTES: usize>(name: &str, runs: Slot, work: impl FnOnce(&Part<WRITE_BYTES>)) -> Vec<u8> {
    let part = Part::<WRITE_BYTES>::new();
    work(&part);
    let journal = held(&format!("journal_{name}"), VERSION, &part.journal());
    assert_eq!(part.runs(&journal), runs, "{name}");
    journal
}

fn exchanged() -> Vec<u8> {
    holds::<4>("exchanged", Slot::B, |part| part.exchange())
}

#[test]
fn frozen_journals_are_written_and_read() {
    exchanged();
    holds::<4>("and_back", Slot::A, |part| {
        part.exchange();
        part.exchange();
    });
    // An exchange takes erase, two Begins, four steps of an erase, four writes and a mark, and the closing mark.
    holds::<4>("interrupted", Slot::B, |part| part.exchange_cut_at(1 + 2 + 7));
    holds::<4>("interrupted_at_once", Slot::B, |part| part.exchange_cut_at(1 + 2));
    holds::<32>("wide", Slot::B, |part| part.exchange());
    holds::<4>("restored", Slot::B, |part| {
        Swap::restored(&part.storage(), Slot::B, &mut || ()).unwrap();
    });
}

/// A Begin and marks, as the paper draws them.
#[test]
fn fields_stand_where_the_paper_draws_them() {
    let journal = exchanged();
    let begin = [0, 0, 2, 0, 0, 0, 0, 1, 0xFF, 0xFF, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE];
    assert_eq!(journal[..16], begin);
    assert_eq!(journal[16..32], begin);
    assert_eq!(journal[32..112], [0; 80]);
    assert!(journal[112..].iter().all(|byte| *byte == 0xFF));
}

/// An area of another version does not count, and the other one does.
#[test]
fn other_versions_do_not_count() {
    let part = Part::<4>::new();
    part.exchange();
    part.exchange();
    let journal = part.journal();
    for version in [0, 2, u8::MAX] {
        let other = |area: usize| {
            let mut journal = journal.clone();
            for copy in [0, 16] {
                let begin = area * AREA_BYTES + copy;
                journal[begin + 7] = version;
                journal[begin + 15] = !version;
            }
            journal
        };
        assert_eq!(part.runs(&other(1)), Slot::B);
        assert_eq!(part.runs(&other(0)), Slot::A);
    }
}
