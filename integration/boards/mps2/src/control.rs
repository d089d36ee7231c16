//! The control block, as `tuffet_board_layout::control` draws it: without one there is no clock, no cut and no trace.

use tuffet_board_layout::control::{self, SelfTest, Tear, word};
use tuffet_board_layout::memory::{CONTROL_OFFSET, PSRAM_ADDRESS, TRACE_OFFSET};
use tuffet_program::Register;

/// The block. Every value of this type is the same one.
#[derive(Copy, Clone)]
pub struct Control {
    is_there: bool,
}

impl Control {
    /// Looks for the block.
    pub fn find() -> Self {
        Self {
            is_there: at(word::MAGIC).read() == control::MAGIC,
        }
    }

    /// The battery clock; 0 without one.
    pub(crate) fn seconds(self) -> u64 {
        u64::from(self.word(word::SECONDS_LOW)) | u64::from(self.word(word::SECONDS_HIGH)) << 32
    }

    pub(crate) fn keep_seconds(self, seconds: u64) {
        self.write(word::SECONDS_LOW, seconds as u32);
        self.write(word::SECONDS_HIGH, (seconds >> 32) as u32);
    }

    /// The verdict of the self test, if the host gives one.
    pub fn self_test(self) -> SelfTest {
        SelfTest::of(self.word(word::SELF_TEST))
    }

    /// How often the application may look for an update; `None`: it follows its schedule.
    pub fn cycles(self) -> Option<u32> {
        self.word(word::CYCLES).checked_sub(1)
    }

    /// Counts a flash operation and writes it into the trace. Answers how it ends, if it is the one at which the power goes, and
    /// its number, which begins at 1.
    pub(crate) fn count(self, kind: u32, offset: u32, bytes: u32) -> (Option<(Tear, u32)>, u32) {
        if !self.is_there {
            return (None, 0);
        }
        let operation = self.word(word::OPERATIONS) + 1;
        let traced = trace(0).read();
        if traced < control::ENTRIES_MAX {
            let entry = control::ENTRIES_OFFSET + traced * control::ENTRY_BYTES;
            for (place, value) in [kind, offset, bytes].into_iter().enumerate() {
                trace(entry + 4 * place as u32).write(value);
            }
        }
        // The count comes last: what it counts is there.
        trace(0).write(traced.saturating_add(1));
        self.write(word::OPERATIONS, operation);
        let is_cut = self.word(word::CUT_OPERATION) == operation;
        let cut = is_cut.then(|| (Tear::of(self.word(word::CUT_TEAR)), self.word(word::CUT_SEED)));
        (cut, operation)
    }

    fn word(self, offset: u32) -> u32 {
        if self.is_there { at(offset).read() } else { 0 }
    }

    fn write(self, offset: u32, value: u32) {
        if self.is_there {
            at(offset).write(value);
        }
    }
}

fn at(offset: u32) -> Register {
    // SAFETY: the control block, and the trace behind it, are in memory of the board in which no program has anything.
    unsafe { Register::at((PSRAM_ADDRESS + CONTROL_OFFSET + offset) as usize) }
}

fn trace(offset: u32) -> Register {
    // SAFETY: as above; the callers stay below its end.
    unsafe { Register::at((PSRAM_ADDRESS + TRACE_OFFSET + offset) as usize) }
}
