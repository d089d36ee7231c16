//! Moving two images past each other, and what a step that fails leads to.

use super::journal::{Exchange, Journal};
use super::{Swap, unit_bytes};
use crate::bootloader::holds_at;
use crate::flash::{Region, RegionError, Span, Storage};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_boot::{Placed, Slot, State};

/// Bytes that are copied at once: a multiple of every usual write unit.
const PIECE_BYTES: usize = 128;

/// Begins an exchange of all units that images of this length occupy, and brings it to its end. After an error
/// [`settle`] decides what becomes of it.
pub(super) fn begin<F: NorFlash>(
    storage: &Storage<'_, F, Swap>,
    journal: &mut Journal<'_, F>,
    leaves: Slot,
    image_bytes: u32,
    pet: &mut dyn FnMut(),
) -> Result<(), RegionError<F::Error>> {
    let unit_bytes = unit_bytes::<F>();
    let units = image_bytes.checked_next_multiple_of(unit_bytes).unwrap_or(u32::MAX);
    if units > storage.map().slots.running.bytes {
        return Err(RegionError::OutOfBounds);
    }
    let units = units
        .checked_div(unit_bytes)
        .and_then(|units| u16::try_from(units).ok());
    let exchange = Exchange {
        leaves,
        units: units.ok_or(RegionError::OutOfBounds)?,
    };
    journal.begin(exchange, 0, pet)?;
    go_on(storage, journal, pet)
}

/// Does every step that is not done. The image that leaves may be lost, where the confirmed one comes: what of it cannot be saved
/// is passed over.
fn go_on<F: NorFlash>(
    storage: &Storage<'_, F, Swap>,
    journal: &mut Journal<'_, F>,
    pet: &mut dyn FnMut(),
) -> Result<(), RegionError<F::Error>> {
    loop {
        let (exchange, step) = journal.newest()?;
        if step >= exchange.steps() {
            break;
        }
        let (from, to) = places(&storage.map().slots, exchange, step, unit_bytes::<F>());
        let copied = copy(&mut storage.region(from), &mut storage.region(to), to.bytes, pet);
        if let Err(error) = copied
            && !(is_save(step) && confirmed_slot(storage) == Some(exchange.leaves.other()))
        {
            return Err(error);
        }
        journal.note(pet)?;
    }
    journal.close(pet)
}

/// Finishes an exchange that was interrupted. Where a step fails while the confirmed image leaves, it is brought back.
pub(super) fn settle<'f, F: NorFlash>(
    storage: &Storage<'f, F, Swap>,
    journal: &mut Journal<'f, F>,
    pet: &mut dyn FnMut(),
) -> Result<(), RegionError<F::Error>> {
    if let Err(error) = journal.begin_anew(pet) {
        // What failed may count all the same.
        *journal = Journal::open(storage, pet)?;
        if !journal.is_free() || confirmed_runs(storage, pet) {
            // A step that cannot be noted would break what was brought back over the serial line.
            return Err(error);
        }
    }
    let (exchange, _) = journal.newest()?;
    let Err(error) = go_on(storage, journal, pet) else {
        return Ok(());
    };
    if confirmed_slot(storage) != Some(exchange.leaves) {
        return Err(error);
    }
    // What stands after the steps of one direction is what stands before the rest of the other.
    let back = exchange.back();
    let (_, done) = journal.newest()?;
    journal.begin(back, back.steps().saturating_sub(done), pet)?;
    go_on(storage, journal, pet)
}

/// The image that must not be lost. Asked only where something failed.
#[inline(never)]
fn confirmed<F: NorFlash>(storage: &Storage<'_, F, Swap>) -> Option<Placed> {
    match storage.boot_records().ok()?.state() {
        State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. } => Some(confirmed),
        State::Damaged | State::Unprovisioned => None,
    }
}

fn confirmed_slot<F: NorFlash>(storage: &Storage<'_, F, Swap>) -> Option<Slot> {
    confirmed(storage).map(|placed| placed.slot)
}

/// Whether it stands whole where it runs.
fn confirmed_runs<F: NorFlash>(storage: &Storage<'_, F, Swap>, pet: &mut dyn FnMut()) -> bool {
    let running = storage.map().slots.running;
    confirmed(storage).is_some_and(|placed| holds_at(storage, &placed.image, running, pet).is_ok_and(|holds| holds))
}

/// Whether a step saves the image that leaves. The others move the one that comes.
const fn is_save(step: u32) -> bool {
    step.is_multiple_of(2)
}

/// What a step copies, and where to. Every second one is the first of its unit.
fn places(slots: &Swap, exchange: Exchange, step: u32, unit_bytes: u32) -> (Span, Span) {
    let index = step.wrapping_div(2);
    let above = |unit: u32| unit.saturating_add(1);
    // The unit at the running place, where it is kept, and where that comes from which takes its place.
    let (unit, kept, comes) = match exchange.leaves {
        Slot::A => (index, index, above(index)),
        Slot::B => {
            let unit = u32::from(exchange.units).saturating_sub(above(index));
            (unit, above(unit), unit)
        }
    };
    let at = |span: Span, unit: u32| Span::new(span.start.saturating_add(unit.saturating_mul(unit_bytes)), unit_bytes);
    let running = at(slots.running, unit);
    if is_save(step) {
        (running, at(slots.staged, kept))
    } else {
        (at(slots.staged, comes), running)
    }
}

/// Copies a unit, and reads back what was written. A unit that refuses its erase may hold already what it is to hold.
fn copy<F: NorFlash>(
    from: &mut Region<'_, F>,
    to: &mut Region<'_, F>,
    unit_bytes: u32,
    pet: &mut dyn FnMut(),
) -> Result<(), RegionError<F::Error>> {
    let erased = to.erase(0, unit_bytes);
    pet();
    let (mut piece, mut written) = ([0; PIECE_BYTES], [0; PIECE_BYTES]);
    let mut offset = 0_u32;
    while offset < unit_bytes {
        let left = usize::try_from(unit_bytes.saturating_sub(offset)).unwrap_or(PIECE_BYTES);
        let count = left.min(PIECE_BYTES);
        let (Some(piece), Some(written)) = (piece.get_mut(..count), written.get_mut(..count)) else {
            return Err(RegionError::OutOfBounds);
        };
        from.read(offset, piece)?;
        if erased.is_ok() {
            to.write(offset, piece)?;
        }
        to.read(offset, written)?;
        if piece != written {
            return erased.and(Err(RegionError::NotKept));
        }
        offset = offset.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        pet();
    }
    Ok(())
}
