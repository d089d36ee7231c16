//! The flash of a device with its map: where every driver and the bootloader begin.

use super::{Checkpoints, FlashFile, Map, Region, RegionError, Span, StateError, StatePages, Strategy};
use crate::hashed::Hashed;
use crate::state::DeviceState;
use core::cell::RefCell;
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::{BootRecords, Slot};
use tuffet_wire::Digest;

/// A flash and its map. It is a view: as many as one likes share the flash.
pub struct Storage<'f, F, S> {
    flash: &'f RefCell<F>,
    map: &'f Map<S>,
}

impl<F, S> Clone for Storage<'_, F, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, S> Copy for Storage<'_, F, S> {}

impl<'f, F, S> Storage<'f, F, S> {
    /// A flash that is laid out by this map. The map was [checked](Map::check) when the firmware was built.
    pub const fn new(flash: &'f RefCell<F>, map: &'f Map<S>) -> Self {
        Self { flash, map }
    }

    /// The map.
    pub const fn map(&self) -> &'f Map<S> {
        self.map
    }

    pub(crate) const fn region(&self, span: Span) -> Region<'f, F> {
        Region::new(self.flash, span)
    }
}

impl<'f, F: NorFlash, S> Storage<'f, F, S> {
    /// Opens the boot record.
    pub fn boot_records(&self) -> Result<BootRecords<Region<'f, F>>, tuffet_boot::Error<RegionError<F::Error>>> {
        BootRecords::open(self.region(self.map.boot_record))
    }

    /// Reads the trusted state.
    pub fn state(&self) -> Result<DeviceState, StateError<F::Error>> {
        let mut state = DeviceState::nothing();
        self.load_state(&mut state)?;
        Ok(state)
    }

    /// The same in place, with the pages to write the next one into. After an error the state is of no use.
    pub fn load_state(&self, state: &mut DeviceState) -> Result<StatePages<'f, F>, StateError<F::Error>> {
        let mut pages = self.state_pages();
        pages.read(state)?;
        Ok(pages)
    }

    /// The pages of the trusted state, before they are read.
    pub(crate) const fn state_pages(&self) -> StatePages<'f, F> {
        StatePages::blank(self.region(self.map.state))
    }

    /// Empties the pages of the trusted state: for a device that has none.
    pub(crate) fn blank_state(&self) -> Result<StatePages<'f, F>, RegionError<F::Error>> {
        self.region(self.map.state).erase(0, self.map.state.bytes)?;
        Ok(self.state_pages())
    }

    pub(crate) fn checkpoints(&self) -> Checkpoints<'f, F> {
        let spans = self.map.checkpoints;
        Checkpoints::new(spans.map(|span| self.region(span)), spans)
    }

    /// Whether an area holds exactly this file.
    #[inline(never)]
    pub(crate) fn holds(&self, area: Span, length: u32, digest: &Digest) -> Result<bool, RegionError<F::Error>> {
        if length > area.bytes {
            return Ok(false);
        }
        Hashed::new(&mut FlashFile::new(self.region(area), length)).is(digest)
    }
}

impl<'f, F: NorFlash, S: Strategy> Storage<'f, F, S> {
    /// A slot where it lies at present, as a flash of its own.
    pub fn slot(&self, slot: Slot) -> Result<Region<'f, F>, RegionError<F::Error>> {
        Ok(self.region(S::place(self, slot)?))
    }
}
