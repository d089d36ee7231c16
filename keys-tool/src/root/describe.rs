//! What a root says, for a person or a script to read.

use super::{RootFile, TopLevelRole, sound};
use crate::Error;
use serde::Serialize;
use std::{collections::BTreeSet, fmt};
use tuffet_tuf::model::KeyId;
use tuffet_wire::UnixSeconds;

const DAY_SECONDS: u64 = 86_400;

/// What a root says and who signed it. A description, not a verdict: that is `check`'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Version of the root.
    pub version: u64,
    /// When it was written.
    pub signed_at: UnixSeconds,
    /// When it stops being valid.
    pub expires: UnixSeconds,
    /// Whole days until then; 0 on the last day and after it.
    pub days_left: u64,
    /// Signatures of different root keys that hold.
    pub signatures_valid: usize,
    /// Signatures that the root asks for.
    pub signatures_needed: u32,
    /// The four roles.
    pub roles: Vec<RoleDescription>,
    /// The signatures in the file.
    pub signatures: Vec<SignatureDescription>,
}

/// Who signs a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleDescription {
    /// The role.
    pub role: TopLevelRole,
    /// How many different keys have to sign.
    pub threshold: u32,
    /// The keys that may.
    pub keys: Vec<KeyId>,
}

/// One signature in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureDescription {
    /// The key it claims to be of.
    pub key: KeyId,
    /// What it is worth.
    pub state: SignatureState,
}

/// What a signature is worth.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureState {
    /// It does not fit the root.
    Invalid,
    /// Its key is none of the root keys that the file names.
    NotARootKey,
    /// The same key has signed further up. Devices refuse such a file.
    Repeated,
    /// It counts.
    Valid,
}

impl fmt::Display for SignatureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "does not fit: sign again with this key",
            Self::NotARootKey => "not a root key",
            Self::Repeated => "repeated: sign again with this key",
            Self::Valid => "signed",
        })
    }
}

impl RootFile {
    /// Describes the root as it is at `now`.
    pub fn describe(&self, now: UnixSeconds) -> Result<Description, Error> {
        let canonical = self.canonical()?;
        let mut seen = BTreeSet::new();
        let signatures: Vec<SignatureDescription> = self
            .signatures
            .iter()
            .map(|signature| {
                let state = if !seen.insert(signature.keyid) {
                    SignatureState::Repeated
                } else if !self.root.roles.root.keyids.contains(&signature.keyid) {
                    SignatureState::NotARootKey
                } else if self
                    .key(signature)
                    .is_some_and(|key| key.has_signed(&canonical, signature))
                {
                    SignatureState::Valid
                } else {
                    SignatureState::Invalid
                };
                SignatureDescription {
                    key: signature.keyid,
                    state,
                }
            })
            .collect();
        Ok(Description {
            version: self.root.version,
            signed_at: self.root.signed_at,
            expires: self.root.expires,
            days_left: self.root.expires.seconds_since(now) / DAY_SECONDS,
            signatures_valid: signatures
                .iter()
                .filter(|signature| signature.state == SignatureState::Valid)
                .count(),
            signatures_needed: self.root.roles.root.threshold,
            roles: TopLevelRole::ALL.map(|role| self.describe_role(role)).into(),
            signatures,
        })
    }

    fn describe_role(&self, role: TopLevelRole) -> RoleDescription {
        let keys = sound::keys_of(&self.root, role);
        RoleDescription {
            role,
            threshold: keys.threshold,
            keys: keys.keyids.clone(),
        }
    }
}

impl fmt::Display for Description {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "root version {}, written {}", self.version, self.signed_at)?;
        writeln!(f, "expires {}, {} days left", self.expires, self.days_left)?;
        writeln!(f, "signatures {} of {}", self.signatures_valid, self.signatures_needed)?;
        writeln!(f)?;
        writeln!(f, "{:<10}  {:<9}  key", "role", "threshold")?;
        for role in &self.roles {
            let threshold = format!("{} of {}", role.threshold, role.keys.len());
            for (index, key) in role.keys.iter().enumerate() {
                let (name, threshold) = if index == 0 {
                    (role.role.name(), threshold.as_str())
                } else {
                    ("", "")
                };
                write!(f, "{name:<10}  {threshold:<9}  {key}")?;
                if role.role == TopLevelRole::Root {
                    match self.signatures.iter().find(|signature| signature.key == *key) {
                        Some(signature) => write!(f, "  {}", signature.state)?,
                        None => write!(f, "  not yet signed")?,
                    }
                }
                writeln!(f)?;
            }
        }
        for signature in &self.signatures {
            if matches!(signature.state, SignatureState::NotARootKey | SignatureState::Repeated) {
                writeln!(f, "signature of {}: {}", signature.key, signature.state)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Keys, NOW};
    use super::*;
    use crate::KeySource as _;

    #[test]
    fn signatures_are_told_apart() {
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        let canonical = file.canonical().unwrap();
        let [first, second, _] = &keys.root;
        let good = first.sign(&canonical).unwrap();
        file.signatures = vec![
            good.clone(),
            good,
            second.sign(b"something else").unwrap(),
            keys.targets.sign(&canonical).unwrap(),
        ];
        let description = file.describe(NOW).unwrap();
        let states: Vec<SignatureState> = description.signatures.iter().map(|signature| signature.state).collect();
        assert_eq!(
            states,
            [
                SignatureState::Valid,
                SignatureState::Repeated,
                SignatureState::Invalid,
                SignatureState::NotARootKey
            ]
        );
        assert_eq!((description.signatures_valid, description.signatures_needed), (1, 2));
    }

    #[test]
    fn key_listed_under_another_id_does_not_count() {
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        let [first, second, _] = &keys.root;
        let id = first.public_key().id();
        file.root.keys.insert(id, second.public_key().key().clone());
        let mut signature = second.sign(&file.canonical().unwrap()).unwrap();
        signature.keyid = id;
        file.signatures = vec![signature];
        assert_eq!(file.describe(NOW).unwrap().signatures_valid, 0);
    }

    #[test]
    fn days_left_never_go_below_zero() {
        let file = RootFile::create(&Keys::new().plan()).unwrap();
        for (days, left) in [(0, 730), (1, 729), (729, 1), (730, 0), (2000, 0)] {
            let description = file.describe(NOW.saturating_add_days(days)).unwrap();
            assert_eq!(description.days_left, left);
        }
    }

    #[test]
    fn table_names_every_key_and_who_signed() {
        let keys = Keys::new();
        let mut file = RootFile::create(&keys.plan()).unwrap();
        file.sign(&keys.root[1], NOW).unwrap();
        let text = file.describe(NOW).unwrap().to_string();
        for (key, said) in [(0, "not yet signed"), (1, "signed"), (2, "not yet signed")] {
            let line = format!("{}  {said}\n", keys.root[key].public_key().id());
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert!(text.contains("signatures 1 of 2"));
        assert!(text.contains(&format!("targets     1 of 1     {}\n", keys.targets.public_key().id())));
    }
}
