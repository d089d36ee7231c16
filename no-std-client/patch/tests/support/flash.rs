// A slot of NOR flash in RAM that panics where a part would be misused: unaligned reads, writes and erases, a second write without
// an erase, and any access outside.

use core::convert::Infallible;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

pub const READ_BYTES: usize = 4;
pub const WRITE_BYTES: usize = 8;
pub const ERASE_BYTES: usize = 1024;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    pub bytes: Vec<u8>,
    /// Number of bytes written so far.
    pub written: usize,
    /// The first erase unit of each erase, and how many there were.
    pub erases: Vec<(u32, u32)>,
    /// Reads behind this are outside the image.
    pub readable: usize,
}

impl Slot {
    /// A slot of whole erase units with this image in front.
    pub fn holding(image: &[u8]) -> Self {
        let mut slot = Self::filled(image.len(), 0xA5);
        slot.bytes[..image.len()].copy_from_slice(image);
        slot.readable = image.len().next_multiple_of(READ_BYTES);
        slot
    }

    /// A slot of at least this many bytes which hold something old.
    pub fn filled(bytes: usize, byte: u8) -> Self {
        let bytes = bytes.next_multiple_of(ERASE_BYTES).max(ERASE_BYTES);
        Self {
            bytes: vec![byte; bytes],
            written: 0,
            erases: Vec::new(),
            readable: bytes,
        }
    }

    pub fn erase_units(&mut self, from: u32, to: u32) {
        self.erase(from, to).unwrap();
    }
}

impl ErrorType for Slot {
    type Error = Infallible;
}

impl ReadNorFlash for Slot {
    const READ_SIZE: usize = READ_BYTES;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        let offset = offset as usize;
        assert!(
            offset.is_multiple_of(READ_BYTES) && bytes.len().is_multiple_of(READ_BYTES),
            "unaligned read"
        );
        assert!(offset + bytes.len() <= self.readable, "read outside the image");
        bytes.copy_from_slice(&self.bytes[offset..offset + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Slot {
    const WRITE_SIZE: usize = WRITE_BYTES;
    const ERASE_SIZE: usize = ERASE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        let (start, end) = (from as usize, to as usize);
        assert!(
            start.is_multiple_of(ERASE_BYTES) && end.is_multiple_of(ERASE_BYTES) && start < end,
            "unaligned erase"
        );
        self.bytes[start..end].fill(0xFF);
        self.erases.push((from, to));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        let offset = offset as usize;
        assert!(
            offset.is_multiple_of(WRITE_BYTES) && bytes.len().is_multiple_of(WRITE_BYTES),
            "unaligned write"
        );
        let target = &mut self.bytes[offset..offset + bytes.len()];
        assert!(
            target.iter().all(|byte| *byte == 0xFF),
            "second write to {offset:#x} without an erase"
        );
        target.copy_from_slice(bytes);
        self.written += bytes.len();
        Ok(())
    }
}
