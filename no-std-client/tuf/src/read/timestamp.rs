//! Timestamp: which snapshot is the newest.

use super::{Body, Field, Flawed, Segment::Key, meta::MetaDraft};
use crate::state::Pinned;
use tuffet_wire::{Container, Scalar};

/// Takes out the one entry, the snapshot.
#[derive(Default)]
pub(crate) struct TimestampBody {
    snapshot: Option<MetaDraft>,
}

impl Body for TimestampBody {
    const TYPE: &'static str = "timestamp";
    type Content = Pinned;

    fn open(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([Key("meta")], Container::Array) => Err(Flawed::WRONG_KIND),
            ([Key("meta"), Key("snapshot.json"), inner @ ..], _) => {
                MetaDraft::open(inner, kind)?;
                self.snapshot.get_or_insert_default();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key("meta"), Key("snapshot.json"), inner @ ..] => {
                self.snapshot.get_or_insert_default().value(inner, value)
            }
            [Key("meta")] => Err(Flawed::WRONG_KIND),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Pinned, Flawed> {
        self.snapshot.ok_or(Flawed::MISSING)?.finish()
    }
}
