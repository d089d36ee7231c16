//! A NOR flash in memory: for boot records. It keeps the rules and is never cut; the flash simulator with power cuts is
//! the boot core's.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash, check_erase, check_read, check_write};
use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

const ERASE_UNIT_BYTES: usize = 4_096;

/// The flash.
#[derive(Debug, Clone)]
pub struct RamFlash {
    bytes: Vec<u8>,
}

/// An access outside the flash, or off its units.
#[derive(Debug, Clone, Copy)]
pub struct OutOfRules(NorFlashErrorKind);

impl RamFlash {
    /// The smallest erased flash that holds a boot record.
    #[must_use]
    pub fn erased() -> Self {
        Self::with(vec![0xFF; 2 * ERASE_UNIT_BYTES])
    }

    /// A flash that holds these bytes.
    #[must_use]
    pub fn with(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What it holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl NorFlashError for OutOfRules {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl ErrorType for RamFlash {
    type Error = OutOfRules;
}

impl ReadNorFlash for RamFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), OutOfRules> {
        check_read(self, offset, bytes.len()).map_err(OutOfRules)?;
        let start = offset as usize;
        bytes.copy_from_slice(&self.bytes[start..start + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for RamFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = ERASE_UNIT_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), OutOfRules> {
        check_erase(self, from, to).map_err(OutOfRules)?;
        self.bytes[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), OutOfRules> {
        check_write(self, offset, bytes.len()).map_err(OutOfRules)?;
        for (cell, byte) in self.bytes[offset as usize..].iter_mut().zip(bytes) {
            *cell &= byte;
        }
        Ok(())
    }
}
