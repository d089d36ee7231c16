//! The metadata files as structs, for those who write them: `emit` turns them into bytes and back.
//!
//! - These structs are claims, not proofs: nothing here was verified, and the verifier never reads them.
//! - They hold only what Tuffet writes. A file with more in it does not parse, so that nothing is lost unseen.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use tuffet_wire::{Digest, UnixSeconds, emit::EmitError, hex};

/// A metadata file's content, without `_type` and `spec_version`, which follow from the type.
pub trait Role: Serialize + DeserializeOwned {
    /// The value of `_type`.
    const TYPE: &'static str;
}

/// The keys and thresholds of all top-level roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Whether metadata and target files are served under versioned and hashed names; Tuffet always says yes.
    pub consistent_snapshot: bool,
    /// When this file stops being valid.
    pub expires: UnixSeconds,
    /// Every key that a role below names.
    pub keys: BTreeMap<KeyId, Key>,
    /// Who signs which top-level role.
    pub roles: TopLevelRoles,
    /// Counts up by one with each root.
    pub version: u64,
    /// When this file was signed, by the signer's clock.
    #[serde(rename = "x-tuffet-signed-at")]
    pub signed_at: UnixSeconds,
}

impl Role for Root {
    const TYPE: &'static str = "root";
}

/// Who signs which top-level role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopLevelRoles {
    /// Signs the next root.
    pub root: RoleKeys,
    /// Signs which versions belong together.
    pub snapshot: RoleKeys,
    /// Signs what is delegated to whom.
    pub targets: RoleKeys,
    /// Signs which snapshot is the newest.
    pub timestamp: RoleKeys,
}

/// Which keys sign a role, and how many of them have to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// Ids of the keys that may sign.
    pub keyids: Vec<KeyId>,
    /// How many different keys have to sign.
    pub threshold: u32,
}

/// The newest snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// When this file stops being valid.
    pub expires: UnixSeconds,
    /// The one entry, the newest snapshot.
    pub meta: TimestampMeta,
    /// Counts up with each signing.
    pub version: u64,
    /// When this file was signed, by the signer's clock.
    #[serde(rename = "x-tuffet-signed-at")]
    pub signed_at: UnixSeconds,
}

impl Role for Timestamp {
    const TYPE: &'static str = "timestamp";
}

/// The one entry of a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampMeta {
    /// Version, length and digest of the newest snapshot.
    #[serde(rename = "snapshot.json")]
    pub snapshot: MetaFile,
}

/// The versions of targets and all delegated roles that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// When this file stops being valid.
    pub expires: UnixSeconds,
    /// By `ROLE.json`.
    pub meta: BTreeMap<String, MetaFile>,
    /// Counts up with each signing.
    pub version: u64,
    /// When this file was signed, by the signer's clock.
    #[serde(rename = "x-tuffet-signed-at")]
    pub signed_at: UnixSeconds,
}

impl Role for Snapshot {
    const TYPE: &'static str = "snapshot";
}

/// Which version of a metadata file, and exactly which bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaFile {
    /// Digest of the file.
    pub hashes: Hashes,
    /// Length of the file in bytes.
    pub length: u64,
    /// Version that stands in the file.
    pub version: u64,
}

impl MetaFile {
    /// Describes a file of `version` with exactly these bytes.
    pub fn of(version: u64, bytes: &[u8]) -> Self {
        Self {
            hashes: Hashes::of(bytes),
            length: length_of(bytes),
            version,
        }
    }
}

/// Targets, and who may sign more of them: the top-level `targets` role and every delegated role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Whom this role trusts for which names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations: Option<Delegations>,
    /// When this file stops being valid.
    pub expires: UnixSeconds,
    /// By target name.
    pub targets: BTreeMap<String, Target>,
    /// Counts up with each signing.
    pub version: u64,
    /// When this file was signed, by the signer's clock.
    #[serde(rename = "x-tuffet-signed-at")]
    pub signed_at: UnixSeconds,
}

impl Role for Targets {
    const TYPE: &'static str = "targets";
}

/// A target file: exactly which bytes, and what the signer says about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Small facts for whoever looks the target up; their meaning is not TUF's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<serde_json::Value>,
    /// Digest of the file.
    pub hashes: Hashes,
    /// Length of the file in bytes.
    pub length: u64,
}

impl Target {
    /// Describes a file with exactly these bytes.
    pub fn of(bytes: &[u8], custom: Option<serde_json::Value>) -> Self {
        Self {
            custom,
            hashes: Hashes::of(bytes),
            length: length_of(bytes),
        }
    }
}

/// The digests of a file: always and only SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashes {
    /// SHA-256 of the whole file.
    #[serde(with = "hex_array")]
    pub sha256: Digest,
}

impl Hashes {
    /// Hashes the bytes of a file.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::digest(bytes).into(),
        }
    }
}

/// Whom a role trusts for which names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegations {
    /// Every key that a role below names.
    pub keys: BTreeMap<KeyId, Key>,
    /// In the order in which a search visits them; a name occurs once.
    pub roles: Vec<DelegatedRole>,
}

/// One delegation. Exactly one of `paths` and `path_hash_prefixes` is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegatedRole {
    /// Ids of the keys that may sign.
    pub keyids: Vec<KeyId>,
    /// The role's name; its file is `VERSION.NAME.json`.
    pub name: String,
    /// Lowercase hexadecimal prefixes of the SHA-256 of the target names it is trusted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hash_prefixes: Option<Vec<String>>,
    /// Glob patterns of the target names it is trusted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Whether a name that matches here is looked for nowhere further down the list.
    pub terminating: bool,
    /// How many different keys have to sign.
    pub threshold: u32,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Kind of key; Tuffet signs with `ed25519`.
    pub keytype: String,
    /// The public half.
    pub keyval: KeyValue,
    /// How it signs; for an ed25519 key `ed25519`.
    pub scheme: String,
}

impl Key {
    /// An ed25519 key from its 32 public bytes.
    pub fn ed25519(public: &[u8; 32]) -> Self {
        Self {
            keytype: "ed25519".to_owned(),
            keyval: KeyValue {
                public: alloc::format!("{}", hex::Hex(public)),
            },
            scheme: "ed25519".to_owned(),
        }
    }

    /// The 32 public bytes, if this is an ed25519 key.
    pub fn ed25519_public(&self) -> Option<[u8; 32]> {
        if self.keytype != "ed25519" || self.scheme != "ed25519" {
            return None;
        }
        hex::decode(&self.keyval.public)
    }

    /// The SHA-256 of the key's canonical form, which is what every TUF client expects as its id.
    pub fn id(&self) -> Result<KeyId, EmitError> {
        let canonical = tuffet_wire::emit::canonical(self)?;
        Ok(KeyId(Sha256::digest(&canonical).into()))
    }
}

/// The public half of a key, in the spelling that its kind prescribes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyValue {
    /// For ed25519: 64 hexadecimal digits.
    pub public: String,
}

/// The name of a key: the SHA-256 of its canonical form.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub Digest);

impl KeyId {
    /// Reads 64 lowercase hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex_array::deserialize(deserializer).map(Self)
    }
}

/// One signature over the canonical form of `signed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Which key signed.
    pub keyid: KeyId,
    /// The signature's bytes; 64 of them for ed25519.
    #[serde(rename = "sig", with = "hex_bytes")]
    pub bytes: Vec<u8>,
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

mod hex_array {
    use super::{Deserialize, Deserializer, Serializer, String, hex};
    use serde::de::Error;

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::Hex(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text).ok_or_else(|| D::Error::custom("expected 64 lowercase hexadecimal digits"))
    }
}

mod hex_bytes {
    use super::{Deserialize, Deserializer, Serializer, String, Vec, hex};
    use serde::de::Error;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::Hex(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.as_bytes()
            .chunks(2)
            .map(|pair| {
                core::str::from_utf8(pair)
                    .ok()
                    .and_then(hex::decode::<1>)
                    .map(|[byte]| byte)
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| D::Error::custom("expected lowercase hexadecimal digits, two for each byte"))
    }
}
