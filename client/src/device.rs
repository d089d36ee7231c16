//! The device folder: who this device is, its settings, and where its files lie.
//!
//! ```text
//! DEVICE/
//!   device.toml   identity and settings, written when the device is provisioned
//!   seed          32 random bytes drawn at the first boot; never sent, never part of an image
//!   state.bin     what the device trusts: versions, digests, the time floor (checksummed)
//!   boot.bin      the boot record (a NOR flash in a file)
//!   metadata/     TUF metadata, byte for byte as received
//!   targets/      the release document and the rollout file last seen
//!   slots/        a.img and b.img
//!   download/     the part of each download that has come so far, under the digest of the whole
//!   .lock         held by the process that works on the device
//! ```

use crate::error::{ClientError, StorageError};
use crate::files::{self, write_atomically};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use tuffet_no_std_client::boot::Slot;
use tuffet_no_std_client::release::Id;

/// The folder of one device.
#[derive(Debug, Clone)]
pub struct DeviceFolder {
    root: PathBuf,
}

/// `device.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSettings {
    /// Who the device is.
    pub identity: Identity,
    /// Where its updates come from.
    pub repository: Repository,
    /// How new firmware proves itself.
    #[serde(default)]
    pub trial: Trial,
    /// How often to ask.
    #[serde(default)]
    pub poll: PollSettings,
    /// What an update may cost.
    #[serde(default)]
    pub limits: LimitSettings,
}

/// Who the device is. Fixed in the factory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The product id.
    pub product: String,
    /// The hardware id.
    pub hardware: String,
    /// The release channel, such as `stable`.
    pub channel: String,
    /// The largest image a slot can hold, in bytes.
    pub slot_bytes: u32,
}

/// Where updates come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// `http://…`, `https://…` or the path of a folder.
    pub address: String,
}

/// How new firmware proves itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trial {
    /// How many boots a trial has to be confirmed.
    pub attempts: u8,
    /// The command that tells whether the running firmware works: program, then arguments. It finds the slot's file in
    /// `TUFFET_SLOT_FILE`. Exit status 0 within `health_check_timeout_s` means healthy. Empty: there is no check, and
    /// `tuffet-client confirm` confirms at once.
    pub health_check: Vec<String>,
    /// Seconds which the health check may take.
    pub health_check_timeout_s: u32,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            attempts: 3,
            health_check: Vec::new(),
            health_check_timeout_s: 60,
        }
    }
}

/// How often to ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollSettings {
    /// Seconds between two peeks.
    pub interval_s: u32,
    /// Seconds until a full cycle runs in any case.
    pub cycle_interval_s: u32,
}

impl Default for PollSettings {
    fn default() -> Self {
        let schedule = tuffet_no_std_client::poll::Schedule::DEFAULT;
        Self {
            interval_s: schedule.interval_s,
            cycle_interval_s: schedule.cycle_interval_s,
        }
    }
}

/// What an update may cost.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// The most bytes of image files and patches that one installation may download, for a device whose owner pays for
    /// them. Absent: as many as it takes.
    pub data_budget_bytes: Option<u32>,
}

impl Identity {
    /// The three ids, checked.
    pub fn ids(&self) -> Result<(Id, Id, Id), ClientError> {
        let id = |field: &'static str, text: &str| {
            Id::parse(text).map_err(|_| ClientError::BadSetting {
                setting: field,
                value: text.to_owned(),
                expected: "1 to 24 characters of a-z, 0-9 and -, and not the name of a TUF role",
            })
        };
        Ok((
            id("identity.product", &self.product)?,
            id("identity.hardware", &self.hardware)?,
            id("identity.channel", &self.channel)?,
        ))
    }
}

impl DeviceFolder {
    /// A folder that may or may not be provisioned.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The file of a slot.
    #[must_use]
    pub fn slot(&self, slot: Slot) -> PathBuf {
        self.root.join("slots").join(match slot {
            Slot::A => "a.img",
            Slot::B => "b.img",
        })
    }

    /// Reads the settings; says what to do when the device is not, or only half, provisioned.
    pub fn settings(&self) -> Result<DeviceSettings, ClientError> {
        let path = self.file("device.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ClientError::NotProvisioned {
                    folder: self.root.clone(),
                    half_done: self.root.join("boot.bin").exists() || self.root.join("state.bin").exists(),
                });
            }
            Err(error) => return Err(StorageError::new("read", &path, error).into()),
        };
        let settings: DeviceSettings = toml::from_str(&text).map_err(|error| ClientError::BadSettings {
            path,
            reason: error.to_string(),
        })?;
        if settings.trial.attempts == 0 {
            return Err(ClientError::BadSetting {
                setting: "trial.attempts",
                value: "0".to_owned(),
                expected: "at least one boot",
            });
        }
        if settings.limits.data_budget_bytes == Some(0) {
            return Err(ClientError::BadSetting {
                setting: "limits.data_budget_bytes",
                value: "0".to_owned(),
                expected: "at least one byte, or no such line if there is no limit",
            });
        }
        Ok(settings)
    }

    /// Writes the settings. This is the last step of provisioning: without it the device is not provisioned.
    pub fn write_settings(&self, settings: &DeviceSettings) -> Result<(), ClientError> {
        let path = self.file("device.toml");
        let text = toml::to_string(settings).map_err(|error| ClientError::BadSettings {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(write_atomically(&path, text.as_bytes())?)
    }

    /// The rollout seed; drawn now if this is the first boot.
    pub fn seed(&self) -> Result<[u8; 32], ClientError> {
        let path = self.file("seed");
        if let Some(bytes) = files::read_if_there(&path)? {
            return <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| ClientError::DamagedStore {
                reason: format!("it has {} bytes instead of 32", bytes.len()),
                file: path,
            });
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| StorageError::new("draw random bytes for", &path, error.into()))?;
        write_atomically(&path, &seed)?;
        Ok(seed)
    }

    /// Takes the device for this process alone, until the returned file is dropped.
    pub fn lock(&self) -> Result<File, ClientError> {
        let path = self.file(".lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StorageError::new("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(ClientError::Busy {
                folder: self.root.clone(),
            }),
            Err(std::fs::TryLockError::Error(error)) => Err(StorageError::new("lock", &path, error).into()),
        }
    }
}
