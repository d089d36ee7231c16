//! What can go wrong on the simulated device, and the exit code of each: the same as everywhere.

use super::http::{BadAddress, SocketHttpError};
use crate::nor::NorError;
use std::io;
use std::path::{Path, PathBuf};
use tuffet_no_std_client::boot::Recovery;
use tuffet_no_std_client::flash::{MapError, RegionError, StateError};
use tuffet_no_std_client::{Action, Failure, Stop};

/// Everything that ends a command.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The repository cannot be reached by this device.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// A setting has a value that cannot be.
    #[error("{setting} is `{value}`, expected {expected}")]
    BadSetting {
        /// The name of the setting.
        setting: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: &'static str,
    },
    /// `device.toml` is not what it should be.
    #[error("{} cannot be used: {reason}", path.display())]
    BadSettings {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The boot record refused an operation, or cannot be used.
    #[error("the boot record gives no answer: {0:?}")]
    Boot(tuffet_no_std_client::boot::Error<RegionError<NorError>>),
    /// Another process works on the device folder.
    #[error("another process works on {}; try again when it is done", folder.display())]
    Busy {
        /// The device folder.
        folder: PathBuf,
    },
    /// The simulated flash failed.
    #[error("the flash failed: {0:?}")]
    Flash(RegionError<NorError>),
    /// The file of the flash is not one of this device.
    #[error("{} has {bytes} bytes, and the flash of this device {expected}; provision the device again", file.display())]
    FlashLength {
        /// The file.
        file: PathBuf,
        /// Its length in bytes.
        bytes: usize,
        /// Bytes of the part.
        expected: usize,
    },
    /// The running firmware did not pass its health check.
    #[error("the health check failed: slot {slot} begins with {found:02x}, not with {expected:02x}")]
    HealthCheck {
        /// The slot on trial.
        slot: &'static str,
        /// Its first byte.
        found: u8,
        /// What it has to be.
        expected: u8,
    },
    /// The parts of the flash do not fit it.
    #[error("slots of {slot_bytes} bytes do not fit a flash with erase units of 1024 bytes ({error:?})")]
    Map {
        /// The length of a slot.
        slot_bytes: u32,
        /// What does not fit.
        error: MapError,
    },
    /// Nothing may run.
    #[error("nothing bootable is left: {0:?}. Provision the device again")]
    NothingBootable(Recovery),
    /// The repository has nothing that a factory could put on the device.
    #[error("the repository has no release that a factory may install. Publish one, remove {} and try again", folder.display())]
    NothingToProvision {
        /// The device folder.
        folder: PathBuf,
    },
    /// The device was never provisioned, or only half.
    #[error(
        "{} is not a provisioned device; run `tuffet-flash-device provision` first, in a new folder, or name the folder \
         with --device",
        folder.display()
    )]
    NotProvisioned {
        /// The device folder.
        folder: PathBuf,
    },
    /// The device is provisioned already, or the folder is somebody else's.
    #[error("{} is in use; a device keeps its identity and what it trusts. To start over, remove the folder first", folder.display())]
    ProvisionedAlready {
        /// The device folder.
        folder: PathBuf,
    },
    /// The update machine refused.
    #[error("refused ({} {}): {failure}", failure.code(), failure.name())]
    Refused {
        /// Why.
        failure: Failure,
    },
    /// The trusted state cannot be read or written.
    #[error("the trusted state cannot be trusted: {0:?}. The device refuses to forget what it has seen")]
    State(StateError<NorError>),
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Storage {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The transport failed.
    #[error("{0}; it will work when the repository can be reached again")]
    Transport(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Refused { failure }
    }
}

impl From<tuffet_no_std_client::boot::Error<RegionError<NorError>>> for Trouble {
    fn from(error: tuffet_no_std_client::boot::Error<RegionError<NorError>>) -> Self {
        Self::Boot(error)
    }
}

impl From<StateError<NorError>> for Trouble {
    fn from(error: StateError<NorError>) -> Self {
        Self::State(error)
    }
}

impl Trouble {
    /// A file operation that failed.
    pub fn storage(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Storage {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// Why the driver stopped; of a transport that failed, its own error says why.
    pub fn of(stop: Stop<NorError>, failed: Option<&SocketHttpError>) -> Self {
        match (stop, failed) {
            (Stop::Boot(error), _) => Self::Boot(error),
            (Stop::Failure(failure), _) => Self::Refused { failure },
            (Stop::Flash(error), _) => Self::Flash(error),
            (Stop::State(error), _) => Self::State(error),
            (Stop::Transport, Some(error)) => Self::Transport(error.to_string()),
            (Stop::Transport | _, _) => Self::Transport("the answer is not one to what was asked".to_owned()),
        }
    }

    /// Whether a poll loop goes on after it: it may be better next time.
    #[must_use]
    pub fn is_retried(&self) -> bool {
        if let Self::Refused { failure } = self {
            return failure.action() == Action::EndCycle;
        }
        matches!(self, Self::Transport(_))
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { failure } if failure.action() == Action::NeedsOwner || *failure == Failure::TrialOpen => 6,
            Self::HealthCheck { .. } | Self::NothingToProvision { .. } | Self::Refused { .. } => 1,
            Self::Address(_) | Self::BadSetting { .. } | Self::BadSettings { .. } | Self::Map { .. } => 2,
            Self::Flash(_) | Self::Storage { .. } => 3,
            Self::Transport(_) => 5,
            Self::Boot(_)
            | Self::Busy { .. }
            | Self::FlashLength { .. }
            | Self::NothingBootable(_)
            | Self::NotProvisioned { .. }
            | Self::ProvisionedAlready { .. }
            | Self::State(_) => 6,
        }
    }

    /// The stable name, for `--json`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Address(_) | Self::BadSetting { .. } => "BadSetting",
            Self::BadSettings { .. } => "BadSettings",
            Self::Boot(_) | Self::NothingBootable(_) => "Boot",
            Self::Busy { .. } => "Busy",
            Self::Flash(_) => "Flash",
            Self::FlashLength { .. } => "FlashLength",
            Self::HealthCheck { .. } => "HealthCheck",
            Self::Map { .. } => "Map",
            Self::NothingToProvision { .. } => "NothingToProvision",
            Self::NotProvisioned { .. } => "NotProvisioned",
            Self::ProvisionedAlready { .. } => "ProvisionedAlready",
            Self::Refused { failure } => failure.name(),
            Self::State(_) => "DamagedStore",
            Self::Storage { .. } => "Storage",
            Self::Transport(_) => "Transport",
        }
    }

    /// The stable code of the update machine's refusal; 0 when it is not one.
    #[must_use]
    pub fn code(&self) -> u16 {
        if let Self::Refused { failure } = self {
            return failure.code();
        }
        0
    }
}
