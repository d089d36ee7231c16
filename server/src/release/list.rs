use serde::Serialize;
use tuffet_wire::{UnixSeconds, hex::Hex};

use crate::{
    check,
    error::Error,
    repository::{Published, Repository},
    roles::{Kind, TargetsRole},
};

/// What one pointer names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Listed {
    /// The name that devices look up.
    pub pointer: String,
    /// Version of the release.
    pub version: String,
    /// Security version of the release.
    pub security_version: u32,
    /// `feature` or `security`.
    pub class: String,
    /// When it was released.
    pub released: UnixSeconds,
    /// End of support.
    pub support_end: UnixSeconds,
    /// Digest of the release document.
    pub document: String,
}

/// What is published for each kind of hardware on each channel, in the order of the names.
pub fn list(repository: &Repository) -> Result<Vec<Listed>, Error> {
    let published = Published::load(repository)?;
    let mut all = Vec::new();
    for (role, file) in &published.delegated {
        if TargetsRole::parse(role).is_none_or(|role| role.kind() != Kind::Pointers) {
            continue;
        }
        for (pointer, target) in &file.role.targets {
            let document = check::document(repository, pointer, target)?;
            all.push(Listed {
                pointer: pointer.clone(),
                version: document.version.to_string(),
                security_version: document.security_version,
                class: document.class.to_string(),
                released: document.released,
                support_end: document.support.end,
                document: Hex(&target.hashes.sha256).to_string(),
            });
        }
    }
    Ok(all)
}
