//! The smallest bootloader: it starts what the boot record names, and takes the image again if there is nothing to start.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::ops::ControlFlow;

use tuffet_example::MAP;
use tuffet_example::board::{self, Flash, SerialPort};
use tuffet_no_std_client::boot::Slot;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::Storage;
use tuffet_no_std_client::recovery::{BUFFER_BYTES, recover};

tuffet_sizes::start_with!(boot);

/// Reads of the serial port in a row without a byte until the bootloader resets and hashes its slots again.
const SILENCES_MAX: u32 = 600;

fn boot() {
    let flash = RefCell::new(Flash);
    let storage = Storage::new(&flash, &MAP);
    let [a, b] = MAP.slots.addresses();
    match choose_slot(&storage, &mut board::pet) {
        Ok(Ok(run)) => board::leave_to(match run.placed.slot {
            Slot::A => a,
            Slot::B => b,
        }),
        Ok(Err(recovery)) => {
            let mut buffer = [0; BUFFER_BYTES];
            let mut wait = |silences| {
                board::pet();
                if silences < SILENCES_MAX {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            let _ = recover(
                &storage,
                recovery,
                &mut SerialPort,
                &mut buffer,
                &mut wait,
                &mut board::pet,
            );
        }
        // The flash failed. It may not the next time.
        Err(_) => {}
    }
    board::reset()
}
