//! A folder of key files as `tuffet-keys generate` names them: `ROLE-N.key` and `ROLE-N.pub`.

use std::path::{Path, PathBuf};

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

    /// Secret key files whose names say another role than these.
    pub(crate) fn secrets_besides<'a>(&'a self, roles: &'a [&str]) -> impl Iterator<Item = PathBuf> + 'a {
        let of_roles = |name: &&String| {
            let stem = name.rsplit_once('-').map_or(name.as_str(), |(role, _)| role);
            !roles.contains(&stem) && !stem.ends_with("_rollout")
        };
        let secrets = self.names.iter().filter(|name| name.ends_with(".key"));
        secrets.filter(of_roles).map(|name| self.path.join(name))
    }

    fn files(&self, role: &KeyRole, kind: &str) -> Vec<PathBuf> {
        let prefix = format!("{role}-");
        let is_of_role = |name: &&String| {
            let number = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.strip_suffix(kind)?.strip_suffix('.'));
            number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.names
            .iter()
            .filter(is_of_role)
            .map(|name| self.path.join(name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
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
        let others: Vec<_> = keys.secrets_besides(&["snapshot", "timestamp"]).collect();
        assert_eq!(others, [folder.path().join("a-1.key")]);
        assert!(matches!(
            KeyFolder::open(&folder.path().join("none")),
            Err(Error::Refused(Refused::NoKeys { .. }))
        ));
    }
}
