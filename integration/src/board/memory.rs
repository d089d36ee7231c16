//! The file that is the memory of a board which lasts: the flash, and the control block beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tuffet_board_layout::control::{self, SelfTest, Tear, word};
use tuffet_board_layout::flash::CAPACITY;
use tuffet_board_layout::memory::{CONTROL_OFFSET, PSRAM_BYTES, TRACE_OFFSET};

/// At which flash operation the power goes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Counted from 1, and from the moment at which the power came.
    pub operation: u32,
    /// How that operation ends.
    pub tear: Tear,
    /// What the tear takes its chances from.
    pub seed: u32,
}

/// A flash operation of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// [`control::ERASE`] or [`control::WRITE`].
    pub kind: u32,
    /// Where it begins.
    pub offset: u32,
    /// How long it is, in bytes.
    pub bytes: u32,
}

/// The file.
pub struct Memory {
    path: PathBuf,
    file: File,
}

impl Memory {
    /// Makes the file of a board that has this in its flash, a control block, and no clock.
    pub fn create(path: &Path, flash: &[u8]) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        file.set_len(PSRAM_BYTES.into())?;
        file.write_all_at(flash, 0)?;
        let memory = Self {
            path: path.to_owned(),
            file,
        };
        memory.write_word(word::MAGIC, control::MAGIC)?;
        Ok(memory)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the flash holds.
    pub fn flash(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; CAPACITY as usize];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Makes the flash hold this.
    pub fn write_flash(&self, bytes: &[u8]) -> io::Result<()> {
        assert_eq!(bytes.len(), CAPACITY as usize, "this is not the flash of the board");
        self.file.write_all_at(bytes, 0)
    }

    /// Sets the battery clock; `None`: there is none.
    pub fn set_clock(&self, seconds: Option<u64>) -> io::Result<()> {
        let bytes = seconds.unwrap_or(0).to_le_bytes();
        self.file
            .write_all_at(&bytes, u64::from(CONTROL_OFFSET + word::SECONDS_LOW))
    }

    /// Says what the self test comes to.
    pub fn set_self_test(&self, verdict: SelfTest) -> io::Result<()> {
        self.write_word(word::SELF_TEST, verdict.number())
    }

    /// Lets the application look for an update so often, and then stay as it is; `None`: it follows its schedule.
    pub fn set_cycles(&self, cycles: Option<u32>) -> io::Result<()> {
        self.write_word(word::CYCLES, cycles.map_or(0, |cycles| cycles + 1))
    }

    /// Orders a cut, or calls it off, and begins to count operations, as at the moment at which the power comes.
    pub fn begin(&self, cut: Option<Cut>) -> io::Result<()> {
        self.write_word(word::OPERATIONS, 0)?;
        self.write_word(word::CUT_OPERATION, cut.map_or(0, |cut| cut.operation))?;
        if let Some(cut) = cut {
            self.write_word(word::CUT_TEAR, cut.tear.number())?;
            self.write_word(word::CUT_SEED, cut.seed)?;
        }
        Ok(())
    }

    /// Flash operations since the power came.
    pub fn operations(&self) -> io::Result<u32> {
        self.read_word(CONTROL_OFFSET + word::OPERATIONS)
    }

    /// The trace since the last call, which empties it.
    ///
    /// # Panics
    ///
    /// When more happened than there was room for.
    pub fn take_trace(&self) -> io::Result<Vec<Operation>> {
        let count = self.read_word(TRACE_OFFSET)?;
        assert!(
            count <= control::ENTRIES_MAX,
            "the trace has room for {}",
            control::ENTRIES_MAX
        );
        let mut bytes = vec![0; (count * control::ENTRY_BYTES) as usize];
        let from = u64::from(TRACE_OFFSET + control::ENTRIES_OFFSET);
        self.file.read_exact_at(&mut bytes, from)?;
        self.file.write_all_at(&[0; 4], TRACE_OFFSET.into())?;
        let (words, _) = bytes.as_chunks::<4>();
        let numbers: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        Ok(numbers
            .chunks_exact(3)
            .map(|entry| Operation {
                kind: entry[0],
                offset: entry[1],
                bytes: entry[2],
            })
            .collect())
    }

    fn read_word(&self, offset: u32) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, offset.into())?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write_word(&self, offset: u32, value: u32) -> io::Result<()> {
        self.file
            .write_all_at(&value.to_le_bytes(), u64::from(CONTROL_OFFSET + offset))
    }
}
