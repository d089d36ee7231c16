//! The bootloader of the board: it starts the slot that the boot record names, and nothing else decides.
//!
//! - The watchdog runs from the first instruction on, so an image that hangs comes back here, and its boot was counted.
//! - What may run is hashed first. The boot record may name another slot then; at the end nothing may run, and [`recover`]
//!   says why.
#![no_std]
#![no_main]

use core::cell::RefCell;

use tuffet_board_layout::flash::MAP;
use tuffet_mps2::start::leave;
use tuffet_mps2::{Control, Line, Nor, start_with, watchdog};
use tuffet_no_std_client::boot::{Recovery, Run, Slot, Why};
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::Storage;

start_with!(boot);

fn boot() -> ! {
    watchdog::arm();
    let flash = RefCell::new(Nor::new(Control::find()));
    let storage = Storage::new(&flash, &MAP);
    match choose_slot(&storage, &mut watchdog::pet) {
        Ok(Ok(run)) => start(&run),
        Ok(Err(why)) => recover(Trouble::Nothing(why)),
        Err(_) => recover(Trouble::Flash),
    }
}

fn start(run: &Run) -> ! {
    let line = Line::of("boot").with("slot", name(run.placed.slot));
    match run.why {
        Why::Confirmed => drop(line.with("why", "confirmed")),
        Why::FellBack => drop(line.with("why", "fell-back")),
        Why::Reverted { .. } => drop(line.with("why", "reverted")),
        Why::Trial { attempts_left } => drop(line.with("why", "trial").with_number("attempts_left", attempts_left)),
    }
    let [a, b] = MAP.slots.addresses();
    leave(match run.placed.slot {
        Slot::A => a,
        Slot::B => b,
    })
}

/// Why nothing is started.
enum Trouble {
    /// The flash, or the boot record in it, could not be read or written.
    Flash,
    /// There is nothing that may run.
    Nothing(Recovery),
}

/// Says why nothing is started, and waits for somebody who helps.
fn recover(trouble: Trouble) -> ! {
    let line = Line::of("recovery");
    match trouble {
        Trouble::Flash => drop(line.with("why", "flash")),
        Trouble::Nothing(Recovery::Mismatch { slot }) => drop(line.with("why", "mismatch").with("slot", name(slot))),
        Trouble::Nothing(Recovery::BelowCounter { .. }) => drop(line.with("why", "below-counter")),
        Trouble::Nothing(Recovery::Unprovisioned) => drop(line.with("why", "unprovisioned")),
        Trouble::Nothing(Recovery::Damaged | _) => drop(line.with("why", "damaged")),
    }
    loop {
        watchdog::pet();
    }
}

const fn name(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "A",
        Slot::B => "B",
    }
}
