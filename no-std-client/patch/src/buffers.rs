//! Buffers between the decoder, which goes byte by byte, and flash, which does not.

use crate::{
    model::Origin,
    slots::{Slots, Stopped},
};

/// A piece of an image as read from flash.
#[derive(Clone, Debug)]
pub(crate) struct Window<const BYTES: usize> {
    start: u32,
    /// Bytes of the piece that may be used.
    length: u32,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Window<BYTES> {
    pub(crate) const fn new() -> Self {
        Self {
            start: 0,
            length: 0,
            bytes: [0; BYTES],
        }
    }

    pub(crate) fn forget(&mut self) {
        self.length = 0;
    }

    /// The byte of an image at `offset`, which is below `end`. Nothing at or behind `end` is read, but for what the read unit adds.
    pub(crate) fn byte(&mut self, slots: &mut dyn Slots, origin: Origin, offset: u32, end: u32) -> Result<u8, Stopped> {
        if let Some(byte) = self.at(offset) {
            return Ok(byte);
        }
        self.read(slots, origin, offset, end)?;
        // Invariant: `offset` is inside of what was read.
        Ok(self.at(offset).unwrap_or(0))
    }

    /// Reads the piece that has this byte. Not inlined: it is rare.
    #[inline(never)]
    fn read(&mut self, slots: &mut dyn Slots, origin: Origin, offset: u32, end: u32) -> Result<(), Stopped> {
        let bytes = u32::try_from(BYTES).unwrap_or(u32::MAX);
        let start = offset.wrapping_sub(offset.checked_rem(bytes).unwrap_or(0));
        let length = end.saturating_sub(start).min(bytes);
        self.length = 0;
        slots.read(origin, start, &mut self.bytes, length)?;
        self.start = start;
        self.length = length;
        Ok(())
    }

    /// Eight bytes from `offset` on, the first one lowest, if all of them are here.
    pub(crate) fn eight(&self, offset: u32) -> Option<[u32; 2]> {
        let inside = offset.checked_sub(self.start)?;
        if self.length.checked_sub(inside)? < 8 {
            return None;
        }
        let bytes = self.bytes.get(usize::try_from(inside).ok()?..)?.first_chunk()?;
        let [a, b, c, d, e, f, g, h] = *bytes;
        Some([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])])
    }

    fn at(&self, offset: u32) -> Option<u8> {
        let inside = offset.checked_sub(self.start).filter(|inside| *inside < self.length)?;
        self.bytes.get(usize::try_from(inside).ok()?).copied()
    }
}

/// The end of the result, until there is enough of it to write.
#[derive(Clone, Debug)]
pub(crate) struct Output<const BYTES: usize> {
    /// Bytes of the result that stand in flash: a multiple of BYTES, until the end is written.
    written: u32,
    count: u32,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Output<BYTES> {
    pub(crate) const fn at(written: u32) -> Self {
        Self {
            written,
            count: 0,
            bytes: [0; BYTES],
        }
    }

    /// Bytes of the result that are known.
    pub(crate) const fn position(&self) -> u32 {
        self.written.wrapping_add(self.count)
    }

    pub(crate) const fn written(&self) -> u32 {
        self.written
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        usize::try_from(self.count) == Ok(BYTES)
    }

    /// Adds a byte. The caller writes a full buffer first.
    pub(crate) fn push(&mut self, byte: u8) {
        let place = usize::try_from(self.count).ok().and_then(|at| self.bytes.get_mut(at));
        if let Some(place) = place {
            *place = byte;
            self.count = self.count.wrapping_add(1);
        }
    }

    /// A byte that is not written yet.
    pub(crate) fn held(&self, offset: u32) -> Option<u8> {
        let inside = offset.checked_sub(self.written).filter(|inside| *inside < self.count)?;
        self.bytes.get(usize::try_from(inside).ok()?).copied()
    }

    /// Writes what is there, filled up with erased bytes to a whole write unit.
    pub(crate) fn write(&mut self, slots: &mut dyn Slots) -> Result<(), Stopped> {
        let count = usize::try_from(self.count).unwrap_or(BYTES);
        for byte in self.bytes.iter_mut().skip(count) {
            *byte = 0xFF;
        }
        slots.write(self.written, &self.bytes, self.count)?;
        self.written = self.position();
        self.count = 0;
        Ok(())
    }
}
