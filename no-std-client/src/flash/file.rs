//! A file in flash, as the readers of metadata and documents want it.

use super::{Region, RegionError};
use embedded_storage::nor_flash::ReadNorFlash;
use tuffet_wire::Document;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 128;

/// A file at the start of a region.
pub struct FlashFile<'f, F> {
    region: Region<'f, F>,
    length: u32,
    /// Offset of the window, and how much of it was read.
    start: u32,
    filled: u32,
    window: [u8; WINDOW_BYTES],
}

impl<'f, F: ReadNorFlash> FlashFile<'f, F> {
    /// The first `length` bytes of a region. Reading behind the region's end is an error, and is not done for a file that is
    /// refused for its length.
    pub const fn new(region: Region<'f, F>, length: u32) -> Self {
        Self {
            region,
            length,
            start: 0,
            filled: 0,
            window: [0; WINDOW_BYTES],
        }
    }

    fn fill(&mut self, offset: u32) -> Result<(), RegionError<F::Error>> {
        let window_bytes = u32::try_from(WINDOW_BYTES).unwrap_or(u32::MAX);
        let start = offset.wrapping_sub(offset.checked_rem(window_bytes).unwrap_or(0));
        let wanted = self.length.saturating_sub(start).min(window_bytes);
        let read_bytes = usize::try_from(wanted)
            .unwrap_or(WINDOW_BYTES)
            .next_multiple_of(F::READ_SIZE.max(1));
        // A read unit that does not divide the window is longer than any part has.
        let target = self.window.get_mut(..read_bytes).ok_or(RegionError::OutOfBounds)?;
        self.filled = 0;
        self.region.read(start, target)?;
        self.start = start;
        self.filled = wanted;
        Ok(())
    }
}

impl<F: ReadNorFlash> Document for FlashFile<'_, F> {
    type Error = RegionError<F::Error>;

    fn length(&self) -> u32 {
        self.length
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Self::Error> {
        if offset >= self.length {
            return Ok(&[]);
        }
        let is_inside = offset
            .checked_sub(self.start)
            .is_some_and(|inside| inside < self.filled);
        if !is_inside {
            self.fill(offset)?;
        }
        let from = usize::try_from(offset.wrapping_sub(self.start)).unwrap_or(WINDOW_BYTES);
        let to = usize::try_from(self.filled).unwrap_or(WINDOW_BYTES);
        Ok(self.window.get(from..to).unwrap_or_default())
    }
}
