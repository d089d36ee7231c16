//! The bootloader of the board: it starts the slot that the boot record names, and nothing else decides.
//!
//! - The watchdog runs from the first instruction on, so an image that hangs comes back here, and its boot was counted.
//! - What may run is hashed first. The boot record may name another slot then; at the end nothing may run. Then it says why,
//!   and takes the confirmed image again over the serial port, byte for byte.
#![no_std]

use core::cell::RefCell;
use core::ops::ControlFlow;

use tuffet_board_layout::flash::Mapped;
use tuffet_mps2::serial::Uart;
use tuffet_mps2::start::{leave, restart, wait_for_reset};
use tuffet_mps2::{Control, Line, Nor, Port, report, serial, shorten_panics, small_memory, watchdog};
use tuffet_no_std_client::boot::{Recovery, Run, Slot};
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::Storage;
use tuffet_no_std_client::recovery::{BUFFER_BYTES, Recovered, recover};

/// Tenths of a second without a byte until it resets and hashes its slots again.
const SILENCES_MAX: u32 = 600;

shorten_panics!();
small_memory!();

/// Runs the bootloader, for slots of this strategy.
pub fn boot<S: Mapped>() -> ! {
    watchdog::arm();
    let flash = RefCell::new(Nor::new(Control::find()));
    let storage = Storage::new(&flash, S::MAP);
    match choose_slot(&storage, &mut watchdog::pet) {
        Ok(Ok(run)) => start::<S>(&run),
        Ok(Err(why)) => mend(&storage, why),
        Err(_) => {
            Line::of("recovery").with("why", "flash");
            // It may not fail the next time.
            wait_for_reset()
        }
    }
}

fn start<S: Mapped>(run: &Run) -> ! {
    report::boot::<Uart>(run);
    let [a, b] = S::MAP.slots.addresses();
    leave(match run.placed.slot {
        Slot::A => a,
        Slot::B => b,
    })
}

/// Says why nothing is started, and takes the image of whoever helps.
fn mend<S: Mapped>(storage: &Storage<'_, Nor, S>, why: Recovery) -> ! {
    report::recovery::<Uart>(why);
    let mut buffer = [0; BUFFER_BYTES];
    let mut wait = |silences| {
        watchdog::pet();
        if silences < SILENCES_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let ended = recover(
        storage,
        why,
        &mut Port::open(),
        &mut buffer,
        &mut wait,
        &mut watchdog::pet,
    );
    // What was said last was no line.
    serial::send(b'\n');
    if ended == Ok(Recovered::Restored) {
        Line::of("recovered");
    }
    restart()
}
