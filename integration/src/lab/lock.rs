//! One run at a time has a board.
//!
//! The lock is the system's, on a file that says who holds it: it ends with its process, however that ended. What a process that
//! died left in the file is taken over, and said.

use super::trouble::Trouble;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// A board that is ours.
#[derive(Debug)]
pub struct Lock {
    file: File,
    left_by: Option<String>,
}

impl Lock {
    /// Where the lock of a board lies, if its file names no other place.
    #[must_use]
    pub fn usual_path(board: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tuffet-lab-{board}.lock"))
    }

    /// Takes the board.
    ///
    /// # Errors
    ///
    /// When another process has it, or the file cannot be used.
    pub fn take(board: &str, path: &Path) -> Result<Self, Trouble> {
        let open = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path);
        let mut file = open.map_err(|error| Trouble::file("open the lock file", path, error))?;
        let is_ours = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(Trouble::file("lock", path, error)),
        };
        let mut said = String::new();
        file.read_to_string(&mut said)
            .map_err(|error| Trouble::file("read the lock file", path, error))?;
        let said = said.trim().to_owned();
        if !is_ours {
            return Err(Trouble::Locked {
                board: board.to_owned(),
                holder: if said.is_empty() {
                    "another process".to_owned()
                } else {
                    said
                },
                path: path.to_owned(),
            });
        }
        let sign = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {}", std::process::id())
        };
        sign(&mut file).map_err(|error| Trouble::file("write the lock file", path, error))?;
        Ok(Self {
            file,
            left_by: Some(said).filter(|said| !said.is_empty()),
        })
    }

    /// Who died with the board in hand, if somebody did.
    #[must_use]
    pub fn left_by(&self) -> Option<&str> {
        self.left_by.as_deref()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An ended run leaves an empty file: only who died leaves a name. If that fails, the next run is told of a dead one.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_run_is_told_who_has_the_board() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take("lamp", &path).unwrap();
        let refused = Lock::take("lamp", &path).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains(&format!("lamp is in use by process {}", std::process::id())),
            "{text}"
        );
        assert_eq!(refused.exit_code(), 6);
        drop(first);
        assert_eq!(Lock::take("lamp", &path).unwrap().left_by(), None);
    }

    #[test]
    fn lock_of_a_dead_process_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "process 4000000\n").unwrap();
        let lock = Lock::take("lamp", &path).unwrap();
        assert_eq!(lock.left_by(), Some("process 4000000"));
    }
}
