//! Reading within a limit, and writing that is either done or did not happen.
//!
//! A new file is written and synced under another name in its folder and then renamed. What [`NewFiles`] could not publish
//! as a whole it takes back, and it never replaces a file that is there.

use crate::{Error, FileError};
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Mode of a file with a secret in it.
pub const MODE_SECRET: u32 = 0o600;
/// Mode of a file for everybody, less what the process's mask takes away.
pub const MODE_PUBLIC: u32 = 0o644;
/// Mode of a folder that this tool makes.
const MODE_FOLDER: u32 = 0o700;
const PERMISSION_BITS: u32 = 0o777;

/// A file that was read.
pub struct ReadFile {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its permission bits at the time of reading.
    pub mode: u32,
}

/// Reads a regular file of at most `bytes_max` bytes.
pub fn read_regular(path: &Path, bytes_max: u64) -> Result<ReadFile, FileError> {
    let not_read = |source| not_read(path, source);
    // Asked before opening, because opening a named pipe would wait for its other end.
    if !fs::metadata(path).map_err(not_read)?.is_file() {
        return Err(FileError::NotRegular { path: path.to_owned() });
    }
    read(path, bytes_max)
}

/// Reads at most `bytes_max` bytes of a file or pipe, up to its end.
pub fn read(path: &Path, bytes_max: u64) -> Result<ReadFile, FileError> {
    let not_read = |source| not_read(path, source);
    let file = File::open(path).map_err(not_read)?;
    // The mode of what was opened, not of what stands under that name a moment later.
    let mode = file.metadata().map_err(not_read)?.permissions().mode() & PERMISSION_BITS;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(not_read)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) {
        return Ok(ReadFile { bytes, mode });
    }
    Err(FileError::TooLong {
        path: path.to_owned(),
        bytes_max,
    })
}

/// Refuses if something stands at `path`, even a link that leads nowhere.
pub fn refuse_existing(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(FileError::AlreadyExists { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(not_read(path, source)),
    }
}

/// Files that appear all together or not at all.
#[derive(Default)]
pub struct NewFiles {
    made_folder: Option<PathBuf>,
    staged: Vec<(NamedTempFile, PathBuf)>,
    published: Vec<PathBuf>,
}

impl NewFiles {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the folder if it is not there. Its parent has to be.
    pub fn folder(&mut self, folder: &Path) -> Result<(), Error> {
        match DirBuilder::new().mode(MODE_FOLDER).create(folder) {
            Ok(()) => self.made_folder = Some(folder.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(source) => return Err(not_written(folder, source).into()),
        }
        Ok(())
    }

    /// Writes and syncs the bytes under a temporary name beside `path`.
    pub fn stage(&mut self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let staged = write_beside(path, bytes, mode)?;
        self.staged.push((staged, path.to_owned()));
        Ok(())
    }

    /// Gives every staged file its name. If one cannot have it, none of them stays.
    pub fn publish(mut self) -> Result<(), Error> {
        for (staged, path) in std::mem::take(&mut self.staged) {
            match staged.persist_noclobber(&path) {
                Ok(_) => self.published.push(path),
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(FileError::AlreadyExists { path }.into());
                }
                Err(failed) => return Err(not_written(&path, failed.error).into()),
            }
        }
        for path in &self.published {
            sync_folder_of(path)?;
        }
        self.published.clear();
        self.made_folder = None;
        Ok(())
    }
}

impl Drop for NewFiles {
    /// Takes back what was not published as a whole. Best effort: this runs when something has already failed.
    fn drop(&mut self) {
        self.staged.clear();
        for path in &self.published {
            let _ = fs::remove_file(path);
        }
        if let Some(folder) = &self.made_folder {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Replaces the file at `path`, which keeps its mode. A reader sees the old bytes or the new ones.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // Through a link, so that the file changes and not the link.
    let path = fs::canonicalize(path).map_err(|source| not_read(path, source))?;
    let mode = fs::metadata(&path)
        .map_err(|source| not_read(&path, source))?
        .permissions()
        .mode();
    write_beside(&path, bytes, mode & PERMISSION_BITS)?
        .persist(&path)
        .map_err(|failed| not_written(&path, failed.error))?;
    sync_folder_of(&path)
}

/// The folder a file stands in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<NamedTempFile, Error> {
    let written = || -> io::Result<NamedTempFile> {
        let mut file = tempfile::Builder::new()
            .prefix(".tuffet-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder_of(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    written().map_err(|source| not_written(path, source).into())
}

/// A rename survives a power cut only once its folder is synced.
fn sync_folder_of(path: &Path) -> Result<(), Error> {
    File::open(folder_of(path))
        .and_then(|folder| folder.sync_all())
        .map_err(|source| not_written(path, source).into())
}

fn not_read(path: &Path, source: io::Error) -> FileError {
    FileError::NotRead {
        path: path.to_owned(),
        source,
    }
}

fn not_written(path: &Path, source: io::Error) -> FileError {
    FileError::NotWritten {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn new_files_appear_all_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("c"), "old").unwrap();

        let mut files = NewFiles::new();
        for name in ["a", "b", "c"] {
            files.stage(&at(name), b"new", MODE_PUBLIC).unwrap();
        }
        assert!(matches!(
            files.publish(),
            Err(Error::File(FileError::AlreadyExists { .. }))
        ));
        assert_eq!(names(folder.path()), ["c"]);
        assert_eq!(fs::read(at("c")).unwrap(), b"old");

        let mut files = NewFiles::new();
        files.stage(&at("a"), b"new", MODE_SECRET).unwrap();
        files.publish().unwrap();
        assert_eq!(names(folder.path()), ["a", "c"]);
    }

    #[test]
    fn folder_that_was_made_goes_with_a_failure_and_stays_with_a_success() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new");
        let mut files = NewFiles::new();
        files.folder(&folder).unwrap();
        files.stage(&folder.join("a"), b"x", MODE_SECRET).unwrap();
        drop(files);
        assert!(!folder.exists());

        let mut files = NewFiles::new();
        files.folder(&folder).unwrap();
        files.stage(&folder.join("a"), b"x", MODE_SECRET).unwrap();
        files.publish().unwrap();
        assert_eq!(names(&folder), ["a"]);
    }

    #[test]
    fn replace_keeps_the_mode_and_follows_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let read = read_regular(&file, 3).unwrap();
        assert_eq!((read.bytes.as_slice(), read.mode), (b"new".as_slice(), 0o640));
        assert_eq!(names(folder.path()), ["file", "link"]);
    }

    #[test]
    fn reading_stops_at_the_limit() {
        assert!(matches!(
            read(Path::new("/dev/zero"), 10),
            Err(FileError::TooLong { bytes_max: 10, .. })
        ));
        assert!(matches!(
            read_regular(Path::new("/dev/zero"), 10),
            Err(FileError::NotRegular { .. })
        ));
    }
}
