//! What can go wrong on the device, grouped by who must act, and the exit code of each group.
//!
//! | exit code | meaning | who acts |
//! | --- | --- | --- |
//! | 0 | done; also "nothing to do" and "waiting" | nobody |
//! | 1 | refused: the repository, the image or the health check did not pass, or the data budget does not do | the vendor, or nobody: it is an attack; the owner for the budget |
//! | 2 | usage: an argument or a setting is wrong | the caller |
//! | 3 | the file system of the device said no | the owner: space, permissions, hardware |
//! | 5 | the network or the server failed | nobody: it is tried again |
//! | 6 | wrong state: not provisioned, busy, a damaged store, nothing bootable | the owner |

use crate::boot_trouble::BootTrouble;
use crate::transport::TransportError;
use std::io;
use std::path::{Path, PathBuf};
use tuffet_no_std_client::{Action, Failure};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}: {source}{}", path.display(), advice(source))]
pub struct StorageError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl StorageError {
    /// Names the operation ("read", "write", …) and the file.
    #[must_use]
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            source,
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    // The one wildcard: what is not named here needs no more words than the system's own.
    #[allow(clippy::wildcard_enum_match_arm)]
    match error.kind() {
        io::ErrorKind::StorageFull => " (free some space and try again)",
        io::ErrorKind::PermissionDenied => " (run as the user who owns the device folder)",
        io::ErrorKind::ReadOnlyFilesystem => " (the device folder must be on a writable file system)",
        _ => "",
    }
}

/// Everything that ends a command of the client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A setting in `device.toml` has a value that cannot be.
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
    /// Another process works on the device folder.
    #[error("another tuffet-client works on {}; try again when it is done", folder.display())]
    Busy {
        /// The device folder.
        folder: PathBuf,
    },
    /// The boot record refused an operation, or nothing bootable is left.
    #[error("{0}")]
    Boot(BootTrouble),
    /// A stored file is not the one that was stored, and cannot be fetched again.
    #[error(
        "{} cannot be trusted: {reason}. The device refuses to forget what it has seen; restore the file, or provision \
         the device again",
        file.display()
    )]
    DamagedStore {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The running firmware did not pass its health check.
    #[error("the health check failed: {reason}")]
    HealthCheck {
        /// How it failed.
        reason: String,
    },
    /// The repository has nothing that a factory could put on the device.
    #[error("{} was not provisioned: {reason}. Publish a release, remove the folder and try again", folder.display())]
    NothingToProvision {
        /// The device folder.
        folder: PathBuf,
        /// What the cycle came to.
        reason: String,
    },
    /// The device was never provisioned, or only half.
    #[error("{}", not_provisioned(folder, *half_done))]
    NotProvisioned {
        /// The device folder.
        folder: PathBuf,
        /// Whether there is a part of a factory state.
        half_done: bool,
    },
    /// The device is provisioned already.
    #[error(
        "{} is provisioned already; a device keeps its identity and what it trusts. To start over, remove the folder first",
        folder.display()
    )]
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
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The transport failed.
    #[error("{0}; it will work when the repository can be reached again")]
    Transport(#[from] TransportError),
}

impl From<Failure> for ClientError {
    fn from(failure: Failure) -> Self {
        Self::Refused { failure }
    }
}

fn not_provisioned(folder: &Path, half_done: bool) -> String {
    let folder = folder.display();
    if half_done {
        format!("{folder} is only half provisioned (a cut in the factory?); remove it and provision again")
    } else {
        format!(
            "{folder} is not a provisioned device; run `tuffet-client provision` first, or name the folder with --device"
        )
    }
}

impl ClientError {
    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { failure } if failure.action() == Action::NeedsOwner || *failure == Failure::TrialOpen => 6,
            Self::Refused { .. } | Self::HealthCheck { .. } | Self::NothingToProvision { .. } => 1,
            Self::BadSetting { .. } | Self::BadSettings { .. } => 2,
            Self::Storage(_) => 3,
            Self::Transport(_) => 5,
            Self::Boot(_)
            | Self::Busy { .. }
            | Self::DamagedStore { .. }
            | Self::NotProvisioned { .. }
            | Self::ProvisionedAlready { .. } => 6,
        }
    }

    /// The stable name of the error, for `--json`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::BadSetting { .. } => "BadSetting",
            Self::BadSettings { .. } => "BadSettings",
            Self::Boot(_) => "Boot",
            Self::Busy { .. } => "Busy",
            Self::DamagedStore { .. } => "DamagedStore",
            Self::HealthCheck { .. } => "HealthCheck",
            Self::NotProvisioned { .. } => "NotProvisioned",
            Self::NothingToProvision { .. } => "NothingToProvision",
            Self::ProvisionedAlready { .. } => "ProvisionedAlready",
            Self::Refused { failure } => failure.name(),
            Self::Storage(_) => "Storage",
            Self::Transport(_) => "Transport",
        }
    }

    /// The stable code of the update machine's refusal; 0 when it is not one.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Refused { failure } => failure.code(),
            Self::BadSetting { .. }
            | Self::BadSettings { .. }
            | Self::Boot(_)
            | Self::Busy { .. }
            | Self::DamagedStore { .. }
            | Self::HealthCheck { .. }
            | Self::NotProvisioned { .. }
            | Self::NothingToProvision { .. }
            | Self::ProvisionedAlready { .. }
            | Self::Storage(_)
            | Self::Transport(_) => 0,
        }
    }
}
