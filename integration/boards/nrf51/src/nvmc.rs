//! The flash, and its controller: pages of 1 KiB, words of 32 bits, read like any memory.
//!
//! - The part stops for each operation: nothing runs meanwhile, no interrupt and no port.
//! - Every operation is a call of [`tuffet_nvmc_write`] or [`tuffet_nvmc_erase`], and of nothing else: whoever stops the
//!   processor where these begin sees each of them in its arguments, and can let the power go there.
//! - A program may not write to itself, nor to the bootloader.

use crate::start::own_place;
use crate::watchdog;
use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use tuffet_board_layout::microbit::{BOOTLOADER_BYTES_MAX, ERASE_BYTES, PART, WRITE_BYTES};
use tuffet_program::Register;

const CONTROLLER: usize = 0x4001_E000;
// SAFETY: the registers of the controller.
const IS_READY: Register = unsafe { Register::at(CONTROLLER + 0x400) };
// SAFETY: as above.
const MODE: Register = unsafe { Register::at(CONTROLLER + 0x504) };
// SAFETY: as above.
const ERASE_PAGE: Register = unsafe { Register::at(CONTROLLER + 0x508) };

const ONLY_READ: u32 = 0;
const WRITE: u32 = 1;
const ERASE: u32 = 2;

/// The flash. There is one, and each program makes one value of this type.
pub struct Nvmc(());

/// Why the flash does not do something.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum NvmcError {
    /// It is not in whole units.
    NotAligned,
    /// It is not in the flash.
    OutOfBounds,
    /// It is the bootloader's, or the program's own.
    Protected,
}

impl NorFlashError for NvmcError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::Protected => NorFlashErrorKind::Other,
        }
    }
}

/// Writes one word: it clears bits, and sets none.
// SAFETY: no other item of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tuffet_nvmc_write(address: u32, word: u32) {
    MODE.write(WRITE);
    // SAFETY: a word of the flash, which programs write only here; its place was checked.
    unsafe { Register::at(address as usize) }.write(word);
    finish();
}

/// Erases one page: it sets all bits.
// SAFETY: no other item of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tuffet_nvmc_erase(address: u32) {
    MODE.write(ERASE);
    ERASE_PAGE.write(address);
    finish();
}

fn finish() {
    while IS_READY.read() == 0 {}
    MODE.write(ONLY_READ);
}

impl Nvmc {
    /// The flash.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Default for Nvmc {
    fn default() -> Self {
        Self::new()
    }
}

impl ErrorType for Nvmc {
    type Error = NvmcError;
}

impl ReadNorFlash for Nvmc {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NvmcError> {
        check(offset, bytes.len(), Self::READ_SIZE)?;
        // SAFETY: this is in the flash, which does not change while it is copied.
        let held = unsafe { core::slice::from_raw_parts(flash(offset), bytes.len()) };
        bytes.copy_from_slice(held);
        Ok(())
    }

    fn capacity(&self) -> usize {
        PART.flash_bytes as usize
    }
}

impl NorFlash for Nvmc {
    const WRITE_SIZE: usize = WRITE_BYTES;
    const ERASE_SIZE: usize = ERASE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NvmcError> {
        let bytes = to.checked_sub(from).ok_or(NvmcError::OutOfBounds)?;
        check_change(from, bytes as usize, ERASE_BYTES)?;
        for page in (from..to).step_by(ERASE_BYTES) {
            watchdog::pet();
            tuffet_nvmc_erase(page);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NvmcError> {
        check_change(offset, bytes.len(), WRITE_BYTES)?;
        watchdog::pet();
        let (words, _) = bytes.as_chunks::<WRITE_BYTES>();
        for (address, word) in (offset..).step_by(WRITE_BYTES).zip(words) {
            tuffet_nvmc_write(address, u32::from_le_bytes(*word));
        }
        Ok(())
    }
}

impl MultiwriteNorFlash for Nvmc {}

/// The flash lies at address 0, which a pointer of Rust may not have: so the compiler may not know where it comes from.
fn flash(offset: u32) -> *const u8 {
    core::hint::black_box(offset as usize) as *const u8
}

fn check(offset: u32, bytes: usize, unit_bytes: usize) -> Result<(), NvmcError> {
    if !(offset as usize).is_multiple_of(unit_bytes) || !bytes.is_multiple_of(unit_bytes) {
        return Err(NvmcError::NotAligned);
    }
    if bytes > PART.flash_bytes as usize || offset > PART.flash_bytes - bytes as u32 {
        return Err(NvmcError::OutOfBounds);
    }
    Ok(())
}

fn check_change(offset: u32, bytes: usize, unit_bytes: usize) -> Result<(), NvmcError> {
    check(offset, bytes, unit_bytes)?;
    let own = own_place();
    let is_own = offset < own.end && own.start < offset + bytes as u32;
    if is_own || offset < BOOTLOADER_BYTES_MAX {
        return Err(NvmcError::Protected);
    }
    Ok(())
}
