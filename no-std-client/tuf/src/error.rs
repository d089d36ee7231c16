//! Why a session ends early, grouped by who must act.

use crate::names::{RoleName, RoleVersion};
use core::fmt;
use tuffet_wire::{Fault, UnixSeconds};

/// Why a session ended. What was stored before stays valid; a new session starts from it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// A file that this device keeps, and cannot get elsewhere, is not the one that its state names.
    DamagedStore {
        /// Whose file.
        role: RoleName,
    },
    /// The caller did what the session's state does not allow: a defect of the shell.
    Misuse(Misuse),
    /// The repository, or somebody between, offered something that must not be trusted.
    Rejected(Rejected),
    /// A document could not be read.
    Storage(E),
    /// A document ended before its length, or its bytes changed between two passes: failing storage, or a defect.
    UnstableDocument {
        /// Whose file.
        role: RoleName,
    },
}

impl<E> From<Misuse> for Error<E> {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

/// What the caller did at the wrong time.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Misuse {
    /// `receive` on a session that asked for nothing.
    NothingRequested,
    /// `search` on a session that is not resolved yet.
    NotResolved,
}

/// What the repository offered, and why it is refused. `N` is how a role is named.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rejected<N = RoleName> {
    /// A file that has to be there is not.
    Absent {
        /// Whose file.
        role: N,
    },
    /// §5.6.3: a list of delegations names a role twice, so two sets of keys would sign for one name.
    DuplicateDelegation {
        /// Whose list.
        role: N,
    },
    /// A key id occurs twice in `signatures`.
    DuplicateSignature {
        /// Whose file.
        role: N,
    },
    /// §5.3.10, §5.4.4, §5.5.6, §5.6.6: the file is no longer valid.
    Expired {
        /// Whose file.
        role: N,
        /// When it stopped being valid.
        expires: UnixSeconds,
        /// The time that this update cycle goes by.
        started_at: UnixSeconds,
    },
    /// There is more in the file than a session has room for.
    LimitExceeded {
        /// Whose file.
        role: N,
        /// More of what.
        limit: Limit,
    },
    /// The file is not in the strict form, or not a file of this role.
    Malformed {
        /// Whose file.
        role: N,
        /// Offset in bytes.
        at: u32,
        /// What is wrong there.
        what: Flaw,
    },
    /// The snapshot does not list a role that a delegation leads to.
    NotInSnapshot {
        /// The role that is not listed.
        role: N,
    },
    /// §5.5.5: a file that the last trusted snapshot listed is not in the new one.
    RoleVanished {
        /// The last trusted snapshot.
        trusted: RoleVersion,
        /// The snapshot that leaves a file out.
        offered: RoleVersion,
    },
    /// §5.4.3, §5.5.5: a version is lower than one that was trusted before.
    Rollback {
        /// Whose version.
        role: N,
        /// What was trusted before.
        trusted: RoleVersion,
        /// What is offered.
        offered: RoleVersion,
    },
    /// §5.3.4 and the same step of every role: not enough different keys signed.
    TooFewSignatures {
        /// Whose file.
        role: N,
        /// The threshold.
        needed: u16,
        /// Different keys of the role with a valid signature.
        valid: u16,
    },
    /// The file is longer than this device reads.
    TooLong {
        /// Whose file.
        role: N,
        /// Length in bytes.
        length: u32,
        /// The limit in bytes.
        bytes_max: u32,
    },
    /// A public key for which anybody can make signatures.
    WeakKey {
        /// Whose file holds the key.
        role: N,
    },
    /// §5.5.2, §5.6.2: not the bytes that the file above it names.
    WrongDigest {
        /// Whose file.
        role: N,
    },
    /// §5.5.2, §5.6.2: not the length that the file above it names.
    WrongLength {
        /// Whose file.
        role: N,
        /// The length that was named, in bytes.
        expected: u32,
        /// The length offered, in bytes.
        offered: u32,
    },
    /// §5.3.5, §5.5.4, §5.6.4: another version than the one asked for.
    WrongVersion {
        /// Whose file.
        role: N,
        /// The version asked for.
        expected: RoleVersion,
        /// The version offered.
        offered: RoleVersion,
    },
}

/// Of what a file holds more than a session has room for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Limit {
    /// [`DELEGATIONS_MAX`](crate::limits::DELEGATIONS_MAX) delegations that match one name.
    Delegations,
    /// [`DELEGATORS_MAX`](crate::limits::DELEGATORS_MAX) delegating roles in one search.
    Delegators,
    /// [`ROLE_KEYS_MAX`](crate::limits::ROLE_KEYS_MAX) keys of one delegation.
    RoleKeys,
    /// [`ROOT_KEYS_MAX`](crate::limits::ROOT_KEYS_MAX) usable keys of a root.
    RootKeys,
    /// [`SIGNATURES_MAX`](crate::limits::SIGNATURES_MAX) signatures of one file.
    Signatures,
}

/// Why a file is not one of its role in the strict form.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Flaw {
    /// The repository has no consistent snapshots, and then a file can change while it is fetched.
    ConsistentSnapshotOff,
    /// §4.2: a key id that is not the SHA-256 of its key object.
    KeyId,
    /// A field that has to be there is not.
    Missing,
    /// Not lowercase hexadecimal digits of the right count.
    NotHex,
    /// Not a time like `2026-01-31T00:00:00Z`.
    NotTime,
    /// A version of zero.
    NotVersion,
    /// A delegation must say either `paths` or `path_hash_prefixes`, and not both.
    PathsOrPrefixes,
    /// A delegated role with an empty or overlong name, or with the name of a top-level role.
    RoleName,
    /// Not strict canonical JSON.
    Spelling(Fault),
    /// A text that is longer than any useful one.
    TextTooLong,
    /// A threshold of zero, or above 65,535.
    Threshold,
    /// `spec_version` is not of edition 1.
    UnknownSpecVersion,
    /// A known field holds another kind of value.
    WrongKind,
    /// `_type` names another role.
    WrongType,
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DamagedStore { role } => write!(f, "the kept {role} file is not the one that was trusted"),
            Self::Misuse(misuse) => write!(f, "the session was used wrongly: {misuse:?}"),
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::UnstableDocument { role } => write!(f, "the {role} file changed while it was read"),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { role } => write!(f, "the {role} file is not there"),
            Self::DuplicateDelegation { role } => write!(f, "{role} delegates twice to one role name"),
            Self::DuplicateSignature { role } => write!(f, "{role} holds two signatures of one key"),
            Self::Expired {
                role,
                expires,
                started_at,
            } => {
                write!(f, "{role} expired at {expires}, and it is {started_at} or later")
            }
            Self::LimitExceeded { role, limit } => write!(f, "{role} holds too many of: {limit:?}"),
            Self::Malformed { role, at, what } => write!(f, "{role} is malformed at byte {at}: {what:?}"),
            Self::NotInSnapshot { role } => write!(f, "{role} is not listed in the snapshot"),
            Self::RoleVanished { trusted, offered } => {
                write!(f, "snapshot {offered} leaves out a role that snapshot {trusted} listed")
            }
            Self::Rollback { role, trusted, offered } => {
                write!(
                    f,
                    "{role} version {offered} is older than {trusted}, which was trusted before"
                )
            }
            Self::TooFewSignatures { role, needed, valid } => {
                write!(f, "{role} needs signatures of {needed} keys and has {valid}")
            }
            Self::TooLong {
                role,
                length,
                bytes_max,
            } => {
                write!(f, "{role} has {length} bytes, and at most {bytes_max} are read")
            }
            Self::WeakKey { role } => write!(f, "{role} holds a key for which anybody can sign"),
            Self::WrongDigest { role } => write!(f, "{role} is not the file that is named above it"),
            Self::WrongLength {
                role,
                expected,
                offered,
            } => {
                write!(f, "{role} has {offered} bytes instead of {expected}")
            }
            Self::WrongVersion {
                role,
                expected,
                offered,
            } => {
                write!(f, "{role} has version {offered} instead of {expected}")
            }
        }
    }
}

impl<E: fmt::Display + fmt::Debug> core::error::Error for Error<E> {}
impl core::error::Error for Rejected {}
