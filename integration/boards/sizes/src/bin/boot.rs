//! Everything that a bootloader and an application ask of the boot record.
#![no_std]
#![no_main]

use core::hint::black_box;

use tuffet_boot::{BootRecords, Image, Placed, Slot, VerifiedImage};
use tuffet_sizes::Flash;

tuffet_sizes::start_with!(run);

fn run() {
    let Ok(mut records) = BootRecords::open(Flash) else {
        return;
    };
    let image = Image {
        digest: tuffet_sizes::digest(),
        length: black_box(1),
        security_version: black_box(1),
    };
    let placed = Placed {
        slot: black_box(Slot::A),
        image,
    };
    black_box(records.provision(placed).is_ok());
    black_box(records.boot().is_ok());
    black_box(records.mismatched(placed.slot).is_ok());
    black_box(records.mark_empty(placed.slot).is_ok());
    black_box(
        records
            .begin_trial(VerifiedImage::assertion(placed, black_box(1)), black_box(3))
            .is_ok(),
    );
    black_box(records.confirm().is_ok());
    black_box(records.fail().is_ok());
    black_box((records.state(), records.counter(), records.failed()));
}
