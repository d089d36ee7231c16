//! The watchdog: it resets the part unless it is petted.
//!
//! The emulator has none: it takes what is written here and does nothing, so that an image that hangs there hangs for ever unless the
//! host resets the board. To write to it all the same costs fewer bytes than to ask which of the two this is. That the registers
//! mean what is written here was read in the part's manual, and run on no part.

use tuffet_program::Register;

const WATCHDOG: usize = 0x4001_0000;
// SAFETY: the registers of the watchdog.
const START: Register = unsafe { Register::at(WATCHDOG) };
// SAFETY: as above.
const COUNT: Register = unsafe { Register::at(WATCHDOG + 0x504) };
// SAFETY: as above.
const CHANNELS: Register = unsafe { Register::at(WATCHDOG + 0x508) };
// SAFETY: as above.
const CONFIGURATION: Register = unsafe { Register::at(WATCHDOG + 0x50C) };
// SAFETY: as above.
const RELOAD: Register = unsafe { Register::at(WATCHDOG + 0x600) };

const RELOAD_VALUE: u32 = 0x6E52_4635;
/// It goes on while the processor sleeps, and stops while a debugger has it.
const RUNS_IN_SLEEP: u32 = 1;
/// What a program has, in ticks of 32,768 Hz: eight seconds, several times what one signature takes.
const TICKS: u32 = 8 * 32_768;

/// Starts it, for good: nothing stops it but a reset.
pub fn arm() {
    CONFIGURATION.write(RUNS_IN_SLEEP);
    COUNT.write(TICKS);
    CHANNELS.write(1);
    START.write(1);
}

/// Says that the program still works.
pub fn pet() {
    RELOAD.write(RELOAD_VALUE);
}
