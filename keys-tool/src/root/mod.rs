//! The root file: written once, signed by its holders on as many days as they need, checked before anybody trusts it.
//!
//! - A root that no holders could ever sign, or that trusts one key too much, is refused when it is written and again
//!   before each signature: a holder need not trust whoever wrote it.
//! - Whether a root holds is said by the verifier that runs on the devices, not by a second one here.

mod check;
mod create;
mod describe;
mod refusal;
#[cfg(test)]
mod samples;
mod sound;

pub use create::{RolePlan, RootPlan, Spare};
pub use describe::{Description, RoleDescription, SignatureDescription, SignatureState};
pub use refusal::{Refusal, TopLevelRole};

use crate::{
    Error, KeySource, PublicKey,
    files::{self, MODE_PUBLIC, NewFiles},
};
use std::path::Path;
use tuffet_tuf::{
    emit::{self, File},
    model::{Root, Signature},
};
use tuffet_wire::UnixSeconds;

/// Longest file that is read to be told that it is not a root.
const READ_BYTES_MAX: u64 = 64 * 1024;

/// A root and the signatures collected so far. Nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootFile {
    root: Root,
    signatures: Vec<Signature>,
}

/// What signing did.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// The signature is new, or replaced one that did not hold.
    Added,
    /// The key had signed before; nothing changed.
    WasThere,
}

impl RootFile {
    /// Reads a root file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = files::read_regular(path, READ_BYTES_MAX)?;
        match emit::parse_file(&file.bytes) {
            Ok(File { signatures, role: root }) => Ok(Self { root, signatures }),
            Err(source) => Err(Refusal::NotARoot {
                path: path.to_owned(),
                source,
            }
            .into()),
        }
    }

    /// Writes a root file that was not there before.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut file = NewFiles::new();
        file.stage(path, &self.bytes()?, MODE_PUBLIC)?;
        file.publish()
    }

    /// Writes over the root file that was loaded from `path`.
    pub fn save_over(&self, path: &Path) -> Result<(), Error> {
        files::replace(path, &self.bytes()?)
    }

    /// The file as it is published.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(emit::file(&self.root, &self.signatures).map_err(|source| Refusal::NotWritable { source })?)
    }

    /// What the root says.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Adds the signature of one root key. Signing twice with a key changes nothing.
    pub fn sign(&mut self, key: &dyn KeySource, now: UnixSeconds) -> Result<Signing, Error> {
        sound::check(&self.root, now)?;
        let public = key.public_key();
        if !self.root.roles.root.keyids.contains(&public.id()) {
            return Err(Refusal::KeyNotNamed { key: public.id() }.into());
        }
        let canonical = self.canonical()?;
        let mut of_key = self.signatures.iter().filter(|old| old.keyid == public.id());
        if let (Some(only), None) = (of_key.next(), of_key.next())
            && public.has_signed(&canonical, only)
        {
            return Ok(Signing::WasThere);
        }
        let signature = key.sign(&canonical)?;
        self.signatures.retain(|old| old.keyid != public.id());
        self.signatures.push(signature);
        self.signatures.sort_by_key(|signature| signature.keyid);
        Ok(Signing::Added)
    }

    fn canonical(&self) -> Result<Vec<u8>, Error> {
        Ok(emit::signed_bytes(&self.root).map_err(|source| Refusal::NotWritable { source })?)
    }

    /// The key with this id, if the root lists it and it can be used.
    fn key(&self, signature: &Signature) -> Option<PublicKey> {
        let key = self.root.keys.get(&signature.keyid)?;
        PublicKey::from_key(key.clone())
            .ok()
            .filter(|key| key.id() == signature.keyid)
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{Keys, NOW};
    use super::*;
    use std::fs;

    #[test]
    fn each_holder_signs_once_in_any_order() {
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        let mut other = file.clone();
        for (holder, expected) in [(2, Signing::Added), (0, Signing::Added), (2, Signing::WasThere)] {
            assert_eq!(file.sign(&keys.root[holder], NOW).unwrap(), expected);
        }
        for holder in [0, 2] {
            other.sign(&keys.root[holder], NOW).unwrap();
        }
        assert_eq!(file.bytes().unwrap(), other.bytes().unwrap());
        assert_eq!(file.describe(NOW).unwrap().signatures_valid, 2);
    }

    #[test]
    fn signing_mends_a_signature_that_does_not_hold_or_is_repeated() {
        let keys = Keys::new();
        let mut signed = RootFile::create(&keys.plan()).unwrap();
        signed.sign(&keys.root[0], NOW).unwrap();
        let mut invalid = signed.clone();
        invalid.signatures[0].bytes[0] ^= 1;
        let mut repeated = signed.clone();
        repeated.signatures.push(signed.signatures[0].clone());
        for mut file in [invalid, repeated] {
            assert_eq!(file.sign(&keys.root[0], NOW).unwrap(), Signing::Added);
            assert_eq!(file, signed);
        }
    }

    #[test]
    fn key_of_another_role_does_not_sign() {
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        let before = file.clone();
        for key in [&keys.targets, &Keys::new().root[0]] {
            assert!(matches!(
                file.sign(key, NOW),
                Err(Error::Refused(Refusal::KeyNotNamed { key: id })) if id == key.public_key().id()
            ));
        }
        assert_eq!(file, before);
    }

    #[test]
    fn unsound_root_is_not_signed() {
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        file.root.roles.root.threshold = 0;
        assert!(matches!(
            file.sign(&keys.root[0], NOW),
            Err(Error::Refused(Refusal::ThresholdZero { .. }))
        ));
        assert!(file.signatures.is_empty());
    }

    #[test]
    fn file_and_root_are_inverses_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.json");
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        file.save(&path).unwrap();
        file.sign(&keys.root[0], NOW).unwrap();
        assert!(file.save(&path).is_err(), "a root is overwritten only on purpose");
        file.save_over(&path).unwrap();
        assert_eq!(RootFile::load(&path).unwrap(), file);

        let whole = fs::read(&path).unwrap();
        for bytes in [
            &b""[..],
            b"{}",
            &whole[..whole.len() - 1],
            &[&whole[..], b"\n"].concat(),
        ] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(
                RootFile::load(&path),
                Err(Error::Refused(Refusal::NotARoot { .. }))
            ));
        }
    }
}
