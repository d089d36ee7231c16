//! A folder of key files as `tuffet-keys generate` names them: `ROLE-N.key` and `ROLE-N.pub`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tuffet_keys_tool::{KeyRole, Passphrase, PublicKey, SecretKey};

use crate::{
    error::{Error, Refused},
    storage,
};

/// The keys of a folder, found by their names.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
    names: Vec<String>,
}

impl KeyFolder {
    /// Lists a folder. No key is opened yet: each costs about a second.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let names = storage::names(path)?;
        if !names
            .iter()
            .any(|name| name.ends_with(".key") || name.ends_with(".pub"))
        {
            return Err(Refused::NoKeys { path: path.to_owned() }.into());
        }
        Ok(Self {
            path: path.to_owned(),
            names,
        })
    }

    /// Opens the secret keys of a role; there may be none, they may be elsewhere.
    pub fn secret_keys(&self, role: &KeyRole, passphrase: &Passphrase) -> Result<Vec<SecretKey>, Error> {
        let open = |path: PathBuf| -> Result<SecretKey, Error> {
            let key = SecretKey::load(&path, passphrase)?;
            if key.role() == role {
                return Ok(key);
            }
            Err(Refused::OtherRole {
                path,
                role: key.role().to_string(),
            }
            .into())
        };
        self.files(role, "key").into_iter().map(open).collect()
    }

    /// Reads the public keys of a role.
    pub fn public_keys(&self, role: &KeyRole) -> Result<Vec<PublicKey>, Error> {
        self.files(role, "pub")
            .into_iter()
            .map(|path| Ok(PublicKey::load(&path)?))
            .collect()
    }

    /// Refuses every secret key that a server has no use for: by its name, and by what is inside, which a name may hide.
    pub(crate) fn check_online(&self, passphrase: &Passphrase) -> Result<(), Error> {
        let secrets = || self.names.iter().filter(|name| name.ends_with(".key"));
        let is_online = |role: &KeyRole| matches!(role, KeyRole::Snapshot | KeyRole::Timestamp | KeyRole::Rollout(_));
        // All names before any file: opening one takes a second.
        if let Some(name) = secrets().find(|name| !role_of(name).is_some_and(|role| is_online(&role))) {
            let path = self.path.join(name);
            return Err(Refused::OfflineKeyOnline { path }.into());
        }
        let rollouts = secrets().filter_map(|name| role_of(name));
        let rollouts: BTreeSet<String> = rollouts
            .filter(|role| matches!(role, KeyRole::Rollout(_)))
            .map(|role| role.to_string())
            .collect();
        // Those of snapshot and timestamp are opened to be used, and looked at then.
        for role in rollouts.iter().filter_map(|role| role.parse().ok()) {
            self.secret_keys(&role, passphrase)?;
        }
        Ok(())
    }

    fn files(&self, role: &KeyRole, kind: &str) -> Vec<PathBuf> {
        let is_of_role = |name: &&String| {
            let of_kind = name.strip_suffix(kind).is_some_and(|rest| rest.ends_with('.'));
            of_kind && role_of(name).as_ref() == Some(role)
        };
        self.names
            .iter()
            .filter(is_of_role)
            .map(|name| self.path.join(name))
            .collect()
    }
}

/// The role that the name of a key file says.
fn role_of(name: &str) -> Option<KeyRole> {
    let (stem, _) = name.rsplit_once('.')?;
    let (role, number) = stem.rsplit_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    role.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use tuffet_keys_tool::WorkFactor;

    use super::*;

    #[test]
    fn keys_are_found_by_role() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "a-1.key",
            "a-1.pub",
            "a-2.pub",
            "a-1-1.pub",
            "a_rollout-1.pub",
            "snapshot-1.key",
            "a.pub",
            "a-x.pub",
            ".a-1.pub",
        ];
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let keys = KeyFolder::open(folder.path()).unwrap();
        let files = |role: &str, kind: &str| -> Vec<String> {
            let paths = keys.files(&role.parse().unwrap(), kind);
            paths
                .into_iter()
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(files("a", "pub"), ["a-1.pub", "a-2.pub"]);
        assert_eq!(files("a-1", "pub"), ["a-1-1.pub"]);
        assert_eq!(files("a_rollout", "pub"), ["a_rollout-1.pub"]);
        assert_eq!(files("a", "key"), ["a-1.key"]);
        assert!(matches!(
            KeyFolder::open(&folder.path().join("none")),
            Err(Error::Refused(Refused::NoKeys { .. }))
        ));
    }

    #[test]
    fn a_server_has_no_key_that_signs_more_whatever_its_name() {
        let passphrase = Passphrase::new("p".to_owned()).unwrap();
        let check = |keys: &[(&str, KeyRole)]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, role) in keys {
                let key = SecretKey::generate(role.clone()).unwrap();
                let path = folder.path().join(name);
                key.save(&path, &passphrase, WorkFactor::new(1).unwrap()).unwrap();
            }
            KeyFolder::open(folder.path()).unwrap().check_online(&passphrase)
        };
        let rollout = KeyRole::Rollout("a".to_owned());
        let product = KeyRole::Product("a".to_owned());
        let good = [
            ("snapshot-1.key", KeyRole::Snapshot),
            ("timestamp-12.key", KeyRole::Timestamp),
            ("a_rollout-1.key", rollout.clone()),
        ];
        check(&good).unwrap();
        for name in [
            "a-1.key",
            "snapshot.key",
            "snapshot-x.key",
            "timestamp-.key",
            "x-a_rollout.key",
            ".key",
        ] {
            let refused = check(&[(name, product.clone())]);
            assert!(
                matches!(refused, Err(Error::Refused(Refused::OfflineKeyOnline { .. }))),
                "{name}: {refused:?}"
            );
        }
        for (name, role) in [("x_rollout-1.key", product), ("x_rollout-2.key", rollout)] {
            let refused = check(&[(name, role)]);
            assert!(
                matches!(refused, Err(Error::Refused(Refused::OtherRole { .. }))),
                "{name}: {refused:?}"
            );
        }
    }
}
