//! Timestamp: which snapshot is the newest.

use super::{
    Body, Flawed, Inside, Place, Spot, Step,
    meta::{self, MetaDraft},
};
use crate::reading::Reading;
use tuffet_wire::Scalar;

/// Takes out the one entry, the snapshot.
#[derive(Default)]
pub(crate) struct TimestampBody<R: Reading> {
    snapshot: Option<MetaDraft<R>>,
}

impl<R: Reading> Body for TimestampBody<R> {
    const TYPE: &'static str = "timestamp";
    const PLACES: &'static [&'static [Inside]] = &[&meta::places(Step::SnapshotFile)];
    type Content = R::Listed;

    fn open(&mut self, spot: &Spot<'_>) {
        if spot.place == Place::Entry {
            self.snapshot = Some(MetaDraft::default());
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match &mut self.snapshot {
            Some(snapshot) => snapshot.value(spot, value),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<R::Listed, Flawed> {
        self.snapshot.ok_or(Flawed::MISSING)?.finish()
    }
}
