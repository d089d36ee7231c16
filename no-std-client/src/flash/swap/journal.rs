//! The journal of exchanges, in two areas that take turns.
//!
//! ```text
//! area 0 (half of the span)                                            area 1
//! +-------+-------+---------+---------+---------+---------+-----+      +-------------------------------+
//! | Begin | Begin | saved   | moved   | saved   | moved   | ... |      | the exchange before, or       |
//! |       |       | mark 0  | mark 1  | mark 2  | mark 3  |     |      | the one after                 |
//! +-------+-------+---------+---------+---------+---------+-----+      +-------------------------------+
//!   0       1       2 ..                        up to 2 + 2 * units      each place 16 bytes, or a longer write unit
//!
//! Begin, little-endian                              mark
//!  0..2   sequence                                   0..16  zero
//!  2..4   units that are exchanged
//!  4..6   steps that were done before this area
//!  6      the slot that leaves: 0 is A, 1 is B
//!  7      version of the layout, 1
//!  8..16  bytes 0 to 7 with every bit inverted
//! ```
//!
//! It is specified, and frozen, in `docs/spec/swap-journal.md`.
//!
//! - An exchange has an area of its own. The area with the newer sequence counts; of two neighbours that is plain also
//!   where the sequence begins again at 0. So which slot lies at the running place is never erased: the other area is.
//! - A *Begin* is read exactly. Of each bit and its inverted one exactly one is cleared, so neither a write that was cut, which
//!   clears too few, nor a single flipped bit makes another Begin. Both copies must stand before the first mark of the area does; from
//!   then on one is enough, or of each bit one, so a bit may rot in either. Until that mark nothing was touched but the target of the
//!   first step, which is the free unit where the exchange begins, and what the area before says is true as well.
//! - A *mark* is read by majority: it is nearer to zeros or nearer to ones. A single flipped bit does not change that. A mark
//!   that was cut may be read either way. It was begun after its step was done and read back, so "done" is true; and nothing
//!   after it was begun, so doing the step again finds what it copies from. A mark stands for all before it.
//! - A place is written once. An exchange that was cut goes on in the other area, whose Begin says how many steps were done: so
//!   the place of the next mark is erased, and no step begins behind a mark that may be torn. Where the other area takes no Begin, the
//!   exchange goes on in its own as long as the next place is erased there.
//! - After its last mark an exchange is complete, and the other slot lies at the running place. One more mark closes it, so that
//!   the last one need not stand for good: before anything else is done to the slots, the closing mark is whole. A device without a
//!   Begin never exchanged anything: slot A lies there.

use super::{Swap, unit_bytes};
use crate::flash::{Region, RegionError, Span, Storage};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_boot::Slot;

/// Bytes of a Begin and of a mark.
const WORD_BYTES: usize = 16;
/// The layout that is written, and the only one that is read.
const LAYOUT_VERSION: u32 = 1;
/// The longest write unit.
const STRIDE_MAX: usize = 64;
/// Places before the first mark.
const BEGINS: u32 = 2;
/// Bits of a mark, and those of them beyond which it says "done".
const WORD_BITS: u32 = 128;
const HALF_BITS: u32 = 64;

/// A Begin or a mark, as little-endian numbers.
type Word = [u32; 4];
const MARK: Word = [0; 4];

/// Bytes from one place to the next on a part with this write unit.
pub(super) const fn stride(write_bytes: u32) -> u32 {
    if write_bytes > 16 { write_bytes } else { 16 }
}

/// Places for an exchange of so many units, with the closing mark.
pub(super) const fn places(units: u32) -> u32 {
    units.saturating_mul(2).saturating_add(BEGINS).saturating_add(1)
}

/// An exchange: from the slot that leaves the running place to the other one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) leaves: Slot,
    pub(super) units: u16,
}

impl Exchange {
    /// Steps of the whole exchange.
    pub(super) fn steps(self) -> u32 {
        u32::from(self.units).saturating_mul(2)
    }

    /// The exchange that undoes this one.
    pub(super) const fn back(self) -> Self {
        Self {
            leaves: self.leaves.other(),
            units: self.units,
        }
    }
}

/// The journal of a part.
pub(super) struct Journal<'f, F> {
    region: Region<'f, F>,
    area_bytes: u32,
    newest: Option<Newest>,
}

#[derive(Copy, Clone)]
struct Newest {
    area: Area,
    begin: Begin,
    done: u32,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Area {
    First,
    Second,
}

#[derive(Copy, Clone, PartialEq, Eq)]
struct Begin {
    sequence: u16,
    exchange: Exchange,
    /// Steps that were done before it: 16 bits of them.
    done: u32,
}

/// What stands at the place of a mark.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Mark {
    /// Nothing was ever written there.
    Free,
    /// A part of its bits, or one that flipped. By majority it says that its step is done, or that it is not.
    Torn {
        says_done: bool,
    },
    Whole,
}

impl<'f, F: NorFlash> Journal<'f, F> {
    /// Reads both areas.
    pub(super) fn open(storage: &Storage<'f, F, Swap>, pet: &mut dyn FnMut()) -> Result<Self, RegionError<F::Error>> {
        let (journal, read) = Self::read_areas(storage, pet);
        read.map(|()| journal)
    }

    /// What can be read of both areas, and whether that is all of it.
    pub(super) fn read_areas(
        storage: &Storage<'f, F, Swap>,
        pet: &mut dyn FnMut(),
    ) -> (Self, Result<(), RegionError<F::Error>>) {
        let Span { start, bytes } = storage.map().slots.journal;
        let mut journal = Self {
            region: storage.region(Span::new(start, bytes)),
            area_bytes: bytes.wrapping_div(2),
            newest: None,
        };
        let units_max = storage.map().slots.running.bytes.checked_div(unit_bytes::<F>());
        let mut read = Ok(());
        for area in [Area::First, Area::Second] {
            match journal.read_area(area, units_max.unwrap_or(0), pet) {
                Ok(Some(found)) if journal.newest.is_none_or(|known| found.begin.is_after(&known.begin)) => {
                    journal.newest = Some(found);
                }
                Ok(_) => (),
                Err(error) => read = Err(error),
            }
        }
        (journal, read)
    }

    /// The slot that lies at the running place; `None`: parts of both do.
    pub(super) fn runs(&self) -> Option<Slot> {
        match &self.newest {
            None => Some(Slot::A),
            Some(newest) => {
                let exchange = newest.begin.exchange;
                (newest.done >= exchange.steps()).then(|| exchange.leaves.other())
            }
        }
    }

    /// The newest exchange, and how many of its steps are done.
    pub(super) fn newest(&self) -> Result<(Exchange, u32), RegionError<F::Error>> {
        let newest = self.newest.as_ref().ok_or(RegionError::Unsettled)?;
        Ok((newest.begin.exchange, newest.done))
    }

    /// Writes into the other area that this exchange begins, or goes on, behind so many steps.
    pub(super) fn begin(
        &mut self,
        exchange: Exchange,
        done: u32,
        pet: &mut dyn FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        let (area, sequence) = self.newest.map_or((Area::First, 0), |newest| {
            (newest.area.other(), newest.begin.sequence.wrapping_add(1))
        });
        self.erase(area, pet)?;
        // A mark that an erase left would say that steps are done.
        for step in 0..=exchange.steps() {
            if self.mark(area, step)? != Mark::Free {
                return Err(RegionError::NotKept);
            }
            pet();
        }
        let begin = Begin {
            sequence,
            exchange,
            done,
        };
        for copy in 0..BEGINS {
            self.write(area, copy, &begin.encode(), pet)?;
        }
        self.newest = Some(Newest { area, begin, done });
        Ok(())
    }

    /// Goes on in the other area, after a cut: so the next mark can be written, and what the last one says stands for good. Before
    /// the next step, so that what is read of the old area cannot be older than what is done.
    pub(super) fn begin_anew(&mut self, pet: &mut dyn FnMut()) -> Result<(), RegionError<F::Error>> {
        let (exchange, done) = self.newest()?;
        self.begin(exchange, done, pet)
    }

    /// Whether the place of the next mark is erased.
    pub(super) fn is_free(&mut self) -> bool {
        self.newest
            .is_some_and(|Newest { area, done, .. }| self.mark(area, done).is_ok_and(|mark| mark == Mark::Free))
    }

    /// Marks the next step as done. A place that does not keep its mark costs the area: the exchange goes on in the other one.
    pub(super) fn note(&mut self, pet: &mut dyn FnMut()) -> Result<(), RegionError<F::Error>> {
        let newest = self.newest.ok_or(RegionError::Unsettled)?;
        let Newest { area, begin, done } = newest;
        let is_marked = self.write(area, mark_place(done), &MARK, pet);
        let done = done.saturating_add(1);
        if is_marked.is_err() {
            return self.begin(begin.exchange, done, pet);
        }
        self.newest = Some(Newest { done, ..newest });
        Ok(())
    }

    /// Sees to it that a complete exchange has its closing mark.
    pub(super) fn close(&mut self, pet: &mut dyn FnMut()) -> Result<(), RegionError<F::Error>> {
        let Some(Newest { area, begin, .. }) = self.newest else {
            return Ok(());
        };
        let steps = begin.exchange.steps();
        let closing = self.mark(area, steps)?;
        if closing == Mark::Whole {
            return Ok(());
        }
        if closing == Mark::Free && self.write(area, mark_place(steps), &MARK, pet).is_ok() {
            return Ok(());
        }
        self.begin(begin.exchange, steps, pet)?;
        self.write(area.other(), mark_place(steps), &MARK, pet)
    }

    /// What an area says, if it counts.
    fn read_area(
        &mut self,
        area: Area,
        units_max: u32,
        pet: &mut dyn FnMut(),
    ) -> Result<Option<Newest>, RegionError<F::Error>> {
        let copies = [self.read_word(area, 0)?, self.read_word(area, 1)?];
        let word = mended(&copies);
        let Some(begin) = Begin::decode(&word) else {
            return Ok(None);
        };
        let are_both = copies == [word; 2];
        let mut step = begin.exchange.steps();
        if u32::from(begin.exchange.units) > units_max || begin.done > step {
            return Ok(None);
        }
        // The closing mark is the first that is looked at.
        loop {
            let mark = self.mark(area, step)?;
            pet();
            if mark.says_done() {
                let done = step.saturating_add(1).min(begin.exchange.steps());
                return Ok(Some(Newest { area, begin, done }));
            }
            if step == begin.done {
                break;
            }
            step = step.saturating_sub(1);
        }
        let done = begin.done;
        Ok(are_both.then_some(Newest { area, begin, done }))
    }

    /// What stands at the place of a step's mark.
    fn mark(&mut self, area: Area, step: u32) -> Result<Mark, RegionError<F::Error>> {
        let bytes = self.read(area, mark_place(step))?;
        let (word, behind) = bytes.split_at(WORD_BYTES);
        let cleared = word.iter().map(|byte| byte.count_zeros()).sum::<u32>();
        Ok(match cleared {
            0 if behind.iter().all(|byte| *byte == 0xFF) => Mark::Free,
            WORD_BITS => Mark::Whole,
            _ => Mark::Torn {
                says_done: cleared > HALF_BITS,
            },
        })
    }

    fn read_word(&mut self, area: Area, place: u32) -> Result<Word, RegionError<F::Error>> {
        let bytes = self.read(area, place)?;
        let mut word = Word::default();
        for (number, bytes) in word.iter_mut().zip(bytes.as_chunks().0) {
            *number = u32::from_le_bytes(*bytes);
        }
        Ok(word)
    }

    /// A whole place, with erased bytes behind it.
    fn read(&mut self, area: Area, place: u32) -> Result<[u8; STRIDE_MAX], RegionError<F::Error>> {
        let mut bytes = [0xFF; STRIDE_MAX];
        let target = bytes.get_mut(..stride_of::<F>()).ok_or(RegionError::OutOfBounds)?;
        let offset = self.offset(area, place);
        self.region.read(offset, target)?;
        Ok(bytes)
    }

    /// Writes a place, and reads it back.
    fn write(
        &mut self,
        area: Area,
        place: u32,
        word: &Word,
        pet: &mut dyn FnMut(),
    ) -> Result<(), RegionError<F::Error>> {
        let mut bytes = [0xFF; STRIDE_MAX];
        for (bytes, number) in bytes.as_chunks_mut().0.iter_mut().zip(word) {
            *bytes = number.to_le_bytes();
        }
        let source = bytes.get(..stride_of::<F>()).ok_or(RegionError::OutOfBounds)?;
        let offset = self.offset(area, place);
        self.region.write(offset, source)?;
        pet();
        if self.read(area, place)? != bytes {
            return Err(RegionError::NotKept);
        }
        Ok(())
    }

    /// Erases an area unit by unit: each is as long as a watchdog may have to wait.
    fn erase(&mut self, area: Area, pet: &mut dyn FnMut()) -> Result<(), RegionError<F::Error>> {
        let start = self.start(area);
        let unit_bytes = unit_bytes::<F>();
        for unit in 0..self.area_bytes.checked_div(unit_bytes).unwrap_or(0) {
            let from = start.saturating_add(unit.saturating_mul(unit_bytes));
            self.region.erase(from, from.saturating_add(unit_bytes))?;
            pet();
        }
        Ok(())
    }

    const fn start(&self, area: Area) -> u32 {
        match area {
            Area::First => 0,
            Area::Second => self.area_bytes,
        }
    }

    /// Invariant: the map was checked, so an area has a place for every mark. A place outside is an error of the region.
    fn offset(&self, area: Area, place: u32) -> u32 {
        let stride = u32::try_from(stride_of::<F>()).unwrap_or(u32::MAX);
        self.start(area).saturating_add(place.saturating_mul(stride))
    }
}

impl Area {
    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl Mark {
    const fn says_done(self) -> bool {
        match self {
            Self::Free => false,
            Self::Torn { says_done } => says_done,
            Self::Whole => true,
        }
    }
}

impl Begin {
    const fn is_after(&self, other: &Self) -> bool {
        let ahead = self.sequence.wrapping_sub(other.sequence);
        ahead != 0 && ahead < 0x8000
    }

    fn encode(&self) -> Word {
        let leaves = match self.exchange.leaves {
            Slot::A => 0,
            Slot::B => 1,
        };
        let first = u32::from(self.sequence) | u32::from(self.exchange.units) << 16;
        let second = (self.done & 0xFFFF) | leaves << 16 | LAYOUT_VERSION << 24;
        [first, second, !first, !second]
    }

    fn decode(word: &Word) -> Option<Self> {
        let [first, second, ..] = *word;
        let [s0, s1, u0, u1] = first.to_le_bytes();
        let begin = Self {
            sequence: u16::from_le_bytes([s0, s1]),
            exchange: Exchange {
                leaves: if second >> 16 & 0xFF == 0 { Slot::A } else { Slot::B },
                units: u16::from_le_bytes([u0, u1]),
            },
            done: second & 0xFFFF,
        };
        (begin.encode() == *word).then_some(begin)
    }
}

/// Each bit of a Begin from a copy where that and its inverted one differ.
fn mended(copies: &[Word; 2]) -> Word {
    let [[a, b, not_a, not_b], other] = *copies;
    let (sound_a, sound_b) = (a ^ not_a, b ^ not_b);
    let [other_a, other_b, other_not_a, other_not_b] = other;
    let of = |sound: u32, one: u32, other: u32| (one & sound) | (other & !sound);
    [
        of(sound_a, a, other_a),
        of(sound_b, b, other_b),
        of(sound_a, not_a, other_not_a),
        of(sound_b, not_b, other_not_b),
    ]
}

/// The place of a step's mark.
const fn mark_place(step: u32) -> u32 {
    BEGINS.saturating_add(step)
}

/// [`stride`] of this part, as a length.
fn stride_of<F: NorFlash>() -> usize {
    F::WRITE_SIZE.max(WORD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Begin = Begin {
        sequence: 0x0102,
        exchange: Exchange {
            leaves: Slot::B,
            units: 90,
        },
        done: 3,
    };

    #[test]
    fn the_layout_is_what_is_drawn() {
        let bytes = [2, 1, 90, 0, 3, 0, 1, 1, 0xFD, 0xFE, 0xA5, 0xFF, 0xFC, 0xFF, 0xFE, 0xFE];
        let word = BEGIN.encode();
        assert_eq!(word.map(u32::to_le_bytes).as_flattened(), bytes);
        assert!(Begin::decode(&word).is_some_and(|begin| begin == BEGIN));
    }

    /// Neither a flipped bit nor a write that was cut makes another Begin.
    #[test]
    fn a_begin_is_itself_or_none() {
        let word = BEGIN.encode();
        let cleared: std::vec::Vec<usize> = (0..128).filter(|bit| word[bit / 32] >> (bit % 32) & 1 == 0).collect();
        assert_eq!(cleared.len(), 64);
        for bit in 0..128 {
            let mut flipped = word;
            flipped[bit / 32] ^= 1 << (bit % 32);
            assert!(Begin::decode(&flipped).is_none(), "bit {bit}");
        }
        for pair in cleared
            .iter()
            .flat_map(|one| cleared.iter().map(move |other| [one, other]))
        {
            let mut torn = word;
            for bit in pair {
                torn[bit / 32] |= 1 << (bit % 32);
            }
            assert!(Begin::decode(&torn).is_none(), "bits {pair:?} are not cleared");
        }
    }

    /// Of two copies with a flipped bit each, wherever they are, the Begin comes out, if they are not the two of one bit.
    #[test]
    fn bits_rot_in_either_copy() {
        let word = BEGIN.encode();
        for (first, second) in (0..128).flat_map(|first| (0..128).map(move |second| (first, second))) {
            let mut copies = [word; 2];
            for (copy, bit) in copies.iter_mut().zip([first, second]) {
                copy[bit / 32] ^= 1 << (bit % 32);
            }
            let is_one_bit = first % 64 == second % 64;
            assert_eq!(mended(&copies) == word, !is_one_bit, "bits {first} and {second}");
        }
    }

    #[test]
    fn a_sequence_goes_on_behind_its_end() {
        let at = |sequence| Begin { sequence, ..BEGIN };
        assert!(at(0).is_after(&at(u16::MAX)) && !at(u16::MAX).is_after(&at(0)));
        assert!(at(2).is_after(&at(1)) && !at(1).is_after(&at(2)) && !at(1).is_after(&at(1)));
    }
}
