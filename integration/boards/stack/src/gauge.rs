//! How deep the stack grows while a function runs, and how many instructions that takes.
//!
//! - The stack below is painted, and looked at afterwards: what is not painted any more was used.
//! - The emulator counts a nanosecond for each instruction, and its timer counts at 25 MHz: a tick is 40 instructions.
//! - No interrupt is on, so the stack has nothing in it but the calls.

use core::arch::asm;
use core::hint::black_box;

/// How much of the stack is painted.
const PAINTED_BYTES: usize = 256 * 1024;

const PAINT: u32 = 0xC0DE_C0DE;

/// Instructions between two ticks of the timer.
const INSTRUCTIONS_PER_TICK: u64 = 40;

/// A timer of the board: it counts down from its largest value.
const TIMER: *mut u32 = 0x4000_0000 as *mut u32;
const TIMER_CONTROL: usize = 0;
const TIMER_VALUE: usize = 1;
const TIMER_RELOAD: usize = 2;

/// What a function took.
pub struct Taken {
    /// Bytes of stack below its caller.
    pub stack: usize,
    /// Instructions, up to a few dozen.
    pub instructions: u64,
}

/// Starts the timer.
pub fn start() {
    // SAFETY: these are the registers of the timer, which nothing else uses.
    unsafe {
        TIMER.add(TIMER_RELOAD).write_volatile(u32::MAX);
        TIMER.add(TIMER_VALUE).write_volatile(u32::MAX);
        TIMER.add(TIMER_CONTROL).write_volatile(1);
    }
}

/// Runs a function, and says what it took; no more than the timer can count, which is more than a hundred thousand million
/// instructions. `None`: it used all that was painted.
#[inline(never)]
pub fn measure(function: &mut dyn FnMut()) -> Option<Taken> {
    // Else the compiler could know which function it is, and make it a part of this one.
    let function = black_box(function);
    let top = stack_pointer();
    let bottom = top - PAINTED_BYTES;
    for place in (bottom..top).step_by(size_of::<u32>()) {
        // SAFETY: this is memory below the stack of this function, which has no frame there while it calls nothing.
        unsafe { (place as *mut u32).write_volatile(PAINT) };
    }
    let begun = ticks();
    function();
    let ended = ticks();
    let mut deepest = bottom;
    // SAFETY: the same memory.
    while deepest < top && unsafe { (deepest as *const u32).read_volatile() } == PAINT {
        deepest += size_of::<u32>();
    }
    (deepest > bottom).then(|| Taken {
        stack: top - deepest,
        instructions: u64::from(begun.wrapping_sub(ended)) * INSTRUCTIONS_PER_TICK,
    })
}

#[inline(always)]
fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe {
        asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

#[inline(always)]
fn ticks() -> u32 {
    // SAFETY: a register of the timer; reading it changes nothing.
    unsafe { TIMER.add(TIMER_VALUE).read_volatile() }
}
