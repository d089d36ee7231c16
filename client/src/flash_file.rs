//! A NOR flash in a file: the home of the boot record on a Linux device.
//!
//! - It keeps the rules of the real thing, so that the boot core runs the same code on both: erased is 0xFF, a write can
//!   only clear bits, an erase works on whole units.
//! - Every write and erase reaches the disk (`fdatasync`) before it returns: the order of boot records is their meaning.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of one erase unit.
pub const ERASE_UNIT_BYTES: u32 = 4_096;
/// Bytes of the whole device: the two pages of the boot record.
pub const CAPACITY_BYTES: u32 = 2 * ERASE_UNIT_BYTES;

/// The file-backed flash.
#[derive(Debug)]
pub struct FlashFile {
    file: File,
}

/// Why an operation on the file-backed flash failed.
#[derive(Debug, thiserror::Error)]
pub enum FlashFileError {
    /// The file system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The caller broke the rules of the flash: an address or length outside the device or off the unit.
    #[error("access outside the boot record or off its units")]
    Geometry(NorFlashErrorKind),
}

impl NorFlashError for FlashFileError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Io(_) => NorFlashErrorKind::Other,
            Self::Geometry(kind) => *kind,
        }
    }
}

impl FlashFile {
    /// Makes a new erased flash. Fails when the file exists: an existing boot record is never overwritten.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all_at(&[0xFF; CAPACITY_BYTES as usize], 0)?;
        file.sync_all()?;
        Ok(Self { file })
    }

    /// Opens an existing flash, which must have exactly the capacity.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len();
        if bytes != u64::from(CAPACITY_BYTES) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the boot record has {bytes} bytes instead of {CAPACITY_BYTES}"),
            ));
        }
        Ok(Self { file })
    }

    fn check(offset: u32, bytes: usize, unit: u32) -> Result<(), FlashFileError> {
        let end = u64::from(offset) + bytes as u64;
        if end > u64::from(CAPACITY_BYTES) {
            return Err(FlashFileError::Geometry(NorFlashErrorKind::OutOfBounds));
        }
        if !offset.is_multiple_of(unit) || !end.is_multiple_of(u64::from(unit)) {
            return Err(FlashFileError::Geometry(NorFlashErrorKind::NotAligned));
        }
        Ok(())
    }
}

impl ErrorType for FlashFile {
    type Error = FlashFileError;
}

impl ReadNorFlash for FlashFile {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashFileError> {
        Self::check(offset, bytes.len(), 1)?;
        Ok(self.file.read_exact_at(bytes, u64::from(offset))?)
    }

    fn capacity(&self) -> usize {
        CAPACITY_BYTES as usize
    }
}

impl NorFlash for FlashFile {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = ERASE_UNIT_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashFileError> {
        let bytes = to
            .checked_sub(from)
            .ok_or(FlashFileError::Geometry(NorFlashErrorKind::OutOfBounds))? as usize;
        Self::check(from, bytes, ERASE_UNIT_BYTES)?;
        self.file.write_all_at(&vec![0xFF; bytes], u64::from(from))?;
        Ok(self.file.sync_data()?)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashFileError> {
        Self::check(offset, bytes.len(), Self::WRITE_SIZE as u32)?;
        let mut cells = vec![0; bytes.len()];
        self.file.read_exact_at(&mut cells, u64::from(offset))?;
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        self.file.write_all_at(&cells, u64::from(offset))?;
        Ok(self.file.sync_data()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flash() -> (tempfile::TempDir, FlashFile) {
        let dir = tempfile::tempdir().unwrap();
        let flash = FlashFile::create(&dir.path().join("boot")).unwrap();
        (dir, flash)
    }

    #[test]
    fn a_write_only_clears_bits_and_an_erase_sets_them() {
        let (_dir, mut flash) = flash();
        flash.write(8, &[0xF0; 4]).unwrap();
        flash.write(8, &[0x3C; 4]).unwrap();
        let mut cells = [0; 4];
        flash.read(8, &mut cells).unwrap();
        assert_eq!(cells, [0x30; 4]);
        flash.erase(0, ERASE_UNIT_BYTES).unwrap();
        flash.read(8, &mut cells).unwrap();
        assert_eq!(cells, [0xFF; 4]);
    }

    #[test]
    fn accesses_off_the_units_or_outside_are_refused() {
        let (_dir, mut flash) = flash();
        assert!(matches!(
            flash.write(2, &[0; 4]),
            Err(FlashFileError::Geometry(NorFlashErrorKind::NotAligned))
        ));
        assert!(matches!(
            flash.erase(0, 100),
            Err(FlashFileError::Geometry(NorFlashErrorKind::NotAligned))
        ));
        assert!(matches!(
            flash.write(CAPACITY_BYTES, &[0; 4]),
            Err(FlashFileError::Geometry(NorFlashErrorKind::OutOfBounds))
        ));
        assert!(matches!(
            flash.erase(8, 4),
            Err(FlashFileError::Geometry(NorFlashErrorKind::OutOfBounds))
        ));
    }

    #[test]
    fn an_existing_record_is_not_overwritten_and_a_cut_one_is_not_opened() {
        let (dir, _flash) = flash();
        let path = dir.path().join("boot");
        assert_eq!(
            FlashFile::create(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        assert_eq!(FlashFile::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
