//! What a search proves about a target.

use crate::{
    error::Flaw,
    names::{RoleName, TargetName},
    read::{Flawed, integer, targets::Entry, text},
};
use arrayvec::ArrayString;
use tuffet_wire::{Digest, Scalar, UnixSeconds};

/// How a search ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A trusted role lists the target.
    Found(VerifiedTarget),
    /// No role that is trusted for the name lists it.
    NotFound,
}

/// A target as a role lists it that is trusted for its name, with every signature above it verified.
///
/// Only a session makes one:
///
/// ```compile_fail
/// fn forge(name: tuffet_tuf::TargetName) -> tuffet_tuf::VerifiedTarget {
///     tuffet_tuf::VerifiedTarget { name, length: 1, ..unimplemented!() }
/// }
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTarget {
    name: TargetName,
    length: u64,
    digest: Digest,
    custom: Custom,
    role: RoleName,
    delegator: RoleName,
    signed_at: UnixSeconds,
}

impl VerifiedTarget {
    pub(crate) fn new(name: TargetName, entry: Entry, signer: Signer) -> Self {
        let Entry { length, digest, custom } = entry;
        let Signer {
            role,
            delegator,
            signed_at,
        } = signer;
        Self {
            name,
            length,
            digest,
            custom,
            role,
            delegator,
            signed_at,
        }
    }

    /// The name that was looked up.
    pub fn name(&self) -> &TargetName {
        &self.name
    }

    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> &Digest {
        &self.digest
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

/// Which verified file lists a target.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Signer {
    pub role: RoleName,
    pub delegator: RoleName,
    pub signed_at: UnixSeconds,
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

    pub(crate) fn set(&mut self, field: &str, value: Scalar<'_>) -> Result<(), Flawed> {
        match field {
            "class" => self.class = Some(bounded(value)?),
            "security_version" => self.security_version = Some(integer(value)?),
            "version" => self.version = Some(bounded(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn bounded<const N: usize>(value: Scalar<'_>) -> Result<ArrayString<N>, Flawed> {
    ArrayString::from(text(value)?).map_err(|_| Flawed::Flaw(Flaw::TextTooLong))
}
