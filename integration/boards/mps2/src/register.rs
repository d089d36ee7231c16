//! One word at a fixed address: a register of a device, or a word of the control block.

/// A word that somebody else reads or writes too.
#[derive(Copy, Clone)]
pub(crate) struct Register(usize);

impl Register {
    /// The word at this address.
    ///
    /// # Safety
    ///
    /// It is a register of a device of this board, or a word of memory that no program of the board has anything else in, and
    /// a multiple of four.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    pub(crate) fn read(self) -> u32 {
        // SAFETY: whoever made it has promised that it is such a word.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}
