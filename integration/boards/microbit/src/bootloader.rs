//! The bootloader: it starts the slot that the boot record names, and nothing else decides.
//!
//! - The watchdog runs from the first instruction on, so an image that hangs comes back here, and its boot was counted.
//! - What may run is hashed first. The boot record may name another slot then; at the end nothing may run. Then it says why, and
//!   resets now and then to look again.
//! - It takes no image over the serial line: with that it would be longer than the 12 KiB that this part has for it. A board whose
//!   slots are both lost goes back to whoever has a debugger.

use core::cell::RefCell;
use tuffet_board_layout::microbit::MAP;
use tuffet_no_std_client::boot::Slot;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::Storage;
use tuffet_nrf51::serial::Uart;
use tuffet_nrf51::start::{forward_nothing, leave, wait_for_reset};
use tuffet_nrf51::{Line, Nvmc, report, watchdog};

/// Runs the bootloader.
pub fn boot() -> ! {
    forward_nothing();
    watchdog::arm();
    let flash = RefCell::new(Nvmc::new());
    match choose_slot(&Storage::new(&flash, &MAP), &mut watchdog::pet) {
        Ok(Ok(run)) => {
            report::boot::<Uart>(&run);
            leave(match run.placed.slot {
                Slot::A => 0,
                Slot::B => 1,
            })
        }
        Ok(Err(why)) => report::recovery::<Uart>(why),
        Err(_) => drop(Line::of("recovery").with("why", "flash")),
    }
    // It may be otherwise the next time.
    wait_for_reset()
}
