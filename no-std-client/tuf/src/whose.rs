//! Refusals inside the verifier, which name a role in one byte.
//!
//! - A role's name has up to 64 bytes, and a refusal passes many functions on its way out: a small part has neither flash nor
//!   stack for copying names at each of them.
//! - The session knows the one delegated role at hand, and adds its name where a refusal leaves it.

use crate::{
    error,
    names::{DelegatedName, RoleName},
};

/// Why a step ended.
pub type Error<E> = error::Error<E, Whose>;
/// What is refused, and why.
pub type Rejected = error::Rejected<Whose>;

/// A role of the step at hand.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The one that the step is about.
    Delegated,
    Root,
    Snapshot,
    Targets,
    Timestamp,
}

impl Whose {
    /// Without its name.
    pub fn of(role: &RoleName) -> Self {
        match role {
            RoleName::Delegated(_) => Self::Delegated,
            RoleName::Root => Self::Root,
            RoleName::Snapshot => Self::Snapshot,
            RoleName::Targets => Self::Targets,
            RoleName::Timestamp => Self::Timestamp,
        }
    }

    fn named(self, delegated: Option<&DelegatedName>) -> RoleName {
        match self {
            // Invariant: steps that refuse a delegated role's file have its name; the others do not come here.
            Self::Delegated => delegated.map_or(RoleName::Targets, |name| RoleName::Delegated(*name)),
            Self::Root => RoleName::Root,
            Self::Snapshot => RoleName::Snapshot,
            Self::Targets => RoleName::Targets,
            Self::Timestamp => RoleName::Timestamp,
        }
    }
}

impl<E> Error<E> {
    /// The same for the outside; `delegated` is the name of the role that the step was about.
    #[cold]
    #[inline(never)]
    pub(crate) fn named(self, delegated: Option<&DelegatedName>) -> error::Error<E> {
        match self {
            Self::DamagedStore { role } => error::Error::DamagedStore {
                role: role.named(delegated),
            },
            Self::Misuse(misuse) => error::Error::Misuse(misuse),
            Self::Rejected(rejected) => error::Error::Rejected(rejected.named(delegated)),
            Self::Storage(error) => error::Error::Storage(error),
            Self::UnstableDocument { role } => error::Error::UnstableDocument {
                role: role.named(delegated),
            },
        }
    }
}

impl Rejected {
    fn named(self, delegated: Option<&DelegatedName>) -> error::Rejected {
        use error::Rejected as Named;
        let named = |role: Whose| role.named(delegated);
        match self {
            Self::Absent { role } => Named::Absent { role: named(role) },
            Self::DuplicateDelegation { role } => Named::DuplicateDelegation { role: named(role) },
            Self::DuplicateSignature { role } => Named::DuplicateSignature { role: named(role) },
            Self::Expired {
                role,
                expires,
                started_at,
            } => Named::Expired {
                role: named(role),
                expires,
                started_at,
            },
            Self::LimitExceeded { role, limit } => Named::LimitExceeded {
                role: named(role),
                limit,
            },
            Self::Malformed { role, at, what } => Named::Malformed {
                role: named(role),
                at,
                what,
            },
            Self::NotInSnapshot { role } => Named::NotInSnapshot { role: named(role) },
            Self::RoleVanished { trusted, offered } => Named::RoleVanished { trusted, offered },
            Self::Rollback { role, trusted, offered } => Named::Rollback {
                role: named(role),
                trusted,
                offered,
            },
            Self::TooFewSignatures { role, needed, valid } => Named::TooFewSignatures {
                role: named(role),
                needed,
                valid,
            },
            Self::TooLong {
                role,
                length,
                bytes_max,
            } => Named::TooLong {
                role: named(role),
                length,
                bytes_max,
            },
            Self::WeakKey { role } => Named::WeakKey { role: named(role) },
            Self::WrongDigest { role } => Named::WrongDigest { role: named(role) },
            Self::WrongLength {
                role,
                expected,
                offered,
            } => Named::WrongLength {
                role: named(role),
                expected,
                offered,
            },
            Self::WrongVersion {
                role,
                expected,
                offered,
            } => Named::WrongVersion {
                role: named(role),
                expected,
                offered,
            },
        }
    }
}
