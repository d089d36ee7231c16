//! Public keys and their files.

use crate::{
    Error, FileError, KeyError,
    files::{self, MODE_PUBLIC},
};
use ed25519_dalek::VerifyingKey;
use std::path::Path;
use tuffet_tuf::model::{Key, KeyId, Signature};

/// Longest public key file in bytes; a real one has about 130.
const BYTES_MAX: u64 = 4096;

/// An ed25519 public key that signatures can be checked with: a point of the curve and none of the weak ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    verifying: VerifyingKey,
    key: Key,
    id: KeyId,
}

impl PublicKey {
    /// The key as metadata lists it.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The key's name in metadata.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Checks a key out of metadata.
    pub fn from_key(key: Key) -> Result<Self, UnusableKey> {
        let bytes = key.ed25519_public().ok_or(UnusableKey::NotEd25519)?;
        let verifying = VerifyingKey::from_bytes(&bytes).map_err(|_| UnusableKey::NotAPoint)?;
        Self::of(verifying)
    }

    /// Reads a `.pub` file: the key object as metadata lists it, and nothing else.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = files::read_regular(path, BYTES_MAX)?;
        let key = serde_json::from_slice(&file.bytes).map_err(|_| not_usable(path, UnusableKey::NotAKey))?;
        Self::from_key(key).map_err(|why| not_usable(path, why).into())
    }

    /// Writes a `.pub` file that was not there before.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut file = files::NewFiles::new();
        self.stage(path, &mut file)?;
        file.publish()
    }

    /// Whether the signature is this key's over these canonical bytes.
    pub fn has_signed(&self, canonical: &[u8], signature: &Signature) -> bool {
        signature.keyid == self.id
            && ed25519_dalek::Signature::from_slice(&signature.bytes)
                .is_ok_and(|signature| self.verifying.verify_strict(canonical, &signature).is_ok())
    }

    pub(crate) fn of(verifying: VerifyingKey) -> Result<Self, UnusableKey> {
        if verifying.is_weak() {
            return Err(UnusableKey::Weak);
        }
        let key = Key::ed25519(verifying.as_bytes());
        let id = key.id().map_err(|_| UnusableKey::NotAKey)?;
        Ok(Self { verifying, key, id })
    }

    pub(crate) fn stage(&self, path: &Path, files: &mut files::NewFiles) -> Result<(), Error> {
        let mut bytes = tuffet_wire::emit::wire(&self.key).map_err(|error| FileError::NotWritten {
            path: path.to_owned(),
            source: std::io::Error::other(error),
        })?;
        bytes.push(b'\n');
        files.stage(path, &bytes, MODE_PUBLIC)
    }
}

/// Why a key cannot be used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnusableKey {
    /// The file holds something else than a key object.
    NotAKey,
    /// The bytes are no point of the curve.
    NotAPoint,
    /// Another kind of key, or not 64 lowercase hexadecimal digits.
    NotEd25519,
    /// A key of small order, for which anybody can sign.
    Weak,
}

impl UnusableKey {
    /// In words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::NotAKey => "it does not hold a key",
            Self::NotAPoint => "its bytes are not an ed25519 key",
            Self::NotEd25519 => "it is not an ed25519 key in lowercase hexadecimal",
            Self::Weak => "anybody can sign for it",
        }
    }
}

fn not_usable(path: &Path, why: UnusableKey) -> KeyError {
    KeyError::NotPublicKey {
        path: path.to_owned(),
        what: why.what(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<PublicKey, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pub");
        std::fs::write(&path, text).unwrap();
        PublicKey::load(&path)
    }

    fn key_text(public: &str) -> String {
        format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{public}"}},"scheme":"ed25519"}}"#)
    }

    #[test]
    fn files_that_hold_no_usable_key_are_refused() {
        let good = hex_of(
            ed25519_dalek::SigningKey::from_bytes(&[5; 32])
                .verifying_key()
                .as_bytes(),
        );
        assert!(load(&key_text(&good)).is_ok());
        for (text, expected) in [
            (String::new(), UnusableKey::NotAKey),
            ("{}".to_owned(), UnusableKey::NotAKey),
            (format!("{} x", key_text(&good)), UnusableKey::NotAKey),
            (
                key_text(&good).replace("\"scheme\"", "\"x\":1,\"scheme\""),
                UnusableKey::NotAKey,
            ),
            (key_text(&good).replacen("ed25519", "rsa", 1), UnusableKey::NotEd25519),
            (key_text(&good.to_uppercase()), UnusableKey::NotEd25519),
            (key_text(&good[2..]), UnusableKey::NotEd25519),
            // y = 2 is on no point of the curve; y = 1 is the neutral element.
            (key_text(&format!("02{}", "00".repeat(31))), UnusableKey::NotAPoint),
            (key_text(&format!("01{}", "00".repeat(31))), UnusableKey::Weak),
        ] {
            match load(&text) {
                Err(Error::Key(KeyError::NotPublicKey { what, .. })) => assert_eq!(what, expected.what(), "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    fn hex_of(bytes: &[u8]) -> String {
        tuffet_wire::hex::Hex(bytes).to_string()
    }
}
