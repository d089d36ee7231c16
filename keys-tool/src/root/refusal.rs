//! Why a root is refused.

use crate::public_key::UnusableKey;
use serde::Serialize;
use std::{convert::Infallible, fmt, path::PathBuf};
use tuffet_tuf::{
    emit::{EmitError, ParseError},
    limits::ROOT_KEYS_MAX,
    model::KeyId,
};
use tuffet_wire::UnixSeconds;

/// A role whose keys stand in the root.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TopLevelRole {
    /// Signs who signs what. Offline.
    Root,
    /// Signs which versions belong together. Online.
    Snapshot,
    /// Delegates to the products. Offline.
    Targets,
    /// Signs which snapshot is the newest. Online.
    Timestamp,
}

impl TopLevelRole {
    /// All of them, the one with most power first.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// The role's name in metadata.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for TopLevelRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A check said no to a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The clock was never set, so nothing can be dated.
    #[error("this machine's clock says {now}, which is in the past; set it, then try again")]
    ClockNotSet {
        /// What the clock says.
        now: UnixSeconds,
    },
    /// It is no longer valid.
    #[error(
        "the root expired at {expires} and now is {now}; write a new one with a later expiry (and check this machine's clock)"
    )]
    Expired {
        /// When it stopped being valid.
        expires: UnixSeconds,
        /// The time of the check.
        now: UnixSeconds,
    },
    /// It would be valid for longer than anybody keeps a key safe.
    #[error("the root would expire at {expires}, later than {latest}; give at most 3650 days")]
    ExpiresTooLate {
        /// When it would stop being valid.
        expires: UnixSeconds,
        /// The latest time that is accepted.
        latest: UnixSeconds,
    },
    /// One key would stand for two roles that fall apart only if their keys are different.
    #[error(
        "key {key} is named for {first} and for {second}; make a key of its own for each (only snapshot and timestamp may share one)"
    )]
    KeyInTwoRoles {
        /// The key.
        key: KeyId,
        /// One role.
        first: TopLevelRole,
        /// The other role.
        second: TopLevelRole,
    },
    /// The key is listed under an id that is not its own.
    #[error("key {key} is listed under an id that is not its own; do not sign this root, it was not made by this tool")]
    KeyMisnamed {
        /// The id it is listed under.
        key: KeyId,
    },
    /// A role names a key that is not listed.
    #[error("the {role} role names key {key}, which the root does not list; do not sign this root, write a new one")]
    KeyNotListed {
        /// The key.
        key: KeyId,
        /// The role that names it.
        role: TopLevelRole,
    },
    /// The key that should sign is none of the root keys.
    #[error("key {key} is not one of this root's root keys; sign with a key that `root show` lists under root")]
    KeyNotNamed {
        /// The key.
        key: KeyId,
    },
    /// A role names a key twice, which would let one holder look like two.
    #[error("the {role} role names key {key} twice; name each key once")]
    KeyTwice {
        /// The key.
        key: KeyId,
        /// The role that names it.
        role: TopLevelRole,
    },
    /// A key that no signature can be checked with.
    #[error("key {key} cannot be used: {}; make another one", why.what())]
    KeyUnusable {
        /// The key.
        key: KeyId,
        /// What is wrong with it.
        why: UnusableKey,
    },
    /// All root keys are needed, so one lost key ends the repository.
    #[error(
        "all {keys} root keys would be needed to sign: one lost key ends this repository for good; name one more --root key, lower --root-threshold, or pass --allow-no-spare"
    )]
    NoSpareRootKey {
        /// How many root keys there are.
        keys: usize,
    },
    /// The verifier of the devices refuses it.
    #[error("devices would refuse this root: {source}; look at it with `tuffet-keys root show`")]
    NotAccepted {
        /// Why.
        source: tuffet_tuf::Error<Infallible>,
    },
    /// The file is no root file in the strict form.
    #[error("{} is not a root file: {source}; give a root written by `tuffet-keys root create`", path.display())]
    NotARoot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something in the root has no written form.
    #[error("the root cannot be written: {source}; write a new one")]
    NotWritable {
        /// What has no written form.
        source: EmitError,
    },
    /// The root that it should follow does not hold itself.
    #[error("the previous root does not hold: {source}; give the root that devices have now")]
    PreviousNotAccepted {
        /// Why.
        source: tuffet_tuf::Error<Infallible>,
    },
    /// Devices need file names with and without versions apart.
    #[error(
        "the root turns consistent snapshots off, and Tuffet needs them; write a new one with `tuffet-keys root create`"
    )]
    SnapshotsNotConsistent,
    /// More signatures are asked for than there are keys.
    #[error(
        "the {role} role asks for {threshold} signatures and names {keys} keys; lower the threshold or name more keys"
    )]
    ThresholdUnreachable {
        /// The role.
        role: TopLevelRole,
        /// Signatures asked for.
        threshold: u32,
        /// Keys named.
        keys: usize,
    },
    /// A role without a signature is signed by everybody.
    #[error("the {role} role asks for 0 signatures, so anybody could sign; ask for at least 1")]
    ThresholdZero {
        /// The role.
        role: TopLevelRole,
    },
    /// Not enough holders have signed, counted with its own keys or with those of the previous root.
    #[error("{valid} of {needed} needed signatures hold; let more root holders run `tuffet-keys root sign`")]
    TooFewSignatures {
        /// The threshold.
        needed: u16,
        /// Different root keys with a valid signature.
        valid: u16,
    },
    /// Small devices have no room for more.
    #[error("the root names {keys} different keys, and devices have room for {ROOT_KEYS_MAX}; name fewer")]
    TooManyKeys {
        /// Different keys of all roles.
        keys: usize,
    },
    /// One of two clocks is wrong: this machine's, or the one it was written by. Devices take that time for a lower bound of
    /// theirs, so a wrong one would lock them out.
    #[error(
        "the root says it was written at {signed_at}, but now is {now}; set this machine's clock, or write the root again"
    )]
    WrittenLater {
        /// When it says it was written.
        signed_at: UnixSeconds,
        /// What the clock says.
        now: UnixSeconds,
    },
}
