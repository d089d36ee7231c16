//! What a bootloader does at every reset.
//!
//! The boot record says which image must stand where; this hashes it, and tells the record when it does not. Whoever starts
//! the slot that is answered here keeps every promise of the boot core.

use crate::driver::Stop;
use crate::flash::{FlashFile, RegionError, Storage, Strategy};
use crate::hashed::Hashed;
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::{Boot, BootRecords, Placed, Recovery, Run};
use tuffet_wire::Document as _;

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

/// The same for a small device: its boot record and its slots. `pet` is called again and again while it works, at least once
/// for every 128 bytes that are hashed, so that a watchdog with any usual timeout can be petted there.
pub fn choose_slot<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    pet: &mut impl FnMut(),
) -> Result<Result<Run, Recovery>, Stop<F::Error>> {
    let mut records = storage.boot_records()?;
    choose(&mut records, |placed| Ok(holds(storage, placed, pet)?))
}

/// Whether a slot holds exactly the image that the boot record pins.
pub(crate) fn holds<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    placed: &Placed,
    pet: &mut impl FnMut(),
) -> Result<bool, RegionError<F::Error>> {
    let image = &placed.image;
    let span = S::place(storage, placed.slot)?;
    if image.length > span.bytes {
        return Ok(false);
    }
    let mut file = FlashFile::new(storage.region(span), image.length);
    let mut hashed = Hashed::new(&mut file);
    let mut offset = 0_u32;
    while offset < image.length {
        let read_bytes = hashed.chunk(offset)?.len();
        offset = offset.saturating_add(u32::try_from(read_bytes).unwrap_or(u32::MAX));
        pet();
    }
    Ok(hashed.finish()? == image.digest)
}
