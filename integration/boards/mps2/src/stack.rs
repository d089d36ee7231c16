//! How much of its RAM a program uses: the stack is painted at the start, and looked at later.

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

fn bottom() -> usize {
    &raw const statics_end as usize
}
