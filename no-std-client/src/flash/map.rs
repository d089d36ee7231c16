//! What lies where in flash.
//!
//! ```text
//! part          what it holds                                                     at least
//! boot_record   the boot record: two pages                                        2 * 1 KiB
//! state         the trusted state: two pages of records                           2 * 1 KiB
//! roots         the newest root, in one of two areas; targets and delegated       2 * 8 KiB
//!               roles pass through the other
//! snapshots     the newest snapshot, in one of two areas; timestamp and rollout   2 * 4 KiB
//!               file pass through the other
//! document      the release document                                              8 KiB
//! checkpoints   what a decoder saved: two areas                                   2 * a record of the decoder
//! slots         the images: by strategy
//! ```
//!
//! Strategies, by type:
//!
//! ```text
//! Xip    +----------------+----------------+   each image runs where it lies; a release has one image for each
//!        | slot A         | slot B         |   address, or images that run anywhere
//!        +----------------+----------------+
//!
//! Swap   +----------------+--------------------+---------+   one link address: the bootloader exchanges the two images,
//!        | running        | staged: one erase  | journal |   unit by unit, and a journal says how far it is
//!        |                | unit more          |         |
//!        +----------------+--------------------+---------+
//! ```
//!
//! The map of a micro:bit, 256 KiB in units of 1 KiB; the bootloader has the first 12 KiB, and 2 KiB stay free:
//!
//! ```
//! use tuffet_no_std_client::flash::{Map, Span, Units, Xip};
//! use tuffet_no_std_client::patch::{Decoder, SmallState};
//!
//! const KIB: u32 = 1024;
//! const MAP: Map<Xip> = Map {
//!     boot_record: Span::new(12 * KIB, 2 * KIB),
//!     state: Span::new(14 * KIB, 2 * KIB),
//!     roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
//!     snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
//!     document: Span::new(40 * KIB, 8 * KIB),
//!     checkpoints: [Span::new(48 * KIB, 8 * KIB), Span::new(56 * KIB, 8 * KIB)],
//!     slots: Xip { slots: [Span::new(66 * KIB, 95 * KIB), Span::new(161 * KIB, 95 * KIB)], base: 0 },
//! };
//! const UNITS: Units = Units { capacity: 256 * KIB, erase_bytes: KIB, write_bytes: 4 };
//! // A map that does not fit does not build.
//! const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());
//! assert_eq!(MAP.slots.addresses(), [66 * KIB, 161 * KIB]);
//! ```
//!
//! The slots of the same part, where every image is linked for one address:
//!
//! ```
//! # use tuffet_no_std_client::flash::{Span, Swap, Units};
//! # const KIB: u32 = 1024;
//! # const UNITS: Units = Units { capacity: 256 * KIB, erase_bytes: KIB, write_bytes: 4 };
//! const JOURNAL_BYTES: u32 = Swap::journal_bytes(90 * KIB, UNITS);
//! const SLOTS: Swap = Swap {
//!     running: Span::new(66 * KIB, 90 * KIB),
//!     staged: Span::new(156 * KIB, 91 * KIB),
//!     journal: Span::new(247 * KIB, JOURNAL_BYTES),
//!     base: 0,
//! };
//! assert_eq!((SLOTS.addresses(), JOURNAL_BYTES), ([66 * KIB; 2], 6 * KIB));
//! ```

use super::state_pages::RECORD_BYTES;
use super::{Swap, Xip};
use crate::mcuboot::McuBoot;
use tuffet_release::DOCUMENT_BYTES_MAX;
use tuffet_tuf::Limits;

/// A stretch of flash.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of its first byte.
    pub start: u32,
    /// Its length in bytes.
    pub bytes: u32,
}

/// The parts of a flash; `S` is the strategy of its slots.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Map<S> {
    /// The boot record.
    pub boot_record: Span,
    /// The trusted state.
    pub state: Span,
    /// The root, in one of the two.
    pub roots: [Span; 2],
    /// The snapshot, in one of the two.
    pub snapshots: [Span; 2],
    /// The release document.
    pub document: Span,
    /// Saved decoders.
    pub checkpoints: [Span; 2],
    /// The images.
    pub slots: S,
}

/// The numbers of a flash part.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// Bytes of the whole part.
    pub capacity: u32,
    /// Bytes of an erase unit.
    pub erase_bytes: u32,
    /// Bytes of a write unit.
    pub write_bytes: u32,
}

/// Which part of a map is wrong.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The boot record.
    BootRecord,
    /// The saved decoders.
    Checkpoints,
    /// The release document.
    Document,
    /// The journal of exchanges.
    Journal,
    /// The root areas.
    Roots,
    /// The slots.
    Slots,
    /// The snapshot areas.
    Snapshots,
    /// The trusted state.
    State,
}

/// Why a map does not fit its part.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// It reaches from the internal part of two into the external one.
    Across(Part),
    /// It counts without being verified again, and lies in an external part.
    Exposed(Part),
    /// It does not begin and end with erase units.
    NotErasable(Part),
    /// It reaches past the end of the flash.
    OutOfBounds(Part),
    /// It shares bytes with another part.
    Overlap(Part),
    /// It has more erase units than can be counted.
    TooLong(Part),
    /// It is shorter than what it must hold.
    TooShort(Part),
    /// The write unit does not divide what is written at once, 64 bytes.
    WriteUnit,
}

impl Span {
    /// A stretch of `bytes` bytes.
    #[must_use]
    pub const fn new(start: u32, bytes: u32) -> Self {
        Self { start, bytes }
    }

    const fn end(self) -> u32 {
        self.start.saturating_add(self.bytes)
    }

    const fn is_apart_from(self, other: Self) -> bool {
        self.end() <= other.start || other.end() <= self.start || self.bytes == 0 || other.bytes == 0
    }
}

impl Map<Xip> {
    /// Checks everything that can be wrong with a map, for firmware that would rather not build. `checkpoint_bytes` is the
    /// length of a record of the decoder.
    pub const fn check(&self, units: Units, checkpoint_bytes: usize) -> Result<(), MapError> {
        let [slot_a, slot_b] = self.slots.slots;
        if slot_a.bytes != slot_b.bytes {
            return Err(MapError::TooShort(Part::Slots));
        }
        let parts = [(Part::Slots, slot_a, 1), (Part::Slots, slot_b, 1), NOTHING];
        self.check_parts(units, checkpoint_bytes, &parts)
    }
}

/// A part that a strategy does not have.
const NOTHING: Claim = (Part::Slots, Span::new(0, 0), 0);

/// A part, where it is, and the bytes that it must have.
type Claim = (Part, Span, u64);

impl Map<Swap> {
    /// The same for a part that exchanges its slots.
    #[allow(clippy::as_conversions, reason = "widening, in a function for the compiler")]
    pub const fn check(&self, units: Units, checkpoint_bytes: usize) -> Result<(), MapError> {
        let Swap {
            running,
            staged,
            journal,
            ..
        } = self.slots;
        let staged_bytes = (running.bytes as u64).saturating_add(units.erase_bytes as u64);
        let journal_bytes = Swap::journal_bytes(running.bytes, units) as u64;
        if running.bytes.div_ceil(units.erase_bytes) > Swap::UNITS_MAX {
            return Err(MapError::TooLong(Part::Slots));
        }
        // Two areas, each of whole erase units.
        if !journal.bytes.is_multiple_of(units.erase_bytes.saturating_mul(2)) {
            return Err(MapError::NotErasable(Part::Journal));
        }
        let parts = [
            (Part::Slots, running, 1),
            (Part::Slots, staged, staged_bytes),
            (Part::Journal, journal, journal_bytes),
        ];
        self.check_parts(units, checkpoint_bytes, &parts)
    }
}

impl Map<McuBoot> {
    /// The same for a part whose bootloader is MCUboot, and whose sectors are the erase units.
    pub const fn check(&self, units: Units, checkpoint_bytes: usize) -> Result<(), MapError> {
        let slots = &self.slots;
        if slots.primary.bytes != slots.secondary.bytes || slots.trailer_bytes >= slots.primary.bytes {
            return Err(MapError::TooShort(Part::Slots));
        }
        if units.write_bytes > slots.max_align.bytes() {
            return Err(MapError::WriteUnit);
        }
        if slots.primary.bytes.div_ceil(units.erase_bytes) > slots.sectors_max {
            return Err(MapError::TooLong(Part::Slots));
        }
        // MCUboot's swap status has room for as many sectors as it is built for, whatever a slot has.
        let trailer_bytes =
            McuBoot::trailer_bytes(slots.sectors_max, units.write_bytes, slots.max_align, units.erase_bytes);
        if slots.trailer_bytes < trailer_bytes {
            return Err(MapError::TooShort(Part::Slots));
        }
        if !slots.trailer_bytes.is_multiple_of(units.erase_bytes) {
            return Err(MapError::NotErasable(Part::Slots));
        }
        let parts = [
            (Part::Slots, slots.primary, 1),
            (Part::Slots, slots.secondary, 1),
            NOTHING,
        ];
        self.check_parts(units, checkpoint_bytes, &parts)
    }
}

impl<S> Map<S> {
    #[allow(clippy::as_conversions, reason = "widening, in a function for the compiler")]
    const fn check_parts(&self, units: Units, checkpoint_bytes: usize, slots: &[Claim; 3]) -> Result<(), MapError> {
        if units.write_bytes == 0 || !64_u32.is_multiple_of(units.write_bytes) {
            return Err(MapError::WriteUnit);
        }
        let limits = Limits::DEFAULT;
        let [root_a, root_b] = self.roots;
        let [snapshot_a, snapshot_b] = self.snapshots;
        let [checkpoint_a, checkpoint_b] = self.checkpoints;
        let [first, second, third] = *slots;
        // A page of its own for each of two.
        let page_bytes = units.erase_bytes.saturating_mul(2);
        let state_bytes = RECORD_BYTES.saturating_mul(2);
        let boot_bytes = tuffet_boot::PAGE_BYTES_MIN.saturating_mul(2);
        let checkpoint_bytes = checkpoint_bytes as u64;
        let parts = [
            (
                Part::BootRecord,
                self.boot_record,
                larger(boot_bytes, page_bytes) as u64,
            ),
            (Part::State, self.state, larger(state_bytes, page_bytes) as u64),
            (Part::Roots, root_a, limits.root_bytes_max as u64),
            (Part::Roots, root_b, limits.root_bytes_max as u64),
            (Part::Snapshots, snapshot_a, limits.snapshot_bytes_max as u64),
            (Part::Snapshots, snapshot_b, limits.snapshot_bytes_max as u64),
            (Part::Document, self.document, DOCUMENT_BYTES_MAX as u64),
            (Part::Checkpoints, checkpoint_a, checkpoint_bytes),
            (Part::Checkpoints, checkpoint_b, checkpoint_bytes),
            first,
            second,
            third,
        ];
        let mut rest: &[Claim] = &parts;
        while let Some(((part, span, bytes_min), others)) = rest.split_first() {
            if (span.bytes as u64) < *bytes_min {
                return Err(MapError::TooShort(*part));
            }
            if (span.start as u64).saturating_add(span.bytes as u64) > units.capacity as u64 {
                return Err(MapError::OutOfBounds(*part));
            }
            if !span.start.is_multiple_of(units.erase_bytes) || !span.bytes.is_multiple_of(units.erase_bytes) {
                return Err(MapError::NotErasable(*part));
            }
            let mut behind = others;
            while let Some(((_, other, _), others)) = behind.split_first() {
                if !span.is_apart_from(*other) {
                    return Err(MapError::Overlap(*part));
                }
                behind = others;
            }
            rest = others;
        }
        // An odd number of units leaves a page that ends in the middle of one.
        if !self.boot_record.bytes.is_multiple_of(page_bytes) {
            return Err(MapError::NotErasable(Part::BootRecord));
        }
        if !self.state.bytes.is_multiple_of(page_bytes) {
            return Err(MapError::NotErasable(Part::State));
        }
        Ok(())
    }
}

const fn larger(one: u32, other: u32) -> u32 {
    if one > other { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u32 = 1024;
    const UNITS: Units = Units {
        capacity: 256 * KIB,
        erase_bytes: KIB,
        write_bytes: 4,
    };

    fn map() -> Map<Xip> {
        Map {
            boot_record: Span::new(12 * KIB, 2 * KIB),
            state: Span::new(14 * KIB, 2 * KIB),
            roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
            snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
            document: Span::new(40 * KIB, 8 * KIB),
            checkpoints: [Span::new(48 * KIB, 8 * KIB), Span::new(56 * KIB, 8 * KIB)],
            slots: Xip {
                slots: [Span::new(66 * KIB, 95 * KIB), Span::new(161 * KIB, 95 * KIB)],
                base: 0,
            },
        }
    }

    #[test]
    fn each_mistake_has_its_name() {
        let check = |edit: &dyn Fn(&mut Map<Xip>)| {
            let mut map = map();
            edit(&mut map);
            map.check(UNITS, 8 * 1024)
        };
        assert_eq!(check(&|_| {}), Ok(()));
        assert_eq!(
            check(&|map| map.state.bytes = KIB),
            Err(MapError::TooShort(Part::State))
        );
        assert_eq!(
            check(&|map| map.roots[1].bytes = 7 * KIB),
            Err(MapError::TooShort(Part::Roots))
        );
        assert_eq!(
            check(&|map| map.snapshots[0].bytes = 3 * KIB),
            Err(MapError::TooShort(Part::Snapshots))
        );
        assert_eq!(
            check(&|map| map.document.bytes = 4 * KIB),
            Err(MapError::TooShort(Part::Document))
        );
        assert_eq!(
            check(&|map| map.checkpoints[0].bytes = 7 * KIB),
            Err(MapError::TooShort(Part::Checkpoints))
        );
        assert_eq!(
            check(&|map| map.slots.slots[0].bytes = 94 * KIB),
            Err(MapError::TooShort(Part::Slots))
        );
        assert_eq!(
            check(&|map| map.boot_record.start = 12 * KIB + 4),
            Err(MapError::NotErasable(Part::BootRecord))
        );
        assert_eq!(
            check(&|map| (map.boot_record.start, map.boot_record.bytes) = (9 * KIB, 5 * KIB)),
            Err(MapError::NotErasable(Part::BootRecord))
        );
        assert_eq!(
            check(&|map| (map.state.start, map.state.bytes) = (0, 3 * KIB)),
            Err(MapError::NotErasable(Part::State))
        );
        assert_eq!(
            check(&|map| map.slots.slots[1].start = 162 * KIB),
            Err(MapError::OutOfBounds(Part::Slots))
        );
        assert_eq!(
            check(&|map| map.document.start = 36 * KIB),
            Err(MapError::Overlap(Part::Snapshots))
        );
        let coarse = Units {
            write_bytes: 24,
            ..UNITS
        };
        assert_eq!(map().check(coarse, 8 * 1024), Err(MapError::WriteUnit));
    }

    fn swap_map() -> Map<Swap> {
        let Map {
            boot_record,
            state,
            roots,
            snapshots,
            document,
            checkpoints,
            ..
        } = map();
        Map {
            boot_record,
            state,
            roots,
            snapshots,
            document,
            checkpoints,
            slots: Swap {
                running: Span::new(66 * KIB, 90 * KIB),
                staged: Span::new(156 * KIB, 91 * KIB),
                journal: Span::new(247 * KIB, 6 * KIB),
                base: 0,
            },
        }
    }

    #[test]
    fn each_mistake_with_exchanged_slots_has_its_name() {
        let check = |edit: &dyn Fn(&mut Map<Swap>)| {
            let mut map = swap_map();
            edit(&mut map);
            map.check(UNITS, 8 * 1024)
        };
        assert_eq!(check(&|_| {}), Ok(()));
        assert_eq!(Swap::journal_bytes(90 * KIB, UNITS), 6 * KIB);
        assert_eq!(swap_map().slots.addresses(), [66 * KIB; 2]);
        assert_eq!(
            check(&|map| map.slots.staged.bytes = 90 * KIB),
            Err(MapError::TooShort(Part::Slots))
        );
        assert_eq!(
            check(&|map| map.slots.journal.bytes = 4 * KIB),
            Err(MapError::TooShort(Part::Journal))
        );
        assert_eq!(
            check(&|map| map.slots.journal.bytes = 7 * KIB),
            Err(MapError::NotErasable(Part::Journal))
        );
        assert_eq!(
            check(&|map| map.slots.journal.start = 246 * KIB),
            Err(MapError::Overlap(Part::Slots))
        );
        assert_eq!(
            check(&|map| map.slots.running.bytes = (Swap::UNITS_MAX + 1) * KIB),
            Err(MapError::TooLong(Part::Slots))
        );
        let mut long = swap_map();
        // A longer write unit makes longer places.
        long.slots.journal.bytes = 12 * KIB;
        let units = Units {
            write_bytes: 32,
            capacity: 512 * KIB,
            ..UNITS
        };
        assert_eq!(Swap::journal_bytes(90 * KIB, units), 12 * KIB);
        assert_eq!(long.check(units, 8 * 1024), Ok(()));
    }
}
