//! The bootloader's part on a Linux device: "reboot" is a new process that asks the boot core what to run.

use crate::boot_trouble::BootTrouble;
use crate::device::DeviceFolder;
use crate::error::{ClientError, StorageError};
use crate::flash_file::{FlashFile, FlashFileError};
use crate::slots;
use std::io;
use tuffet_no_std_client::boot::{BootRecords, Error, Placed, Run};
use tuffet_no_std_client::bootloader;

/// The boot records of a device folder.
pub type Records = BootRecords<FlashFile>;

/// Opens the boot record of a provisioned device.
pub fn open_records(folder: &DeviceFolder) -> Result<Records, ClientError> {
    let path = folder.file("boot.bin");
    // The one wildcard: every other kind of error is told in the system's words.
    #[allow(clippy::wildcard_enum_match_arm)]
    let flash = FlashFile::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ClientError::DamagedStore {
            file: path.clone(),
            reason: "it is missing".to_owned(),
        },
        io::ErrorKind::InvalidData => ClientError::DamagedStore {
            file: path.clone(),
            reason: error.to_string(),
        },
        _ => StorageError::new("open", &path, error).into(),
    })?;
    BootRecords::open(flash).map_err(|error| boot_error(folder, error))
}

/// Makes the boot record of a new device.
pub fn create_records(folder: &DeviceFolder) -> Result<Records, ClientError> {
    let path = folder.file("boot.bin");
    let flash = FlashFile::create(&path).map_err(|error| StorageError::new("make", &path, error))?;
    BootRecords::open(flash).map_err(|error| boot_error(folder, error))
}

/// Decides what runs: counts the boot of a trial, hashes the slot, falls back as the boot core says.
pub fn choose(folder: &DeviceFolder, records: &mut Records) -> Result<Run, ClientError> {
    let holds = |placed: &Placed| {
        let image = &placed.image;
        Ok(slots::holds(&folder.slot(placed.slot), &image.digest, image.length))
    };
    let chosen =
        bootloader::choose(records, holds).map_err(|error: Error<FlashFileError>| boot_error(folder, error))?;
    chosen.map_err(|recovery| ClientError::Boot(BootTrouble::NothingBootable(recovery)))
}

/// Names a failure of the boot record.
// All variants of today stand above the wildcard, which the core's promise to grow asks for.
#[allow(clippy::wildcard_enum_match_arm)]
pub fn boot_error(folder: &DeviceFolder, error: Error<FlashFileError>) -> ClientError {
    ClientError::Boot(match error {
        Error::Storage(FlashFileError::Io(error)) => {
            return StorageError::new("access", &folder.file("boot.bin"), error).into();
        }
        Error::Storage(FlashFileError::Geometry(kind)) => BootTrouble::Access(kind),
        Error::Refused(refusal) => BootTrouble::Refused(refusal),
        Error::NotKept { page, position } => BootTrouble::NotKept { page, position },
        Error::SequenceExhausted => BootTrouble::WornOut,
        Error::Geometry(geometry) => BootTrouble::Geometry(geometry),
        // What a later core may add is at least no success.
        _ => BootTrouble::Unknown,
    })
}
