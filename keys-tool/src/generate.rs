//! New keys of a role, all of them or none.

use crate::{
    Error, KeyRole, KeySource as _, Passphrase, PublicKey, SecretKey, WorkFactor,
    files::{self, NewFiles},
};
use std::{
    num::NonZeroU8,
    path::{Path, PathBuf},
};

/// A key that was made, and where it is.
#[derive(Clone, Debug)]
pub struct GeneratedKey {
    /// The public half.
    pub public: PublicKey,
    /// The file to publish.
    pub public_path: PathBuf,
    /// The file to keep.
    pub secret_path: PathBuf,
}

/// Makes `count` keys in `folder`: `ROLE-1.key` and `ROLE-1.pub`, and so on.
///
/// `passphrase` is asked for once it is clear that no file is in the way, and protects all of them.
pub fn generate(
    role: &KeyRole,
    count: NonZeroU8,
    folder: &Path,
    work_factor: WorkFactor,
    passphrase: impl FnOnce() -> Result<Passphrase, Error>,
) -> Result<Vec<GeneratedKey>, Error> {
    let names: Vec<(PathBuf, PathBuf)> = (1..=count.get())
        .map(|number| {
            let name = |kind| folder.join(format!("{role}-{number}.{kind}"));
            (name("key"), name("pub"))
        })
        .collect();
    for (secret_path, public_path) in &names {
        files::refuse_existing(secret_path)?;
        files::refuse_existing(public_path)?;
    }
    let passphrase = passphrase()?;
    let mut files = NewFiles::new();
    files.folder(folder)?;
    let mut keys = Vec::with_capacity(names.len());
    for (secret_path, public_path) in names {
        let key = SecretKey::generate(role.clone())?;
        key.stage(&secret_path, &passphrase, work_factor, &mut files)?;
        key.public_key().stage(&public_path, &mut files)?;
        keys.push(GeneratedKey {
            public: key.public_key().clone(),
            public_path,
            secret_path,
        });
    }
    files.publish()?;
    Ok(keys)
}
