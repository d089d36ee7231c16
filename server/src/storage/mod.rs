//! Files and folders: read with a bound, written so that a cut never shows.

mod disk;
mod lock;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tuffet_wire::Digest;

pub(crate) use disk::{Content, Disk, RealDisk};
pub use lock::FolderLock;

/// A file or folder could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another process is writing to the same folder.
    #[error("{} is being written to by another process; try again when it is done", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// It was put in place and is served, but whether that outlasts a power cut is not known.
    #[error("{} is in place and served from now on, but the disk did not confirm it: {source}; after a power cut the old one may be back, so repair the disk, run the command again, and look with `cargo xtask repo verify`", path.display())]
    NotConfirmed {
        /// The file that makes a publication public.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    NotRead {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be written. Files that nobody names yet may have been.
    #[error("cannot write {}: {source}; nothing that is served has changed, so repair this and run the command again", path.display())]
    NotWritten {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is longer than any file of its kind.
    #[error("{} is longer than {bytes_max} bytes, so it is not what it should be; check the name", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        bytes_max: u64,
    },
}

impl StorageError {
    pub(crate) fn not_read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::NotRead {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn not_written(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::NotWritten {
            path: path.to_owned(),
            source,
        }
    }
}

/// Length and SHA-256 of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub length: u64,
    pub digest: Digest,
}

impl Facts {
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            length: bytes.len() as u64,
            digest: Sha256::digest(bytes).into(),
        }
    }

    /// Reads the whole file once, a piece at a time.
    pub fn of_file(path: &Path) -> Result<Self, StorageError> {
        let read = || {
            let mut file = File::open(path)?;
            let mut hash = Sha256::new();
            let mut length = 0;
            let mut piece = vec![0; 64 * 1024];
            loop {
                match file.read(&mut piece)? {
                    0 => break,
                    count => {
                        hash.update(&piece[..count]);
                        length += count as u64;
                    }
                }
            }
            Ok(Self {
                length,
                digest: hash.finalize().into(),
            })
        };
        read().map_err(StorageError::not_read(path))
    }
}

/// Reads a file of at most `bytes_max` bytes. `None` means that it does not exist.
pub(crate) fn read_optional(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, StorageError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageError::not_read(path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(StorageError::not_read(path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(StorageError::TooLong {
            path: path.to_owned(),
            bytes_max,
        });
    }
    Ok(Some(bytes))
}

/// Reads a file of at most `bytes_max` bytes that has to be there.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
    let absent = || StorageError::not_read(path)(io::ErrorKind::NotFound.into());
    read_optional(path, bytes_max)?.ok_or_else(absent)
}

/// Names of the entries of a folder, sorted. A folder that does not exist has none.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, StorageError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StorageError::not_read(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StorageError::not_read(folder))?;
        // A name that is not UTF-8 is none of ours.
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Puts one file in place: the reader sees the old one or the new one, whole, also after a power cut.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, content: &Content) -> Result<(), StorageError> {
    let folder = put(disk, path, content)?;
    disk.sync_folder(folder).map_err(StorageError::not_written(path))
}

/// The same for the file that makes others public: from the moment it has its name, a failure does not take it back.
pub(crate) fn make_public(disk: &dyn Disk, path: &Path, content: &Content) -> Result<(), StorageError> {
    let folder = put(disk, path, content)?;
    confirm(disk, folder, path)
}

/// Brings the name of a file that is public already to the medium.
pub(crate) fn confirm(disk: &dyn Disk, folder: &Path, path: &Path) -> Result<(), StorageError> {
    disk.sync_folder(folder).map_err(|source| StorageError::NotConfirmed {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file and gives it its name, which is not yet on the medium. Returns the folder.
fn put<'p>(disk: &dyn Disk, path: &'p Path, content: &Content) -> Result<&'p Path, StorageError> {
    let failed = |source| StorageError::not_written(path)(source);
    let fresh = fresh(path)?;
    disk.write(&fresh, content).map_err(failed)?;
    disk.rename(&fresh, path).map_err(failed)?;
    Ok(folder_of(path))
}

/// Puts a folder in place whose files are on the medium.
pub(crate) fn rename_folder(disk: &dyn Disk, fresh: &Path, path: &Path) -> Result<(), StorageError> {
    let placed = || -> io::Result<()> {
        for folder in [fresh, &fresh.join("metadata"), &fresh.join("targets")] {
            disk.sync_folder(folder)?;
        }
        disk.rename(fresh, path)?;
        disk.sync_folder(folder_of(path))
    };
    placed().map_err(StorageError::not_written(path))
}

/// What a file or folder is called while it is written: in the same folder, so that it can be renamed.
pub(crate) fn fresh(path: &Path) -> Result<PathBuf, StorageError> {
    let nameless = || StorageError::not_written(path)(io::ErrorKind::InvalidInput.into());
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(nameless)?;
    Ok(folder_of(path).join(format!("{FRESH_PREFIX}{name}")))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Removes what a cut left of [`replace`] in a folder. Nobody serves or lists these files.
pub(crate) fn sweep(disk: &dyn Disk, folder: &Path) -> Result<(), StorageError> {
    for name in names(folder)?.iter().filter(|name| name.starts_with(FRESH_PREFIX)) {
        let path = folder.join(name);
        disk.remove(&path).map_err(StorageError::not_written(&path))?;
    }
    Ok(())
}

/// Names of files and folders that are being written begin with this. The dot keeps them from being served.
const FRESH_PREFIX: &str = ".new-";
