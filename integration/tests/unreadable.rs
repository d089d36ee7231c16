//! A part that corrects errors, and refuses to read a word where there are too many: no image stands there.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use tuffet_boot::{Image, Placed, Recovery, Run, Slot, VerifiedImage, Why};
use tuffet_integration::nor::Nor;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Map, Span, Storage, Xip};

const IMAGE_BYTES: u32 = 1_024;
const NOTHING: Span = Span::new(0, 0);
const SLOTS: [Span; 2] = [
    Span::new(2_048, IMAGE_BYTES),
    Span::new(2_048 + IMAGE_BYTES, IMAGE_BYTES),
];
const MAP: Map<Xip> = Map {
    boot_record: Span::new(0, 2_048),
    state: NOTHING,
    roots: [NOTHING; 2],
    snapshots: [NOTHING; 2],
    document: NOTHING,
    checkpoints: [NOTHING; 2],
    slots: Xip { slots: SLOTS, base: 0 },
};

/// A part with words that cannot be read.
#[derive(Clone)]
struct Corrected {
    part: Nor<4, 256>,
    /// A word, and how many readings of it fail.
    words: Vec<(u32, usize)>,
}

/// Too many errors in a word.
#[derive(Debug)]
struct Uncorrectable;

impl NorFlashError for Uncorrectable {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Corrected {
    type Error = Uncorrectable;
}

impl ReadNorFlash for Corrected {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Uncorrectable> {
        let range = offset..offset + bytes.len() as u32;
        for (word, readings) in &mut self.words {
            if range.contains(word) && *readings > 0 {
                *readings -= 1;
                return Err(Uncorrectable);
            }
        }
        self.part.read(offset, bytes).map_err(|_| Uncorrectable)
    }

    fn capacity(&self) -> usize {
        self.part.capacity()
    }
}

impl NorFlash for Corrected {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 256;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Uncorrectable> {
        self.part.erase(from, to).map_err(|_| Uncorrectable)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Uncorrectable> {
        self.part.write(offset, bytes).map_err(|_| Uncorrectable)
    }
}

fn placed(slot: Slot) -> Placed {
    Placed {
        slot,
        image: Image {
            digest: Sha256::digest(image(slot)).into(),
            length: IMAGE_BYTES,
            security_version: 1,
        },
    }
}

fn image(slot: Slot) -> Vec<u8> {
    vec![if slot == Slot::A { 0xA5 } else { 0x5A }; IMAGE_BYTES as usize]
}

/// Slot A is confirmed, and slot B on trial.
fn on_trial() -> RefCell<Corrected> {
    let mut contents = vec![0xFF; 2_048];
    contents.extend(image(Slot::A));
    contents.extend(image(Slot::B));
    let flash = RefCell::new(Corrected {
        part: Nor::with_contents(contents),
        words: Vec::new(),
    });
    let mut records = Storage::new(&flash, &MAP).boot_records().unwrap();
    records.provision(placed(Slot::A)).unwrap();
    let image = VerifiedImage::assertion(placed(Slot::B), 1);
    records.begin_trial(image, 3).unwrap();
    flash
}

/// Slot B is confirmed, and slot A was before.
fn with_a_previous_image() -> RefCell<Corrected> {
    let flash = on_trial();
    let mut records = Storage::new(&flash, &MAP).boot_records().unwrap();
    records.boot().unwrap();
    records.confirm().unwrap();
    flash
}

fn boot(flash: &RefCell<Corrected>) -> Result<Run, Recovery> {
    choose_slot(&Storage::new(flash, &MAP), &mut || ()).unwrap()
}

/// Makes so many readings of a word of a slot fail.
fn spoil(flash: &RefCell<Corrected>, slot: Slot, readings: usize) {
    let word = MAP.slots.slot(slot).start + 512;
    flash.borrow_mut().words.push((word, readings));
}

#[test]
fn a_confirmed_image_that_cannot_be_read_falls_back() {
    let flash = with_a_previous_image();
    spoil(&flash, Slot::B, usize::MAX);
    let run = boot(&flash).unwrap();
    assert_eq!((run.placed.slot, run.why), (Slot::A, Why::FellBack));
    spoil(&flash, Slot::A, usize::MAX);
    assert_eq!(boot(&flash), Err(Recovery::Mismatch { slot: Slot::A }));
}

#[test]
fn one_reading_that_fails_costs_nothing() {
    let flash = with_a_previous_image();
    spoil(&flash, Slot::B, 1);
    let run = boot(&flash).unwrap();
    assert_eq!((run.placed.slot, run.why), (Slot::B, Why::Confirmed));
    let flash = on_trial();
    spoil(&flash, Slot::B, 1);
    assert_eq!(boot(&flash).unwrap().why, Why::Trial { attempts_left: 2 });
}

#[test]
fn a_trial_that_cannot_be_read_ends() {
    let flash = on_trial();
    spoil(&flash, Slot::B, usize::MAX);
    let run = boot(&flash).unwrap();
    assert!(
        run.placed.slot == Slot::A && matches!(run.why, Why::Reverted { .. }),
        "{run:?}"
    );
}

/// What the boot record says is not guessed.
#[test]
fn a_boot_record_that_cannot_be_read_stops() {
    let flash = with_a_previous_image();
    flash.borrow_mut().words.push((0, usize::MAX));
    assert!(choose_slot(&Storage::new(&flash, &MAP), &mut || ()).is_err());
}
