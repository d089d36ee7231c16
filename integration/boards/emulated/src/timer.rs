//! A timer of the MPS2 boards. The emulator counts a nanosecond for each instruction, and this counts at 25 MHz.

/// Instructions between two ticks.
pub const INSTRUCTIONS_PER_TICK: u64 = 40;

/// It counts down from its largest value.
const TIMER: *mut u32 = 0x4000_0000 as *mut u32;
const TIMER_CONTROL: usize = 0;
const TIMER_VALUE: usize = 1;
const TIMER_RELOAD: usize = 2;

/// Starts the timer.
pub fn start() {
    // SAFETY: these are the registers of the timer, which nothing else uses.
    unsafe {
        TIMER.add(TIMER_RELOAD).write_volatile(u32::MAX);
        TIMER.add(TIMER_VALUE).write_volatile(u32::MAX);
        TIMER.add(TIMER_CONTROL).write_volatile(1);
    }
}

/// Ticks since the start.
pub fn ticks() -> u32 {
    // SAFETY: a register of the timer; reading it changes nothing.
    u32::MAX - unsafe { TIMER.add(TIMER_VALUE).read_volatile() }
}
