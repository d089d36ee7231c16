//! An entry of `meta` in timestamp and snapshot: version, length and digest of another file.

use super::{Field, Flawed, Known, Segment, integer, version};
use crate::{error::Flaw, names::RoleVersion, reading::Reading};
use tuffet_wire::{Container, Scalar};

/// An entry while it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetaDraft<R: Reading> {
    version: Option<RoleVersion>,
    length: Option<u32>,
    digests: R::DigestsDraft,
}

/// Checks the kind of a container at this path below the entry.
pub(crate) fn open_entry(path: Field<'_>, kind: Container) -> Result<(), Flawed> {
    match (path, kind) {
        ([] | [Segment::Key(Known::Hashes, _)], Container::Object) => Ok(()),
        (
            []
            | [Segment::Key(Known::Hashes | Known::Length | Known::Version, _)]
            | [Segment::Key(Known::Hashes, _), _],
            _,
        ) => Err(Flawed::WRONG_KIND),
        _ => Ok(()),
    }
}

impl<R: Reading> MetaDraft<R> {
    /// Takes a value at this path below the entry.
    pub fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        use Segment::Key;
        match path {
            [Key(Known::Hashes, _), Key(_, algorithm)] => R::take_digest(&mut self.digests, algorithm, value)?,
            [Key(Known::Length, _)] => {
                let length = u32::try_from(integer(value)?);
                self.length = Some(length.map_err(|_| Flawed::Flaw(Flaw::WrongKind))?);
            }
            [Key(Known::Version, _)] => self.version = Some(version(value)?),
            [] | [Key(Known::Hashes, _)] => return Err(Flawed::WRONG_KIND),
            _ => {}
        }
        Ok(())
    }

    /// The complete entry, with as much about the bytes as the reading asks for.
    pub fn finish(self) -> Result<R::Listed, Flawed> {
        R::listed(self.version.ok_or(Flawed::MISSING)?, self.length, self.digests)
    }
}
