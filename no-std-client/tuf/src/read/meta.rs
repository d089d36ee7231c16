//! An entry of `meta` in timestamp and snapshot: version, length and digest of another file.

use super::{Field, Flawed, Segment, integer, key_id, version};
use crate::{error::Flaw, names::RoleVersion, state::Pinned};
use tuffet_wire::{Container, Digest, Scalar};

/// An entry while it is read.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct MetaDraft {
    version: Option<RoleVersion>,
    length: Option<u32>,
    digest: Option<Digest>,
}

impl MetaDraft {
    pub fn open(path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([] | [Segment::Key("hashes")], Container::Object) => Ok(()),
            ([] | [Segment::Key("hashes" | "length" | "version")] | [Segment::Key("hashes"), _], _) => {
                Err(Flawed::WRONG_KIND)
            }
            _ => Ok(()),
        }
    }

    /// Takes a value at this path below the entry.
    pub fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        use Segment::Key;
        match path {
            [Key("hashes"), Key("sha256")] => self.digest = Some(key_id(value)?),
            [Key("length")] => {
                let length = u32::try_from(integer(value)?);
                self.length = Some(length.map_err(|_| Flawed::Flaw(Flaw::WrongKind))?);
            }
            [Key("version")] => self.version = Some(version(value)?),
            [] | [Key("hashes")] => return Err(Flawed::WRONG_KIND),
            _ => {}
        }
        Ok(())
    }

    /// The complete entry. Length and digest are optional in the specification and required here: they are checked
    /// before a byte of the file is parsed.
    pub fn finish(self) -> Result<Pinned, Flawed> {
        match (self.version, self.length, self.digest) {
            (Some(version), Some(length), Some(digest)) => Ok(Pinned {
                version,
                length,
                digest,
            }),
            _ => Err(Flawed::MISSING),
        }
    }
}
