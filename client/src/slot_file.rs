//! A slot as the patch decoder sees it: a NOR flash in a file, read and written by position.
//!
//! - Nothing is mapped and no file is read whole: an image may be larger than the memory.
//! - A slot is filled front to back into a file that was emptied, so that its length is the image's at the end.
//! - There is nothing to erase. An erase unit of one byte lets every checkpoint count.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The file system said no.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SlotFileError(#[from] pub io::Error);

impl NorFlashError for SlotFileError {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// The slot that runs: it can only be read.
#[derive(Debug)]
pub struct RunningSlot {
    file: Option<File>,
    bytes: usize,
}

impl RunningSlot {
    /// No image: a patch from nothing never reads it.
    pub const NOTHING: Self = Self { file: None, bytes: 0 };

    /// Opens a slot.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        Ok(Self {
            file: Some(file),
            bytes,
        })
    }
}

impl ErrorType for RunningSlot {
    type Error = SlotFileError;
}

impl ReadNorFlash for RunningSlot {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SlotFileError> {
        match &self.file {
            Some(file) => Ok(file.read_exact_at(bytes, u64::from(offset))?),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }

    fn capacity(&self) -> usize {
        self.bytes
    }
}

/// The slot that is filled.
#[derive(Debug)]
pub struct SpareSlot {
    file: File,
    capacity_bytes: u32,
}

impl SpareSlot {
    /// Empties a slot, or makes one, for at most so many bytes.
    pub fn create(path: &Path, capacity_bytes: u32) -> io::Result<Self> {
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(path)?;
        Ok(Self { file, capacity_bytes })
    }

    /// Makes what was written durable; the name of the file is not.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl ErrorType for SpareSlot {
    type Error = SlotFileError;
}

impl ReadNorFlash for SpareSlot {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SlotFileError> {
        Ok(self.file.read_exact_at(bytes, u64::from(offset))?)
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.capacity_bytes).unwrap_or(usize::MAX)
    }
}

impl NorFlash for SpareSlot {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, _from: u32, _to: u32) -> Result<(), SlotFileError> {
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SlotFileError> {
        let end = u64::from(offset) + bytes.len() as u64;
        if end > u64::from(self.capacity_bytes) {
            // The decoder compares the lengths before it begins, so this never happens; a slot may be a partition one day.
            return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
        }
        Ok(self.file.write_all_at(bytes, u64::from(offset))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_emptied_filled_and_read_by_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.img");
        std::fs::write(&path, [0xEE; 100]).unwrap();
        let mut spare = SpareSlot::create(&path, 8).unwrap();
        spare.write(0, b"firm").unwrap();
        spare.write(4, b"ware").unwrap();
        let mut bytes = [0; 3];
        spare.read(3, &mut bytes).unwrap();
        assert_eq!(&bytes, b"mwa");
        assert!(spare.write(8, b"!").is_err());
        assert!(spare.read(6, &mut bytes).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"firmware");
        let mut running = RunningSlot::open(&path).unwrap();
        running.read(5, &mut bytes).unwrap();
        assert_eq!((&bytes, running.capacity()), (b"are", 8));
        let mut nothing = RunningSlot::NOTHING;
        assert!(nothing.read(0, &mut bytes).is_err());
    }
}
