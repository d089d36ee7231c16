//! A part of the flash, as a flash of its own.

use super::Span;
use core::cell::RefCell;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// A part of the flash: offset 0 is its first byte, and nothing outside can be reached. Several parts share one driver, and
/// each access borrows it for its own time.
#[derive(Clone, Copy, Debug)]
pub struct Region<'f, F> {
    flash: &'f RefCell<F>,
    span: Span,
}

/// Why an access to a part of the flash failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RegionError<E> {
    /// The driver is in use by whoever called.
    Busy,
    /// The driver failed.
    Flash(E),
    /// What was written reads back as something else: the part is worn or failing.
    NotKept,
    /// The access reaches outside the part.
    OutOfBounds,
    /// Slots lie half exchanged, or the confirmed image lies elsewhere than it runs, and the bootloader has not run since.
    Unsettled,
}

impl<'f, F> Region<'f, F> {
    /// A part of this flash.
    pub const fn new(flash: &'f RefCell<F>, span: Span) -> Self {
        Self { flash, span }
    }

    /// Where `bytes` bytes from `offset` on lie in the whole flash.
    fn place<E>(&self, offset: u32, bytes: usize) -> Result<(u32, u32), RegionError<E>> {
        let bytes = u32::try_from(bytes).map_err(|_| RegionError::OutOfBounds)?;
        let end = offset.checked_add(bytes).filter(|end| *end <= self.span.bytes);
        let end = end.ok_or(RegionError::OutOfBounds)?;
        let absolute = |offset: u32| self.span.start.checked_add(offset).ok_or(RegionError::OutOfBounds);
        Ok((absolute(offset)?, absolute(end)?))
    }
}

impl<E: core::fmt::Debug> NorFlashError for RegionError<E>
where
    E: NorFlashError,
{
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Busy | Self::NotKept | Self::Unsettled => NorFlashErrorKind::Other,
            Self::Flash(error) => error.kind(),
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}

impl<F: ErrorType> ErrorType for Region<'_, F> {
    type Error = RegionError<F::Error>;
}

impl<F: ReadNorFlash> ReadNorFlash for Region<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let (from, _) = self.place(offset, bytes.len())?;
        let mut flash = self.flash.try_borrow_mut().map_err(|_| RegionError::Busy)?;
        flash.read(from, bytes).map_err(RegionError::Flash)
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.span.bytes).unwrap_or(usize::MAX)
    }
}

impl<F: NorFlash> NorFlash for Region<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let bytes = to.checked_sub(from).and_then(|bytes| usize::try_from(bytes).ok());
        let (from, to) = self.place(from, bytes.ok_or(RegionError::OutOfBounds)?)?;
        let mut flash = self.flash.try_borrow_mut().map_err(|_| RegionError::Busy)?;
        flash.erase(from, to).map_err(RegionError::Flash)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let (from, _) = self.place(offset, bytes.len())?;
        let mut flash = self.flash.try_borrow_mut().map_err(|_| RegionError::Busy)?;
        flash.write(from, bytes).map_err(RegionError::Flash)
    }
}
