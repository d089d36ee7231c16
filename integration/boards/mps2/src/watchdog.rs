//! The watchdog: it resets the board unless it is petted.
//!
//! It counts down twice. The first time it calls the interrupt that cannot be masked, from which nobody comes back here; the
//! second time it resets. So a program has one countdown, and the reset comes after two.

use tuffet_program::Register;

const WATCHDOG: usize = 0x4000_8000;
// SAFETY: the registers of the watchdog.
const LOAD: Register = unsafe { Register::at(WATCHDOG) };
// SAFETY: as above.
const VALUE: Register = unsafe { Register::at(WATCHDOG + 0x04) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(WATCHDOG + 0x08) };
// SAFETY: as above.
const CLEAR: Register = unsafe { Register::at(WATCHDOG + 0x0C) };
// SAFETY: as above.
const LOCK: Register = unsafe { Register::at(WATCHDOG + 0xC00) };

const OPEN: u32 = 0x1ACC_E551;
const INTERRUPT_AND_RESET: u32 = 3;

/// What a program has, in ticks of 25 MHz: three seconds, since the emulator may have to wait for its host.
const TICKS: u32 = 3 * 25_000_000;

/// With more than so many left there is nothing to do.
const FRESH_TICKS: u32 = TICKS / 8 * 7;

/// Starts it, for good: nothing here stops it again.
pub fn arm() {
    LOCK.write(OPEN);
    LOAD.write(TICKS);
    CONTROL.write(INTERRUPT_AND_RESET);
    // Any other word closes it: from here on it can only be petted.
    LOCK.write(0);
}

/// Says that the program still works. Little of the time gone by is not worth a write: in the emulator each costs more than a
/// thousand instructions.
pub fn pet() {
    if VALUE.read() > FRESH_TICKS {
        return;
    }
    LOCK.write(OPEN);
    CLEAR.write(1);
    LOCK.write(0);
}
