//! What lies where on the simulated part, for either slot strategy.

use crate::nor::Region;
use std::ops::Range;
use tuffet_no_std_client::flash::{Map, MapError, Span, Strategy, Swap, Units, Xip};
use tuffet_no_std_client::patch::SmallState;

use crate::simulator::release::SLOT_BYTES;

const KIB: u32 = 1024;
/// Where the trusted state begins, and the slots behind it.
const STATE_START: u32 = 50 * KIB;

/// What lies where on the simulated part.
pub const MAP: Map<Xip> = map(SLOT_BYTES, 2 * KIB);

/// A strategy, laid out on the simulated part.
pub trait Layout: Strategy + Copy + Send + Sync + 'static {
    /// Accesses that may follow the power's going.
    const ACCESSES_MAX: usize;

    /// Slots of this length, from here on.
    fn laid_out(start: u32, slot_bytes: u32) -> Self;

    /// What it consists of.
    fn parts(&self) -> Vec<(&'static str, Span)>;

    /// Checks a map.
    fn check(map: &Map<Self>, units: Units) -> Result<(), MapError>;
}

impl Layout for Xip {
    const ACCESSES_MAX: usize = 0;

    fn laid_out(start: u32, slot_bytes: u32) -> Self {
        beside_each_other(start, slot_bytes)
    }

    fn parts(&self) -> Vec<(&'static str, Span)> {
        vec![("slot A", self.slots[0]), ("slot B", self.slots[1])]
    }

    fn check(map: &Map<Self>, units: Units) -> Result<(), MapError> {
        map.check(units, SmallState::SNAPSHOT_BYTES)
    }
}

impl Layout for Swap {
    /// An exchange that fails asks the boot record which image is to be kept, tries to note in the journal that it goes on elsewhere,
    /// and is tried once more; all of that fails, and that is the end.
    const ACCESSES_MAX: usize = 8;

    fn laid_out(start: u32, slot_bytes: u32) -> Self {
        let staged = Span::new(start + slot_bytes, slot_bytes + KIB);
        Self {
            running: Span::new(start, slot_bytes),
            staged,
            journal: Span::new(staged.start + staged.bytes, Self::journal_bytes(slot_bytes, units(0))),
            base: 0,
        }
    }

    fn parts(&self) -> Vec<(&'static str, Span)> {
        vec![
            ("running place", self.running),
            ("staged place", self.staged),
            ("journal", self.journal),
        ]
    }

    fn check(map: &Map<Self>, units: Units) -> Result<(), MapError> {
        map.check(units, SmallState::SNAPSHOT_BYTES)
    }
}

/// What lies where on a part with slots of this length, and so much for the trusted state.
///
/// # Panics
///
/// If no device could live on it.
#[must_use]
pub fn map_of<S: Layout>(slot_bytes: u32, state_bytes: u32) -> Map<S> {
    let map = around(S::laid_out(STATE_START + state_bytes, slot_bytes), state_bytes);
    assert_eq!(S::check(&map, units(capacity(&map) as u32)), Ok(()));
    map
}

/// The same for images that run where they lie, for a constant.
///
/// # Panics
///
/// If no device could live on it.
#[must_use]
pub const fn map(slot_bytes: u32, state_bytes: u32) -> Map<Xip> {
    let map = around(beside_each_other(STATE_START + state_bytes, slot_bytes), state_bytes);
    let capacity = STATE_START + state_bytes + 2 * slot_bytes;
    assert!(map.check(units(capacity), SmallState::SNAPSHOT_BYTES).is_ok());
    map
}

/// Bytes of the part that a map needs.
#[must_use]
pub fn capacity<S: Layout>(map: &Map<S>) -> usize {
    regions(map).iter().map(|region| region.bytes.end).max().unwrap_or(0)
}

/// Where a part of the map lies, in bytes.
#[must_use]
pub const fn range(span: Span) -> Range<usize> {
    span.start as usize..(span.start + span.bytes) as usize
}

/// The parts of a map, for counting what happens to each.
#[must_use]
pub fn regions<S: Layout>(map: &Map<S>) -> Vec<Region> {
    let mut parts = vec![
        ("boot record", map.boot_record),
        ("trusted state", map.state),
        ("root A", map.roots[0]),
        ("root B", map.roots[1]),
        ("snapshot A", map.snapshots[0]),
        ("snapshot B", map.snapshots[1]),
        ("document", map.document),
        ("checkpoint A", map.checkpoints[0]),
        ("checkpoint B", map.checkpoints[1]),
    ];
    parts.extend(map.slots.parts());
    let region = |(name, span)| Region {
        name,
        bytes: range(span),
    };
    parts.into_iter().map(region).collect()
}

const fn beside_each_other(start: u32, slot_bytes: u32) -> Xip {
    Xip {
        slots: [Span::new(start, slot_bytes), Span::new(start + slot_bytes, slot_bytes)],
        base: 0,
    }
}

const fn around<S: Copy>(slots: S, state_bytes: u32) -> Map<S> {
    Map {
        boot_record: Span::new(0, 2 * KIB),
        roots: [Span::new(2 * KIB, 8 * KIB), Span::new(10 * KIB, 8 * KIB)],
        snapshots: [Span::new(18 * KIB, 4 * KIB), Span::new(22 * KIB, 4 * KIB)],
        document: Span::new(26 * KIB, 8 * KIB),
        checkpoints: [Span::new(34 * KIB, 8 * KIB), Span::new(42 * KIB, 8 * KIB)],
        state: Span::new(STATE_START, state_bytes),
        slots,
    }
}

const fn units(capacity: u32) -> Units {
    Units {
        capacity,
        erase_bytes: KIB,
        write_bytes: 4,
    }
}
