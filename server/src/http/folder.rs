use std::{
    fs::File,
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{route::Route, serve::StartError};

/// A repository folder, opened for reading only what a `Route` can name.
#[derive(Clone, Debug)]
pub struct ServedFolder {
    path: PathBuf,
}

/// A regular file and what it was when it was opened.
#[derive(Debug)]
pub struct ServedFile {
    file: File,
    name: String,
    stamp: Stamp,
}

/// Why a file that exists cannot be sent. The operator has to look.
#[derive(Debug, thiserror::Error)]
pub enum ServedFileError {
    /// Somebody wrote into a file whose name promises that it never changes.
    #[error("{name} was changed in place while it was sent; repository files are replaced, never written to")]
    Changed {
        /// The file's name.
        name: String,
    },
    /// The file is a link, a folder or a device.
    #[error("{name} is not a regular file")]
    NotAFile {
        /// The file's name.
        name: String,
    },
    /// A metadata file of a size that no client would take.
    #[error("{name} is longer than {bytes_max} bytes, which no client takes as metadata")]
    TooLong {
        /// The file's name.
        name: String,
        /// The limit.
        bytes_max: u64,
    },
    /// The file, or its folder, cannot be opened or read.
    #[error("cannot read {name}: {source}")]
    Unreadable {
        /// The file's name.
        name: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Differs when a file was written to. The change time is not part of it: that also moves when the file is replaced under its
/// name, which harms nobody who has the old one open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    length: u64,
    modified: (i64, i64),
}

impl ServedFolder {
    /// Checks that the folder is a repository that can be read.
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let unusable = |source: io::Error| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::NotFound {
                StartError::FolderMissing { path }
            } else {
                StartError::FolderUnreadable { path, source }
            }
        };
        let path = path.canonicalize().map_err(unusable)?;
        if !path.is_dir() {
            return Err(StartError::NotARepository { path });
        }
        // A repository without a release has no targets yet, and a copy of it may lack the empty folder.
        let metadata = path.join("metadata");
        match std::fs::read_dir(&metadata) {
            Ok(_) => Ok(Self { path }),
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                Err(StartError::FolderUnreadable { path: metadata, source })
            }
            Err(_) => Err(StartError::NotARepository { path }),
        }
    }

    /// Opens a file. `None` means that it does not exist.
    ///
    /// Neither the folder nor the file may be a symbolic link, so nothing outside the repository is ever opened. A pipe does not
    /// block.
    pub fn file(&self, route: &Route) -> Result<Option<ServedFile>, ServedFileError> {
        let name = || format!("{}/{}", route.folder(), route.name());
        let unreadable = |source: io::Error| ServedFileError::Unreadable { name: name(), source };
        let opened = openat(CWD, &self.path, DIRECTORY, Mode::empty())
            .and_then(|root| openat(root, route.folder(), DIRECTORY, Mode::empty()))
            .and_then(|folder| openat(folder, route.name(), FILE, Mode::empty()));
        let handle: OwnedFd = match opened {
            Ok(handle) => handle,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(ServedFileError::NotAFile { name: name() }),
            Err(other) => return Err(unreadable(other.into())),
        };
        let file = File::from(handle);
        let facts = file.metadata().map_err(unreadable)?;
        if !facts.is_file() {
            return Err(ServedFileError::NotAFile { name: name() });
        }
        Ok(Some(ServedFile {
            file,
            name: name(),
            stamp: Stamp::of(&facts),
        }))
    }
}

impl ServedFile {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.stamp.length
    }

    /// Reads `length` bytes at `offset`, all from the content which the file had when it was opened.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, ServedFileError> {
        let unreadable = |source| ServedFileError::Unreadable {
            name: self.name.clone(),
            source,
        };
        let mut bytes = vec![0; length];
        let read = self.file.read_exact_at(&mut bytes, offset);
        let now = Stamp::of(&self.file.metadata().map_err(unreadable)?);
        if now != self.stamp {
            return Err(ServedFileError::Changed {
                name: self.name.clone(),
            });
        }
        read.map_err(unreadable)?;
        Ok(bytes)
    }
}

impl Stamp {
    fn of(facts: &std::fs::Metadata) -> Self {
        Self {
            length: facts.len(),
            modified: (facts.mtime(), facts.mtime_nsec()),
        }
    }
}

impl ServedFileError {
    /// Whether the process ran out of file descriptors, which passes.
    pub(super) fn is_exhaustion(&self) -> bool {
        let Self::Unreadable { source, .. } = self else {
            return false;
        };
        let code = source.raw_os_error();
        code == Some(rustix::io::Errno::MFILE.raw_os_error()) || code == Some(rustix::io::Errno::NFILE.raw_os_error())
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
