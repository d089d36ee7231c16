//! The slots of a part whose bootloader is MCUboot.

use super::trailer::{MaxAlign, SwapType, Trailer, next_swap};
use crate::flash::{RegionError, Span, Storage, Strategy};
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::{Slot, State};

/// MCUboot's two slots. Slot A of the boot record is what the factory put into the primary one; from then on the confirmed slot
/// is the primary one, and the other waits in the secondary one, whichever of A and B that is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct McuBoot {
    /// The primary slot, trailer included. Images run here.
    pub primary: Span,
    /// The secondary slot, trailer included, of the same length.
    pub secondary: Span,
    /// Bytes at the end of each slot that no image reaches, in whole erase units: [`McuBoot::trailer_bytes`] for as many sectors
    /// as `sectors_max` says.
    pub trailer_bytes: u32,
    /// MCUboot's `BOOT_MAX_IMG_SECTORS`: a slot with more erase units than these it does not swap.
    pub sectors_max: u32,
    /// The alignment that MCUboot is built for.
    pub max_align: MaxAlign,
    /// The address at which the processor sees offset 0 of the flash.
    pub base: u32,
}

impl McuBoot {
    /// What MCUboot needs at the end of a slot: its trailer, in whole erase units. `sectors_max` is its `BOOT_MAX_IMG_SECTORS`.
    /// Swapping by move needs one erase unit more: add it.
    #[must_use]
    pub const fn trailer_bytes(sectors_max: u32, write_bytes: u32, max_align: MaxAlign, erase_bytes: u32) -> u32 {
        let status_bytes = sectors_max.saturating_mul(write_bytes).saturating_mul(3);
        // The fields, and one more that some ways of swapping have.
        let fields_bytes = max_align.bytes().saturating_mul(5);
        let magic_bytes = 16_u32.next_multiple_of(max_align.bytes());
        status_bytes
            .saturating_add(fields_bytes)
            .saturating_add(magic_bytes)
            .next_multiple_of(erase_bytes)
    }

    /// The places of images: the slots without their trailers.
    pub(super) const fn images(&self) -> [Span; 2] {
        let bytes = self.primary.bytes.saturating_sub(self.trailer_bytes);
        [
            Span::new(self.primary.start, bytes),
            Span::new(self.secondary.start, bytes),
        ]
    }

    /// The trailers of the primary and the secondary slot.
    pub(super) fn trailers<F: NorFlash>(storage: &Storage<'_, F, Self>) -> Result<[Trailer; 2], RegionError<F::Error>> {
        let slots = &storage.map().slots;
        let read = |span: Span| Trailer::read(&mut storage.region(span), span.bytes, slots.max_align);
        Ok([read(slots.primary)?, read(slots.secondary)?])
    }

    /// Erases the trailer of the secondary slot, and nothing of its image.
    pub(super) fn unmark<F: NorFlash>(storage: &Storage<'_, F, Self>) -> Result<(), RegionError<F::Error>> {
        let slots = &storage.map().slots;
        let [_, image] = slots.images();
        storage
            .region(slots.secondary)
            .erase(image.bytes, slots.secondary.bytes)
    }
}

impl Strategy for McuBoot {
    fn slot_bytes(&self) -> u32 {
        let [primary, _] = self.images();
        primary.bytes
    }

    fn addresses(&self) -> [u32; 2] {
        [self.base.saturating_add(self.primary.start); 2]
    }

    fn runs_at(&self, _: Slot) -> Span {
        let [primary, _] = self.images();
        primary
    }

    /// The confirmed slot is the primary one, unless MCUboot has a swap to do or a trial is open: then the next reset says.
    fn place<F: NorFlash>(storage: &Storage<'_, F, Self>, slot: Slot) -> Result<Span, RegionError<F::Error>> {
        let records = storage.boot_records().map_err(|_| RegionError::Unsettled)?;
        let first = match records.state() {
            State::Confirmed { confirmed, .. } => confirmed.slot,
            State::Unprovisioned => Slot::A,
            State::Damaged | State::Trial { .. } => return Err(RegionError::Unsettled),
        };
        let [primary, secondary] = Self::trailers(storage)?;
        if next_swap(&primary, &secondary) != SwapType::None {
            return Err(RegionError::Unsettled);
        }
        let [primary, secondary] = storage.map().slots.images();
        Ok(if slot == first { primary } else { secondary })
    }

    /// MCUboot does it.
    fn settle<F: NorFlash>(_: &Storage<'_, F, Self>, _: &mut impl FnMut()) -> Result<(), RegionError<F::Error>> {
        Ok(())
    }

    /// MCUboot does it, and nobody else.
    fn exchange<F: NorFlash>(
        _: &Storage<'_, F, Self>,
        _: u32,
        _: &mut impl FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        Err(RegionError::Unsettled)
    }
}
