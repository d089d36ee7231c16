//! What the slots of a part are, and how an image comes to run.

use super::{RegionError, Span, Storage};
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::Slot;

/// How the slots of a part lie, and where their images run. Driver and bootloader are written over it once.
pub trait Strategy: Sized {
    /// The longest image that either slot holds, in bytes.
    fn slot_bytes(&self) -> u32;

    /// Where the processor runs the images of slot A and slot B: what they are linked for.
    fn addresses(&self) -> [u32; 2];

    /// Where an image of this slot runs.
    fn runs_at(&self, slot: Slot) -> Span;

    /// Where a slot lies at present. [`RegionError::Unsettled`] where that cannot be said.
    fn place<F: NorFlash>(storage: &Storage<'_, F, Self>, slot: Slot) -> Result<Span, RegionError<F::Error>>;

    /// Finishes the exchange that a reset or an error interrupted, if there is one, or undoes it for the confirmed image. The
    /// first thing that a bootloader does.
    fn settle<F: NorFlash>(storage: &Storage<'_, F, Self>, pet: &mut impl FnMut())
    -> Result<(), RegionError<F::Error>>;

    /// Exchanges the two slots, of whose images none is longer than so many bytes. A bootloader does it, where a slot that it
    /// is to start lies elsewhere than it runs.
    fn exchange<F: NorFlash>(
        storage: &Storage<'_, F, Self>,
        image_bytes: u32,
        pet: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>>;

    /// Notes that a slot lies where it runs, because its image was just written there, whatever was known before.
    fn restored<F: NorFlash>(
        _: &Storage<'_, F, Self>,
        _: Slot,
        _: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        Ok(())
    }
}

/// Each image runs where it lies.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Xip {
    /// Slots A and B, of the same length.
    pub slots: [Span; 2],
    /// The address at which the processor sees offset 0 of the flash.
    pub base: u32,
}

impl Xip {
    /// Where the processor sees the slots: what images are linked for.
    #[must_use]
    pub const fn addresses(&self) -> [u32; 2] {
        let [a, b] = self.slots;
        [self.base.saturating_add(a.start), self.base.saturating_add(b.start)]
    }

    /// A slot.
    #[must_use]
    pub const fn slot(&self, slot: Slot) -> Span {
        let [a, b] = self.slots;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }
}

impl Strategy for Xip {
    fn slot_bytes(&self) -> u32 {
        let [a, b] = self.slots;
        a.bytes.min(b.bytes)
    }

    fn addresses(&self) -> [u32; 2] {
        Self::addresses(self)
    }

    fn runs_at(&self, slot: Slot) -> Span {
        self.slot(slot)
    }

    fn place<F: NorFlash>(storage: &Storage<'_, F, Self>, slot: Slot) -> Result<Span, RegionError<F::Error>> {
        Ok(storage.map().slots.slot(slot))
    }

    fn settle<F: NorFlash>(_: &Storage<'_, F, Self>, _: &mut impl FnMut()) -> Result<(), RegionError<F::Error>> {
        Ok(())
    }

    /// Every slot lies where it runs.
    fn exchange<F: NorFlash>(
        _: &Storage<'_, F, Self>,
        _: u32,
        _: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        Ok(())
    }
}
