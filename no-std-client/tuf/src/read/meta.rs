//! An entry of `meta` in timestamp and snapshot: version, length and digest of another file.

use super::{Flawed, Inside, Place, Spot, Step, integer, version};
use crate::{error::Flaw, names::RoleVersion, reading::Reading};
use tuffet_wire::Scalar;

/// The places of entries of this key.
pub(crate) const fn places(file: Step) -> [Inside; 6] {
    [
        (Place::Signed, Step::Meta, Place::Meta),
        (Place::Meta, file, Place::Entry),
        (Place::Entry, Step::Hashes, Place::Hashes),
        (Place::Entry, Step::Length, Place::Length),
        (Place::Entry, Step::Version, Place::Version),
        (Place::Hashes, Step::Any, Place::Hash),
    ]
}

/// An entry while it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetaDraft<R: Reading> {
    version: Option<RoleVersion>,
    length: Option<u32>,
    digests: R::DigestsDraft,
}

impl<R: Reading> MetaDraft<R> {
    /// Takes a value of the entry.
    pub fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match spot.place {
            Place::Hash => R::take_digest(&mut self.digests, spot.name, value)?,
            Place::Length => {
                let length = u32::try_from(integer(value)?);
                self.length = Some(length.map_err(|_| Flawed::Flaw(Flaw::WrongKind))?);
            }
            Place::Version => self.version = Some(version(value)?),
            _ => {}
        }
        Ok(())
    }

    /// The complete entry, with as much about the bytes as the reading asks for.
    pub fn finish(self) -> Result<R::Listed, Flawed> {
        R::listed(self.version.ok_or(Flawed::MISSING)?, self.length, self.digests)
    }
}
