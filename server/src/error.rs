//! Everything that can go wrong outside the HTTP server, grouped by who has to act, and the exit code of each group.

use tuffet_keys_tool::{Error as KeysError, Exit as KeysExit};

use crate::{
    exit::Exit, opinion::Dissent, product::ProductError, repository::RepositoryError, signing::NotEmitted,
    storage::StorageError,
};

pub use crate::{check::PatchFault, refused::Refused};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The verifiers do not accept what would be published. Nothing was written.
    #[error(transparent)]
    Dissent(#[from] Dissent),
    /// A key file, a passphrase, or what keys were asked to do.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A bug of this library.
    #[error(transparent)]
    NotEmitted(#[from] NotEmitted),
    /// `tuffet.toml` is wrong.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// A check said no. Nothing was written.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The folder is not what it should be.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The file system said no.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Error {
    /// The exit code of a command that fails with this.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Dissent(_) | Self::NotEmitted(_) | Self::Product(_) => Exit::Refused,
            Self::Keys(error) => match error.exit() {
                KeysExit::Ok | KeysExit::Refused => Exit::Refused,
                KeysExit::Usage => Exit::Usage,
                KeysExit::Io => Exit::Io,
                KeysExit::Key => Exit::Key,
            },
            Self::Refused(refused) => refused.exit(),
            Self::Repository(error) => match error {
                RepositoryError::AlreadyThere { .. }
                | RepositoryError::NotEmpty { .. }
                | RepositoryError::NotThere { .. } => Exit::WrongState,
                RepositoryError::Damaged { .. } | RepositoryError::Missing { .. } => Exit::Refused,
            },
            Self::Storage(_) => Exit::Io,
        }
    }
}
