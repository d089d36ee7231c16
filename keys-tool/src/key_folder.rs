//! The public keys of a role in a folder, by their names.

use crate::{Error, FileError, PublicKey, root::TopLevelRole};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Loads every `ROLE-*.pub` of a folder, in the order of the names. A folder without one is an error.
pub fn public_keys_in(folder: &Path, role: TopLevelRole) -> Result<Vec<PublicKey>, Error> {
    let prefix = format!("{role}-");
    let named = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".pub"))
    };
    let entries = || -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
        paths.filter(|path| path.as_ref().map_or(true, named)).collect()
    };
    let mut paths = entries().map_err(|source| FileError::NotRead {
        path: folder.to_owned(),
        source,
    })?;
    if paths.is_empty() {
        return Err(FileError::NoKeys {
            folder: folder.to_owned(),
            role,
        }
        .into());
    }
    paths.sort();
    paths.iter().map(|path| PublicKey::load(path)).collect()
}
