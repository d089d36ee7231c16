//! Refusals inside the verifier: what a small part has neither flash nor stack for is copied once, and not by each of the
//! many functions that a refusal passes on its way out.
//!
//! - What is refused, and why, waits in [`Refusals`]; functions hand on that there is something.
//! - A role's name has up to 64 bytes. A refusal names a role in one byte; the session knows the one delegated role at hand,
//!   and adds its name where a refusal leaves it.

use crate::{
    error::{self, Misuse},
    names::{DelegatedName, RoleName},
};
use core::cell::Cell;

/// Why a step ended, as far as functions hand it on; see [`error::Error`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Error<E> {
    DamagedStore { role: Whose },
    Misuse(Misuse),
    Refused(Refused),
    Storage(E),
    UnstableDocument { role: Whose },
}

impl<E> From<Misuse> for Error<E> {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl<E> From<Refused> for Error<E> {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// That something was refused: [`Refusals`] has it.
#[must_use = "a refusal that is not handed on is no refusal"]
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Refused(());

/// Where the refusal that ends a step waits.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Cell<Option<Rejected>>);

impl Refusals {
    /// Keeps a refusal.
    #[inline(never)]
    pub fn refuse(&self, rejected: Rejected) -> Refused {
        self.0.set(Some(rejected));
        Refused(())
    }
}

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

    /// With its name.
    pub(crate) fn named(self, delegated: Option<&DelegatedName>) -> RoleName {
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
    pub(crate) fn named(self, refusals: &Refusals, delegated: Option<&DelegatedName>) -> error::Error<E> {
        match self {
            Self::DamagedStore { role } => error::Error::DamagedStore {
                role: role.named(delegated),
            },
            Self::Misuse(misuse) => error::Error::Misuse(misuse),
            Self::Refused(Refused(())) => match refusals.0.take() {
                Some(rejected) => error::Error::Rejected(rejected.named(delegated)),
                // Invariant: `refuse` is the one place where a `Refused` is made.
                None => error::Error::Misuse(Misuse::NothingRequested),
            },
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
