//! Secret keys in memory and on disk.

use crate::{
    Error, KeyError, KeyRole, KeySource, Passphrase, PublicKey, WorkFactor,
    files::{self, MODE_SECRET, NewFiles},
    key_file::{self, Content},
};
use ed25519_dalek::{Signer as _, SigningKey};
use std::{fmt, path::Path};
use tuffet_tuf::model::Signature;
use zeroize::Zeroizing;

/// Permission bits that a secret file may not have.
const OTHERS: u32 = 0o077;

/// An ed25519 key that can sign. It is overwritten in memory when dropped and never shown.
pub struct SecretKey {
    content: Content,
    public: PublicKey,
}

impl SecretKey {
    /// Draws a new key.
    pub fn generate(role: KeyRole) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|source| KeyError::NoRandomness { source })?;
        Self::of(Content {
            signing: SigningKey::from_bytes(&seed),
            role,
        })
        .ok_or_else(|| unusable(Path::new("the new key")).into())
    }

    /// Reads a key file. Refused when others may read it too.
    pub fn load(path: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        let file = files::read_regular(path, key_file::BYTES_MAX)?;
        if file.mode & OTHERS != 0 {
            return Err(KeyError::Exposed {
                path: path.to_owned(),
                mode: file.mode,
                wanted: MODE_SECRET,
            }
            .into());
        }
        let content = key_file::open(&file.bytes, passphrase, path)?;
        Self::of(content).ok_or_else(|| unusable(path).into())
    }

    /// Writes a key file that was not there before, readable by its owner only.
    pub fn save(&self, path: &Path, passphrase: &Passphrase, work_factor: WorkFactor) -> Result<(), Error> {
        let mut file = NewFiles::new();
        self.stage(path, passphrase, work_factor, &mut file)?;
        file.publish()
    }

    /// What the key is for, as its file says.
    pub const fn role(&self) -> &KeyRole {
        &self.content.role
    }

    pub(crate) fn stage(
        &self,
        path: &Path,
        passphrase: &Passphrase,
        work_factor: WorkFactor,
        files: &mut NewFiles,
    ) -> Result<(), Error> {
        let sealed = key_file::seal(&self.content, passphrase, work_factor)?;
        files.stage(path, sealed.as_bytes(), MODE_SECRET)
    }

    fn of(content: Content) -> Option<Self> {
        let public = PublicKey::of(content.signing.verifying_key()).ok()?;
        Some(Self { content, public })
    }
}

impl KeySource for SecretKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, canonical: &[u8]) -> Result<Signature, Error> {
        Ok(Signature {
            keyid: self.public.id(),
            bytes: self.content.signing.sign(canonical).to_bytes().to_vec(),
        })
    }
}

impl fmt::Debug for SecretKey {
    /// Shows the public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("role", &self.content.role)
            .field("id", &self.public.id())
            .finish_non_exhaustive()
    }
}

/// No seed is known that gives a weak key; the check is there because the type promises it.
fn unusable(path: &Path) -> KeyError {
    KeyError::Damaged {
        path: path.to_owned(),
        what: "its public half is weak",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, FileError};
    use std::{fs, os::unix::fs::PermissionsExt as _};

    fn passphrase() -> Passphrase {
        Passphrase::new("p".to_owned()).unwrap()
    }

    fn low() -> WorkFactor {
        WorkFactor::new(1).unwrap()
    }

    #[test]
    fn signature_fits_the_public_half() {
        let key = SecretKey::generate(KeyRole::Targets).unwrap();
        let signature = key.sign(b"text").unwrap();
        assert!(key.public_key().has_signed(b"text", &signature));
        assert!(!key.public_key().has_signed(b"other", &signature));
        let other = SecretKey::generate(KeyRole::Targets).unwrap();
        assert!(!other.public_key().has_signed(b"text", &signature));
    }

    #[test]
    fn key_file_of_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root-1.key");
        let key = SecretKey::generate(KeyRole::Root).unwrap();
        key.save(&path, &passphrase(), low()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o400, 0o600] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let loaded = SecretKey::load(&path, &passphrase()).unwrap();
            assert_eq!(loaded.public_key(), key.public_key());
        }
        for mode in [0o640, 0o604, 0o620, 0o602, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(
                SecretKey::load(&path, &passphrase()),
                Err(Error::Key(KeyError::Exposed { mode: found, .. })) if found == mode
            ));
        }
    }

    #[test]
    fn key_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root-1.key");
        fs::write(&path, "mine").unwrap();
        let key = SecretKey::generate(KeyRole::Root).unwrap();
        assert!(matches!(
            key.save(&path, &passphrase(), low()),
            Err(Error::File(FileError::AlreadyExists { .. }))
        ));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn key_file_that_is_a_folder_or_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            SecretKey::load(folder.path(), &passphrase()),
            Err(Error::File(FileError::NotRegular { .. }))
        ));
        let path = folder.path().join("k");
        fs::write(&path, vec![b'-'; 17 * 1024]).unwrap();
        assert!(matches!(
            SecretKey::load(&path, &passphrase()),
            Err(Error::File(FileError::TooLong { .. }))
        ));
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SecretKey::generate(KeyRole::Root).unwrap();
        let secret = tuffet_wire::hex::Hex(key.content.signing.as_bytes()).to_string();
        let shown = format!("{key:?}");
        assert!(shown.contains("Root") && !shown.contains(&secret), "{shown}");
        assert!(!shown.contains(&format!("{:?}", key.content.signing.as_bytes())));
    }
}
