//! The map of the flash, for each of the two strategies.

use crate::memory::{
    APPLICATION_BYTES_MAX, CONTROL_OFFSET, PSRAM_ADDRESS, RAM_ADDRESS, RAM_BYTES_MAX, RESIDENT_ADDRESS, VECTORS_ALIGN,
    VECTORS_BYTES,
};
use tuffet_no_std_client::flash::{Map, Span, Strategy, Swap, Units, Xip};
use tuffet_no_std_client::patch::SmallState;

const KIB: u32 = 1024;

/// The smallest erase, in bytes.
pub const ERASE_BYTES: usize = 4096;
/// The smallest write, in bytes.
pub const WRITE_BYTES: usize = 4;

/// Bytes of a slot.
pub const SLOT_BYTES: u32 = 256 * KIB;

/// What lies where; the processor sees the flash at the beginning of the memory that lasts.
pub const MAP: Map<Xip> = Map {
    boot_record: Span::new(0, 8 * KIB),
    state: Span::new(8 * KIB, 8 * KIB),
    roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
    snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
    document: Span::new(40 * KIB, 8 * KIB),
    checkpoints: [Span::new(48 * KIB, 8 * KIB), Span::new(56 * KIB, 8 * KIB)],
    slots: Xip {
        slots: [
            Span::new(256 * KIB, SLOT_BYTES),
            Span::new(256 * KIB + SLOT_BYTES, SLOT_BYTES),
        ],
        base: PSRAM_ADDRESS,
    },
};

/// The same flash with one place where images run. All but the slots lies as in the other map.
pub const SWAP_MAP: Map<Swap> = Map {
    boot_record: MAP.boot_record,
    state: MAP.state,
    roots: MAP.roots,
    snapshots: MAP.snapshots,
    document: MAP.document,
    checkpoints: MAP.checkpoints,
    slots: Swap {
        running: Span::new(248 * KIB, SLOT_BYTES),
        staged: Span::new(248 * KIB + SLOT_BYTES, SLOT_BYTES + ERASE_BYTES as u32),
        journal: Span::new(68 * KIB, 8 * KIB),
        base: PSRAM_ADDRESS,
    },
};

/// Whether this processor can look for vectors there, and they lie in the flash.
#[must_use]
pub const fn may_hold_vectors(address: u32) -> bool {
    let offset = address.wrapping_sub(PSRAM_ADDRESS);
    address.is_multiple_of(VECTORS_ALIGN) && offset <= CAPACITY - VECTORS_BYTES as u32
}

/// Whether a program can begin with this stack and at this entry, which says by its lowest bit that it is one of this processor.
#[must_use]
pub const fn may_begin(stack: u32, entry: u32) -> bool {
    let is_stack = stack.is_multiple_of(8) && stack.wrapping_sub(RAM_ADDRESS) <= RAM_BYTES_MAX;
    let is_placed = entry.wrapping_sub(PSRAM_ADDRESS) < CAPACITY || entry.wrapping_sub(RESIDENT_ADDRESS) < SLOT_BYTES;
    is_stack && is_placed && entry & 1 == 1
}

/// A strategy for which the board has a map.
pub trait Mapped: Strategy + 'static {
    /// The map.
    const MAP: &'static Map<Self>;
}

impl Mapped for Xip {
    const MAP: &'static Map<Self> = &MAP;
}

impl Mapped for Swap {
    const MAP: &'static Map<Self> = &SWAP_MAP;
}

/// The page of the settings, which only the factory writes.
pub const SETTINGS: Span = Span::new(64 * KIB, 4 * KIB);

/// Bytes of the whole flash.
pub const CAPACITY: u32 = 256 * KIB + 2 * SLOT_BYTES;

/// The numbers of the part.
pub const UNITS: Units = Units {
    capacity: CAPACITY,
    erase_bytes: ERASE_BYTES as u32,
    write_bytes: WRITE_BYTES as u32,
};

const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());
const _: () = assert!(SWAP_MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());
const _: () = assert!(SETTINGS.start >= MAP.checkpoints[1].start + MAP.checkpoints[1].bytes);
const _: () = assert!(SETTINGS.start + SETTINGS.bytes <= MAP.slots.slots[0].start);
const _: () = assert!(SETTINGS.start + SETTINGS.bytes <= SWAP_MAP.slots.journal.start);
const _: () = assert!(CAPACITY <= CONTROL_OFFSET && APPLICATION_BYTES_MAX <= SLOT_BYTES);
