//! The second half without its decoder: from the decision to a slot whose content is proven.
//!
//! What is here needs no network, and must not stand on the stack together with a decoder.

use super::Stop;
use crate::failure::Failure;
use crate::flash::{Region, RegionError, Storage, Strategy};
use crate::state::DeviceState;
use crate::update::{Installation, Request};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_boot::{BootRecords, Slot};

/// Pieces in which a slot is read to be hashed: a multiple of every usual read unit.
const PIECE_BYTES: usize = 256;

/// What an installation needs that is not done here.
#[derive(Copy, Clone, PartialEq, Eq)]
pub enum Next {
    /// A patch is to be decoded.
    Fill,
    /// Nothing: the slot holds the image.
    Trial,
}

/// Does what an installation asks for, as far as flash goes: hashes slots, marks, reads back, and saves.
#[inline(never)]
pub fn go_on<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    installation: &mut Installation,
) -> Result<Next, Stop<F::Error>> {
    loop {
        match installation.request() {
            Request::HashSource { slot, offset, length } => {
                read_slot(storage, installation, slot, offset, length)?;
            }
            Request::ReadBack { slot, offset, length } => {
                let read = read_slot(storage, installation, slot, offset, length);
                let holds_so_far = matches!(installation.request(), Request::ReadBack { .. } | Request::StoreState);
                // Not the image, or a place that cannot be read: what was saved on the way must not lead to the same end again.
                let forgotten = match &read {
                    Ok(()) if holds_so_far => Ok(()),
                    Ok(()) | Err(_) => storage.checkpoints().forget(),
                };
                read?;
                forgotten?;
            }
            Request::MarkEmpty(slot) => {
                mark_empty(storage, slot)?;
                installation.done::<Stop<F::Error>>()?;
            }
            Request::Decode(_) => {
                check_confirmed_runs(storage)?;
                return Ok(Next::Fill);
            }
            Request::StoreState => {
                save_installed(storage, installation)?;
                installation.done::<Stop<F::Error>>()?;
            }
            Request::Trial => return Ok(Next::Trial),
            Request::Metadata(_)
            | Request::Store
            | Request::Target(_)
            | Request::Stored(_)
            | Request::Decided
            | Request::Download { .. }
            | Request::Unpack { .. } => return Err(Failure::Misuse.into()),
        }
    }
}

#[inline(never)]
fn mark_empty<F: NorFlash, S>(storage: &Storage<'_, F, S>, slot: Slot) -> Result<(), Stop<F::Error>> {
    with_records(storage, &mut |records| Ok(records.mark_empty(slot)?))
}

/// What is done with the boot record.
type Records<'w, 'f, F, E> = dyn FnMut(&mut BootRecords<Region<'f, F>>) -> Result<(), Stop<E>> + 'w;

/// Works on the boot record. It stands in this frame, and is gone with it.
#[inline(never)]
pub fn with_records<'f, F: NorFlash, S>(
    storage: &Storage<'f, F, S>,
    work: &mut Records<'_, 'f, F, F::Error>,
) -> Result<(), Stop<F::Error>> {
    // Not `?`: that would copy the records.
    match storage.boot_records() {
        Ok(ref mut records) => work(records),
        Err(error) => Err(error.into()),
    }
}

/// The state is not kept over an installation: what stands in flash is all of it.
#[inline(never)]
fn save_installed<F: NorFlash, S>(
    storage: &Storage<'_, F, S>,
    installation: &Installation,
) -> Result<(), Stop<F::Error>> {
    let (slot, installed) = installation.installed().ok_or(Failure::Misuse)?;
    let mut state = DeviceState::nothing();
    let mut pages = storage.state_pages();
    pages.read(&mut state)?;
    state.put(slot, installed);
    Ok(pages.save_twice(&state)?)
}

/// The next piece of a slot, for the machine to hash.
#[inline(never)]
fn read_slot<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    installation: &mut Installation,
    slot: Slot,
    offset: u32,
    length: u32,
) -> Result<(), Stop<F::Error>> {
    let mut piece = [0; PIECE_BYTES];
    let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(PIECE_BYTES);
    let count = left.min(PIECE_BYTES);
    let read_bytes = count.next_multiple_of(F::READ_SIZE.max(1));
    let target = piece.get_mut(..read_bytes).ok_or(RegionError::OutOfBounds)?;
    storage.slot(slot)?.read(offset, target)?;
    installation.receive_bytes(piece.get(..count).unwrap_or_default())
}

/// Refuses to write while the confirmed image lies elsewhere than it runs: what lies in the other slot may be the program that
/// runs, whose trial has failed. The next reset brings the confirmed image back.
#[inline(never)]
fn check_confirmed_runs<F: NorFlash, S: Strategy>(storage: &Storage<'_, F, S>) -> Result<(), Stop<F::Error>> {
    let mut slot = None;
    with_records(storage, &mut |records| {
        slot = records.confirmed().map(|confirmed| confirmed.slot);
        Ok(())
    })?;
    match slot {
        Some(slot) if S::place(storage, slot)? != storage.map().slots.runs_at(slot) => {
            Err(RegionError::Unsettled.into())
        }
        Some(_) | None => Ok(()),
    }
}
