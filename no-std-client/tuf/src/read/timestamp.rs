//! Timestamp: which snapshot is the newest.

use super::{
    Body, Field, Flawed, Known,
    Segment::Key,
    meta::{MetaDraft, open_entry},
};
use crate::reading::Reading;
use tuffet_wire::{Container, Scalar};

/// Takes out the one entry, the snapshot.
#[derive(Default)]
pub(crate) struct TimestampBody<R: Reading> {
    snapshot: Option<MetaDraft<R>>,
}

impl<R: Reading> Body for TimestampBody<R> {
    const TYPE: &'static str = "timestamp";
    type Content = R::Listed;

    fn open(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([Key(Known::Meta, _)], Container::Array) => Err(Flawed::WRONG_KIND),
            ([Key(Known::Meta, _), Key(Known::SnapshotFile, _), inner @ ..], _) => {
                open_entry(inner, kind)?;
                self.snapshot.get_or_insert_default();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key(Known::Meta, _), Key(Known::SnapshotFile, _), inner @ ..] => {
                self.snapshot.get_or_insert_default().value(inner, value)
            }
            [Key(Known::Meta, _)] => Err(Flawed::WRONG_KIND),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<R::Listed, Flawed> {
        self.snapshot.ok_or(Flawed::MISSING)?.finish()
    }
}
