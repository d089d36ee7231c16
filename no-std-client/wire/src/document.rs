//! A received file at rest.

use core::convert::Infallible;

/// A file that can be read front to back, more than once: bytes in memory, a file, or a stretch of flash.
///
/// Verifying needs several passes over the same bytes. Every pass is hashed, so a document whose bytes change in
/// between is refused and not half believed.
pub trait Document {
    /// Why a read failed.
    type Error;

    /// Length in bytes.
    fn length(&self) -> u32;

    /// The next bytes from `offset` on: as many as are at hand, at least one if `offset` is below the length.
    ///
    /// A flash driver reads into its buffer and lends it.
    fn chunk(&mut self, offset: u32) -> Result<&[u8], Self::Error>;
}

impl Document for &[u8] {
    type Error = Infallible;

    /// A slice longer than `u32::MAX` says `u32::MAX`, which is above every limit.
    fn length(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Infallible> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        Ok(rest.unwrap_or_default())
    }
}

impl<D: Document + ?Sized> Document for &mut D {
    type Error = D::Error;

    fn length(&self) -> u32 {
        (**self).length()
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Self::Error> {
        (**self).chunk(offset)
    }
}
