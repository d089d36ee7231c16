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
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_wire::record::Writer;

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

/// An erased place.
const BLANK: Record = [0xFF; USED_BYTES];

impl<'f, F: NorFlash> StatePages<'f, F> {
    /// The state at rest, and the pages to write the next one into.
    #[inline(never)]
    pub fn open(region: Region<'f, F>) -> Result<(Self, DeviceState), StateError<F::Error>> {
        let mut pages = Self::blank(region);
        let mut state = Err(StateError::Damaged);
        let mut record = BLANK;
        for place in 0..pages.places() {
            pages.read(place, &mut record)?;
            let Some((sequence, encoded)) = taken_apart(&record) else {
                continue;
            };
            if pages.newest.is_some_and(|(_, newest)| newest >= sequence) {
                continue;
            }
            match DeviceState::decode(encoded) {
                Ok(decoded) => state = Ok(decoded),
                // Its digest is right.
                Err(BadState::Layout { found }) => state = Err(StateError::UnknownLayout { found }),
                Err(BadState::Content | BadState::Digest | BadState::Length | BadState::Magic) => continue,
            }
            pages.newest = Some((place, sequence));
        }
        Ok((pages, state?))
    }

    /// Pages whose content does not matter: the factory's.
    pub const fn blank(region: Region<'f, F>) -> Self {
        Self { region, newest: None }
    }

    /// Writes the state, unless it is the one that counts already.
    #[inline(never)]
    pub fn save(&mut self, state: &DeviceState) -> Result<(), StateError<F::Error>> {
        if let Some((place, _)) = self.newest {
            let mut record = BLANK;
            self.read(place, &mut record)?;
            if taken_apart(&record).is_some_and(|(_, stored)| stored == state.encode()) {
                return Ok(());
            }
        }
        self.append(state)
    }

    /// Writes the state into two records: for what the repository could not tell again if one of them broke.
    pub fn save_twice(&mut self, state: &DeviceState) -> Result<(), StateError<F::Error>> {
        self.save(state)?;
        self.append(state)
    }

    #[inline(never)]
    fn append(&mut self, state: &DeviceState) -> Result<(), StateError<F::Error>> {
        let sequence = match self.newest {
            None => 1,
            Some((_, sequence)) => sequence.checked_add(1).ok_or(StateError::SequenceExhausted)?,
        };
        let place = self.next_place()?;
        let record = put_together(sequence, state);
        self.region.write(offset(place), &record)?;
        let mut kept = BLANK;
        self.read(place, &mut kept)?;
        if kept != record {
            return Err(StateError::NotKept);
        }
        self.newest = Some((place, sequence));
        Ok(())
    }

    /// An erased place behind the newest record, or the first one of the other page after its erase.
    fn next_place(&mut self) -> Result<u32, StateError<F::Error>> {
        let per_page = self.places() / 2;
        let page = match self.newest {
            // Nothing counts yet: the first page.
            None => 0,
            Some((place, _)) => {
                let page_end = if place < per_page { per_page } else { self.places() };
                let mut record = BLANK;
                for behind in place.saturating_add(1)..page_end {
                    self.read(behind, &mut record)?;
                    if record.iter().all(|byte| *byte == 0xFF) {
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

    fn read(&mut self, place: u32, record: &mut Record) -> Result<(), RegionError<F::Error>> {
        self.region.read(offset(place), record)
    }
}

/// Invariant: places are inside the span, whose length is a 32-bit number.
const fn offset(place: u32) -> u32 {
    place.saturating_mul(RECORD_BYTES)
}

fn put_together(sequence: u32, state: &DeviceState) -> Record {
    let mut record = BLANK;
    let mut out = Writer::new(&mut record);
    out.put(&sequence.to_le_bytes());
    out.put(&(!sequence).to_le_bytes());
    out.put(&state.encode());
    record
}

fn taken_apart(record: &Record) -> Option<(u32, &[u8])> {
    let (sequence, rest) = record.split_first_chunk()?;
    let (inverted, rest) = rest.split_first_chunk()?;
    let (sequence, inverted) = (u32::from_le_bytes(*sequence), u32::from_le_bytes(*inverted));
    let encoded = DeviceState::cut_out(rest)?;
    (sequence == !inverted).then_some((sequence, encoded))
}
