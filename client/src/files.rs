//! Files that are whole or absent: every write goes to a new file that then takes the old one's place.

use crate::error::StorageError;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces a file: temporary file beside it, `fsync`, rename, `fsync` of the folder. A cut leaves the old or the new.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    replace(path, bytes)?;
    sync_folder_of(path).map_err(|error| StorageError::new("write", path, error))
}

/// The same, before the rename is durable: a cut may still bring the old file back, whole. For several files at once, whose
/// folder is synced in the end.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let temporary = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // The old file still stands; the new one is of no use. That it cannot be removed changes nothing about that.
        let _ = std::fs::remove_file(&temporary);
        StorageError::new("write", path, error)
    })
}

/// Reads a file whole; `None` when there is none.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::new("read", path, error)),
    }
}

/// Removes a file; its absence is success.
pub fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StorageError::new("remove", path, error)),
    }
}

/// Makes a rename or a new name in the folder of `path` durable.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.bin");
        write_atomically(&path, b"old").unwrap();
        // The temporary name is taken by a folder: the write cannot even start.
        std::fs::create_dir(dir.path().join("state.new")).unwrap();
        let error = write_atomically(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("state.bin"), "{error}");
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"old");
    }

    #[test]
    fn absent_is_not_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_if_there(&dir.path().join("none")).unwrap().is_none());
        remove_if_there(&dir.path().join("none")).unwrap();
    }
}
