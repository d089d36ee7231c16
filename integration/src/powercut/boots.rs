//! A part that only boots: boot record, slots and journal, with two short images. It is small enough for all pairs of cuts, and
//! its geometry is free.

use crate::device::small::Layout;
use crate::life::{Fate, Life, Scenario, short_trial};
use crate::nor::{Cut, Journal, Nor, NorError, Tear};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use tuffet_boot::{BootRecords, Placed, RECORD_BYTES, Run, Slot, State, Why};
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Map, Region, RegionError, Span, Storage, Strategy, Swap, Xip};
use tuffet_no_std_client::{Stop, boot::Recovery};

/// Bytes of an erase unit.
pub const UNIT_BYTES: usize = 256;
const UNIT: u32 = 256;
/// Units of a slot: one more than an image has.
const SLOT_UNITS: u32 = 3;
const RECORD_SPAN: Span = Span::new(0, 2_048);
const SLOTS_START: u32 = 2_048;
/// Boots in which a device must come to rest.
const BOOTS_MAX: usize = 12;

/// A part with this write unit.
pub type Part<const WRITE: usize> = Nor<WRITE, UNIT_BYTES>;

type Records<'f, const WRITE: usize> = BootRecords<Region<'f, Part<WRITE>>>;

/// A strategy, laid out on the part.
pub trait Short: Strategy + Copy + Send + Sync + 'static {
    /// Its name.
    const NAME: &str;
    /// Accesses that may follow the power's going.
    const ACCESSES_MAX: usize;

    /// Behind the boot record.
    fn laid_out(write_bytes: u32) -> Self;

    /// The end of all.
    fn end(&self) -> u32;
}

impl Short for Xip {
    const NAME: &str = "xip";
    const ACCESSES_MAX: usize = <Self as Layout>::ACCESSES_MAX;

    fn laid_out(_: u32) -> Self {
        let bytes = SLOT_UNITS * UNIT;
        Self {
            slots: [Span::new(SLOTS_START, bytes), Span::new(SLOTS_START + bytes, bytes)],
            base: 0,
        }
    }

    fn end(&self) -> u32 {
        let [_, last] = self.slots;
        last.start + last.bytes
    }
}

impl Short for Swap {
    const NAME: &str = "swap";
    const ACCESSES_MAX: usize = <Self as Layout>::ACCESSES_MAX;

    fn laid_out(write_bytes: u32) -> Self {
        let bytes = SLOT_UNITS * UNIT;
        let units = tuffet_no_std_client::flash::Units {
            capacity: u32::MAX,
            erase_bytes: UNIT,
            write_bytes,
        };
        Self {
            running: Span::new(SLOTS_START, bytes),
            staged: Span::new(SLOTS_START + bytes, bytes + UNIT),
            journal: Span::new(SLOTS_START + 2 * bytes + UNIT, Self::journal_bytes(bytes, units)),
            base: 0,
        }
    }

    fn end(&self) -> u32 {
        self.journal.start + self.journal.bytes
    }
}

/// What a device goes through: the boot of a trial, and what comes of it.
pub struct Boots<S> {
    /// Its name.
    pub name: String,
    /// What becomes of the image on trial.
    pub fate: Fate,
    /// The layout.
    pub map: Map<S>,
    /// What the part holds at first.
    pub start: Vec<u8>,
    images: [[u8; 32]; 2],
    bytes: [Vec<u8>; 2],
}

/// What a device came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// This one is confirmed and runs. 0 is the old image, 1 the one that was on trial.
    Runs(usize),
    /// Nothing may run.
    Recovery(Recovery),
    /// The flash gave an error that was no cut.
    Stopped,
}

/// What one life took and left.
pub struct Lived {
    /// How it ended.
    pub end: End,
    /// Whether the trial is remembered as failed.
    pub has_failed: bool,
}

impl<S: Short> Boots<S> {
    /// An image on trial that was not booted yet. So many places are left on the page of the boot record.
    ///
    /// # Panics
    ///
    /// If no trial can be prepared.
    #[must_use]
    pub fn new<const WRITE: usize>(fate: Fate, places_left: Option<usize>) -> Self {
        // Where the images come from is no matter here: what the boot record says of them is taken over.
        let scenario: Scenario<Xip> = short_trial();
        let mut life = Life::new(&scenario, scenario.start.clone());
        life.power_on_and_live().expect("the power stays");
        let contents = life.into_contents();
        let slots = S::laid_out(WRITE as u32);
        let mut start = vec![0xFF; (slots.end() as usize).next_multiple_of(UNIT_BYTES)];
        let nothing = Span::new(0, 0);
        let map = Map {
            boot_record: RECORD_SPAN,
            state: nothing,
            roots: [nothing; 2],
            snapshots: [nothing; 2],
            document: nothing,
            checkpoints: [nothing; 2],
            slots,
        };
        let records = RECORD_SPAN.bytes as usize;
        start[..records].copy_from_slice(&contents[crate::device::small::range(scenario.map.boot_record)]);
        if let Some(left) = places_left {
            fill(&mut start[..records / 2], left);
            // The other page is not erased yet.
            fill(&mut start[records / 2..records], 0);
        }
        let empty = RefCell::new(Part::<WRITE>::with_contents(start.clone()));
        for (slot, firmware) in [Slot::A, Slot::B].into_iter().zip(&scenario.firmware) {
            let place = S::place(&Storage::new(&empty, &map), slot).expect("the part is erased");
            start[place.start as usize..][..firmware.image.len()].copy_from_slice(&firmware.image);
        }
        let images = [0, 1].map(|index: usize| scenario.firmware[index].digest);
        let left = places_left.map_or(String::new(), |left| format!(", {left} places left"));
        Self {
            name: format!("{} boots, {fate:?}{left}", S::NAME).to_lowercase(),
            fate,
            map,
            start,
            images,
            bytes: [0, 1].map(|index: usize| scenario.firmware[index].image.clone()),
        }
    }

    /// The image with this digest.
    #[must_use]
    pub fn image(&self, digest: &[u8; 32]) -> Option<&[u8]> {
        let index = self.images.iter().position(|image| image == digest)?;
        self.bytes.get(index).map(Vec::as_slice)
    }

    /// Boots until there is nothing more to do.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    pub fn live<const WRITE: usize>(&self, flash: &RefCell<Part<WRITE>>) -> Result<Lived, NorError> {
        self.live_petting(flash, &mut || ())
    }

    /// The same, with what the bootloader calls while it works.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    pub fn live_petting<const WRITE: usize>(
        &self,
        flash: &RefCell<Part<WRITE>>,
        pet: &mut impl FnMut(),
    ) -> Result<Lived, NorError> {
        let mut counter = 0;
        for _ in 0..BOOTS_MAX {
            let storage = Storage::new(flash, &self.map);
            let run = match or_cut(choose_slot(&storage, pet))? {
                None => return Ok(self.ended(End::Stopped, false)),
                Some(Err(recovery)) => return Ok(self.ended(End::Recovery(recovery), false)),
                Some(Ok(run)) => run,
            };
            self.assert_runs(&run, &flash.borrow());
            let Some(mut records) = or_cut(storage.boot_records().map_err(Stop::from))? else {
                return Ok(self.ended(End::Stopped, false));
            };
            counter = assert_counter(counter, &records);
            let tried = match (run.why, self.fate) {
                (Why::Trial { .. }, Fate::Confirms) => records.confirm().map(|_| ()),
                (Why::Trial { .. }, Fate::Fails) => records.fail().map(|_| ()),
                (Why::Trial { .. }, Fate::Hangs) => Ok(()),
                (Why::Confirmed | Why::Reverted { .. } | Why::FellBack, _) => {
                    let index = self.images.iter().position(|digest| *digest == run.placed.image.digest);
                    let has_failed = records.failed().iter().any(|failed| failed.digest == self.images[1]);
                    return Ok(self.ended(End::Runs(index.expect("it is one of the two")), has_failed));
                }
            };
            if or_cut(tried.map_err(Stop::from))?.is_none() {
                return Ok(self.ended(End::Stopped, false));
            }
        }
        panic!("not at rest after {BOOTS_MAX} boots");
    }

    /// How a life without a cut ends.
    #[must_use]
    pub const fn expected(&self) -> End {
        match self.fate {
            Fate::Confirms => End::Runs(1),
            Fate::Fails | Fate::Hangs => End::Runs(0),
        }
    }

    /// Everything that a life without a further cut does with a part that holds this.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    #[must_use]
    pub fn recorded<const WRITE: usize>(&self, contents: Vec<u8>) -> Journal {
        let flash = RefCell::new(Part::<WRITE>::with_contents(contents));
        flash.borrow_mut().record();
        let lived = self.live(&flash).expect("the power stays");
        self.assert_ended(&lived);
        flash.into_inner().take_journal()
    }

    /// A part that holds this comes to its end.
    ///
    /// # Panics
    ///
    /// When it does not, or something is not as it must be.
    pub fn ends<const WRITE: usize>(&self, contents: Vec<u8>) {
        let lived = self.live(&RefCell::new(Part::<WRITE>::with_contents(contents)));
        self.assert_ended(&lived.expect("the power stays"));
    }

    /// It comes to its end, whatever was cut before, as long as its boots were not used up by cuts.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn assert_ended(&self, lived: &Lived) {
        assert_eq!(lived.end, self.expected(), "another end");
        let is_bad = self.fate != Fate::Confirms;
        assert_eq!(lived.has_failed, is_bad, "whether the trial is remembered as failed");
    }

    /// Boots with a cut at a random operation, if the power goes.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    pub fn live_until<const WRITE: usize>(&self, flash: &RefCell<Part<WRITE>>, operation: usize, tear: Tear) -> bool {
        flash.borrow_mut().power_on();
        flash.borrow_mut().cut_at(Cut { operation, tear });
        let is_cut = self.live(flash).is_err();
        let accesses = flash.borrow().accesses_after_cut();
        assert!(accesses <= S::ACCESSES_MAX, "{accesses} accesses after the power went");
        flash.borrow_mut().power_on();
        is_cut
    }

    const fn ended(&self, end: End, has_failed: bool) -> Lived {
        Lived { end, has_failed }
    }

    /// What runs stands where it runs, and is what the boot record pins.
    fn assert_runs<const WRITE: usize>(&self, run: &Run, flash: &Part<WRITE>) {
        let Placed { slot, image } = run.placed;
        let start = self.map.slots.runs_at(slot).start as usize;
        let bytes = &flash.contents()[start..start + image.length as usize];
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        assert!(
            self.images.contains(&digest) && digest == image.digest,
            "what boots is no image: {run:?}"
        );
    }
}

/// The counter, which never falls, and is never above the confirmed image.
fn assert_counter<const WRITE: usize>(before: u32, records: &Records<'_, WRITE>) -> u32 {
    let counter = records.counter();
    assert!(counter >= before, "the counter fell from {before} to {counter}");
    if let State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. } = records.state() {
        let security_version = confirmed.image.security_version;
        assert!(
            counter <= security_version,
            "the counter {counter} is above the confirmed image's {security_version}"
        );
    }
    counter
}

/// `None`: an error that is no cut.
fn or_cut<T>(result: Result<T, Stop<NorError>>) -> Result<Option<T>, NorError> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(
            Stop::Flash(RegionError::Flash(NorError::PowerIsOff))
            | Stop::Boot(tuffet_boot::Error::Storage(RegionError::Flash(NorError::PowerIsOff))),
        ) => Err(NorError::PowerIsOff),
        Err(_) => Ok(None),
    }
}

/// Torn records on all free places of the first page but so many.
pub fn fill(page: &mut [u8], places_left: usize) {
    let places = page.len() / RECORD_BYTES;
    for record in page.chunks_exact_mut(RECORD_BYTES).take(places - places_left) {
        if record.iter().all(|byte| *byte == 0xFF) {
            record[..4].copy_from_slice(&[0x54, 0x62, 0, 4]);
        }
    }
}
