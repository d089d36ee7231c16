//! A slot that panics where a decoder would misuse flash, and counts what is read.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::convert::Infallible;

pub const ERASE_BYTES: usize = 1024;

/// A slot in which everything is read and written by `UNIT` bytes.
pub struct Slot<const UNIT: usize> {
    pub bytes: Vec<u8>,
    /// A read ends here or before: the length of the image, or what was written, rounded up to a unit.
    pub readable: usize,
    /// Everything in front of this was erased once.
    pub erased: usize,
    /// Everything in front of this was written once.
    pub written: usize,
    /// Bytes that were read.
    pub read: u64,
}

impl<const UNIT: usize> Slot<UNIT> {
    /// A slot that holds an image.
    pub fn holding(image: &[u8]) -> Self {
        let mut slot = Self::old(image.len());
        slot.bytes[..image.len()].copy_from_slice(image);
        slot.readable = image.len().next_multiple_of(UNIT);
        slot
    }

    /// A slot for an image of this length.
    pub fn old(length: usize) -> Self {
        Self {
            bytes: vec![0xA5; length.next_multiple_of(ERASE_BYTES)],
            readable: 0,
            erased: 0,
            written: 0,
            read: 0,
        }
    }

    /// Takes up at a position behind which anything may stand.
    pub fn go_on_at(&mut self, position: usize) {
        (self.erased, self.written, self.readable) = (position, position, position);
    }
}

impl<const UNIT: usize> ErrorType for Slot<UNIT> {
    type Error = Infallible;
}

impl<const UNIT: usize> ReadNorFlash for Slot<UNIT> {
    const READ_SIZE: usize = UNIT;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        let (offset, length) = (offset as usize, bytes.len());
        assert!(
            offset.is_multiple_of(UNIT) && length.is_multiple_of(UNIT),
            "unaligned read"
        );
        assert!(
            offset + length <= self.readable,
            "read of {length} at {offset}, and only {} are there",
            self.readable
        );
        bytes.copy_from_slice(&self.bytes[offset..offset + length]);
        self.read += length as u64;
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const UNIT: usize> NorFlash for Slot<UNIT> {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = ERASE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        let (from, to) = (from as usize, to as usize);
        assert!(
            from.is_multiple_of(ERASE_BYTES) && to.is_multiple_of(ERASE_BYTES) && from < to,
            "unaligned erase"
        );
        assert_eq!(from, self.erased, "erased front to back, once each");
        assert!(to <= self.bytes.len(), "erase outside");
        self.bytes[from..to].fill(0xFF);
        self.erased = to;
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        let (offset, end) = (offset as usize, offset as usize + bytes.len());
        assert!(
            offset.is_multiple_of(UNIT) && end.is_multiple_of(UNIT),
            "unaligned write"
        );
        assert_eq!(offset, self.written, "written front to back, once each");
        assert!(end <= self.erased, "written before it was erased");
        self.bytes[offset..end].copy_from_slice(bytes);
        (self.written, self.readable) = (end, end);
        Ok(())
    }
}
