//! How an operation ends when the power goes.

use super::{ERASED, READ_BYTES, Random};
use std::ops::Range;

/// Where the power is cut, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Number of operations that are done before, counted from the call that sets the cut or starts the journal.
    pub operation: usize,
    /// How the operation that follows them ends.
    pub tear: Tear,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One erase unit is set to ones.
    Erase,
    /// One call programs so many bytes, in units.
    Write {
        /// The smallest write.
        unit_bytes: usize,
    },
}

/// How the operation that is cut ends. What it leaves lies between what was there and what was to be there, bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// Nothing happened.
    Before,
    /// Everything is done, but the caller never hears of it.
    After,
    /// Of a write, the first units are done.
    Programmed {
        /// How many: 1 to all but one make a difference.
        units: usize,
    },
    /// Of a write, the first units are done, and a random subset of the bits of the next one.
    Programming {
        /// Number of units that are done.
        units: usize,
        /// Which bits of the next one are done.
        seed: u64,
    },
    /// Of an erase, the first bytes are done.
    ErasedHead {
        /// How many.
        bytes: usize,
    },
    /// Of an erase, the last bytes are done.
    ErasedTail {
        /// How many.
        bytes: usize,
    },
    /// A random subset of the bits that were to change is done, anywhere in the operation.
    Bits {
        /// Which bits are done.
        seed: u64,
    },
    /// Of an erase, nothing is done for good: the bits that it was to set read differently each time, until they are erased
    /// again. Only of a part that is cut live; what a journal leaves is one such reading. A write ends as in `Bits`.
    Unstable {
        /// What is read.
        seed: u64,
    },
    /// One of the others that a journal can leave, whatever the operation is: for cutting without knowing what comes.
    Any {
        /// Which one.
        seed: u64,
    },
}

/// Which tears of each operation are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tears {
    /// The power goes between two operations: [`Tear::Before`] and [`Tear::After`].
    Between,
    /// And inside: of a write at the first, the middle and the last unit; of an erase at both ends and in the middle. And
    /// one random subset of the bits.
    Inside {
        /// Which bits are done where a tear is random; each operation has its own.
        seed: u64,
    },
    /// And inside: of a write at every unit; of an erase as before. And four random subsets of the bits.
    EveryUnit {
        /// Which bits are done where a tear is random; each operation has its own.
        seed: u64,
    },
}

/// What of an operation is done: whole bytes, and random bits of others.
struct Extent {
    whole: Range<usize>,
    mixed: Range<usize>,
    seed: u64,
}

impl Tear {
    /// Turns `cells`, which hold what the operation was to leave, into what it leaves over `old`.
    ///
    /// # Panics
    ///
    /// If operations of this kind and length do not end so.
    pub(super) fn mix(self, kind: Kind, old: &[u8], cells: &mut [u8]) {
        let extent = self.extent(kind, cells.len());
        let mut masks = Masks::new(extent.seed);
        for (index, (cell, old)) in cells.iter_mut().zip(old).enumerate() {
            let done = if extent.whole.contains(&index) {
                0xFF
            } else if extent.mixed.contains(&index) {
                masks.mask()
            } else {
                0
            };
            *cell = (*cell & done) | (*old & !done);
        }
    }

    fn extent(self, kind: Kind, bytes: usize) -> Extent {
        let whole = |whole| Extent {
            whole,
            mixed: 0..0,
            seed: 0,
        };
        let extent = match (self, kind) {
            (Self::Before, _) => whole(0..0),
            (Self::After, _) => whole(0..bytes),
            (Self::Programmed { units }, Kind::Write { unit_bytes }) => whole(0..units * unit_bytes),
            (Self::Programming { units, seed }, Kind::Write { unit_bytes }) => Extent {
                whole: 0..units * unit_bytes,
                mixed: units * unit_bytes..(units + 1) * unit_bytes,
                seed,
            },
            (Self::ErasedHead { bytes: done }, Kind::Erase) => whole(0..done),
            (Self::ErasedTail { bytes: done }, Kind::Erase) => whole(bytes.saturating_sub(done)..done.max(bytes)),
            (Self::Bits { seed } | Self::Unstable { seed }, _) => Extent {
                whole: 0..0,
                mixed: 0..bytes,
                seed,
            },
            (Self::Any { seed }, _) => {
                let mut random = Random::new(seed);
                let tears = Tears::EveryUnit { seed: random.number() }.of(kind, bytes, 0);
                tears[random.below(tears.len())].extent(kind, bytes)
            }
            (
                Self::Programmed { .. } | Self::Programming { .. } | Self::ErasedHead { .. } | Self::ErasedTail { .. },
                Kind::Erase | Kind::Write { .. },
            ) => panic!("{self:?} is no tear of this operation: {kind:?}"),
        };
        assert!(
            extent.whole.end.max(extent.mixed.end) <= bytes,
            "{self:?} lies behind the operation's {bytes} bytes"
        );
        extent
    }
}

impl Tears {
    /// The tears of an operation of this kind and length, the `operation`th of its run.
    #[must_use]
    pub fn of(self, kind: Kind, bytes: usize, operation: usize) -> Vec<Tear> {
        let seed = match self {
            Self::Between => return vec![Tear::Before, Tear::After],
            Self::Inside { seed } | Self::EveryUnit { seed } => seed,
        };
        let mut seeds = Random::new(seed ^ Random::new(operation as u64).number());
        let mut tears = vec![Tear::Before];
        match kind {
            Kind::Write { unit_bytes } => {
                let units = bytes / unit_bytes;
                for unit in self.torn_units(units) {
                    if unit > 0 {
                        tears.push(Tear::Programmed { units: unit });
                    }
                    let seed = seeds.number();
                    tears.push(Tear::Programming { units: unit, seed });
                }
            }
            Kind::Erase => {
                for bytes in [READ_BYTES, bytes / 2, bytes - READ_BYTES] {
                    tears.extend([Tear::ErasedHead { bytes }, Tear::ErasedTail { bytes }]);
                }
            }
        }
        let subsets = if matches!(self, Self::EveryUnit { .. }) { 4 } else { 1 };
        tears.extend((0..subsets).map(|_| Tear::Bits { seed: seeds.number() }));
        tears.push(Tear::After);
        tears
    }

    /// In which of this many units a write is torn.
    fn torn_units(self, units: usize) -> Vec<usize> {
        if matches!(self, Self::EveryUnit { .. }) {
            return (0..units).collect();
        }
        let mut torn = vec![0, units / 2, units - 1];
        torn.dedup();
        torn
    }
}

/// Which bits are done, byte by byte. The seed also says whether few, half or most of them are: a unit that is almost as
/// it was, or almost done, deceives where an even mixture is seen at once.
struct Masks {
    random: Random,
    density: usize,
}

impl Masks {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let density = random.below(3);
        Self { random, density }
    }

    fn mask(&mut self) -> u8 {
        let [first, second, third, fourth, ..] = self.random.number().to_le_bytes();
        match self.density {
            0 => first & second & third & fourth,
            1 => first,
            _ => first | second | third | fourth,
        }
    }
}

/// Whether these cells read as erased.
pub(super) fn are_erased(cells: &[u8]) -> bool {
    cells.iter().all(|cell| *cell == ERASED)
}
