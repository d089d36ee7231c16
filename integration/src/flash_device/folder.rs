//! The device folder: who the device is, and its flash as a file.
//!
//! ```text
//! DEVICE/
//!   device.toml   identity and settings, written last when the device is provisioned
//!   flash.bin     what the cells of the flash hold
//!   seed          32 random bytes drawn at the first boot; never sent, never part of an image
//!   .lock         held by the process that works on the device
//! ```

use super::trouble::Trouble;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tuffet_no_std_client::patch::{SmallState, StandardState};
use tuffet_no_std_client::release::{Id, Profile};

/// The folder of one device.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

/// `device.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who the device is.
    pub identity: Identity,
    /// Where its updates come from.
    pub repository: Repository,
    /// How new firmware proves itself.
    pub trial: Trial,
    /// How often to ask.
    pub poll: Polling,
}

/// Who the device is. Fixed in the factory. Profile and slots say what lies where in its flash.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The product id.
    pub product: String,
    /// The hardware id.
    pub hardware: String,
    /// The release channel.
    pub channel: String,
    /// What its decoder takes: `small` or `standard`.
    pub profile: Word,
    /// Bytes of each slot: whole erase units.
    pub slot_bytes: u32,
}

/// A profile of a device without an operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// 16 KiB of RAM.
    Small,
    /// 64 KiB of RAM.
    Standard,
}

/// Where updates come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// `http://…` on this machine.
    pub address: String,
}

/// How new firmware proves itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// How many boots a trial has to be confirmed.
    pub attempts: u8,
    /// The health check: the byte, in hexadecimal, with which a firmware that works begins. Without one every firmware works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<String>,
}

/// How often to ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polling {
    /// Seconds between two peeks.
    pub interval_s: u32,
}

impl Word {
    /// The profile, as releases say it.
    #[must_use]
    pub const fn profile(self) -> Profile {
        match self {
            Self::Small => Profile::Small,
            Self::Standard => Profile::Standard,
        }
    }

    /// Bytes of a record of its decoder.
    #[must_use]
    pub const fn checkpoint_bytes(self) -> usize {
        match self {
            Self::Small => SmallState::SNAPSHOT_BYTES,
            Self::Standard => StandardState::SNAPSHOT_BYTES,
        }
    }
}

impl Identity {
    /// Product, hardware and channel, checked.
    pub fn ids(&self) -> Result<[Id; 3], Trouble> {
        let id = |setting: &'static str, text: &str| {
            Id::parse(text).map_err(|_| Trouble::BadSetting {
                setting,
                value: text.to_owned(),
                expected: "1 to 24 characters of a-z, 0-9 and -, and not the name of a TUF role",
            })
        };
        Ok([
            id("product", &self.product)?,
            id("hardware", &self.hardware)?,
            id("channel", &self.channel)?,
        ])
    }
}

impl Trial {
    /// The byte with which a firmware that works begins.
    pub fn first_byte(&self) -> Result<Option<u8>, Trouble> {
        let Some(text) = &self.first_byte else {
            return Ok(None);
        };
        match u8::from_str_radix(text, 16) {
            Ok(byte) if text.len() == 2 => Ok(Some(byte)),
            Ok(_) | Err(_) => Err(Trouble::BadSetting {
                setting: "first_byte",
                value: text.clone(),
                expected: "two hexadecimal digits",
            }),
        }
    }
}

impl Folder {
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

    /// The file of the flash.
    #[must_use]
    pub fn flash(&self) -> PathBuf {
        self.root.join("flash.bin")
    }

    fn settings_file(&self) -> PathBuf {
        self.root.join("device.toml")
    }

    /// Makes the folder; refuses one that holds anything.
    pub fn create(&self) -> Result<(), Trouble> {
        let path = &self.root;
        std::fs::create_dir_all(path).map_err(|error| Trouble::storage("make", path, error))?;
        let mut entries = std::fs::read_dir(path).map_err(|error| Trouble::storage("read", path, error))?;
        match entries.next() {
            None => Ok(()),
            Some(_) => Err(Trouble::ProvisionedAlready { folder: path.clone() }),
        }
    }

    /// Reads the settings.
    pub fn settings(&self) -> Result<Settings, Trouble> {
        let path = self.settings_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Trouble::NotProvisioned {
                    folder: self.root.clone(),
                });
            }
            Err(error) => return Err(Trouble::storage("read", &path, error)),
        };
        toml::from_str(&text).map_err(|error| Trouble::BadSettings {
            path,
            reason: error.to_string(),
        })
    }

    /// Writes the settings: the last step of provisioning.
    pub fn write_settings(&self, settings: &Settings) -> Result<(), Trouble> {
        let path = self.settings_file();
        let text = toml::to_string(settings).map_err(|error| Trouble::BadSettings {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        write_atomically(&path, text.as_bytes())
    }

    /// What the cells of the flash hold.
    pub fn read_flash(&self) -> Result<Vec<u8>, Trouble> {
        let path = self.flash();
        std::fs::read(&path).map_err(|error| Trouble::storage("read", &path, error))
    }

    /// Writes down what the cells of the flash hold.
    pub fn write_flash(&self, contents: &[u8]) -> Result<(), Trouble> {
        write_atomically(&self.flash(), contents)
    }

    /// The rollout seed; drawn now if this is the first boot.
    pub fn seed(&self) -> Result<[u8; 32], Trouble> {
        let path = self.root.join("seed");
        match std::fs::read(&path) {
            Ok(bytes) => <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| Trouble::BadSettings {
                reason: format!("it has {} bytes instead of 32", bytes.len()),
                path,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed)
                    .map_err(|error| Trouble::storage("draw random bytes for", &path, error.into()))?;
                write_atomically(&path, &seed)?;
                Ok(seed)
            }
            Err(error) => Err(Trouble::storage("read", &path, error)),
        }
    }

    /// Takes the device for this process alone, until the returned file is dropped.
    pub fn lock(&self) -> Result<File, Trouble> {
        let path = self.root.join(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| Trouble::storage("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(Trouble::Busy {
                folder: self.root.clone(),
            }),
            Err(std::fs::TryLockError::Error(error)) => Err(Trouble::storage("lock", &path, error)),
        }
    }
}

/// Replaces a file: whoever ends this process leaves the old one or the new one.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let temporary = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| Trouble::storage("write", path, error))
}
