//! What can go wrong, and the exit code of each: the same as everywhere.

use std::io;
use std::path::{Path, PathBuf};

/// Everything that ends a command.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The repository is not where a board can reach it.
    #[error("`{address}` is not http://IP:PORT of this machine, such as http://127.0.0.1:8080")]
    Address {
        /// What was given.
        address: String,
    },
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

    /// The exit code of the process.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Address { .. } => 2,
            Self::Storage { .. } => 3,
        }
    }
}
