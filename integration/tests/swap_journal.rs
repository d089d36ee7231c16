//! The journal of exchanges where bits rot, marks are torn, and units are long.

use sha2::{Digest as _, Sha256};
use std::cell::{Cell, RefCell};
use tuffet_boot::{Image, Placed, Run, Slot, VerifiedImage, Why};
use tuffet_integration::nor::{Nor, Random};
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Map, Span, Storage, Strategy as _, Swap, Units};

const UNIT: u32 = 256;
const UNIT_BYTES: usize = UNIT as usize;
/// Units of the longest image.
const UNITS: u32 = 6;
const NOTHING: Span = Span::new(0, 0);
/// Bytes of a Begin and of a mark.
const WORD_BYTES: usize = 16;

type Part<const WRITE: usize> = Nor<WRITE, UNIT_BYTES>;

fn map(write_bytes: u32) -> Map<Swap> {
    let units = Units {
        capacity: u32::MAX,
        erase_bytes: UNIT,
        write_bytes,
    };
    let running = Span::new(2_048, UNITS * UNIT);
    let staged = Span::new(running.start + running.bytes, running.bytes + UNIT);
    let journal = Swap::journal_bytes(running.bytes, units);
    Map {
        boot_record: Span::new(0, 2_048),
        state: NOTHING,
        roots: [NOTHING; 2],
        snapshots: [NOTHING; 2],
        document: NOTHING,
        checkpoints: [NOTHING; 2],
        slots: Swap {
            running,
            staged,
            journal: Span::new(staged.start + staged.bytes, journal),
            base: 0,
        },
    }
}

/// Bytes of an image of so many units: not all of the last one.
fn image(number: u8, units: u32) -> Vec<u8> {
    vec![number; (units * UNIT) as usize - 100]
}

fn placed(slot: Slot, bytes: &[u8]) -> Placed {
    Placed {
        slot,
        image: Image {
            digest: Sha256::digest(bytes).into(),
            length: bytes.len() as u32,
            security_version: 1,
        },
    }
}

struct Device<const WRITE: usize> {
    map: Map<Swap>,
    flash: RefCell<Part<WRITE>>,
}

impl<const WRITE: usize> Device<WRITE> {
    /// An image of so many units runs in slot A.
    fn new(units: u32) -> Self {
        let map = map(WRITE as u32);
        let mut contents = vec![0xFF; (map.slots.journal.start + map.slots.journal.bytes) as usize];
        let bytes = image(1, units);
        contents[map.slots.running.start as usize..][..bytes.len()].copy_from_slice(&bytes);
        let device = Self::with_contents(contents);
        let records = device.storage().boot_records();
        records.unwrap().provision(placed(Slot::A, &bytes)).unwrap();
        device
    }

    fn with_contents(contents: Vec<u8>) -> Self {
        let map = map(WRITE as u32);
        let flash = RefCell::new(Part::with_contents(contents));
        Self { map, flash }
    }

    fn storage(&self) -> Storage<'_, Part<WRITE>, Swap> {
        Storage::new(&self.flash, &self.map)
    }

    fn contents(&self) -> Vec<u8> {
        self.flash.borrow().contents().to_vec()
    }

    /// Puts an image on trial into a slot, as an installation does.
    fn install(&mut self, slot: Slot, bytes: &[u8]) {
        let mut records = self.storage().boot_records().unwrap();
        records.mark_empty(slot).unwrap();
        let place = Swap::place(&self.storage(), slot).unwrap();
        assert_ne!(place, self.map.slots.running, "the confirmed image is written over");
        let mut contents = self.contents();
        contents[place.start as usize..][..self.map.slots.running.bytes as usize].fill(0xFF);
        contents[place.start as usize..][..bytes.len()].copy_from_slice(bytes);
        self.flash = RefCell::new(Part::with_contents(contents));
        let image = VerifiedImage::assertion(placed(slot, bytes), 1);
        self.storage().boot_records().unwrap().begin_trial(image, 3).unwrap();
    }

    /// What is started after a reset stands where it runs.
    fn boot(&self) -> Run {
        self.flash.borrow_mut().power_on();
        let run = choose_slot(&self.storage(), &mut || ()).unwrap().unwrap();
        let start = self.map.slots.running.start as usize;
        let bytes = &self.contents()[start..][..run.placed.image.length as usize];
        assert_eq!(run.placed.image.digest[..], Sha256::digest(bytes)[..], "{run:?}");
        run
    }

    /// Boots the image on trial, and confirms it.
    fn confirm(&self, slot: Slot) {
        let run = self.boot();
        assert_eq!((run.placed.slot, run.why), (slot, Why::Trial { attempts_left: 2 }));
        self.storage().boot_records().unwrap().confirm().unwrap();
    }

    /// The slot at the running place, for the bootloader and the installer.
    fn runs(&self) -> Slot {
        let place = Swap::place(&self.storage(), Slot::A).unwrap();
        if place == self.map.slots.running {
            Slot::A
        } else {
            Slot::B
        }
    }

    /// Where a place of the journal's first area lies.
    fn place(&self, place: usize) -> usize {
        self.map.slots.journal.start as usize + place * WRITE.max(WORD_BYTES)
    }
}

fn restarted<const WRITE: usize>(contents: &[u8]) -> Device<WRITE> {
    Device::with_contents(contents.to_vec())
}

/// A mark of which so many bits are cleared, anywhere.
fn torn(seed: u64, cleared: usize) -> [u8; WORD_BYTES] {
    let mut random = Random::new(seed);
    let mut mark = [0xFF_u8; WORD_BYTES];
    while mark.iter().map(|byte| byte.count_zeros() as usize).sum::<usize>() < cleared {
        mark[usize::from(random.byte()) % WORD_BYTES] &= !(1 << (random.byte() % 8));
    }
    mark
}

/// The last mark was cut just where it is still read as "done". Then a longer image is installed, and bits of the mark fall over.
#[test]
fn a_torn_last_mark_does_not_come_back() {
    for units in 1..UNITS {
        for next in units..=UNITS {
            for cleared in 65..68 {
                let mut device = Device::<4>::new(units);
                device.install(Slot::B, &image(2, units));
                device.boot();
                // As a cut inside the last mark leaves it: nothing behind it was begun.
                let last = device.place(1 + 2 * units as usize);
                let mut contents = device.contents();
                contents[last..last + WORD_BYTES].copy_from_slice(&torn(7, cleared));
                contents[last + WORD_BYTES..last + 2 * WORD_BYTES].fill(0xFF);
                let mut device = restarted::<4>(&contents);
                let run = device.boot();
                assert_eq!(run.placed.slot, Slot::B);
                device.storage().boot_records().unwrap().confirm().unwrap();
                device.install(Slot::A, &image(3, next));
                let mut contents = device.contents();
                let mut fallen = 0;
                for bit in 0..128 {
                    let byte = &mut contents[last + bit / 8];
                    if *byte >> (bit % 8) & 1 == 0 && fallen < 4 {
                        *byte |= 1 << (bit % 8);
                        fallen += 1;
                    }
                }
                let device = restarted::<4>(&contents);
                assert_eq!(device.runs(), Slot::B, "{units} units, then {next}, {cleared} bits");
                device.confirm(Slot::A);
            }
        }
    }
}

/// One bit of each copy of the newest Begin rots at rest.
#[test]
fn a_bit_of_either_begin_may_rot() {
    let mut device = Device::<4>::new(2);
    device.install(Slot::B, &image(2, 2));
    device.confirm(Slot::B);
    device.install(Slot::A, &image(3, 2));
    device.confirm(Slot::A);
    device.install(Slot::B, &image(4, 2));
    device.confirm(Slot::B);
    // The third exchange is in the first area again.
    let contents = device.contents();
    let begins = [device.place(0), device.place(1)];
    for first in 0..8 * WORD_BYTES {
        for second in 0..8 * WORD_BYTES {
            // Both of one pair and one bit: no copy has it any more.
            if first % 64 == second % 64 {
                continue;
            }
            let mut contents = contents.clone();
            for (start, bit) in begins.into_iter().zip([first, second]) {
                contents[start + bit / 8] ^= 1 << (bit % 8);
            }
            let device = restarted::<4>(&contents);
            assert_eq!(device.runs(), Slot::B, "bits {first} and {second}");
        }
    }
}

/// Images of different lengths, to and fro.
fn lengths<const WRITE: usize>() {
    for [first, second, third] in [[1, 6, 2], [6, 1, 5], [2, 3, 3], [3, 2, 6]] {
        let mut device = Device::<WRITE>::new(first);
        device.install(Slot::B, &image(2, second));
        device.confirm(Slot::B);
        device.install(Slot::A, &image(3, third));
        // It hangs, and reverts.
        for attempts_left in [2, 1, 0] {
            assert_eq!(device.boot().why, Why::Trial { attempts_left });
        }
        assert!(matches!(device.boot().why, Why::Reverted { .. }));
        assert_eq!(device.boot().placed.slot, Slot::B);
        device.install(Slot::A, &image(4, third));
        device.confirm(Slot::A);
        // The confirmed image breaks, and the one before comes back.
        let start = device.map.slots.running.start as usize;
        device.flash.borrow_mut().rot(8 * start);
        let run = device.boot();
        assert_eq!((run.placed.slot, run.why), (Slot::B, Why::FellBack));
        assert_eq!(device.boot().why, Why::Confirmed);
    }
}

/// Once for each operation, also where an area of the journal is longer than an erase unit.
fn assert_petted<const WRITE: usize>() {
    let mut device = Device::<WRITE>::new(2);
    device.install(Slot::B, &image(2, UNITS));
    device.flash.borrow_mut().take_tally();
    let (seen, longest) = (Cell::new(0), Cell::new(0));
    let mut pet = || {
        let operations = device.flash.borrow().tally().operations();
        longest.set(longest.get().max(operations - seen.replace(operations)));
    };
    choose_slot(&device.storage(), &mut pet).unwrap().unwrap();
    assert_eq!(longest.get(), 1, "operations without a pet, write unit {WRITE}");
}

#[test]
fn every_write_unit_and_length_is_exchanged() {
    lengths::<4>();
    lengths::<8>();
    lengths::<16>();
    lengths::<32>();
    lengths::<64>();
}

#[test]
fn every_operation_pets_the_watchdog() {
    assert_petted::<4>();
    assert_petted::<8>();
    assert_petted::<16>();
    assert_petted::<32>();
    assert_petted::<64>();
}
