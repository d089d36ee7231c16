//! One word at a fixed address: a register of a device, or a word that programs share.

/// A word that somebody else reads or writes too.
#[derive(Copy, Clone)]
pub struct Register(usize);

impl Register {
    /// The word at this address.
    ///
    /// # Safety
    ///
    /// It is a register of a device of this board, or a word of memory that no program of the board has anything else in, and
    /// a multiple of four.
    pub const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    /// What it holds.
    pub fn read(self) -> u32 {
        // SAFETY: whoever made it has promised that it is such a word.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    /// Makes it hold this.
    pub fn write(self, value: u32) {
        // SAFETY: as above.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}
