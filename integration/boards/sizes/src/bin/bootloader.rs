//! A bootloader's part: which slot to start, by its hash.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::hint::black_box;

use tuffet_no_std_client::bootloader;
use tuffet_no_std_client::flash::Storage;
use tuffet_sizes::{Flash, MAP};

tuffet_sizes::start_with!(run);

fn run() {
    let flash = RefCell::new(Flash);
    black_box(bootloader::choose_slot(&Storage::new(&flash, &MAP), &mut || ()).is_ok());
}
