//! The bootloader of the board: it starts the slot that the boot record names, and nothing else decides.
//!
//! - The watchdog runs from the first instruction on, so an image that hangs comes back here, and its boot was counted.
//! - What may run is hashed first. The boot record may name another slot then; at the end nothing may run, and [`recover`]
//!   says why.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::ops::ControlFlow;

use tuffet_board_layout::flash::MAP;
use tuffet_mps2::serial::Port;
use tuffet_mps2::start::{leave, restart, wait_for_reset};
use tuffet_mps2::{Clock, Control, Line, Nor, start_with, watchdog};
use tuffet_no_std_client::boot::{Recovery, Run, Slot, Why};
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Storage, Xip};
use tuffet_no_std_client::recovery::{self, BUFFER_BYTES};

start_with!(boot);

fn boot() -> ! {
    watchdog::arm();
    let control = Control::find();
    let flash = RefCell::new(Nor::new(control));
    let storage = Storage::new(&flash, &MAP);
    match choose_slot(&storage, &mut watchdog::pet) {
        Ok(Ok(run)) => start(&run),
        Ok(Err(why)) => recover(&storage, control, why),
        Err(_) => drop(Line::of("recovery").with("why", "flash")),
    }
    // The flash may answer next time.
    wait_for_reset()
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

/// Says why nothing is started, and takes the confirmed image again over the serial line. Whatever comes of that, a reset
/// follows; without anybody on the line it does so now and then, and the slots are hashed again.
fn recover(storage: &Storage<'_, Nor, Xip>, control: Control, why: Recovery) -> ! {
    let line = Line::of("recovery");
    match why {
        Recovery::Mismatch { slot } => drop(line.with("why", "mismatch").with("slot", name(slot))),
        Recovery::BelowCounter { .. } => drop(line.with("why", "below-counter")),
        Recovery::Unprovisioned => drop(line.with("why", "unprovisioned")),
        Recovery::Damaged | _ => drop(line.with("why", "damaged")),
    }
    let clock = Clock::start(control);
    let mut port = Port::new(&clock);
    let mut buffer = [0; BUFFER_BYTES];
    let mut wait = || {
        watchdog::pet();
        if clock.uptime_us() > LOOK_AGAIN_US {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    // It says itself on the line what it took.
    let _ = recovery::recover(storage, why, &mut port, &mut buffer, &mut wait, &mut watchdog::pet);
    restart()
}

/// How long a recovery waits before it looks at the slots again, in microseconds.
const LOOK_AGAIN_US: u64 = 60_000_000;

const fn name(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "A",
        Slot::B => "B",
    }
}
