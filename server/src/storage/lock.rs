use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::StorageError;

/// Name of the lock file in a repository folder. It stays there; only the lock on it counts.
const NAME: &str = ".lock";
const PAUSE: Duration = Duration::from_millis(50);

/// The right to write to a folder. Held by one process at a time; the system takes it back when the process ends.
#[derive(Debug)]
pub struct FolderLock(#[allow(dead_code, reason = "held, not used: dropping it gives the lock back")] File);

impl FolderLock {
    /// Waits for other writers, `patience` at most.
    pub fn take(folder: &Path, patience: Duration) -> Result<Self, StorageError> {
        let path = folder.join(NAME);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StorageError::not_written(&path))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(source)) => return Err(StorageError::not_written(&path)(source)),
                Err(TryLockError::WouldBlock) if started.elapsed() >= patience => {
                    return Err(StorageError::Busy {
                        path: folder.to_owned(),
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path(), Duration::ZERO).unwrap();
        let second = FolderLock::take(folder.path(), Duration::from_millis(120));
        assert!(matches!(second, Err(StorageError::Busy { .. })));
        drop(first);
        FolderLock::take(folder.path(), Duration::ZERO).unwrap();
    }
}
