//! The flash: a stretch of the board's memory that outlives it, and the rules of NOR flash on top.
//!
//! - An erase sets whole units of 4 KiB to ones. A write clears bits of whole words, and only of words that are erased.
//! - A program that breaks a rule is stopped at once, with a line that says which: on a real part it would have gone wrong
//!   later and elsewhere.
//! - Each call that writes is one operation, each unit of an erase is one: the same as in the model of the host.
//! - At the operation that the control block names the power goes: what the tear leaves of it is done, and the machine stops.

use crate::serial::Line;
use crate::start::own_address;
use crate::tear::Torn;
use crate::{Control, watchdog};
use core::convert::Infallible;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use tuffet_board_layout::control::{ERASE, WRITE};
use tuffet_board_layout::flash::{CAPACITY, ERASE_BYTES, SLOT_BYTES, WRITE_BYTES};
use tuffet_board_layout::memory::PSRAM_ADDRESS;
use tuffet_emulated::host;
use tuffet_program::Register;

const ERASED: u32 = u32::MAX;

/// The flash of the board.
pub struct Nor {
    control: Control,
    erases: u32,
    writes: u32,
    bytes: u32,
}

/// What was done to the flash since the program began.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct Done {
    /// Units that were erased.
    pub erases: u32,
    /// Calls that wrote.
    pub writes: u32,
    /// Bytes that they wrote.
    pub bytes: u32,
}

impl Nor {
    /// The flash. There is one, and each program of the board makes one value of this type.
    pub const fn new(control: Control) -> Self {
        Self {
            control,
            erases: 0,
            writes: 0,
            bytes: 0,
        }
    }

    /// What was done so far.
    pub const fn done(&self) -> Done {
        Done {
            erases: self.erases,
            writes: self.writes,
            bytes: self.bytes,
        }
    }

    /// One operation: these words are written from `offset` on, or as many are erased, or a part of that happens and then
    /// nothing more.
    #[inline(never)]
    fn operate(&self, offset: u32, words: usize, written: Option<&[[u8; WRITE_BYTES]]>) {
        if is_running(offset) {
            violated("running", offset);
        }
        watchdog::pet();
        let kind = if written.is_some() { WRITE } else { ERASE };
        let (cut, operation) = self.control.count(kind, offset, (words * WRITE_BYTES) as u32);
        let mut torn = cut.map(|(tear, seed)| Torn::new(tear, words, seed));
        for index in 0..words {
            let cell = cell(offset + (index * WRITE_BYTES) as u32);
            let old = cell.read();
            let new = written.map_or(ERASED, |written| old & u32::from_le_bytes(written[index]));
            let done = torn.as_mut().map_or(u32::MAX, |torn| torn.mask(index));
            cell.write((new & done) | (old & !done));
        }
        if torn.is_some() {
            Line::of("cut").with_number("operation", operation);
            host::exit(true);
        }
    }
}

impl ErrorType for Nor {
    type Error = Infallible;
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        watchdog::pet();
        let from = checked(offset, bytes.len(), Self::READ_SIZE) as usize;
        let mut at = from;
        let mut rest = bytes;
        while !rest.is_empty() {
            let word = cell((at & !3) as u32).read().to_le_bytes();
            let piece = &word[at & 3..];
            let count = piece.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&piece[..count]);
            (rest, at) = (later, at + count);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        CAPACITY as usize
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = WRITE_BYTES;
    const ERASE_SIZE: usize = ERASE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        let bytes = to.checked_sub(from).unwrap_or_else(|| violated("order", from));
        checked(from, bytes as usize, ERASE_BYTES);
        for unit in (from..to).step_by(ERASE_BYTES) {
            self.erases += 1;
            self.operate(unit, ERASE_BYTES / WRITE_BYTES, None);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        checked(offset, bytes.len(), WRITE_BYTES);
        if bytes.is_empty() {
            return Ok(());
        }
        let (words, _) = bytes.as_chunks::<WRITE_BYTES>();
        for index in 0..words.len() {
            let at = offset + (index * WRITE_BYTES) as u32;
            if cell(at).read() != ERASED {
                violated("not-erased", at);
            }
        }
        self.writes += 1;
        self.bytes += bytes.len() as u32;
        self.operate(offset, words.len(), Some(words));
        Ok(())
    }
}

/// The offset, of an access that is in units and inside the flash.
fn checked(offset: u32, bytes: usize, unit_bytes: usize) -> u32 {
    if !(offset as usize).is_multiple_of(unit_bytes) || !bytes.is_multiple_of(unit_bytes) {
        violated("unaligned", offset);
    }
    if bytes > CAPACITY as usize || offset > CAPACITY - bytes as u32 {
        violated("outside", offset);
    }
    offset
}

/// Whether it is in the slot of the program that runs.
fn is_running(offset: u32) -> bool {
    let own = own_address().checked_sub(PSRAM_ADDRESS);
    own.is_some_and(|own| (own..own + SLOT_BYTES).contains(&offset))
}

fn violated(rule: &str, offset: u32) -> ! {
    Line::of("flash").with("violation", rule).with_number("offset", offset);
    host::exit(false)
}

/// A word of the flash, whose offset was checked.
fn cell(offset: u32) -> Register {
    // SAFETY: the flash is memory of the board that programs reach only here, but for the slot that runs, which is not written.
    unsafe { Register::at((PSRAM_ADDRESS + offset) as usize) }
}
