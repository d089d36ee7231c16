//! The trusted state in flash: whole records in two pages that take turns.
//!
//! ```text
//! page 0 (half of the span)                     page 1
//! +----------+----------+-----+----------+      +----------+-----+
//! | record   | record   | ... | record   |      | record   | ... |
//! +----------+----------+-----+----------+      +----------+-----+
//!
//! record, 1 KiB:
//! 0..4      sequence, little-endian; one more with each record, over both pages
//! 4..8      the sequence with every bit inverted
//! 8..906    the encoded state, which says how long it is, and ends with its own SHA-256
//! 906..     erased
//! ```
//!
//! - The record with the highest sequence counts, if its digest is right; else the one before it. Where the one that counts has a
//!   layout that is not known, the state is refused, and nothing is written: newer software wrote it, and older facts are no
//!   replacement. It is specified, and frozen, in `docs/spec/trusted-state.md`.
//! - A new record goes behind the newest one. A full page is left as it is, and the other one erased: what counts is never
//!   erased.
//! - What the device alone knows, which version stands in a slot, is written twice: a record that breaks costs nothing.
//! - What was written is read back. A state that is already stored is not written again.

use super::{Region, RegionError};
use crate::state::{BadState, DeviceState};
use core::cmp::Reverse;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_wire::record::{Output as _, Reader, Writer};

/// Bytes from one record to the next.
pub(super) const RECORD_BYTES: u32 = 1_024;
/// The sequence, twice.
const HEAD_BYTES: usize = 8;
/// Bytes that are written of a record.
const USED_BYTES: usize = (HEAD_BYTES + DeviceState::ENCODED_BYTES).next_multiple_of(64);

const _: () = assert!(USED_BYTES <= 1_024, "a record does not fit its place");

/// The trusted state in flash.
pub struct StatePages<'f, F> {
    region: Region<'f, F>,
    /// Place and sequence of the newest record that is believed.
    newest: Option<(u32, u32)>,
    /// The highest sequence that was seen, also of a record that broke.
    highest: u32,
}

/// Why the state was not read or written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError<E> {
    /// The flash failed.
    Flash(RegionError<E>),
    /// No record can be believed.
    Damaged,
    /// What was written reads back as something else: the part is worn or failing.
    NotKept,
    /// Four thousand million records were written. No flash lives as long.
    SequenceExhausted,
    /// Newer software wrote the record that counts.
    UnknownLayout {
        /// The layout that it names.
        found: u8,
    },
}

impl<E> From<RegionError<E>> for StateError<E> {
    fn from(error: RegionError<E>) -> Self {
        Self::Flash(error)
    }
}

type Record = [u8; USED_BYTES];

/// Bytes that are read at once to look at a record: at least the read unit of any part.
const LOOK_BYTES: usize = 64;
/// The same number, as an offset in flash.
#[allow(clippy::as_conversions, reason = "a constant that fits")]
const LOOK_STEP: u32 = LOOK_BYTES as u32;

const _: () = assert!(USED_BYTES.is_multiple_of(LOOK_BYTES), "a look reaches behind a record");

impl<'f, F: NorFlash> StatePages<'f, F> {
    /// Reads the state at rest into its place; then the next one can be written. After an error the state is of no use.
    #[inline(never)]
    pub fn read(&mut self, state: &mut DeviceState) -> Result<(), StateError<F::Error>> {
        (self.newest, self.highest) = (None, 0);
        while let Some((place, sequence)) = self.before_newest()? {
            self.highest = self.highest.max(sequence);
            self.newest = Some((place, sequence));
            match self.read_state(place, state)? {
                Ok(()) => return Ok(()),
                // Its digest is right.
                Err(BadState::Layout { found }) => return Err(StateError::UnknownLayout { found }),
                Err(BadState::Content | BadState::Digest | BadState::Length | BadState::Magic) => {}
            }
        }
        Err(StateError::Damaged)
    }

    /// The record that counts if the newest one does not: the one with the highest sequence below, or with the same one behind it. Of
    /// several with one sequence the first counts.
    fn before_newest(&mut self) -> Result<Option<(u32, u32)>, StateError<F::Error>> {
        let mut best: Option<(u32, u32)> = None;
        for place in 0..self.places() {
            let Some(sequence) = self.sequence(place)? else {
                continue;
            };
            let rank = |place: u32, sequence: u32| (sequence, Reverse(place));
            let is_below = |(other, newest)| rank(place, sequence) < rank(other, newest);
            if self.newest.is_none_or(is_below) && !best.is_some_and(is_below) {
                best = Some((place, sequence));
            }
        }
        Ok(best)
    }

    /// Reads the record that stands there. Its state counts if nothing is wrong with it.
    #[inline(never)]
    fn read_state(
        &mut self,
        place: u32,
        state: &mut DeviceState,
    ) -> Result<Result<(), BadState>, StateError<F::Error>> {
        let mut record = [0; USED_BYTES];
        self.region.read(offset(place), &mut record)?;
        let encoded = record.get(HEAD_BYTES..).and_then(DeviceState::cut_out);
        Ok(encoded.map_or(Err(BadState::Length), |encoded| state.decode_in_place(encoded)))
    }

    /// Pages that are not read yet, or whose content does not matter: the factory's.
    pub const fn blank(region: Region<'f, F>) -> Self {
        Self {
            region,
            newest: None,
            highest: 0,
        }
    }

    /// Writes the state, unless it is the one that counts already.
    #[inline(never)]
    pub fn save(&mut self, state: &DeviceState) -> Result<(), StateError<F::Error>> {
        let mut record = put_together(state);
        if self.is_newest(&record)? {
            return Ok(());
        }
        self.append(&mut record)
    }

    /// Writes the state into two records: for what the repository could not tell again if one of them broke.
    #[inline(never)]
    pub fn save_twice(&mut self, state: &DeviceState) -> Result<(), StateError<F::Error>> {
        let mut record = put_together(state);
        if !self.is_newest(&record)? {
            self.append(&mut record)?;
        }
        self.append(&mut record)
    }

    fn is_newest(&mut self, record: &Record) -> Result<bool, StateError<F::Error>> {
        match self.newest {
            Some((place, _)) => self.holds(place, Some(record), HEAD_BYTES),
            None => Ok(false),
        }
    }

    #[inline(never)]
    fn append(&mut self, record: &mut Record) -> Result<(), StateError<F::Error>> {
        let sequence = self.highest.checked_add(1).ok_or(StateError::SequenceExhausted)?;
        let place = self.next_place()?;
        let mut out = Writer::new(record);
        out.put(&sequence.to_le_bytes());
        out.put(&(!sequence).to_le_bytes());
        self.region.write(offset(place), record)?;
        if !self.holds(place, Some(record), 0)? {
            return Err(StateError::NotKept);
        }
        (self.newest, self.highest) = (Some((place, sequence)), sequence);
        Ok(())
    }

    /// Whether exactly this record stands there, but for its first bytes, or none at all.
    #[inline(never)]
    fn holds(&mut self, place: u32, record: Option<&Record>, but: usize) -> Result<bool, StateError<F::Error>> {
        let mut look = [0; LOOK_BYTES];
        let (mut from, mut but) = (0, but);
        for at in (0..USED_BYTES).step_by(LOOK_BYTES) {
            self.look(offset(place).saturating_add(from), &mut look)?;
            let expected = match record {
                Some(record) => record.get(at..).and_then(<[u8]>::first_chunk),
                None => Some(&[0xFF; LOOK_BYTES]),
            };
            if look.get(but..) != expected.and_then(|expected| expected.get(but..)) {
                return Ok(false);
            }
            (from, but) = (from.saturating_add(LOOK_STEP), 0);
        }
        Ok(true)
    }

    /// An erased place behind the newest record, or the first one of the other page after its erase.
    fn next_place(&mut self) -> Result<u32, StateError<F::Error>> {
        let per_page = self.places() / 2;
        let page = match self.newest {
            // Nothing counts yet: the first page.
            None => 0,
            Some((place, _)) => {
                let page_end = if place < per_page { per_page } else { self.places() };
                for behind in place.saturating_add(1)..page_end {
                    if self.holds(behind, None, 0)? {
                        return Ok(behind);
                    }
                }
                if place < per_page { per_page } else { 0 }
            }
        };
        let from = offset(page);
        self.region.erase(from, from.saturating_add(offset(per_page)))?;
        Ok(page)
    }

    fn places(&self) -> u32 {
        let bytes = u32::try_from(self.region.capacity()).unwrap_or(0);
        // Two whole pages, each of whole records.
        bytes.wrapping_div(2).wrapping_div(RECORD_BYTES).saturating_mul(2)
    }

    /// The sequence of a record, if one begins there.
    fn sequence(&mut self, place: u32) -> Result<Option<u32>, StateError<F::Error>> {
        let mut look = [0; LOOK_BYTES];
        self.look(offset(place), &mut look)?;
        let mut input = Reader::new(&look);
        let (sequence, inverted) = (u32::from_le_bytes(input.take()), u32::from_le_bytes(input.take()));
        Ok((sequence == !inverted).then_some(sequence))
    }

    fn look(&mut self, at: u32, look: &mut [u8; LOOK_BYTES]) -> Result<(), StateError<F::Error>> {
        Ok(self.region.read(at, look)?)
    }
}

/// Invariant: places are inside the span, whose length is a 32-bit number.
const fn offset(place: u32) -> u32 {
    place.saturating_mul(RECORD_BYTES)
}

/// A record, but for its sequence.
fn put_together(state: &DeviceState) -> Record {
    let mut record = [0xFF; USED_BYTES];
    let place = record.get_mut(HEAD_BYTES..).and_then(<[u8]>::first_chunk_mut);
    // Invariant: a record has room for a state, as is checked above.
    if let Some(place) = place {
        state.encode_to(place);
    }
    record
}
