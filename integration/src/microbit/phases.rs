//! What each phase of an update takes of the board: the firmware as it is, watched by the debugger.
//!
//! - A phase is a call of one function. Where it begins, all RAM below the stack pointer is painted; where it ends, what is not paint any
//!   more was used. A phase within another one counts for both.
//! - Each operation of the flash is counted for every phase that it falls into, and so is each instruction, if the board
//!   [counts](Board::count_instructions) them.

use super::firmware::{ERASE, WRITE, address_like, address_of};
use super::gdb::{Gdb, Registers, Stop};
use super::instructions::{Counter, Counts, Executed, Parts};
use super::{Board, Firmware, PART};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;
use tuffet_board_layout::microbit::{FORWARD_BYTES, RAM_ADDRESS};
use tuffet_boot::Slot;

/// No program pushes this by chance.
const PAINT: u32 = 0xC0DE_C0DE;
/// How long a board may run until one of the functions is called.
const PATIENCE: Duration = Duration::from_secs(300);
const RAM_END: u32 = RAM_ADDRESS + PART.ram_bytes;

/// The functions, by a piece of their names as the linker knows them.
const FUNCTIONS: [(&str, &str); 5] = [
    ("self test", "4life10pass_trial17h"),
    ("metadata", "6driver6client4pump17h"),
    ("decision", "5cycle8decision17h"),
    (INSTALLATION, "7install17h"),
    ("reading a slot", "10installing9read_slot17h"),
];
const INSTALLATION: &str = "installation";
/// What does the most of it.
const FILLING: &str = "driver6client27Client$LT$F$C$S$C$D$C$A$GT$4fill17h";
/// What `metadata` is called within an installation.
const DECODING: &str = "decoding";
/// From a reset to the first instruction of the application.
const BOOT: &str = "boot";

/// What a phase took at most, and how often it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Times that it ran.
    pub calls: u32,
    /// The deepest of the stack, from its top, in bytes.
    pub stack_bytes: u32,
    /// Pages that were erased.
    pub erases: u32,
    /// Words that were written.
    pub writes: u32,
    /// What was executed, if it was counted.
    pub executed: Executed,
}

/// A phase that runs.
struct Open {
    name: &'static str,
    /// Where it ends: the place, and the stack there.
    ends: (u32, u32),
    figures: Figures,
    /// What was executed before it.
    before: Counts,
}

/// A debugger that watches phases.
pub struct Phases {
    functions: BTreeMap<u32, &'static str>,
    /// Where applications begin.
    begins: BTreeSet<u32>,
    bootloader: u32,
    /// Where the statics of the applications end, and the stack may grow down to.
    bottom: u32,
    operations: [u32; 2 * 3],
    ends: BTreeSet<u32>,
    open: Vec<Open>,
    parts: Parts,
    counter: Option<Counter>,
    /// What each phase executed of one start of the board.
    executed: BTreeMap<&'static str, Counts>,
    /// What came of each.
    pub figures: BTreeMap<&'static str, Figures>,
}

impl Phases {
    /// Knows where the functions of this firmware are.
    pub fn of(firmware: &Firmware) -> io::Result<Self> {
        let programs = [firmware.program(Slot::A), firmware.program(Slot::B)];
        let mut functions = BTreeMap::new();
        let mut begins = BTreeSet::new();
        let mut bottom = RAM_ADDRESS + FORWARD_BYTES;
        for program in programs {
            for (name, piece) in FUNCTIONS {
                let address = address_like(program, piece);
                let address = match name {
                    // A compiler may put the one into its caller.
                    INSTALLATION => address.or_else(|_| address_like(program, FILLING)),
                    _ => address,
                };
                functions.insert(address?, name);
            }
            begins.insert(address_of(program, "reset")?);
            bottom = bottom.max(address_of(program, "statics_end")?);
        }
        let pair = |program: &Path| Ok::<_, io::Error>([address_of(program, WRITE)?, address_of(program, ERASE)?]);
        let [[a, b], [c, d], [e, f]] = [pair(programs[0])?, pair(programs[1])?, pair(&firmware.bootloader)?];
        Ok(Self {
            functions,
            begins,
            bottom,
            bootloader: address_of(&firmware.bootloader, "reset")?,
            operations: [a, b, c, d, e, f],
            ends: BTreeSet::new(),
            open: Vec::new(),
            parts: Parts::of_programs(firmware)?,
            counter: None,
            executed: BTreeMap::new(),
            figures: BTreeMap::new(),
        })
    }

    /// Bytes of statics of the applications.
    #[must_use]
    pub const fn statics_bytes(&self) -> u32 {
        self.bottom - RAM_ADDRESS - FORWARD_BYTES
    }

    /// Lets a board that stands in front of its bootloader run until it has been at so many calls of `last`, or stands there again.
    pub fn watch(&mut self, board: &mut Board, last: &str, calls: u32) -> io::Result<()> {
        self.counter = board.counter().cloned();
        self.run(board.gdb(), last, calls)?;
        // Only while the flash is what it was when that was executed.
        let flash = board.gdb().read_memory(0, PART.flash_bytes as usize)?;
        for (name, counts) in std::mem::take(&mut self.executed) {
            let of_all = self.figures.entry(name).or_default();
            of_all.executed.add(&counts.executed(&flash, &self.parts));
        }
        Ok(())
    }

    fn run(&mut self, gdb: &mut Gdb, last: &str, calls: u32) -> io::Result<()> {
        let places = self.functions.keys().chain(&self.begins).chain(&self.operations);
        for place in places.chain([&self.bootloader]) {
            gdb.set_breakpoint(*place)?;
        }
        self.ends.clear();
        self.open.clear();
        paint(gdb, self.bottom, RAM_END)?;
        self.open.push(Open {
            name: BOOT,
            ends: (0, 0),
            figures: Figures::default(),
            before: self.counted()?,
        });
        loop {
            let stop = gdb.resume_until_stop(PATIENCE)?;
            if stop != Some(Stop::Signal(5)) {
                return Err(io::Error::other(format!("it stops by {stop:?}, in {:?}", self.names())));
            }
            let registers = gdb.registers()?;
            let place = registers.program_counter();
            if place == self.bootloader {
                while !self.open.is_empty() {
                    self.close(gdb)?;
                }
                return Ok(());
            }
            if let Some(index) = self.operations.iter().position(|operation| *operation == place) {
                if let Some(open) = self.open.last_mut() {
                    let is_write = index % 2 == 0;
                    open.figures.writes += u32::from(is_write);
                    open.figures.erases += u32::from(!is_write);
                }
            } else if self.begins.contains(&place) {
                self.close(gdb)?;
            } else if let Some(name) = self.functions.get(&place).copied() {
                self.begin(gdb, name, &registers)?;
            }
            let is_end = |open: &Open| open.ends == (place, registers.stack_pointer());
            while self.open.last().is_some_and(is_end) {
                self.close(gdb)?;
            }
            if self.figures.get(last).is_some_and(|figures| figures.calls >= calls) {
                return Ok(());
            }
        }
    }

    /// What was executed since the board was switched on; nothing, if nobody counts.
    fn counted(&self) -> io::Result<Counts> {
        self.counter
            .as_ref()
            .map_or_else(|| Ok(Counts::default()), Counter::read)
    }

    fn names(&self) -> Vec<&str> {
        self.open.iter().map(|open| open.name).collect()
    }

    fn begin(&mut self, gdb: &mut Gdb, name: &'static str, registers: &Registers) -> io::Result<()> {
        let is_installing = self.open.iter().any(|open| open.name == INSTALLATION);
        let name = if is_installing && name == "metadata" {
            DECODING
        } else {
            name
        };
        if let Some(outer) = self.open.last_mut() {
            outer.figures.stack_bytes = outer.figures.stack_bytes.max(deepest(gdb, self.bottom)?);
        }
        let end = registers.general[14] & !1;
        if self.ends.insert(end) {
            gdb.set_breakpoint(end)?;
        }
        self.open.push(Open {
            name,
            ends: (end, registers.stack_pointer()),
            figures: Figures::default(),
            before: self.counted()?,
        });
        paint(gdb, self.bottom, registers.stack_pointer())
    }

    /// The innermost phase is over.
    fn close(&mut self, gdb: &mut Gdb) -> io::Result<()> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let Open { name, mut figures, .. } = open;
        let counts = self.counted()?.since(&open.before);
        self.executed.entry(name).or_default().add(&counts);
        figures.stack_bytes = figures.stack_bytes.max(deepest(gdb, self.bottom)?);
        let of_all = self.figures.entry(name).or_default();
        of_all.calls += 1;
        for (all, one) in [
            (&mut of_all.erases, figures.erases),
            (&mut of_all.writes, figures.writes),
        ] {
            *all += one;
        }
        of_all.stack_bytes = of_all.stack_bytes.max(figures.stack_bytes);
        if let Some(outer) = self.open.last_mut() {
            outer.figures.stack_bytes = outer.figures.stack_bytes.max(figures.stack_bytes);
            outer.figures.erases += figures.erases;
            outer.figures.writes += figures.writes;
        }
        Ok(())
    }
}

fn paint(gdb: &mut Gdb, bottom: u32, below: u32) -> io::Result<()> {
    let words = (below - bottom) / 4;
    gdb.write_memory(bottom, &PAINT.to_le_bytes().repeat(words as usize))
}

fn deepest(gdb: &mut Gdb, bottom: u32) -> io::Result<u32> {
    let ram = gdb.read_memory(bottom, (RAM_END - bottom) as usize)?;
    let (words, _) = ram.as_chunks::<4>();
    let untouched = words.iter().take_while(|word| **word == PAINT.to_le_bytes()).count();
    Ok(((words.len() - untouched) * 4) as u32)
}
