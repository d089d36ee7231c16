//! Writing a file into a region while it comes.

use super::{Region, RegionError, Span};
use embedded_storage::nor_flash::NorFlash;

/// Bytes that are written at once: a multiple of every usual write unit.
const PIECE_BYTES: usize = 256;

/// A file on its way into a span of flash. It erases ahead of itself, unit by unit, and writes each place once.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Fill {
    span: Span,
    /// Bytes that stand in flash, and bytes in `piece` behind them.
    written: u32,
    held: usize,
    /// Bytes that came, also those for which there was no room.
    came: u32,
    erased_to: u32,
    piece: [u8; PIECE_BYTES],
}

impl Fill {
    /// Nothing came yet.
    pub const fn new(span: Span) -> Self {
        Self {
            span,
            written: 0,
            held: 0,
            came: 0,
            erased_to: 0,
            piece: [0; PIECE_BYTES],
        }
    }

    /// Begins again, with another span.
    pub fn begin(&mut self, span: Span) {
        (self.span, self.written, self.held, self.came, self.erased_to) = (span, 0, 0, 0, 0);
    }

    /// The span that it fills.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Bytes that came: the length of the file, whether or not there was room for it.
    pub const fn came(&self) -> u32 {
        self.came
    }

    /// Where the next bytes go; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        let held = self.held;
        self.piece.get_mut(held..).unwrap_or_default()
    }

    /// Notes that `count` bytes were put into the space, and writes what is complete.
    pub fn filled<F: NorFlash>(
        &mut self,
        region: &mut Region<'_, F>,
        count: usize,
    ) -> Result<(), RegionError<F::Error>> {
        self.held = self.held.saturating_add(count).min(PIECE_BYTES);
        self.came = self.came.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        if self.held == PIECE_BYTES {
            self.write(region)?;
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish<F: NorFlash>(&mut self, region: &mut Region<'_, F>) -> Result<(), RegionError<F::Error>> {
        if self.held > 0 {
            self.write(region)?;
        }
        Ok(())
    }

    fn write<F: NorFlash>(&mut self, region: &mut Region<'_, F>) -> Result<(), RegionError<F::Error>> {
        let held = core::mem::take(&mut self.held);
        // As much as there is room for: a longer file is refused by its length, and not read.
        let room = usize::try_from(self.span.bytes.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let kept = held.min(room);
        if kept == 0 {
            return Ok(());
        }
        let write_bytes = kept.next_multiple_of(F::WRITE_SIZE.max(1));
        for byte in self.piece.iter_mut().skip(kept) {
            *byte = 0xFF;
        }
        let piece = self.piece.get(..write_bytes).ok_or(RegionError::OutOfBounds)?;
        let end = self
            .written
            .saturating_add(u32::try_from(write_bytes).unwrap_or(u32::MAX));
        let erase_bytes = u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX);
        while self.erased_to < end {
            let to = self.erased_to.saturating_add(erase_bytes);
            region.erase(self.erased_to, to)?;
            self.erased_to = to;
        }
        region.write(self.written, piece)?;
        self.written = self.written.saturating_add(u32::try_from(kept).unwrap_or(u32::MAX));
        Ok(())
    }
}
