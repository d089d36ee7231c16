//! Files that are written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The folder that a file stands in.
pub fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A file without a lasting name beside `path`, for everybody whom the process's mask lets in.
pub fn fresh(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder(path))
}

/// Writes a file, which takes its name only when all of it is on the disk. Whoever has the one before open reads that to its end.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fresh(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_read_stays_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("application.bin");
        replace(&path, b"old").unwrap();
        let reader = fs::File::open(&path).unwrap();
        replace(&path, b"another").unwrap();
        assert_eq!(io::read_to_string(reader).unwrap(), "old");
        assert_eq!(fs::read(&path).unwrap(), b"another");
        // Nothing else is left beside it, and a folder that is not there is an error.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(replace(&dir.path().join("absent/x"), b"").is_err());
    }
}
