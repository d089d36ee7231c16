//! The pairs of images in a folder.

use std::path::{Path, PathBuf};

use crate::corpus;
use crate::failure::{Blame, Failure};

/// A pair counts as a microcontroller's when both images are shorter than this.
pub const MCU_BYTES: u64 = 1 << 20;

/// Two images: which one the device runs, and which one it shall run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// Its folder's name.
    pub name: String,
    /// The image that is there.
    pub old: PathBuf,
    /// The image that must come out.
    pub new: PathBuf,
    /// Length of the image that is there.
    pub old_bytes: u64,
    /// Length of the image that must come out.
    pub new_bytes: u64,
}

impl Pair {
    /// The pairs in a folder by name, or only some of them; none is a mistake of the caller.
    pub fn in_folder(dir: &Path, only: &[String]) -> Result<Vec<Self>, Failure> {
        let not_read = |error| Failure::file("cannot read", dir, &error);
        let mut pairs = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(not_read)? {
            pairs.extend(Self::at(&entry.map_err(not_read)?.path())?);
        }
        pairs.sort_by(|one, other| one.name.cmp(&other.name));
        if pairs.is_empty() {
            let text = format!(
                "{} holds no NAME/old.bin with a NAME/new.bin; `cargo xtask corpus DIR` makes some",
                dir.display()
            );
            return Err(Failure::new(Blame::Usage, text));
        }
        let is_there = |name: &&String| pairs.iter().any(|pair| pair.name == **name);
        if let Some(absent) = only.iter().find(|name| !is_there(name)) {
            let names: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
            let text = format!(
                "{} holds no pair `{absent}`; it holds {}",
                dir.display(),
                names.join(", ")
            );
            return Err(Failure::new(Blame::Usage, text));
        }
        pairs.retain(|pair| only.is_empty() || only.contains(&pair.name));
        Ok(pairs)
    }

    /// The pair in one folder, if there is one.
    fn at(folder: &Path) -> Result<Option<Self>, Failure> {
        let (old, new) = (folder.join("old.bin"), folder.join("new.bin"));
        let Some(name) = folder.file_name().filter(|_| old.is_file() && new.is_file()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: name.to_string_lossy().into_owned(),
            old_bytes: size(&old)?,
            new_bytes: size(&new)?,
            old,
            new,
        }))
    }

    /// Length of the longer image.
    pub fn bytes(&self) -> u64 {
        self.old_bytes.max(self.new_bytes)
    }

    /// Is it the pair of a microcontroller, by its size?
    pub fn is_mcu(&self) -> bool {
        self.bytes() < MCU_BYTES
    }

    /// What its code is for, if it is one of our corpus.
    pub fn architecture(&self) -> Option<&'static str> {
        corpus::architecture(&self.name)
    }
}

/// The length of a file.
pub fn size(path: &Path) -> Result<u64, Failure> {
    let about = std::fs::metadata(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    Ok(about.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(folder: &Path, name: &str, old_bytes: u64, new_bytes: u64) {
        std::fs::create_dir(folder.join(name)).unwrap();
        for (file, bytes) in [("old.bin", old_bytes), ("new.bin", new_bytes)] {
            let file = std::fs::File::create(folder.join(name).join(file)).unwrap();
            file.set_len(bytes).unwrap();
        }
    }

    #[test]
    fn pairs_come_by_name_and_what_is_none_is_left() {
        let folder = tempfile::tempdir().unwrap();
        pair(folder.path(), "b", 5, MCU_BYTES);
        pair(folder.path(), "a", MCU_BYTES - 1, 7);
        std::fs::create_dir(folder.path().join("half")).unwrap();
        std::fs::write(folder.path().join("half/old.bin"), b"x").unwrap();
        let pairs = Pair::in_folder(folder.path(), &[]).unwrap();
        let seen: Vec<_> = pairs.iter().map(|pair| (pair.name.as_str(), pair.is_mcu())).collect();
        assert_eq!(seen, [("a", true), ("b", false)]);
        assert_eq!((pairs[1].old_bytes, pairs[1].new_bytes), (5, MCU_BYTES));
        let only = Pair::in_folder(folder.path(), &["b".to_owned()]).unwrap();
        assert_eq!(only, pairs[1..]);
    }

    #[test]
    fn folder_without_a_pair_and_a_pair_that_is_not_there_are_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Pair::in_folder(folder.path(), &[]).unwrap_err();
        assert!(failure.to_string().contains("holds no NAME/old.bin"), "{failure}");
        pair(folder.path(), "a", 1, 1);
        let failure = Pair::in_folder(folder.path(), &["a".to_owned(), "z".to_owned()]).unwrap_err();
        assert!(failure.to_string().contains("no pair `z`; it holds a"), "{failure}");
        assert_eq!(failure.exit_code(), std::process::ExitCode::from(2));
    }
}
