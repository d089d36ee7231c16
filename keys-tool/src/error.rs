//! What can go wrong, grouped by who has to act, and the exit code of each group.

use crate::{
    key_file::WORK_FACTOR_MAX,
    passphrase::PASSPHRASE_VARIABLE,
    root::{Refusal, TopLevelRole},
};
use std::{io, path::PathBuf};

/// Every way in which this library can fail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key or a passphrase is wrong, damaged or not protected.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A check said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Error {
    /// The exit code that tells a script which kind of error this is.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::File(_) => Exit::Io,
            Self::Key(_) => Exit::Key,
            Self::Refused(_) => Exit::Refused,
        }
    }
}

/// How `tuffet-keys` ends. The numbers are part of its interface.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// A check said no.
    Refused,
    /// The arguments make no sense.
    Usage,
    /// A file or folder could not be read or written.
    Io,
    /// A key or a passphrase is wrong, damaged or not protected.
    Key,
}

impl Exit {
    /// The number a shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Io => 3,
            Self::Key => 4,
        }
    }
}

/// The file system said no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file that must not be overwritten is there.
    #[error("{} exists and is not overwritten; choose another name or folder, or move it away first", path.display())]
    AlreadyExists {
        /// The file that is there.
        path: PathBuf,
    },
    /// The folder has no public key of a role.
    #[error("{} has no {role}-*.pub; make one with `tuffet-keys generate --role {role}`, or name the files with --{role}", folder.display())]
    NoKeys {
        /// The folder that was searched.
        folder: PathBuf,
        /// The role.
        role: TopLevelRole,
    },
    /// The output of a command could not be printed.
    #[error("standard output could not take the result: {source}; what was done stays done")]
    NotPrinted {
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {}: {source}; check the name and your permissions", path.display())]
    NotRead {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that is no regular file stands where a file was expected.
    #[error("{} is not a regular file; give the path of a file", path.display())]
    NotRegular {
        /// What was opened.
        path: PathBuf,
    },
    /// Writing failed. Nothing of it is left.
    #[error("cannot write {}: {source}; nothing was changed; check the space and your permissions, then try again", path.display())]
    NotWritten {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is longer than any file of its kind.
    #[error("{} is longer than {bytes_max} bytes and so not a file of this kind; check the name", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The longest file of this kind, in bytes.
        bytes_max: u64,
    },
}

/// A key or a passphrase is wrong, damaged or not protected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key file is not one that this tool wrote, or no longer.
    #[error("{} is not an intact key file: {what}; restore it from your backup", path.display())]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// Which part is wrong.
        what: &'static str,
    },
    /// A passphrase without a single character protects nothing.
    #[error("the passphrase is empty; choose one of several words")]
    EmptyPassphrase,
    /// The key could not be encrypted.
    #[error("cannot encrypt the key: {source}")]
    Encrypt {
        /// What the encryption said.
        source: io::Error,
    },
    /// The file asks for more time and memory than any file this tool writes.
    #[error("{} asks for the work factor {asked}, more than {WORK_FACTOR_MAX}; this tool did not write it: restore the key from your backup", path.display())]
    ExcessiveWork {
        /// The key file.
        path: PathBuf,
        /// The work factor in it.
        asked: u8,
    },
    /// Other users may read the file.
    #[error("{path} has mode {mode:03o}, so other users may open it; run: chmod {wanted:o} {path}", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The permission bits it should have.
        wanted: u32,
    },
    /// There is nobody to ask.
    #[error(
        "no passphrase: there is no terminal to ask on ({source}); give --passphrase-file FILE or set {PASSPHRASE_VARIABLE}"
    )]
    NoTerminal {
        /// What the system said.
        source: io::Error,
    },
    /// A passphrase has to be one line of UTF-8 text.
    #[error("the passphrase from {from} is not one line of UTF-8 text; check that it is the right file or variable")]
    NotOneLine {
        /// Where it came from.
        from: String,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers ({source}); no key was made")]
    NoRandomness {
        /// What the system said.
        source: getrandom::Error,
    },
    /// The file is not a public key that this tool can use.
    #[error("{} is not a usable public key: {what}; give a .pub file written by `tuffet-keys generate`", path.display())]
    NotPublicKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The two passphrases that were typed are not the same.
    #[error("the two passphrases differ; no key was made; try again")]
    PassphrasesDiffer,
    /// The public key file belongs to another secret key.
    #[error("{} is not the public half of {}; write it again with the key it belongs to", public.display(), secret.display())]
    PublicDiffers {
        /// The public key file.
        public: PathBuf,
        /// The secret key file.
        secret: PathBuf,
    },
    /// The passphrase does not open the file. An edited file cannot be told from a wrong passphrase.
    #[error("the passphrase does not open {}; try again, or restore the file if it was edited", path.display())]
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts depend on these numbers: if this fails, the code is wrong, not the test.
    #[test]
    fn exit_codes_are_frozen() {
        assert_eq!(
            [Exit::Ok, Exit::Refused, Exit::Usage, Exit::Io, Exit::Key].map(Exit::code),
            [0, 1, 2, 3, 4]
        );
        let file = FileError::NotRegular { path: PathBuf::new() };
        assert_eq!(Error::from(file).exit().code(), 3);
        assert_eq!(Error::from(KeyError::EmptyPassphrase).exit().code(), 4);
        assert_eq!(Error::from(Refusal::SnapshotsNotConsistent).exit().code(), 1);
    }

    #[test]
    fn an_exposed_file_comes_with_the_command_that_helps() {
        let error = KeyError::Exposed {
            path: PathBuf::from("/k/root-1.key"),
            mode: 0o644,
            wanted: 0o600,
        };
        assert_eq!(
            error.to_string(),
            "/k/root-1.key has mode 644, so other users may open it; run: chmod 600 /k/root-1.key"
        );
    }
}
