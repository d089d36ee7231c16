//! The board `microbit`: an nRF51 with a Cortex-M0, which sees its flash and its RAM where they lie.
//!
//! ```text
//! 0x0000_0000  flash
//!      0 KiB   bootloader: 12 KiB, written in the factory
//!     12       boot record (2), trusted state (2), roots (8, 8), snapshots (4, 4), document (8), checkpoints (8, 8)
//!     64       settings (1), and a page that nobody uses
//!     66       slot A, and slot B behind it
//! 0x2000_0000  RAM; its first word is FORWARD_WORD
//! ```

use tuffet_no_std_client::flash::{Map, Span, Units, Xip};
use tuffet_no_std_client::patch::SmallState;

const KIB: u32 = 1024;

/// How large a part is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of flash.
    pub flash_bytes: u32,
    /// Bytes of RAM.
    pub ram_bytes: u32,
    /// Bytes of a slot.
    pub slot_bytes: u32,
}

/// The part that one can buy.
pub const PART: Part = Part {
    flash_bytes: 256 * KIB,
    ram_bytes: 16 * KIB,
    slot_bytes: 95 * KIB,
};

/// The smallest erase, in bytes.
pub const ERASE_BYTES: usize = 1024;
/// The smallest write, in bytes.
pub const WRITE_BYTES: usize = 4;

/// Where the bootloader lies.
pub const BOOTLOADER_ADDRESS: u32 = 0;
/// Flash that it may take, in bytes.
pub const BOOTLOADER_BYTES_MAX: u32 = 12 * KIB;

/// Where RAM begins.
pub const RAM_ADDRESS: u32 = 0x2000_0000;

/// The word of RAM by which the bootloader hands exceptions and interrupts over: the processor looks for its table of vectors at
/// address 0 and nowhere else, so the bootloader's entries lead to what stands here, the address of the table of the
/// program that runs. 0: the bootloader itself runs. No program has anything else in it.
pub const FORWARD_WORD: u32 = RAM_ADDRESS;
/// Bytes at the beginning of RAM that no program has anything in: the word, and what keeps the rest aligned for any type.
pub const FORWARD_BYTES: u32 = 8;

/// Words of a table of vectors: the 16 of the processor, and the 32 that an interrupt can have.
pub const VECTORS: usize = 48;
/// Bytes of such a table, at the beginning of every program.
pub const VECTORS_BYTES: usize = 4 * VECTORS;

/// Where the application lies that runs for images which are no programs: behind the flash of the part, where only an emulator has more.
pub const RESIDENT_ADDRESS: u32 = PART.flash_bytes;
/// Bytes that it may take.
pub const RESIDENT_BYTES_MAX: u32 = 192 * KIB;

/// What lies where.
pub const MAP: Map<Xip> = Map {
    boot_record: Span::new(12 * KIB, 2 * KIB),
    state: Span::new(14 * KIB, 2 * KIB),
    roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
    snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
    document: Span::new(40 * KIB, 8 * KIB),
    checkpoints: [Span::new(48 * KIB, 8 * KIB), Span::new(56 * KIB, 8 * KIB)],
    slots: Xip {
        slots: [
            Span::new(66 * KIB, PART.slot_bytes),
            Span::new(66 * KIB + PART.slot_bytes, PART.slot_bytes),
        ],
        base: 0,
    },
};

/// The page of the settings, which only the factory writes.
pub const SETTINGS: Span = Span::new(64 * KIB, KIB);

/// The page that nobody uses.
pub const SPARE_PAGE: u32 = SETTINGS.start + SETTINGS.bytes;

/// The numbers of the part.
pub const UNITS: Units = Units {
    capacity: PART.flash_bytes,
    erase_bytes: ERASE_BYTES as u32,
    write_bytes: WRITE_BYTES as u32,
};

const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());
const _: () = assert!(BOOTLOADER_ADDRESS + BOOTLOADER_BYTES_MAX <= MAP.boot_record.start);
const _: () = assert!(SETTINGS.start >= MAP.checkpoints[1].start + MAP.checkpoints[1].bytes);
const _: () = assert!(SETTINGS.start + SETTINGS.bytes <= MAP.slots.slots[0].start);

/// Whether a program can begin with this stack and at this entry, which says by its lowest bit that it is one of this processor.
#[must_use]
pub const fn may_begin(stack: u32, entry: u32) -> bool {
    let is_stack = stack.is_multiple_of(8) && stack.wrapping_sub(RAM_ADDRESS) <= PART.ram_bytes;
    is_stack && entry < PART.flash_bytes && entry & 1 == 1
}
