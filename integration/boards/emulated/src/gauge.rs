//! How deep the stack grows while a function runs, and how long that takes.
//!
//! - The stack below is painted, and looked at afterwards: what is not painted any more was used.
//! - The clock is the board's. Where the emulator counts a nanosecond for each instruction, it counts instructions.
//! - No interrupt is on, so the stack has nothing in it but the calls.

use core::arch::asm;
use core::hint::black_box;

const PAINT: u32 = 0xC0DE_C0DE;

/// What a function took.
pub struct Taken {
    /// Where the stack of its caller ends.
    pub top: usize,
    /// The lowest address that it used.
    pub deepest: usize,
    /// What went by on the clock.
    pub ticks: u32,
}

impl Taken {
    /// Bytes of stack below the caller.
    pub fn stack(&self) -> usize {
        self.top - self.deepest
    }
}

/// Where the stack ends now.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe {
        asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Runs a function, and says what it took. `clock` counts up, and around at the end. `None`: it used all of the stack down to
/// `bottom`.
///
/// # Safety
///
/// `bottom` is a multiple of four, and nothing but the stack is between it and the stack pointer.
#[inline(never)]
pub unsafe fn measure(bottom: usize, clock: fn() -> u32, function: &mut dyn FnMut()) -> Option<Taken> {
    // Else the compiler could know which function it is, and make it a part of this one.
    let function = black_box(function);
    let top = stack_pointer();
    for place in (bottom..top).step_by(size_of::<u32>()) {
        // SAFETY: this is memory below the stack of this function, which has no frame there while it calls nothing.
        unsafe { (place as *mut u32).write_volatile(PAINT) };
    }
    let begun = clock();
    function();
    let ended = clock();
    let mut deepest = bottom;
    // SAFETY: the same memory.
    while deepest < top && unsafe { (deepest as *const u32).read_volatile() } == PAINT {
        deepest += size_of::<u32>();
    }
    (deepest > bottom).then_some(Taken {
        top,
        deepest,
        ticks: ended.wrapping_sub(begun),
    })
}
