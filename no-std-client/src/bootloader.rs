//! What a bootloader does at every reset.
//!
//! The boot record says which image must stand where; this hashes it, and tells the record when it does not. Whoever starts
//! the slot that is answered here keeps every promise of the boot core.

use crate::driver::Stop;
use crate::flash::{FlashFile, RegionError, Storage, Xip};
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::{Boot, BootRecords, Placed, Recovery, Run};

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

/// The same for a small device: its boot record and its slots.
pub fn choose_slot<F: NorFlash>(storage: &Storage<'_, F, Xip>) -> Result<Result<Run, Recovery>, Stop<F::Error>> {
    let mut records = storage.boot_records()?;
    choose(&mut records, |placed| Ok(holds(storage, placed)?))
}

/// Whether a slot holds exactly the image that the boot record pins.
fn holds<F: NorFlash>(storage: &Storage<'_, F, Xip>, placed: &Placed) -> Result<bool, RegionError<F::Error>> {
    let image = &placed.image;
    if image.length > storage.map().slots.slot(placed.slot).bytes {
        return Ok(false);
    }
    let mut file = FlashFile::new(storage.slot(placed.slot), image.length);
    Ok(crate::hashed::Hashed::new(&mut file).finish()? == image.digest)
}
