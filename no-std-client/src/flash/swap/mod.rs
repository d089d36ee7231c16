//! One link address: the bootloader exchanges the two slots, unit by unit, with a journal.
//!
//! ```text
//! slot A runs   running  | A0 | A1 | A2 | A3 |           leaving A, from the bottom up, for each unit i:
//!               staged   | .. | B0 | B1 | B2 | B3 |        1. running[i] -> staged[i]      ("saved")
//!                                                          2. staged[i + 1] -> running[i]  ("moved")
//! half way      running  | B0 | B1 | A2 | A3 |
//!               staged   | A0 | A1 | .. | B2 | B3 |      leaving B, from the top down: the same with staged[i + 1] and
//!                                                        staged[i] exchanged
//! slot B runs   running  | B0 | B1 | B2 | B3 |
//!               staged   | A0 | A1 | A2 | A3 | .. |      .. free: what stood there stands where it belongs
//! ```
//!
//! - The boot record speaks of slots A and B and knows nothing of places. Which of the two lies at the running place is all that
//!   the [`journal`] adds.
//! - A step erases its target, copies into it and reads back what it wrote. Then a mark says that it is done. So a step that is
//!   cut is done again, and what it copies from is not touched before that mark stands.
//! - A step that fails must not cost the confirmed image. While that leaves, the exchange turns round: the journal gets the exchange
//!   that undoes it, and after `d` of `n` steps of the one, what stands is what stands after `n - d` steps of the other. That holds
//!   also where the step after them was begun. While the confirmed image comes, a unit of the other one that cannot be saved is
//!   passed over, and that image is lost. An exchange turns round only towards the confirmed image, so it does once at most. What
//!   stops it is a unit of the confirmed image that cannot be moved to where it runs, and a journal that cannot be read or can be
//!   written in neither area. The bootloader then starts what stands whole at the running place, or takes the confirmed image over the
//!   serial line, straight to where it runs, and then writes the journal anew, if it takes that; an exchange does not go on over
//!   that image where nothing can be noted.
//! - Only units that the images occupy are exchanged. Each costs one erase at the running place and one in the staged one. There
//!   is no scratch unit that wears more than the others.

mod exchange;
mod journal;

use super::{RegionError, Span, Storage, Strategy, Units};
use embedded_storage::nor_flash::NorFlash;
use journal::{Exchange, Journal};
use tuffet_boot::Slot;

/// The slots of a part whose images all run at one address.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Where the image runs.
    pub running: Span,
    /// Where the other one waits: one erase unit more.
    pub staged: Span,
    /// What was moved so far: [`Swap::journal_bytes`].
    pub journal: Span,
    /// The address at which the processor sees offset 0 of the flash.
    pub base: u32,
}

impl Swap {
    /// Longest running place, in erase units: the journal counts steps in 16 bits.
    pub const UNITS_MAX: u32 = 32_767;

    /// Where the processor runs every image: the one address that images are linked for, as slot A's and slot B's.
    #[must_use]
    pub const fn addresses(&self) -> [u32; 2] {
        [self.base.saturating_add(self.running.start); 2]
    }

    /// The journal's length in bytes for a running place of this length: two areas of whole erase units.
    #[must_use]
    pub const fn journal_bytes(running_bytes: u32, units: Units) -> u32 {
        let places = journal::places(running_bytes.div_ceil(units.erase_bytes));
        let area_bytes = places.saturating_mul(journal::stride(units.write_bytes));
        match area_bytes.checked_next_multiple_of(units.erase_bytes) {
            Some(area_bytes) => area_bytes.saturating_mul(2),
            None => u32::MAX,
        }
    }

    /// Where a slot lies while this one is at the running place.
    const fn place_beside(&self, runs: Slot, slot: Slot, unit_bytes: u32) -> Span {
        let (running, staged) = (self.running, self.staged);
        match (runs, slot) {
            (Slot::A, Slot::A) | (Slot::B, Slot::B) => running,
            (Slot::B, Slot::A) => Span::new(staged.start, running.bytes),
            (Slot::A, Slot::B) => Span::new(staged.start.saturating_add(unit_bytes), running.bytes),
        }
    }
}

impl Strategy for Swap {
    fn slot_bytes(&self) -> u32 {
        self.running.bytes
    }

    fn addresses(&self) -> [u32; 2] {
        Self::addresses(self)
    }

    fn runs_at(&self, _: Slot) -> Span {
        self.running
    }

    fn place<F: NorFlash>(storage: &Storage<'_, F, Self>, slot: Slot) -> Result<Span, RegionError<F::Error>> {
        let runs = Journal::open(storage, &mut || ())?
            .runs()
            .ok_or(RegionError::Unsettled)?;
        Ok(storage.map().slots.place_beside(runs, slot, unit_bytes::<F>()))
    }

    #[inline(never)]
    fn settle<F: NorFlash>(
        storage: &Storage<'_, F, Self>,
        pet: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        let mut journal = Journal::open(storage, pet)?;
        if journal.runs().is_none() {
            return exchange::settle(storage, &mut journal, pet);
        }
        // Where no mark is kept any more, what stands whole at the running place is started.
        match journal.close(pet) {
            Err(RegionError::NotKept | RegionError::Flash(_)) => Ok(()),
            closed => closed,
        }
    }

    #[inline(never)]
    fn exchange<F: NorFlash>(
        storage: &Storage<'_, F, Self>,
        image_bytes: u32,
        pet: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        let mut journal = Journal::open(storage, pet)?;
        let leaves = journal.runs().ok_or(RegionError::Unsettled)?;
        exchange::begin(storage, &mut journal, leaves, image_bytes, pet)
    }

    #[inline(never)]
    fn restored<F: NorFlash>(
        storage: &Storage<'_, F, Self>,
        slot: Slot,
        pet: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        // An exchange of nothing, which is complete.
        let exchange = Exchange {
            leaves: slot.other(),
            units: 0,
        };
        let (mut journal, _) = Journal::read_areas(storage, pet);
        journal.begin(exchange, 0, pet)?;
        journal.close(pet)
    }
}

/// An erase unit in bytes, as a flash offset counts.
fn unit_bytes<F: NorFlash>() -> u32 {
    u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX)
}
