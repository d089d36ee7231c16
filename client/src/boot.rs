//! The bootloader's part on a Linux device: "reboot" is a new process that asks the boot core what to run.

use crate::device::DeviceFolder;
use crate::error::{ClientError, StorageError};
use crate::flash_file::{FlashFile, FlashFileError};
use crate::slots;
use std::io;
use tuffet_no_std_client::boot::{Boot, BootRecords, Error, Recovery, Refusal, Run};

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
    let mut boot = records.boot().map_err(|error| boot_error(folder, error))?;
    loop {
        let run = match boot {
            Boot::Run(run) => run,
            Boot::Recovery(recovery) => return Err(ClientError::Boot(recovery_sentence(recovery))),
        };
        let image = &run.placed.image;
        if slots::holds(&folder.slot(run.placed.slot), &image.digest, image.length) {
            return Ok(run);
        }
        boot = records
            .mismatched(run.placed.slot)
            .map_err(|error| boot_error(folder, error))?;
    }
}

/// Names a failure of the boot record.
pub fn boot_error(folder: &DeviceFolder, error: Error<FlashFileError>) -> ClientError {
    match error {
        Error::Storage(FlashFileError::Io(error)) => {
            StorageError::new("access", &folder.file("boot.bin"), error).into()
        }
        Error::Storage(FlashFileError::Geometry(kind)) => ClientError::Boot(format!("the boot record: {kind:?}")),
        Error::Refused(refusal) => ClientError::Boot(refusal_sentence(refusal)),
        Error::NotKept { page, position } => ClientError::Boot(format!(
            "the boot record did not keep what was written (page {page}, record {position}); the disk is failing"
        )),
        Error::SequenceExhausted => {
            ClientError::Boot("the boot record is worn out; provision the device again".to_owned())
        }
        // What a later core may add still has a name.
        other @ (Error::Geometry(_) | _) => ClientError::Boot(format!("the boot record cannot be used: {other:?}")),
    }
}

fn refusal_sentence(refusal: Refusal) -> String {
    match refusal {
        Refusal::AlreadyProvisioned => "the boot record has a confirmed image already".to_owned(),
        Refusal::BelowCounter { counter, offered } => {
            format!("security version {offered} is below the counter {counter}: an older image never runs")
        }
        Refusal::CounterJump {
            counter,
            offered,
            jump_max,
        } => {
            format!("security version {offered} is more than {jump_max} above the counter {counter}")
        }
        Refusal::FailedBefore { failed_attempt, .. } => {
            format!("this image failed here before (attempt {failed_attempt}); the vendor must sign a higher attempt")
        }
        Refusal::NoTrial => "there is no trial".to_owned(),
        Refusal::NotNamed { slot } | Refusal::SlotInUse { slot } => format!("slot {slot:?} is in use"),
        Refusal::NotProvisioned => "the boot record has no confirmed image; provision the device".to_owned(),
        Refusal::SlotNotEmpty { slot } => format!("slot {slot:?} was not marked empty"),
        Refusal::TrialNotBooted => "the image on trial was never booted; run `tuffet-client boot` first".to_owned(),
        Refusal::TrialOpen { .. } => "a trial is open; confirm it, or reboot until it is over".to_owned(),
        Refusal::ZeroAttempts => "a trial needs at least one boot; set trial.attempts in device.toml".to_owned(),
        // What a later core may add still has a name.
        other => format!("the boot record refuses: {other:?}"),
    }
}

fn recovery_sentence(recovery: Recovery) -> String {
    let why = match recovery {
        Recovery::BelowCounter {
            counter,
            security_version,
        } => format!(
            "the other slot has security version {security_version}, below the counter {counter}: an older image never runs"
        ),
        Recovery::Damaged => "the boot record is damaged".to_owned(),
        Recovery::Mismatch { slot } => format!("slot {slot:?} does not hold the image that the boot record pins"),
        Recovery::Unprovisioned => "the boot record is empty".to_owned(),
        // What a later core may add still has a name.
        other => format!("{other:?}"),
    };
    format!("nothing bootable is left: {why}. Provision the device again")
}
