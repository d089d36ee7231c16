//! Signing metadata, and counting who has signed.

use std::collections::BTreeMap;

use tuffet_keys_tool::{KeySource, PublicKey};
use tuffet_tuf::{
    emit::{EmitError, file, signed_bytes},
    model::{KeyId, Role, Signature},
};

use crate::{error::Error, roles::Signers};

/// Signatures of one file by keys that count, each verified. At most one for each key.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    signatures: BTreeMap<KeyId, Signature>,
    threshold: u32,
}

impl Counted {
    /// Keeps those of the given signatures that verify and whose keys count.
    pub fn of<R: Role>(role: &R, given: &[Signature], signers: &Signers) -> Result<Self, Error> {
        let bytes = signed_bytes(role).map_err(NotEmitted)?;
        let counts = |signature: &&Signature| {
            let key = signers
                .keys
                .get(&signature.keyid)
                .and_then(|key| PublicKey::from_key(key.clone()).ok());
            key.is_some_and(|key| key.has_signed(&bytes, signature))
        };
        let signatures = given
            .iter()
            .filter(counts)
            .map(|signature| (signature.keyid, signature.clone()))
            .collect();
        Ok(Self {
            signatures,
            threshold: signers.threshold,
        })
    }

    /// How many keys have signed.
    pub fn count(&self) -> u32 {
        u32::try_from(self.signatures.len()).unwrap_or(u32::MAX)
    }

    /// How many signatures are still needed.
    pub fn missing(&self) -> u32 {
        self.threshold.saturating_sub(self.count())
    }

    /// In the order of the key ids, so that the file does not depend on who signed first.
    pub fn signatures(&self) -> Vec<Signature> {
        self.signatures.values().cloned().collect()
    }
}

/// Signs with all keys that count and makes the file.
pub(crate) fn sign_and_emit<R: Role, K: KeySource + ?Sized>(
    role: &R,
    name: &'static str,
    keys: &[&K],
    signers: &Signers,
) -> Result<Vec<u8>, Error> {
    let bytes = signed_bytes(role).map_err(NotEmitted)?;
    let mut given = Vec::new();
    for key in keys
        .iter()
        .filter(|key| signers.keys.contains_key(&key.public_key().id()))
    {
        given.push(key.sign(&bytes)?);
    }
    let counted = Counted::of(role, &given, signers)?;
    if counted.missing() > 0 {
        let (needed, have) = (signers.threshold, counted.count());
        return Err(crate::error::Refused::KeysMissing {
            role: name,
            needed,
            have,
        }
        .into());
    }
    Ok(file(role, &counted.signatures()).map_err(NotEmitted)?)
}

/// A file that cannot be written in the strict form. Cannot happen with what this library makes.
#[derive(Debug, thiserror::Error)]
#[error("metadata has no strict form: {0}")]
pub struct NotEmitted(#[source] pub(crate) EmitError);
