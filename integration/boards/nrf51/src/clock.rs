//! What time it is since the start of the program.
//!
//! A timer counts microseconds and begins again each second, which an interrupt counts. So the clock needs no division, and a program
//! that waits for a long time can sleep until the next second.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};
use tuffet_program::Register;

/// The only timer of the part with 32 bits.
const TIMER: usize = 0x4000_8000;

const fn register(offset: usize) -> Register {
    // SAFETY: the registers of the timer.
    unsafe { Register::at(TIMER + offset) }
}

const START: Register = register(0x000);
const CLEAR: Register = register(0x00C);
const CAPTURE: Register = register(0x044);
const SECOND_OVER: Register = register(0x140);
const SHORTCUTS: Register = register(0x200);
const INTERRUPTS_ON: Register = register(0x304);
const MODE: Register = register(0x504);
const WIDTH: Register = register(0x508);
const PRESCALER: Register = register(0x510);
const COMPARED: Register = register(0x540);
const CAPTURED: Register = register(0x544);

/// Which interrupts reach the processor.
// SAFETY: a register of the processor.
const INTERRUPTS: Register = unsafe { Register::at(0xE000_E100) };

const AS_TIMER: u32 = 0;
const BITS_32: u32 = 3;
/// 16 MHz divided by two to the power of this: a tick is a microsecond.
const MICROSECONDS: u32 = 4;
const MICROSECONDS_PER_SECOND: u32 = 1_000_000;
/// At a second the timer begins again from 0.
const CLEAR_AT_COMPARED: u32 = 1;
const AT_COMPARED: u32 = 1 << 16;
/// The number of the timer's interrupt.
pub(crate) const INTERRUPT: usize = 8;

/// Seconds since the start. Only the interrupt writes it, after the start.
static SECONDS: AtomicU32 = AtomicU32::new(0);

/// What the processor does at each second.
pub(crate) extern "C" fn tick() {
    SECOND_OVER.write(0);
    // Or the write could arrive behind the end of this, and the interrupt come again.
    SECOND_OVER.read();
    SECONDS.store(SECONDS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// The clock. There is one.
#[derive(Copy, Clone)]
pub struct Clock(());

impl Clock {
    /// Starts the timer and its interrupt.
    pub fn start() -> Self {
        MODE.write(AS_TIMER);
        WIDTH.write(BITS_32);
        PRESCALER.write(MICROSECONDS);
        COMPARED.write(MICROSECONDS_PER_SECOND);
        SHORTCUTS.write(CLEAR_AT_COMPARED);
        INTERRUPTS_ON.write(AT_COMPARED);
        CLEAR.write(1);
        INTERRUPTS.write(1 << INTERRUPT);
        START.write(1);
        Self(())
    }

    /// Whole seconds since the start.
    pub fn seconds(self) -> u32 {
        SECONDS.load(Ordering::Relaxed)
    }

    /// Microseconds since the start; they begin again after an hour and a quarter.
    pub fn microseconds(self) -> u32 {
        loop {
            let seconds = self.seconds();
            CAPTURE.write(1);
            let rest = CAPTURED.read();
            // A second that ended in between may be counted in one of the two only.
            if SECOND_OVER.read() == 0 && seconds == self.seconds() {
                return seconds.wrapping_mul(MICROSECONDS_PER_SECOND).wrapping_add(rest);
            }
        }
    }

    /// Sleeps until something happens: at the latest when the next second begins.
    pub fn sleep(self) {
        // SAFETY: the processor goes on at the next interrupt.
        unsafe {
            asm!("wfi", options(nomem, nostack, preserves_flags));
        }
    }
}
