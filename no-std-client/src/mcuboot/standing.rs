//! What MCUboot did, and what the boot record says of it. The order of the writes is the table of the module.

use super::strategy::McuBoot;
use super::trailer::{Flag, Magic, SwapType, next_swap, write_image_ok, write_test};
use crate::bootloader::holds_at;
use crate::driver::Stop;
use crate::failure::Failure;
use crate::flash::{Region, RegionError, Storage};
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::{BootRecords, Placed, State, Trial};

/// How the application stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the confirmed image, and nothing is due.
    Confirmed,
    /// It is the confirmed image, and the trial of another one ended badly: that digest is remembered.
    Ended,
    /// It is on trial: it tests itself, and calls [`confirm`] or [`fail`]. Without either, MCUboot reverts at the next reset.
    OnTrial {
        /// Attempts left after this one.
        attempts_left: u8,
    },
    /// MCUboot is to swap: reset.
    ResetDue,
    /// The primary slot holds neither the confirmed image nor the one on trial: somebody else put something there. Nothing was
    /// done; only provisioning again helps.
    Stranger,
}

/// What one boot of an application adds to the count of a trial, at most: made when the application starts, and kept until the
/// reset.
#[derive(Debug, Default)]
pub struct Attempt {
    is_counted: bool,
}

impl Attempt {
    /// Nothing is counted since the reset.
    #[must_use]
    pub const fn new() -> Self {
        Self { is_counted: false }
    }
}

/// Reads what MCUboot did, and tells the boot record. To be called when the application starts, and after an installation; until
/// the reset it may be called again, with the same `attempt`. It hashes a slot or two while a trial is open, and none otherwise;
/// `pet` is called meanwhile.
pub fn start<F: NorFlash>(
    storage: &Storage<'_, F, McuBoot>,
    attempt: &mut Attempt,
    pet: &mut impl FnMut(),
) -> Result<Standing, Stop<F::Error>> {
    let mut records = storage.boot_records()?;
    let (confirmed, trial) = match records.state() {
        State::Trial { confirmed, trial } => (confirmed, trial),
        State::Confirmed { .. } => return Ok(settled(storage)?),
        State::Unprovisioned => return Err(Failure::NotProvisioned.into()),
        State::Damaged => return Err(Failure::BootRecordDamaged.into()),
    };
    let [primary, secondary] = storage.map().slots.images();
    if holds_at(storage, &trial.placed.image, primary, pet)? {
        let attempts_left = counted(&mut records, &trial)?;
        let [trailer, _] = McuBoot::trailers(storage)?;
        // MCUboot writes it, too, when it cannot go back: then nobody has tested this image.
        if trailer.image_ok == Flag::Unset || !holds_at(storage, &confirmed.image, secondary, pet)? {
            return Ok(Standing::OnTrial { attempts_left });
        }
        // It was written after the self test, and MCUboot does not go back any more.
        records.confirm()?;
        return Ok(Standing::Confirmed);
    }
    if !holds_at(storage, &confirmed.image, primary, pet)? {
        return Ok(Standing::Stranger);
    }
    try_again(storage, &mut records, &trial, attempt, pet)
}

/// The self test of an image on trial was passed: MCUboot keeps it, and it becomes the confirmed one.
pub fn confirm<F: NorFlash>(
    storage: &Storage<'_, F, McuBoot>,
    pet: &mut impl FnMut(),
) -> Result<Placed, Stop<F::Error>> {
    let mut records = storage.boot_records()?;
    let slots = &storage.map().slots;
    let [primary, _] = slots.images();
    // MCUboot would keep whatever runs.
    let State::Trial { trial, .. } = records.state() else {
        return Err(Failure::Misuse.into());
    };
    if !holds_at(storage, &trial.placed.image, primary, pet)? {
        return Err(Failure::Misuse.into());
    }
    // First what may be refused.
    counted(&mut records, &trial)?;
    let [trailer, _] = McuBoot::trailers(storage)?;
    if trailer.image_ok == Flag::Unset {
        write_image_ok(&mut storage.region(slots.primary), slots.primary.bytes, slots.max_align)?;
    }
    Ok(records.confirm()?)
}

/// The self test of an image on trial was not passed: its digest is remembered. Reset, and MCUboot reverts.
pub fn fail<F: NorFlash>(storage: &Storage<'_, F, McuBoot>) -> Result<(), Stop<F::Error>> {
    end(storage, &mut storage.boot_records()?)
}

/// The attempts left to an image that runs. Its boot was counted before it was marked; a record of that which broke since is
/// written again, or nobody could confirm the image.
fn counted<F: NorFlash>(
    records: &mut BootRecords<Region<'_, F>>,
    trial: &Trial,
) -> Result<u8, tuffet_boot::Error<RegionError<F::Error>>> {
    if trial.attempts_left == trial.attempts {
        records.boot()?;
        return Ok(trial.attempts_left.saturating_sub(1));
    }
    Ok(trial.attempts_left)
}

/// No trial is open. MCUboot must not swap in what is not on trial.
fn settled<F: NorFlash>(storage: &Storage<'_, F, McuBoot>) -> Result<Standing, RegionError<F::Error>> {
    let [primary, secondary] = McuBoot::trailers(storage)?;
    match next_swap(&primary, &secondary) {
        SwapType::None => Ok(Standing::Confirmed),
        // The trial that runs has failed.
        SwapType::Revert => Ok(Standing::ResetDue),
        SwapType::Test | SwapType::Permanent => {
            McuBoot::unmark(storage)?;
            Ok(Standing::Confirmed)
        }
    }
}

/// The confirmed image runs though another one is on trial: it was not marked, MCUboot refused it, or it ran and reverted.
fn try_again<F: NorFlash>(
    storage: &Storage<'_, F, McuBoot>,
    records: &mut BootRecords<Region<'_, F>>,
    trial: &Trial,
    attempt: &mut Attempt,
    pet: &mut impl FnMut(),
) -> Result<Standing, Stop<F::Error>> {
    let [_, secondary] = storage.map().slots.images();
    let is_whole = holds_at(storage, &trial.placed.image, secondary, pet)?;
    // It waits for the reset. A record of that which broke since is written again.
    let is_counted = attempt.is_counted && trial.attempts_left < trial.attempts;
    if !is_whole || trial.attempts_left == 0 && !is_counted {
        if trial.attempts_left == trial.attempts {
            // An image that never ran cannot have failed: its slot is read back wrong, and that counts as a boot.
            records.boot()?;
        }
        end(storage, records)?;
        return Ok(Standing::Ended);
    }
    // Counted before it can run.
    if !is_counted {
        records.boot()?;
        attempt.is_counted = true;
    }
    mark(storage)?;
    Ok(Standing::ResetDue)
}

/// Asks MCUboot to test the image in the secondary slot.
fn mark<F: NorFlash>(storage: &Storage<'_, F, McuBoot>) -> Result<(), RegionError<F::Error>> {
    let slots = &storage.map().slots;
    let [_, trailer] = McuBoot::trailers(storage)?;
    if trailer.magic == Magic::Good && trailer.image_ok == Flag::Unset {
        return Ok(());
    }
    if !trailer.is_blank {
        McuBoot::unmark(storage)?;
    }
    write_test(
        &mut storage.region(slots.secondary),
        slots.secondary.bytes,
        slots.max_align,
    )
}

/// Ends a trial badly. What is still marked goes first, or MCUboot would swap in an image that has failed.
fn end<F: NorFlash>(
    storage: &Storage<'_, F, McuBoot>,
    records: &mut BootRecords<Region<'_, F>>,
) -> Result<(), Stop<F::Error>> {
    let [_, trailer] = McuBoot::trailers(storage)?;
    if !trailer.is_blank {
        McuBoot::unmark(storage)?;
    }
    records.fail()?;
    Ok(())
}
