//! What a bootloader does at every reset.
//!
//! The boot record says which image must stand where; this hashes it, and tells the record when it does not. Whoever starts
//! the slot that is answered here keeps every promise of the boot core.
//!
//! Where images run at one place, this brings them there, too: an exchange that was interrupted is finished before anything else.
//! An image is hashed where it lies before it is moved, and again where it runs. A boot of an image on trial is counted after
//! the exchange, so a cut in an exchange costs no attempt. A slot that cannot be brought there counts as one that does not hold its
//! image: a trial ends, and the confirmed image is started. So does a slot that the driver fails twice to read. An error of the boot
//! record stops: what it says is not guessed. Where an exchange cannot be finished, nothing is moved any more: what the record names
//! is started if it stands where it runs all the same.

use crate::driver::Stop;
use crate::flash::{RegionError, Span, Storage, Strategy};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use sha2::{Digest as _, Sha256};
use tuffet_boot::{Boot, BootRecords, Image, Other, Placed, Recovery, Run, Slot, State};

/// Bytes that are hashed at once.
const PIECE_BYTES: usize = 128;
/// How often a slot is brought to where it runs: one error of the flash alone ends no trial.
const TRIES_MAX: u8 = 2;

/// Asks the boot record what to run until the answer holds. `holds` hashes a slot and says whether it is the pinned image.
/// The boot of an image on trial is written down before this answers.
pub fn choose<F: NorFlash, E: From<tuffet_boot::Error<F::Error>>>(
    records: &mut BootRecords<F>,
    mut holds: impl FnMut(&Placed) -> Result<bool, E>,
) -> Result<Result<Run, Recovery>, E> {
    let mut boot = records.boot()?;
    loop {
        let run = match boot {
            Boot::Run(run) => run,
            Boot::Recovery(recovery) => return Ok(Err(recovery)),
        };
        if holds(&run.placed)? {
            return Ok(Ok(run));
        }
        boot = records.mismatched(run.placed.slot)?;
    }
}

/// The same for a small device: its boot record and its slots. The image that is answered stands where it runs
/// ([`Strategy::runs_at`]). `pet` is called again and again while it works, at least once for every 128 bytes that are hashed and
/// for every erase and write of an exchange, so that a watchdog with any usual timeout can be petted there.
pub fn choose_slot<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    pet: &mut impl FnMut(),
) -> Result<Result<Run, Recovery>, Stop<F::Error>> {
    let is_settled = (0..TRIES_MAX).any(|_| S::settle(storage, pet).is_ok());
    let mut records = storage.boot_records()?;
    let state = records.state();
    let image_bytes = longest(&state).min(storage.map().slots.slot_bytes());
    let given_up = match next(&state) {
        Some(placed) if is_settled => prepare(storage, &placed, image_bytes, pet)?,
        Some(_) | None => None,
    };
    choose(&mut records, |placed| {
        if is_settled && given_up != Some(placed.slot) {
            bring(storage, placed, image_bytes, pet)?;
        }
        // Wherever the slot is said to lie.
        let span = storage.map().slots.runs_at(placed.slot);
        let stands = stands(storage, &placed.image, span, pet)?;
        if stands
            && is_confirmed(&state, placed.slot)
            && !S::place(storage, placed.slot).is_ok_and(|place| place == span)
        {
            // It came over the serial line, or what says where it lies cannot be read. The image starts though it cannot be noted.
            let _ = S::restored(storage, placed.slot, pet);
        }
        Ok(stands)
    })
}

fn is_confirmed(state: &State, slot: Slot) -> bool {
    match state {
        State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. } => confirmed.slot == slot,
        State::Damaged | State::Unprovisioned => false,
    }
}

/// Brings a slot to where it runs before its boot is counted. Answers a slot that cannot be brought there.
fn prepare<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    placed: &Placed,
    image_bytes: u32,
    pet: &mut impl FnMut(),
) -> Result<Option<Slot>, RegionError<F::Error>> {
    for _ in 0..TRIES_MAX {
        if bring(storage, placed, image_bytes, pet).is_ok() {
            return Ok(None);
        }
        S::settle(storage, pet)?;
    }
    let is_there = S::place(storage, placed.slot)? == storage.map().slots.runs_at(placed.slot);
    Ok((!is_there).then_some(placed.slot))
}

/// Brings a slot to where it runs, if it holds what it must.
fn bring<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    placed: &Placed,
    image_bytes: u32,
    pet: &mut impl FnMut(),
) -> Result<(), RegionError<F::Error>> {
    let span = S::place(storage, placed.slot)?;
    if span == storage.map().slots.runs_at(placed.slot) || !stands(storage, &placed.image, span, pet)? {
        return Ok(());
    }
    S::exchange(storage, image_bytes, pet)
}

/// What the boot record will say is to run, before it counts the boot.
const fn next(state: &State) -> Option<Placed> {
    match state {
        State::Confirmed { confirmed, .. } => Some(*confirmed),
        State::Trial { confirmed, trial } => Some(if trial.attempts_left > 0 {
            trial.placed
        } else {
            *confirmed
        }),
        State::Damaged | State::Unprovisioned => None,
    }
}

/// Bytes of the longest image that the boot record pins.
fn longest(state: &State) -> u32 {
    match state {
        State::Confirmed {
            confirmed,
            other: Other::Previous(image),
        } => confirmed.image.length.max(image.length),
        State::Confirmed {
            confirmed,
            other: Other::Nothing,
        } => confirmed.image.length,
        State::Trial { confirmed, trial } => confirmed.image.length.max(trial.placed.image.length),
        State::Damaged | State::Unprovisioned => 0,
    }
}

/// Like [`holds_at`]. Where the driver fails twice to read a slot, no image stands there: a part that corrects errors refuses a word
/// for good, and another image may still run.
fn stands<F: NorFlash, S>(
    storage: &Storage<'_, F, S>,
    image: &Image,
    span: Span,
    pet: &mut dyn FnMut(),
) -> Result<bool, RegionError<F::Error>> {
    let first = holds_at(storage, image, span, pet);
    let Err(RegionError::Flash(_)) = first else {
        return first;
    };
    match holds_at(storage, image, span, pet) {
        Err(RegionError::Flash(_)) => Ok(false),
        second => second,
    }
}

/// Whether exactly this image stands at a place.
pub(crate) fn holds_at<F: NorFlash, S>(
    storage: &Storage<'_, F, S>,
    image: &Image,
    span: Span,
    pet: &mut dyn FnMut(),
) -> Result<bool, RegionError<F::Error>> {
    if image.length > span.bytes {
        return Ok(false);
    }
    let mut region = storage.region(span);
    let mut hasher = Sha256::new();
    let mut piece = [0; PIECE_BYTES];
    let mut offset = 0_u32;
    while offset < image.length {
        let left = usize::try_from(image.length.saturating_sub(offset)).unwrap_or(PIECE_BYTES);
        let count = left.min(PIECE_BYTES);
        // A read unit that does not divide a piece is longer than any part has.
        let target = piece.get_mut(..count.next_multiple_of(F::READ_SIZE.max(1)));
        region.read(offset, target.ok_or(RegionError::OutOfBounds)?)?;
        hasher.update(piece.get(..count).unwrap_or_default());
        offset = offset.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        pet();
    }
    Ok(hasher.finalize().as_slice() == image.digest)
}
