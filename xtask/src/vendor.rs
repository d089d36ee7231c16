//! What the vendor's commands share: errors of the library as failures, passphrases, and how results are printed.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tuffet_keys_tool::{Ask, KeySource, Passphrase, PassphraseSource, SecretKey};
use tuffet_server::{Address, Id, UnixSeconds, Version, clock, error::Error, exit::Exit};

use crate::failure::{Blame, Failure};

/// Where the passphrase of key files comes from. All of one command have the same one.
#[derive(Debug, clap::Args)]
pub struct Lock {
    /// File with the passphrase of the keys; else TUFFET_PASSPHRASE, else asked for.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Lock {
    /// Reads the passphrase that opens the keys at `keys`.
    pub fn passphrase(&self, keys: &Path) -> Result<Passphrase, Failure> {
        let source = PassphraseSource::choose(self.passphrase_file.clone());
        source.read(Ask::ToOpen(keys)).map_err(keys_failure)
    }
}

/// The output of one command.
#[derive(Debug, clap::Args)]
pub struct Output {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Prints one line of text while there is more to do. A JSON object comes alone.
    pub fn progress(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// Prints what was done.
    pub fn print(&self, text: &str, mut result: Value) {
        if self.json {
            result["ok"] = true.into();
            println!("{result}");
        } else {
            println!("{text}");
        }
    }
}

/// Keys as the library takes them.
pub fn signing(keys: &[SecretKey]) -> Vec<&dyn KeySource> {
    keys.iter().map(|key| key as &dyn KeySource).collect()
}

/// Reads an id argument.
pub fn id(text: &str) -> Result<Id, String> {
    Id::parse(text).map_err(|error| error.to_string())
}

/// Reads a version argument.
pub fn version(text: &str) -> Result<Version, &'static str> {
    Version::parse(text).ok_or("a version is three numbers, like 1.2.3")
}

/// Reads the address of a slot.
pub fn address(text: &str) -> Result<u32, &'static str> {
    match Address::parse(text) {
        Some(Address::At(address)) => Ok(address),
        Some(Address::Any) | None => Err("an address is 0x and eight lowercase digits, like 0x08010000"),
    }
}

/// Reads a time argument.
pub fn time(text: &str) -> Result<UnixSeconds, &'static str> {
    clock::parse(text).ok_or("expected a date like 2031-01-31, or a time in UTC like 2031-01-31T12:00:00Z")
}

/// A failure of the key files.
pub fn keys_failure(error: tuffet_keys_tool::Error) -> Failure {
    Error::from(error).into()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let blame = match error.exit() {
            Exit::Ok | Exit::Refused => Blame::Refused,
            Exit::Usage => Blame::Usage,
            Exit::Io => Blame::Storage,
            Exit::Key => Blame::Key,
            Exit::Network => Blame::Network,
            Exit::WrongState => Blame::WrongState,
        };
        Self::new(blame, error.to_string())
    }
}
