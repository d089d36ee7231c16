//! How much of its RAM a program uses: the stack is painted at the start, and looked at later. And who called whom.

use core::arch::asm;
use tuffet_emulated::gauge::stack_pointer;

const PAINT: u32 = 0xC0DE_C0DE;

unsafe extern "C" {
    /// Where RAM begins, and where statics end: the stack may grow down to there.
    static ram_start: u32;
    static statics_end: u32;
    static stack_top: u32;
}

/// The stack of the program, painted.
pub struct Stack(());

impl Stack {
    /// Paints all of it that is not in use.
    #[inline(never)]
    pub fn paint() -> Self {
        // A little below this very frame is in use too.
        let used_from = stack_pointer() - 64;
        for place in (bottom()..used_from).step_by(size_of::<u32>()) {
            // SAFETY: this is RAM below the stack, which nothing has anything in.
            unsafe { (place as *mut u32).write_volatile(PAINT) };
        }
        Self(())
    }

    /// Bytes of statics.
    pub fn statics(&self) -> u32 {
        (bottom() - &raw const ram_start as usize) as u32
    }

    /// The deepest that the stack was so far, in bytes.
    pub fn deepest(&self) -> u32 {
        let mut place = bottom();
        let top = &raw const stack_top as usize;
        // SAFETY: RAM between the statics and the top of the stack.
        while place < top && unsafe { (place as *const u32).read_volatile() } == PAINT {
            place += size_of::<u32>();
        }
        (top - place) as u32
    }

    /// Bytes of RAM that were never used.
    pub fn left(&self) -> u32 {
        let top = &raw const stack_top as usize;
        (top - bottom()) as u32 - self.deepest()
    }
}

/// Most callers that are looked for.
const CALLERS_MAX: u8 = 8;

/// Where the functions go on that called this one, the nearest first. The compiler keeps on this processor, in every function that
/// calls one, the frame pointer of its caller and the address behind the call.
pub struct Callers {
    frame: usize,
    left: u8,
}

impl Callers {
    /// The callers of the function in which this stands.
    #[inline(always)]
    pub fn of_this() -> Self {
        let frame;
        // SAFETY: reads a register.
        unsafe {
            asm!("mov {}, r7", out(reg) frame, options(nomem, nostack, preserves_flags));
        }
        Self {
            frame,
            left: CALLERS_MAX,
        }
    }
}

impl Iterator for Callers {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let frame = self.frame;
        self.left = self.left.checked_sub(1)?;
        // Whoever called first may have left anything there.
        if !frame.is_multiple_of(4) || !(stack_pointer()..&raw const stack_top as usize - 4).contains(&frame) {
            return None;
        }
        // SAFETY: two words of the stack.
        let [caller, address] = unsafe { (frame as *const [u32; 2]).read_volatile() };
        self.frame = caller as usize;
        Some(address)
    }
}

fn bottom() -> usize {
    &raw const statics_end as usize
}
