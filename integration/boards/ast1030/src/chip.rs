//! The chip W25Q64 behind the controller of the firmware's memory.
//!
//! In user mode, what is written into the chip's window goes out on the bus byte by byte, and what is read comes from it; in normal
//! mode the controller reads for us, and the window shows what the chip holds.

use core::hint::spin_loop;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use tuffet_board_layout::ast1030::{CHIP_BYTES, CHIP_ERASE_BYTES};

const CONTROLLER: usize = 0x7E62_0000;
/// What kinds of chips there are, and which may be written to.
const CONFIGURATION: usize = CONTROLLER;
const FIRST_CHIP_WRITES: u32 = 1 << 16;
/// How the first chip is driven.
const CONTROL: usize = CONTROLLER + 0x10;
const NORMAL: u32 = 0;
const USER: u32 = 3;
const DESELECTED: u32 = 1 << 2;

/// Where the processor sees the chip.
const WINDOW: usize = 0x8000_0000;

/// Commands of the chip.
mod command {
    pub const WRITE_PAGE: u8 = 0x02;
    pub const READ_STATUS: u8 = 0x05;
    pub const ENABLE_WRITE: u8 = 0x06;
    pub const ERASE_4_KIB: u8 = 0x20;
    pub const IDENTIFY: u8 = 0x9F;
}

/// Bits of the status.
const IS_BUSY: u8 = 1;
const IS_WRITE_ENABLED: u8 = 1 << 1;

/// Maker, kind, and the logarithm of the capacity.
const W25Q64: [u8; 3] = [0xEF, 0x40, 0x17];

const PAGE_BYTES: usize = 256;
/// A chip that is busy for longer than so many looks at its status has failed.
const LOOKS_MAX: u32 = 1_000_000;

/// The chip.
pub struct Chip(());

/// Why an access to the chip failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ChipError {
    /// It does not come to an end.
    Busy,
    /// It says that it is another one.
    Identity([u8; 3]),
    /// Outside, or not in whole units.
    Misplaced,
    /// It does not take the permission to write.
    WriteProtected,
}

impl Chip {
    /// Finds the chip, and lets it be written to.
    pub fn open() -> Result<Self, ChipError> {
        let configuration = read_register(CONFIGURATION);
        write_register(CONFIGURATION, configuration | FIRST_CHIP_WRITES);
        let mut identity = [0; 3];
        transfer(&[command::IDENTIFY], &[], &mut identity);
        match identity {
            W25Q64 => Ok(Self(())),
            _ => Err(ChipError::Identity(identity)),
        }
    }

    /// One command that changes cells, to its end.
    fn change(&mut self, command: u8, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        transfer(&[command::ENABLE_WRITE], &[], &mut []);
        if status() & IS_WRITE_ENABLED == 0 {
            return Err(ChipError::WriteProtected);
        }
        let [_, high, middle, low] = offset.to_be_bytes();
        transfer(&[command, high, middle, low], bytes, &mut []);
        for _ in 0..LOOKS_MAX {
            if status() & IS_BUSY == 0 {
                return Ok(());
            }
            spin_loop();
        }
        Err(ChipError::Busy)
    }
}

fn status() -> u8 {
    let mut status = [0];
    transfer(&[command::READ_STATUS], &[], &mut status);
    let [status] = status;
    status
}

/// Selects the chip, sends, receives, and lets it go.
fn transfer(head: &[u8], bytes: &[u8], answer: &mut [u8]) {
    write_register(CONTROL, USER | DESELECTED);
    write_register(CONTROL, USER);
    let window = WINDOW as *mut u8;
    for byte in head.iter().chain(bytes) {
        // SAFETY: in user mode a write into the window sends a byte to the chip.
        unsafe { window.write_volatile(*byte) };
    }
    for byte in answer {
        // SAFETY: in user mode a read of the window takes a byte from the chip.
        *byte = unsafe { window.read_volatile() };
    }
    write_register(CONTROL, USER | DESELECTED);
    write_register(CONTROL, NORMAL);
}

fn read_register(register: usize) -> u32 {
    // SAFETY: callers name registers of the controller; reading them changes nothing.
    unsafe { (register as *const u32).read_volatile() }
}

fn write_register(register: usize, value: u32) {
    // SAFETY: callers name registers of the controller, which only this module drives.
    unsafe { (register as *mut u32).write_volatile(value) };
}

/// Whether an access lies within the chip, in units of so many bytes.
fn check(from: u32, to: u32, unit_bytes: u32) -> Result<(), ChipError> {
    if from.is_multiple_of(unit_bytes) && to.is_multiple_of(unit_bytes) && from <= to && to <= CHIP_BYTES {
        Ok(())
    } else {
        Err(ChipError::Misplaced)
    }
}

fn end(offset: u32, bytes: &[u8]) -> u32 {
    offset.saturating_add(bytes.len() as u32)
}

impl NorFlashError for ChipError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Misplaced => NorFlashErrorKind::OutOfBounds,
            Self::Busy | Self::Identity(_) | Self::WriteProtected => NorFlashErrorKind::Other,
        }
    }
}

impl ErrorType for Chip {
    type Error = ChipError;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        check(offset, end(offset, bytes), 1)?;
        for (byte, place) in bytes.iter_mut().zip(offset as usize..) {
            // SAFETY: a byte within the chip; in normal mode the window shows it.
            *byte = unsafe { ((WINDOW + place) as *const u8).read_volatile() };
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        CHIP_BYTES as usize
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = CHIP_ERASE_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        check(from, to, CHIP_ERASE_BYTES)?;
        for unit in (from..to).step_by(Self::ERASE_SIZE) {
            self.change(command::ERASE_4_KIB, unit, &[])?;
        }
        Ok(())
    }

    /// Page by page: behind the end of one, the chip goes on at its beginning.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        check(offset, end(offset, bytes), 1)?;
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let room = PAGE_BYTES - offset as usize % PAGE_BYTES;
            let (piece, behind) = rest.split_at(room.min(rest.len()));
            self.change(command::WRITE_PAGE, offset, piece)?;
            offset += piece.len() as u32;
            rest = behind;
        }
        Ok(())
    }
}
