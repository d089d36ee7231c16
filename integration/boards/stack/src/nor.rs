//! A NOR flash in the board's memory: it erases units of 1 KiB to ones, and a write can only clear bits.

use core::convert::Infallible;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// The flash of the device.
pub struct Nor {
    cells: &'static mut [u8],
}

impl Nor {
    /// A flash, erased.
    pub fn new(cells: &'static mut [u8]) -> Self {
        cells.fill(0xFF);
        Self { cells }
    }
}

impl ErrorType for Nor {
    type Error = Infallible;
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.cells[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        let (from, to) = (from as usize, to as usize);
        assert!(from.is_multiple_of(Self::ERASE_SIZE) && to.is_multiple_of(Self::ERASE_SIZE));
        self.cells[from..to].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(Self::WRITE_SIZE) && bytes.len().is_multiple_of(Self::WRITE_SIZE));
        for (cell, byte) in self.cells[offset..][..bytes.len()].iter_mut().zip(bytes) {
            *cell &= byte;
        }
        Ok(())
    }
}
