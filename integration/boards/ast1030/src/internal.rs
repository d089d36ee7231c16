//! Memory of the processor in the place of its own flash: the emulator has no model of one.
//!
//! The driver holds the firmware to the rules of NOR flash, and writes every change through to a file of the host.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use tuffet_board_layout::ast1030::{BORDER, INTERNAL_ADDRESS, INTERNAL_ERASE_BYTES, WRITE_BYTES};
use tuffet_emulated::host::File;

/// The internal part.
pub struct Internal {
    file: File,
}

/// Why an access to the internal part failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum InternalError {
    /// The file of the host does not take it.
    File,
    /// Outside, or not in whole units.
    Misplaced,
    /// A place that was not erased.
    NotErased,
}

impl Internal {
    /// The part as it stands in memory: for a program that was started from it.
    pub fn open() -> Option<Self> {
        let file = File::edit(c"internal.img")?;
        Some(Self { file })
    }

    /// The part as it was when the power went: for the bootloader.
    pub fn load() -> Option<Self> {
        let mut part = Self::open()?;
        let count = part.file.read(cells(0, BORDER));
        (count == BORDER as usize).then_some(part)
    }

    fn keep(&mut self, offset: u32, to: u32) -> Result<(), InternalError> {
        self.file.seek(offset);
        if self.file.write(cells(offset, to)) {
            Ok(())
        } else {
            Err(InternalError::File)
        }
    }
}

/// Cells of the part, which were checked to be in it.
fn cells(from: u32, to: u32) -> &'static mut [u8] {
    let begin = (INTERNAL_ADDRESS + from) as *mut u8;
    // SAFETY: no program has this memory for anything else, and no two of these slices are in use at once. What runs from here is
    // not written to: that is the contract of the client.
    unsafe { core::slice::from_raw_parts_mut(begin, (to - from) as usize) }
}

fn check(from: u32, to: u32, unit_bytes: u32) -> Result<(), InternalError> {
    if from.is_multiple_of(unit_bytes) && to.is_multiple_of(unit_bytes) && from <= to && to <= BORDER {
        Ok(())
    } else {
        Err(InternalError::Misplaced)
    }
}

fn end(offset: u32, bytes: &[u8]) -> u32 {
    offset.saturating_add(bytes.len() as u32)
}

impl NorFlashError for InternalError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Misplaced => NorFlashErrorKind::OutOfBounds,
            Self::File | Self::NotErased => NorFlashErrorKind::Other,
        }
    }
}

impl ErrorType for Internal {
    type Error = InternalError;
}

impl ReadNorFlash for Internal {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), InternalError> {
        let end = end(offset, bytes);
        check(offset, end, 1)?;
        bytes.copy_from_slice(cells(offset, end));
        Ok(())
    }

    fn capacity(&self) -> usize {
        BORDER as usize
    }
}

impl NorFlash for Internal {
    const WRITE_SIZE: usize = WRITE_BYTES as usize;
    const ERASE_SIZE: usize = INTERNAL_ERASE_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), InternalError> {
        check(from, to, INTERNAL_ERASE_BYTES)?;
        cells(from, to).fill(0xFF);
        self.keep(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), InternalError> {
        let end = end(offset, bytes);
        check(offset, end, WRITE_BYTES)?;
        let cells = cells(offset, end);
        if cells.iter().any(|cell| *cell != 0xFF) {
            return Err(InternalError::NotErased);
        }
        cells.copy_from_slice(bytes);
        self.keep(offset, end)
    }
}
