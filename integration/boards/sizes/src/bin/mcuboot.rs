//! What an application on top of MCUboot does in place of a bootloader of ours.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::hint::black_box;

use tuffet_no_std_client::flash::{Map, Span, Storage};
use tuffet_no_std_client::mcuboot::{self, MaxAlign, McuBoot};
use tuffet_sizes::{Flash, MAP};

tuffet_sizes::start_with!(run);

const SLOTS: [Span; 2] = MAP.slots.slots;

/// The parts of the small part, with slots that MCUboot has.
const MCUBOOT_MAP: Map<McuBoot> = Map {
    boot_record: MAP.boot_record,
    state: MAP.state,
    roots: MAP.roots,
    snapshots: MAP.snapshots,
    document: MAP.document,
    checkpoints: MAP.checkpoints,
    slots: McuBoot {
        primary: SLOTS[0],
        secondary: SLOTS[1],
        trailer_bytes: McuBoot::trailer_bytes(128, 4, MaxAlign::Eight, 1024),
        sectors_max: 128,
        max_align: MaxAlign::Eight,
        base: 0,
    },
};

fn run() {
    let flash = RefCell::new(Flash);
    let storage = Storage::new(&flash, &MCUBOOT_MAP);
    let mut pet = || {
        black_box(());
    };
    black_box(mcuboot::start(&storage, &mut mcuboot::Attempt::new(), &mut pet).is_ok());
    if black_box(true) {
        black_box(mcuboot::confirm(&storage, &mut pet).is_ok());
    } else {
        black_box(mcuboot::fail(&storage).is_ok());
    }
}
