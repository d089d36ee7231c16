//! Whoever stops a board in front of each operation of its flash.

use super::gdb::{Gdb, Registers, Stop};
use super::{Board, Firmware, Operation, firmware};
use std::time::Duration;
use tuffet_board_layout::microbit::WRITE_BYTES;

/// How long to wait for an operation before the lines of the board are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Looks in a row, five minutes of them, at which nothing may have happened.
const SILENT_LOOKS_MAX: u32 = 15_000;

/// A word that nothing was written to.
const ERASED: u32 = u32::MAX;

/// Where operations begin, in all three programs: they do not lie over each other, so all are watched at once.
pub struct Watch {
    writes: Vec<u32>,
    erases: Vec<u32>,
    /// The last stop.
    last: Option<Registers>,
}

impl Watch {
    /// Stops this board in front of each operation from now on.
    ///
    /// # Panics
    ///
    /// When no program has the functions, or the emulator takes no breakpoints.
    #[must_use]
    pub fn over(board: &mut Board, firmware: &Firmware) -> Self {
        let places = |function| -> Vec<u32> {
            // A program that does no such operation need not have its function.
            let programs = firmware.programs().into_iter();
            programs
                .filter_map(|program| firmware::address_of(program, function).ok())
                .collect()
        };
        let watch = Self {
            writes: places(firmware::WRITE),
            erases: places(firmware::ERASE),
            last: None,
        };
        assert!(
            watch.writes.len() >= 2 && watch.erases.len() >= 2,
            "no operations to be seen"
        );
        for place in watch.writes.iter().chain(&watch.erases) {
            board
                .gdb()
                .set_breakpoint(*place)
                .expect("the emulator takes breakpoints");
        }
        watch
    }

    /// Lets the board run until it stands in front of its next operation; `None` when `is_over` says so of a line that comes
    /// first. Then it runs on.
    ///
    /// # Panics
    ///
    /// When it stops for another reason, or says nothing and does nothing for too long.
    pub fn next(
        &mut self,
        board: &mut Board,
        mut is_over: impl FnMut(&crate::board::Line) -> bool,
    ) -> Option<Operation> {
        board.gdb().resume().expect("the processor goes on");
        let mut silence = 0;
        loop {
            if let Some(stop) = board.gdb().wait(LOOK).expect("the emulator answers") {
                assert_eq!(stop, Stop::Signal(5), "{}", board.said());
                let registers = board.gdb().registers().expect("the processor stands still");
                let operation = self.operation_at(&registers);
                let last = self.last.replace(registers);
                if last == Some(registers) && !is_done(operation, board.gdb()) {
                    board.gdb().resume().expect("the processor goes on");
                    continue;
                }
                return Some(operation);
            }
            while let Some(line) = board.listen(Duration::ZERO) {
                silence = 0;
                if is_over(&line) {
                    return None;
                }
            }
            silence += 1;
            assert!(silence < SILENT_LOOKS_MAX, "nothing happens:\n{}", board.said());
        }
    }

    fn operation_at(&self, registers: &Registers) -> Operation {
        let [address, word, ..] = registers.arguments();
        let place = registers.program_counter();
        if self.writes.contains(&place) {
            return Operation::Write { address, word };
        }
        assert!(self.erases.contains(&place), "it stands at {place:#x}");
        Operation::Erase { address }
    }
}

/// Whether the flash shows that an operation was done: now and then the emulator stops twice in front of the same one, and has done
/// nothing between. What would change nothing does not show.
fn is_done(operation: Operation, gdb: &mut Gdb) -> bool {
    let Operation::Write { address, word } = operation else {
        // The same page twice with the same registers, and no write between: the first time would have done it.
        return false;
    };
    let held = gdb.read_memory(address, WRITE_BYTES).expect("the flash can be read");
    word != ERASED && held == word.to_le_bytes()
}
