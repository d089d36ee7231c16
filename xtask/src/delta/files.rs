//! Files of a patch: read with a bound, written whole or not at all.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::failure::{Blame, Failure};
use crate::whole_file::{folder, fresh, replace};

/// Opens a file of at most `bytes_max` bytes; `too_long` says in words what a longer one is.
pub fn open(path: &Path, bytes_max: usize, too_long: fn(u64) -> String) -> Result<(File, Metadata), Failure> {
    let not_read = |error| Failure::file("cannot read", path, &error);
    let file = File::open(path).map_err(not_read)?;
    let about = file.metadata().map_err(not_read)?;
    if about.is_dir() {
        let text = format!("cannot read {}: it is a folder; name a file in it", path.display());
        return Err(Failure::new(Blame::Storage, text));
    }
    match about.len() > bytes_max as u64 {
        true => Err(refused(path, about.len(), too_long)),
        false => Ok((file, about)),
    }
}

/// Reads all of such a file.
pub fn read(path: &Path, bytes_max: usize, too_long: fn(u64) -> String) -> Result<Vec<u8>, Failure> {
    let (file, _) = open(path, bytes_max, too_long)?;
    let mut bytes = Vec::new();
    // A device has no length, and perhaps no end.
    file.take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file("cannot read", path, &error))?;
    match bytes.len() > bytes_max {
        true => Err(refused(path, bytes.len() as u64, too_long)),
        false => Ok(bytes),
    }
}

fn refused(path: &Path, bytes: u64, too_long: fn(u64) -> String) -> Failure {
    Failure::refused(format!("{}: {}", path.display(), too_long(bytes)))
}

/// Where a result goes, checked before it costs time.
#[derive(Debug)]
pub enum Destination {
    /// A device or a pipe, which cannot be replaced: `/dev/null`.
    Device(PathBuf),
    /// A file that is there, or will be.
    File(PathBuf),
}

impl Destination {
    /// Can `path` be written, and is it none of the inputs?
    pub fn new(path: &Path, inputs: &[&Path]) -> Result<Self, Failure> {
        let kind = match fs::metadata(path) {
            Ok(there) => Some(there.file_type()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file("cannot write", path, &error)),
        };
        let Some(kind) = kind else {
            return Self::file(path.to_path_buf());
        };
        if kind.is_dir() {
            let text = format!("cannot write {}: it is a folder; name a file in it", path.display());
            return Err(Failure::new(Blame::Storage, text));
        }
        if !kind.is_file() {
            return Ok(Self::Device(path.to_path_buf()));
        }
        // Behind a link the file is replaced, not the link.
        let file = path
            .canonicalize()
            .map_err(|error| Failure::file("cannot write", path, &error))?;
        let is_file = |input: &&&Path| input.canonicalize().is_ok_and(|input| input == file);
        if let Some(input) = inputs.iter().find(is_file) {
            let text = format!(
                "the output {} is the input {}, which is never written over; name another file",
                path.display(),
                input.display()
            );
            return Err(Failure::new(Blame::Usage, text));
        }
        Self::file(file)
    }

    /// A file in a folder that can be written: one is made there, and goes again.
    fn file(path: PathBuf) -> Result<Self, Failure> {
        let folder = folder(&path);
        if !folder.exists() {
            let text = format!(
                "cannot write {}: there is no folder {}; make it first",
                path.display(),
                folder.display()
            );
            return Err(Failure::new(Blame::Storage, text));
        }
        fresh(&path).map_err(|error| Failure::file("cannot write", &path, &error))?;
        Ok(Self::File(path))
    }

    /// An empty file for what will be written: kept by [`keep`](Self::keep), and gone again if it is not.
    pub fn begin(&self) -> Result<tempfile::NamedTempFile, Failure> {
        let (Self::Device(path) | Self::File(path)) = self;
        let file = match self {
            Self::Device(_) => tempfile::NamedTempFile::new(),
            Self::File(path) => fresh(path),
        };
        file.map_err(|error| Failure::file("cannot write", path, &error))
    }

    /// Gives a file that was written its name, once all of it is on the disk.
    pub fn keep(&self, file: tempfile::NamedTempFile) -> Result<(), Failure> {
        let (path, kept) = match self {
            Self::Device(path) => (path, copy_through(path, file.path())),
            Self::File(path) => {
                let kept = file.as_file().sync_all();
                (
                    path,
                    kept.and_then(|()| file.persist(path).map(drop).map_err(|error| error.error)),
                )
            }
        };
        kept.map_err(|error| Failure::file("cannot write", path, &error))
    }

    /// Writes all of it. A file takes its name only when all of it is on the disk.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let (path, written) = match self {
            Self::Device(path) => (path, write_through(path, bytes)),
            Self::File(path) => (path, replace(path, bytes)),
        };
        written.map_err(|error| Failure::file("cannot write", path, &error))
    }
}

fn copy_through(path: &Path, from: &Path) -> io::Result<()> {
    let mut device = fs::OpenOptions::new().write(true).open(path)?;
    io::copy(&mut File::open(from)?, &mut device).map(drop)
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)
}
