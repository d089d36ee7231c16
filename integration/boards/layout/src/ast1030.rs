//! The board `ast1030-evb`: a Cortex-M4 with memory of its own, and an SPI-NOR chip beside it.
//!
//! ```text
//! 0x0000_0000  bootloader: 64 KiB
//! 0x0001_0000  the internal part, 256 KiB: boot record, trusted state, journal, the place where images run
//! 0x0005_0000  RAM: 64 KiB
//! 0x8000_0000  the chip, 8 MiB: roots, snapshots, document, saved decoders, the staged image
//! ```
//!
//! What counts without being verified again is internal; the map does not build otherwise.

use tuffet_no_std_client::flash::{Map, Span, Swap, Units};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::{Device, Intake};

const KIB: u32 = 1024;

/// Memory that the bootloader may take, in bytes.
pub const BOOTLOADER_BYTES_MAX: u32 = 64 * KIB;
/// Where the processor sees the internal part.
pub const INTERNAL_ADDRESS: u32 = 0x0001_0000;
/// Where RAM begins.
pub const RAM_ADDRESS: u32 = 0x0005_0000;
/// RAM that a program may take, in bytes.
pub const RAM_BYTES: u32 = 64 * KIB;

/// Where the chip begins in the joined flash: the length of the internal part, in bytes.
pub const BORDER: u32 = 256 * KIB;
/// Bytes of the chip.
pub const CHIP_BYTES: u32 = 8 * KIB * KIB;
/// The smallest erase of the internal part, in bytes.
pub const INTERNAL_ERASE_BYTES: u32 = KIB;
/// The smallest erase of the chip, in bytes.
pub const CHIP_ERASE_BYTES: u32 = 4 * KIB;
/// The smallest write of the internal part, in bytes. The chip writes single ones.
pub const WRITE_BYTES: u32 = 4;

/// Bytes of a slot.
pub const SLOT_BYTES: u32 = 160 * KIB;

/// What lies where in the joined flash.
pub const MAP: Map<Swap> = Map {
    boot_record: Span::new(0, 8 * KIB),
    state: Span::new(8 * KIB, 8 * KIB),
    roots: [Span::new(BORDER, 8 * KIB), Span::new(BORDER + 8 * KIB, 8 * KIB)],
    snapshots: [
        Span::new(BORDER + 16 * KIB, 4 * KIB),
        Span::new(BORDER + 20 * KIB, 4 * KIB),
    ],
    document: Span::new(BORDER + 24 * KIB, 8 * KIB),
    checkpoints: [
        Span::new(BORDER + 32 * KIB, 8 * KIB),
        Span::new(BORDER + 40 * KIB, 8 * KIB),
    ],
    slots: Swap {
        running: Span::new(24 * KIB, SLOT_BYTES),
        staged: Span::new(BORDER + 64 * KIB, SLOT_BYTES + CHIP_ERASE_BYTES),
        journal: Span::new(16 * KIB, 8 * KIB),
        base: INTERNAL_ADDRESS,
    },
};

/// The numbers of both parts together.
pub const UNITS: Units = Units {
    capacity: BORDER + CHIP_BYTES,
    erase_bytes: CHIP_ERASE_BYTES,
    write_bytes: WRITE_BYTES,
};

const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());
const _: () = assert!(MAP.check_external(BORDER).is_ok());
const _: () = assert!(INTERNAL_ADDRESS + BORDER <= RAM_ADDRESS && BOOTLOADER_BYTES_MAX <= INTERNAL_ADDRESS);

/// What its clock says, always: it has none.
pub const NOW: u64 = 1_800_000_000;

/// Who the device is.
///
/// # Panics
///
/// Never: the names are ids.
#[must_use]
pub fn device() -> Device {
    let id = |text| match Id::parse(text) {
        Ok(id) => id,
        Err(_) => unreachable!(),
    };
    Device {
        product: id("lamp"),
        hardware: id("c3"),
        channel: id("stable"),
        component: id("firmware"),
        slot_bytes: SLOT_BYTES,
        seed: Seed::new([7; 32]),
        limits: Limits::DEFAULT,
        slot_addresses: Some(MAP.slots.addresses()),
        intake: Intake::Streamed(Profile::Small),
        data_budget_bytes: None,
    }
}

/// Whether this processor can look for vectors there, and they lie where images run.
#[must_use]
pub const fn may_hold_vectors(address: u32) -> bool {
    let [place, _] = MAP.slots.addresses();
    address == place && address.is_multiple_of(128)
}

/// Whether a program can begin with this stack and at this entry, which says by its lowest bit that it is one of this processor.
#[must_use]
pub const fn may_begin(stack: u32, entry: u32) -> bool {
    let [place, _] = MAP.slots.addresses();
    let is_stack = stack.is_multiple_of(8) && stack.wrapping_sub(RAM_ADDRESS) <= RAM_BYTES;
    is_stack && entry.wrapping_sub(place) < SLOT_BYTES && entry & 1 == 1
}
