//! The part: cells, rules, and the power.

use super::tear::are_erased;
use super::{Cut, ERASED, Fault, Journal, Kind, Operation, READ_BYTES, Tally, Tear, Unstable};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// A NOR flash with write units of `WRITE` bytes and erase units of `ERASE` bytes. The rules are the module's.
///
/// Nothing is allocated by an access while nothing is recorded and no cut happens.
#[derive(Clone)]
pub struct Nor<const WRITE: usize, const ERASE: usize> {
    contents: Vec<u8>,
    /// Of each write unit, the writes since its erase or since the power came on.
    writes: Vec<u8>,
    writes_per_unit: u8,
    power: Power,
    fault: Option<Fault>,
    /// Erase units that no operation changes any more.
    stuck: BTreeSet<usize>,
    /// Those of them whose operations say so.
    refusing: BTreeSet<usize>,
    unreadable: Vec<(usize, Unreadable)>,
    unstable: Unstable,
    tally: Tally,
    journal: Option<Journal>,
}

/// How a sound access fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NorError {
    /// The part says that an erase failed.
    EraseFailed,
    /// The power was cut, now or before.
    PowerIsOff,
    /// The part says that a write failed.
    ProgramFailed,
    /// The part says that a word cannot be read.
    Unreadable,
}

/// How long a word cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// For so many readings.
    Readings(usize),
    /// Until its unit is erased: too many of its bits fell over.
    UntilErased,
    /// For good.
    ForGood,
}

/// The power supply.
#[derive(Debug, Clone)]
enum Power {
    On,
    /// Goes at this operation, counted down.
    OnUntil(Cut),
    Off {
        accesses: usize,
    },
}

impl<const WRITE: usize, const ERASE: usize> Nor<WRITE, ERASE> {
    /// An erased part.
    ///
    /// # Panics
    ///
    /// If it would not be a whole number of erase units.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_contents(vec![ERASED; capacity])
    }

    /// A part that is switched on and holds these bytes. Write units that are not all ones may not be written.
    ///
    /// # Panics
    ///
    /// If it is not a whole number of erase units.
    #[must_use]
    pub fn with_contents(contents: Vec<u8>) -> Self {
        const {
            assert!(WRITE > 0 && ERASE.is_multiple_of(WRITE) && ERASE.is_multiple_of(READ_BYTES));
        }
        let capacity = contents.len();
        assert!(
            capacity > 0 && capacity.is_multiple_of(ERASE),
            "a part of {capacity} bytes is not a whole number of {ERASE} byte erase units"
        );
        Self {
            contents,
            writes: vec![0; capacity / WRITE],
            writes_per_unit: 1,
            power: Power::On,
            fault: None,
            stuck: BTreeSet::new(),
            refusing: BTreeSet::new(),
            unreadable: Vec::new(),
            unstable: Unstable::default(),
            tally: Tally::new(capacity, ERASE, WRITE),
            journal: None,
        }
    }

    /// The same part, which allows this many writes to a unit between two erases.
    #[must_use]
    pub fn with_writes_per_unit(self, writes_per_unit: u8) -> Self {
        Self {
            writes_per_unit,
            ..self
        }
    }

    /// What the cells hold.
    #[must_use]
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// What the cells hold, without the part.
    #[must_use]
    pub fn into_contents(self) -> Vec<u8> {
        self.contents
    }

    /// Cuts the power at this operation, counted from here.
    ///
    /// # Panics
    ///
    /// If the power is off.
    pub fn cut_at(&mut self, cut: Cut) {
        assert!(!self.is_off(), "the power is off");
        self.power = Power::OnUntil(cut);
    }

    /// Lets operations fail, while the power stays.
    pub fn fail(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// Wears an erase unit out: from now on erases and writes say that they are done, and change nothing there.
    pub fn stick(&mut self, unit: usize) {
        self.stuck.insert(unit);
    }

    /// The same, but they say that they failed.
    pub fn refuse(&mut self, unit: usize) {
        self.stick(unit);
        self.refusing.insert(unit);
    }

    /// Lets the reading of a word fail, from now on.
    pub fn spoil(&mut self, word: usize, unreadable: Unreadable) {
        self.unreadable.push((word * READ_BYTES, unreadable));
    }

    /// Flips a bit.
    pub fn rot(&mut self, bit: usize) {
        self.contents[bit / 8] ^= 1 << (bit % 8);
    }

    /// Whether the power was cut.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self.power, Power::Off { .. })
    }

    /// Number of accesses since the power was cut, each of them in vain. The one that was cut is not counted.
    #[must_use]
    pub fn accesses_after_cut(&self) -> usize {
        match self.power {
            Power::On | Power::OnUntil(_) => 0,
            Power::Off { accesses } => accesses,
        }
    }

    /// Switches the part on again; a cut that has not happened is called off. As after
    /// [`with_contents`](Self::with_contents), only the contents say which units were written.
    pub fn power_on(&mut self) {
        self.power = Power::On;
        self.writes.fill(0);
    }

    /// What was done since the part was made or the tally was taken, across cuts.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What was done so far; the count begins again.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::replace(&mut self.tally, Tally::new(self.contents.len(), ERASE, WRITE))
    }

    /// Keeps a journal from here on; one that was kept before is forgotten.
    pub fn record(&mut self) {
        self.journal = Some(Journal::new(self.contents.clone()));
    }

    /// The journal, which ends.
    ///
    /// # Panics
    ///
    /// If none was kept.
    pub fn take_journal(&mut self) -> Journal {
        self.journal.take().expect("nothing was recorded")
    }

    /// Lets an access through, or counts it.
    fn access(&mut self) -> Result<(), NorError> {
        match &mut self.power {
            Power::On | Power::OnUntil(_) => Ok(()),
            Power::Off { accesses } => {
                *accesses += 1;
                Err(NorError::PowerIsOff)
            }
        }
    }

    /// Does one operation, or what a cut leaves of it.
    fn operate(&mut self, kind: Kind, range: Range<usize>, change: impl FnOnce(&mut [u8])) -> Result<(), NorError> {
        self.tally.count(kind, &range);
        let tear = self.due();
        let failure = self.fault.as_mut().and_then(Fault::strikes);
        let offset = range.start;
        let is_stuck = self.stuck.contains(&(offset / ERASE));
        let failure = failure.or(self.refusing.contains(&(offset / ERASE)).then_some(Tear::Before));
        if kind == Kind::Erase {
            let is_left = |(word, how): &(usize, Unreadable)| *how != Unreadable::UntilErased || !range.contains(word);
            self.unreadable.retain(is_left);
        }
        let cells = &mut self.contents[range];
        if tear.is_none() && failure.is_none() && !is_stuck && self.journal.is_none() {
            self.unstable.settle(offset, cells.len());
            change(cells);
            return Ok(());
        }
        let old = cells.to_vec();
        if !is_stuck {
            self.unstable.settle(offset, cells.len());
            change(cells);
        }
        if let Some(tear) = tear {
            if let (Tear::Unstable { seed }, Kind::Erase) = (tear, kind) {
                self.unstable.leave(offset, &old, cells, seed);
            }
            tear.mix(kind, &old, cells);
            self.power = Power::Off { accesses: 0 };
            return Err(NorError::PowerIsOff);
        }
        if let Some(failure) = failure {
            failure.mix(kind, &old, cells);
        }
        if let Some(journal) = &mut self.journal {
            let new = cells.to_vec();
            journal.push(Operation { kind, offset, old, new });
        }
        match (failure, kind) {
            (None, _) => Ok(()),
            (Some(_), Kind::Erase) => Err(NorError::EraseFailed),
            (Some(_), Kind::Write { .. }) => Err(NorError::ProgramFailed),
        }
    }

    /// Counts an operation towards the cut; the tear, if this is the one.
    fn due(&mut self) -> Option<Tear> {
        let Power::OnUntil(cut) = &mut self.power else {
            return None;
        };
        if cut.operation == 0 {
            return Some(cut.tear);
        }
        cut.operation -= 1;
        None
    }

    fn checked(&self, access: &str, from: usize, to: usize, unit_bytes: usize) -> Range<usize> {
        assert!(
            from.is_multiple_of(unit_bytes) && to.is_multiple_of(unit_bytes),
            "unaligned {access}: {from:#x}..{to:#x} is not in units of {unit_bytes} bytes"
        );
        let capacity = self.contents.len();
        assert!(
            from <= to && to <= capacity,
            "{access} outside: {from:#x}..{to:#x} of {capacity:#x} bytes"
        );
        from..to
    }

    /// Panics unless the unit at `start` may be written, and with these bytes.
    fn check_unit(&self, start: usize, bytes: &[u8]) {
        let old = &self.contents[start..start + WRITE];
        assert!(
            !self.unstable.is_at(start, WRITE),
            "write unit {start:#x} is written after an erase that was cut, without another erase"
        );
        if self.stuck.contains(&(start / ERASE)) {
            return;
        }
        let is_used_up = match self.writes[start / WRITE] {
            0 => !are_erased(old),
            writes => writes >= self.writes_per_unit,
        };
        assert!(
            !is_used_up,
            "write unit {start:#x} is written again without an erase: it holds {old:02x?}"
        );
        let sets_a_bit = |(old, new): (&u8, &u8)| *new != ERASED && new & !old != 0;
        assert!(
            !old.iter().zip(bytes).any(sets_a_bit),
            "write unit {start:#x} needs a 0 turned into a 1: {old:02x?} to {bytes:02x?}"
        );
    }
}

impl<const WRITE: usize, const ERASE: usize> fmt::Debug for Nor<WRITE, ERASE> {
    /// All but the contents, which nobody could read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nor")
            .field("capacity", &self.contents.len())
            .field("power", &self.power)
            .finish_non_exhaustive()
    }
}

impl NorFlashError for NorError {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Nor<WRITE, ERASE> {
    type Error = NorError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Nor<WRITE, ERASE> {
    const READ_SIZE: usize = READ_BYTES;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        self.access()?;
        let from = offset as usize;
        let range = self.checked("read", from, from + bytes.len(), READ_BYTES);
        for (_, how) in self.unreadable.iter_mut().filter(|(word, _)| range.contains(word)) {
            match how {
                Unreadable::Readings(0) => {}
                Unreadable::Readings(left) => {
                    *left -= 1;
                    return Err(NorError::Unreadable);
                }
                Unreadable::UntilErased | Unreadable::ForGood => return Err(NorError::Unreadable),
            }
        }
        bytes.copy_from_slice(&self.contents[range]);
        self.unstable.read(from, bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.contents.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Nor<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        self.access()?;
        let (from, to) = (from as usize, to as usize);
        assert!(from != to, "erase of an empty range at {from:#x}");
        let range = self.checked("erase", from, to, ERASE);
        for start in range.step_by(ERASE) {
            self.writes[start / WRITE..(start + ERASE) / WRITE].fill(0);
            self.operate(Kind::Erase, start..start + ERASE, |cells| cells.fill(ERASED))?;
        }
        Ok(())
    }

    /// An empty write is no operation.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.access()?;
        let from = offset as usize;
        let range = self.checked("write", from, from + bytes.len(), WRITE);
        if range.is_empty() {
            return Ok(());
        }
        for (start, unit) in range.clone().step_by(WRITE).zip(bytes.chunks_exact(WRITE)) {
            self.check_unit(start, unit);
            self.writes[start / WRITE] += 1;
        }
        self.operate(Kind::Write { unit_bytes: WRITE }, range, |cells| {
            for (cell, byte) in cells.iter_mut().zip(bytes) {
                *cell &= byte;
            }
        })
    }
}
