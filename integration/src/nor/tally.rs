//! What an update costs the part.

use super::Kind;
use std::fmt;
use std::ops::Range;

/// A named part of the part: a slot, the boot records, the trusted state. It is whole erase units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// What it holds.
    pub name: &'static str,
    /// Where it is, in bytes.
    pub bytes: Range<usize>,
}

/// Counts every operation. One that is cut counts as done, however little of it was: wear is never below what is said.
#[derive(Clone)]
pub struct Tally {
    operations: usize,
    /// Erases of each erase unit.
    erases: Vec<u32>,
    /// Writes of each write unit.
    writes: Vec<u32>,
    erase_bytes: usize,
    write_bytes: usize,
}

/// The wear of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wear {
    /// Whose.
    pub region: &'static str,
    /// Erases of its erase units, together.
    pub erases: u32,
    /// Erases of the erase unit that had most of them.
    pub erases_max: u32,
    /// Bytes that were written, each time anew.
    pub bytes_written: usize,
    /// Number of write units that were written more than once, with erases between or without.
    pub units_rewritten: usize,
}

impl Tally {
    /// Of a part of this capacity, with nothing done.
    pub(super) fn new(capacity: usize, erase_bytes: usize, write_bytes: usize) -> Self {
        Self {
            operations: 0,
            erases: vec![0; capacity / erase_bytes],
            writes: vec![0; capacity / write_bytes],
            erase_bytes,
            write_bytes,
        }
    }

    pub(super) fn count(&mut self, kind: Kind, range: &Range<usize>) {
        self.operations += 1;
        let (counters, unit_bytes) = match kind {
            Kind::Erase => (&mut self.erases, self.erase_bytes),
            Kind::Write { unit_bytes } => (&mut self.writes, unit_bytes),
        };
        for counter in &mut counters[range.start / unit_bytes..range.end / unit_bytes] {
            *counter += 1;
        }
    }

    /// Number of operations: write calls, and erase units of erase calls.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// The erases of each erase unit, in the part's order.
    #[must_use]
    pub fn erases(&self) -> &[u32] {
        &self.erases
    }

    /// The wear of the whole part.
    #[must_use]
    pub fn whole(&self) -> Wear {
        self.of(&Region {
            name: "the whole part",
            bytes: 0..self.erases.len() * self.erase_bytes,
        })
    }

    /// The wear of a region.
    ///
    /// # Panics
    ///
    /// If the region is not whole erase units of the part.
    #[must_use]
    pub fn of(&self, region: &Region) -> Wear {
        let Range { start, end } = region.bytes;
        assert!(
            start.is_multiple_of(self.erase_bytes) && end.is_multiple_of(self.erase_bytes),
            "{region:?} is not whole erase units of {} bytes",
            self.erase_bytes
        );
        let erases = self.erases.get(start / self.erase_bytes..end / self.erase_bytes);
        let writes = self.writes.get(start / self.write_bytes..end / self.write_bytes);
        let (Some(erases), Some(writes)) = (erases, writes) else {
            panic!("{region:?} is outside of the part");
        };
        Wear {
            region: region.name,
            erases: erases.iter().sum(),
            erases_max: erases.iter().copied().max().unwrap_or(0),
            bytes_written: writes.iter().sum::<u32>() as usize * self.write_bytes,
            units_rewritten: writes.iter().filter(|writes| **writes > 1).count(),
        }
    }

    /// The wear of each of these regions.
    #[must_use]
    pub fn report(&self, regions: &[Region]) -> Vec<Wear> {
        regions.iter().map(|region| self.of(region)).collect()
    }
}

impl fmt::Debug for Tally {
    /// All but the counters of the units.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("operations", &self.operations)
            .field("whole", &self.whole())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Wear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            erases,
            erases_max,
            bytes_written,
            units_rewritten,
        } = self;
        write!(f, "{region}: {erases} erases, {erases_max} at most of a unit; ")?;
        write!(
            f,
            "{bytes_written} bytes written, {units_rewritten} units more than once"
        )
    }
}
