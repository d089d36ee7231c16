//! The map of the flash.

use crate::memory::{APPLICATION_BYTES_MAX, CONTROL_OFFSET, PSRAM_ADDRESS};
use tuffet_no_std_client::flash::{Map, Span, Units, Xip};
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
const _: () = assert!(SETTINGS.start >= MAP.checkpoints[1].start + MAP.checkpoints[1].bytes);
const _: () = assert!(SETTINGS.start + SETTINGS.bytes <= MAP.slots.slots[0].start);
const _: () = assert!(CAPACITY <= CONTROL_OFFSET && APPLICATION_BYTES_MAX <= SLOT_BYTES);
