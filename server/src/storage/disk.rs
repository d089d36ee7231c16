use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::Facts;

/// The file operations that a publication consists of. The tests fail and cut every one of them.
pub(crate) trait Disk {
    /// Writes a new file, or an old unfinished one anew, until it is on the medium.
    fn write(&self, path: &Path, content: &Content) -> io::Result<()>;
    /// Gives a file its name. Atomic.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Brings the names of a folder to the medium.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// What to write.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file held when it was checked.
    CopyOf { path: PathBuf, facts: Facts },
}

/// The file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn write(&self, path: &Path, content: &Content) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        match content {
            Content::Bytes(bytes) => file.write_all(bytes)?,
            Content::CopyOf { path, facts } => copy(path, *facts, &mut file)?,
        }
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// Copies a file and proves on the way that it still is what was checked.
fn copy(from: &Path, facts: Facts, to: &mut File) -> io::Result<()> {
    let mut source = File::open(from)?.take(facts.length.saturating_add(1));
    let mut hash = Sha256::new();
    let mut length = 0;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = source.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        length += count as u64;
        to.write_all(&piece[..count])?;
    }
    let copied = Facts {
        length,
        digest: hash.finalize().into(),
    };
    if copied == facts {
        return Ok(());
    }
    let text = format!("{} changed after it was checked", from.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_what_was_checked() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let facts = Facts::of(b"checked");
        let content = Content::CopyOf {
            path: from.clone(),
            facts,
        };
        fs::write(&from, b"checked").unwrap();
        RealDisk.write(&to, &content).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"checked");
        for changed in [&b"changed"[..], b"checked and more", b"check", b""] {
            fs::write(&from, changed).unwrap();
            let refused = RealDisk.write(&to, &content).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        }
    }
}
