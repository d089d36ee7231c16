//! What the examples have in common: who the device is, what lies where in its flash, and the board.
#![no_std]

pub mod board;

use tuffet_no_std_client::flash::{Map, Span, Units, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::{Device, Intake};

const KIB: u32 = 1024;

/// What lies where: 512 KiB in units of 4 KiB, of which the bootloader has the first 16 KiB.
pub const MAP: Map<Xip> = Map {
    boot_record: Span::new(16 * KIB, 8 * KIB),
    state: Span::new(24 * KIB, 8 * KIB),
    roots: [Span::new(32 * KIB, 8 * KIB), Span::new(40 * KIB, 8 * KIB)],
    snapshots: [Span::new(48 * KIB, 4 * KIB), Span::new(52 * KIB, 4 * KIB)],
    document: Span::new(56 * KIB, 8 * KIB),
    checkpoints: [Span::new(64 * KIB, 12 * KIB), Span::new(76 * KIB, 12 * KIB)],
    slots: Xip {
        slots: [Span::new(88 * KIB, 208 * KIB), Span::new(296 * KIB, 208 * KIB)],
        base: 0,
    },
};

/// The numbers of the part.
const UNITS: Units = Units {
    capacity: 512 * KIB,
    erase_bytes: 4 * KIB,
    write_bytes: 4,
};

// A map that does not fit is an error of the compiler, not of a device in the field.
const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());

/// Who the device is. Product, hardware and channel are those of `tuffet.toml`; the seed was drawn in the factory.
pub fn device(seed: [u8; 32]) -> Option<Device> {
    let id = |text| Id::parse(text).ok();
    Some(Device {
        product: id("lamp")?,
        hardware: id("rev-a")?,
        channel: id("stable")?,
        component: id("firmware")?,
        slot_bytes: MAP.slots.slots[0].bytes,
        seed: Seed::new(seed),
        limits: Limits::DEFAULT,
        slot_addresses: Some(MAP.slots.addresses()),
        intake: Intake::Streamed(Profile::Small),
        data_budget_bytes: None,
    })
}
