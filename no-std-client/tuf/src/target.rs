//! What a search proves about a target.

use crate::{
    algorithms::Algorithms,
    names::RoleName,
    reading::{Reading, Strict},
};
use arrayvec::ArrayString;
use tuffet_wire::{Digest, Scalar, Text, UnixSeconds};

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<R: Reading = Strict> {
    /// A trusted role lists the target.
    Found(VerifiedTarget<R>),
    /// No role that is trusted for the name lists it.
    NotFound,
}

impl<A: Algorithms> Copy for Resolution<Strict<A>> {}

/// A target as a role lists it that is trusted for its name, with every signature above it verified.
///
/// Only a session makes one:
///
/// ```compile_fail
/// fn forge(name: tuffet_tuf::TargetName) -> tuffet_tuf::VerifiedTarget {
///     tuffet_tuf::VerifiedTarget { name, length: 1, ..unimplemented!() }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTarget<R: Reading = Strict> {
    pub(crate) name: R::TargetName,
    pub(crate) length: u64,
    pub(crate) digests: R::Digests,
    pub(crate) custom: Custom,
    pub(crate) role: RoleName,
    pub(crate) delegator: RoleName,
    pub(crate) signed_at: UnixSeconds,
}

impl<A: Algorithms> Copy for VerifiedTarget<Strict<A>> {}

impl<A: Algorithms> VerifiedTarget<Strict<A>> {
    /// SHA-256 of the file.
    pub fn digest(&self) -> &Digest {
        &self.digests
    }
}

impl<R: Reading> VerifiedTarget<R> {
    /// The name that was looked up.
    pub fn name(&self) -> &R::TargetName {
        &self.name
    }

    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Digests of the file.
    pub fn digests(&self) -> &R::Digests {
        &self.digests
    }

    /// What the signer says about it beside that.
    pub fn custom(&self) -> &Custom {
        &self.custom
    }

    /// The role that lists it.
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// The role that delegated to it in this search; root, if the top-level targets list it.
    pub fn delegator(&self) -> &RoleName {
        &self.delegator
    }

    /// When the role's file was signed, by the signer's clock; zero if it does not say.
    pub fn signed_at(&self) -> UnixSeconds {
        self.signed_at
    }
}

/// The three facts about a target that a poll needs. Their meaning is the caller's; other facts are skipped.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Custom {
    class: Option<ArrayString<16>>,
    security_version: Option<u64>,
    version: Option<ArrayString<32>>,
}

impl Custom {
    /// `class`, a text of at most 16 bytes.
    pub fn class(&self) -> Option<&str> {
        self.class.as_ref().map(ArrayString::as_str)
    }

    /// `security_version`, a whole number.
    pub fn security_version(&self) -> Option<u64> {
        self.security_version
    }

    /// `version`, a text of at most 32 bytes.
    pub fn version(&self) -> Option<&str> {
        self.version.as_ref().map(ArrayString::as_str)
    }

    /// Takes a fact. One of another kind, or longer than a device keeps, is somebody else's and counts as not there: what
    /// `custom` holds is no reason to refuse a role.
    pub(crate) fn set(&mut self, field: &str, value: Scalar<'_>) {
        match (field, value) {
            ("class", value) => self.class = bounded(value),
            ("security_version", Scalar::Integer(version)) => self.security_version = Some(version),
            ("version", value) => self.version = bounded(value),
            _ => {}
        }
    }
}

fn bounded<const N: usize>(value: Scalar<'_>) -> Option<ArrayString<N>> {
    match value {
        Scalar::String(Text::Whole(text)) => ArrayString::from(text).ok(),
        Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Negative | Scalar::Null | Scalar::String(Text::TooLong) => None,
    }
}
