//! The record: 64 bytes, written in one flash write, little-endian, layout version 1. It is specified, and frozen, in
//! `docs/spec/boot-record.md`.
//!
//! ```text
//!        0   1   2        3      4 5 6 7    8 .. 11   12 .. 15  16 .. 19          20 .. 23
//!      +---+---+--------+------+----------+---------+---------+-----------------+---------+
//!    0 |'T'|'b'| layout | kind | sequence | counter | length  | security        | attempt |
//!      |   |   | = 1    |      |          |         | (bytes) | version         |         |
//!      +---+---+--------+------+----------+---------+---------+-----------------+---------+
//!        24     25       26         27              28 .. 59                      60 .. 63
//!      +------+--------+----------+---------------+-----------------------------+---------+
//!   24 | slot | origin | attempts | attempts left | digest                      | CRC-32  |
//!      +------+--------+----------+---------------+-----------------------------+---------+
//! ```
//!
//! - A field that the kind does not use is zero, `slot` is 0xFF. Anything else is [`BadRecord::Malformed`], so a record has
//!   exactly one encoding.
//! - `sequence` rises by one with every record, over both pages.
//! - `counter` is the anti-rollback counter as it is *with* this record. Every record repeats it, so that no single broken
//!   record can lower it.
//! - `origin` is 0 for a record that was appended, 1 for one that compaction carried over.
//! - The checksum covers bytes 0 to 59.
//!
//! | kind | name      | says                                            | uses                                            |
//! | ---: | --------- | ----------------------------------------------- | ----------------------------------------------- |
//! |    1 | Header    | first in a page, written last: page is complete | -                                               |
//! |    2 | Confirmed | this image is the one to run                    | slot, digest, length, security version          |
//! |    3 | Empty     | the slot holds nothing                          | slot                                            |
//! |    4 | Trial     | this image is to be tried                       | all                                             |
//! |    5 | Attempt   | one more boot of the trial begins               | all                                             |
//! |    6 | Failed    | the trial of this digest ended badly            | digest, attempt                                 |
//! |    7 | Lost      | the confirmed image of the slot does not match  | slot                                            |

use crate::{Failed, Image, Placed, Slot, Trial, crc::crc32};

/// Length of a record in bytes. Write units from 1 to 64 bytes divide it.
pub const RECORD_BYTES: usize = 64;

const BODY_BYTES: usize = 60;
const MAGIC: [u8; 2] = *b"Tb";
const LAYOUT_VERSION: u8 = 1;
const NO_SLOT: u8 = 0xFF;
const ERASED: u8 = 0xFF;

/// Why a record is not believed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadRecord {
    /// The checksum is not that of the bytes.
    Checksum,
    /// Written by other software, in a layout that this one does not read.
    LayoutVersion(u8),
    /// Not a boot record at all.
    Magic,
    /// A field holds a value that its kind does not have.
    Malformed,
    /// The sequence does not rise.
    OutOfOrder,
    /// The record says something that cannot be after the records before it.
    OutOfPlace,
    /// The write was cut before the checksum.
    Torn,
    /// Written by other software: a kind that this one does not know.
    UnknownKind(u8),
}

/// What stands at a record's place in flash.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Corrupted(BadRecord),
    Erased,
    Present(Record),
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Appended,
    Carried,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) sequence: u32,
    pub(crate) counter: u32,
    pub(crate) origin: Origin,
    pub(crate) entry: Entry,
}

/// What a record says.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Attempt(Trial),
    Confirmed(Placed),
    Empty(Slot),
    Failed(Failed),
    Header,
    Lost(Slot),
    Trial(Trial),
}

impl Record {
    pub(crate) fn encode(&self) -> [u8; RECORD_BYTES] {
        let fields = Fields::of(&self.entry);
        let mut bytes = [0; RECORD_BYTES];
        let (body, checksum) = bytes.split_at_mut(BODY_BYTES);
        let mut blank = Blank(body);
        blank.put(MAGIC);
        blank.put([LAYOUT_VERSION, fields.kind]);
        blank.put(self.sequence.to_le_bytes());
        blank.put(self.counter.to_le_bytes());
        blank.put(fields.length.to_le_bytes());
        blank.put(fields.security_version.to_le_bytes());
        blank.put(fields.attempt.to_le_bytes());
        blank.put([fields.slot, self.origin.code(), fields.attempts, fields.attempts_left]);
        blank.put(fields.digest);
        checksum.copy_from_slice(&crc32(body).to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; RECORD_BYTES]) -> Found {
        if bytes.iter().all(|byte| *byte == ERASED) {
            return Found::Erased;
        }
        match Self::decode_written(bytes) {
            Ok(record) => Found::Present(record),
            Err(reason) => Found::Corrupted(reason),
        }
    }

    fn decode_written(bytes: &[u8; RECORD_BYTES]) -> Result<Self, BadRecord> {
        let (body, checksum) = bytes.split_at(BODY_BYTES);
        let intact = checksum == crc32(body).to_le_bytes();
        let mut rest = Rest(body);
        if rest.take::<2>()? != MAGIC {
            return Err(BadRecord::Magic);
        }
        if !intact {
            let torn = checksum.iter().all(|byte| *byte == ERASED);
            return Err(if torn { BadRecord::Torn } else { BadRecord::Checksum });
        }
        let [layout] = rest.take()?;
        if layout != LAYOUT_VERSION {
            return Err(BadRecord::LayoutVersion(layout));
        }
        let [kind] = rest.take()?;
        let sequence = rest.number()?;
        let counter = rest.number()?;
        let (length, security_version, attempt) = (rest.number()?, rest.number()?, rest.number()?);
        let [slot, origin, attempts, attempts_left] = rest.take()?;
        let fields = Fields {
            kind,
            length,
            security_version,
            attempt,
            slot,
            attempts,
            attempts_left,
            digest: rest.take()?,
        };
        let (entry, origin) = (fields.entry()?, Origin::from_code(origin)?);
        let record = Self {
            sequence,
            counter,
            origin,
            entry,
        };
        // One encoding per record: whatever a kind does not use must be as `encode` leaves it.
        if record.encode() != *bytes {
            return Err(BadRecord::Malformed);
        }
        Ok(record)
    }
}

impl Origin {
    const fn code(self) -> u8 {
        match self {
            Self::Appended => 0,
            Self::Carried => 1,
        }
    }

    const fn from_code(code: u8) -> Result<Self, BadRecord> {
        match code {
            0 => Ok(Self::Appended),
            1 => Ok(Self::Carried),
            _ => Err(BadRecord::Malformed),
        }
    }
}

/// The fields that depend on the kind, as they are written.
struct Fields {
    kind: u8,
    length: u32,
    security_version: u32,
    attempt: u32,
    slot: u8,
    attempts: u8,
    attempts_left: u8,
    digest: [u8; 32],
}

impl Fields {
    const HEADER: u8 = 1;
    const CONFIRMED: u8 = 2;
    const EMPTY: u8 = 3;
    const TRIAL: u8 = 4;
    const ATTEMPT: u8 = 5;
    const FAILED: u8 = 6;
    const LOST: u8 = 7;

    const fn bare(kind: u8) -> Self {
        Self {
            kind,
            length: 0,
            security_version: 0,
            attempt: 0,
            slot: NO_SLOT,
            attempts: 0,
            attempts_left: 0,
            digest: [0; 32],
        }
    }

    const fn placed(kind: u8, placed: Placed) -> Self {
        Self {
            slot: slot_code(placed.slot),
            length: placed.image.length,
            security_version: placed.image.security_version,
            digest: placed.image.digest,
            ..Self::bare(kind)
        }
    }

    const fn trial(kind: u8, trial: Trial) -> Self {
        Self {
            attempt: trial.attempt,
            attempts: trial.attempts,
            attempts_left: trial.attempts_left,
            ..Self::placed(kind, trial.placed)
        }
    }

    const fn of(entry: &Entry) -> Self {
        match *entry {
            Entry::Attempt(trial) => Self::trial(Self::ATTEMPT, trial),
            Entry::Confirmed(placed) => Self::placed(Self::CONFIRMED, placed),
            Entry::Empty(slot) => Self {
                slot: slot_code(slot),
                ..Self::bare(Self::EMPTY)
            },
            Entry::Failed(Failed { digest, attempt }) => Self {
                digest,
                attempt,
                ..Self::bare(Self::FAILED)
            },
            Entry::Header => Self::bare(Self::HEADER),
            Entry::Lost(slot) => Self {
                slot: slot_code(slot),
                ..Self::bare(Self::LOST)
            },
            Entry::Trial(trial) => Self::trial(Self::TRIAL, trial),
        }
    }

    fn entry(&self) -> Result<Entry, BadRecord> {
        Ok(match self.kind {
            Self::HEADER => Entry::Header,
            Self::CONFIRMED => Entry::Confirmed(self.to_placed()?),
            Self::EMPTY => Entry::Empty(slot_from(self.slot)?),
            Self::TRIAL => Entry::Trial(self.to_trial()?),
            Self::ATTEMPT => Entry::Attempt(self.to_trial()?),
            Self::FAILED => Entry::Failed(Failed {
                digest: self.digest,
                attempt: self.attempt,
            }),
            Self::LOST => Entry::Lost(slot_from(self.slot)?),
            unknown => return Err(BadRecord::UnknownKind(unknown)),
        })
    }

    fn to_placed(&self) -> Result<Placed, BadRecord> {
        let image = Image {
            digest: self.digest,
            length: self.length,
            security_version: self.security_version,
        };
        Ok(Placed {
            slot: slot_from(self.slot)?,
            image,
        })
    }

    fn to_trial(&self) -> Result<Trial, BadRecord> {
        if self.attempts_left > self.attempts {
            return Err(BadRecord::Malformed);
        }
        Ok(Trial {
            placed: self.to_placed()?,
            attempt: self.attempt,
            attempts: self.attempts,
            attempts_left: self.attempts_left,
        })
    }
}

const fn slot_code(slot: Slot) -> u8 {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
    }
}

const fn slot_from(code: u8) -> Result<Slot, BadRecord> {
    match code {
        0 => Ok(Slot::A),
        1 => Ok(Slot::B),
        _ => Err(BadRecord::Malformed),
    }
}

/// What of a record's body is not written yet.
struct Blank<'a>(&'a mut [u8]);

impl Blank<'_> {
    /// Invariant: the fields are as long as the body together (drawn above), so every one has its place.
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        if let Some((place, blank)) = core::mem::take(&mut self.0).split_first_chunk_mut() {
            *place = field;
            self.0 = blank;
        }
    }
}

/// What of a record's body is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        let (field, rest) = self.0.split_first_chunk().ok_or(BadRecord::Malformed)?;
        self.0 = rest;
        Ok(*field)
    }

    fn number(&mut self) -> Result<u32, BadRecord> {
        self.take().map(u32::from_le_bytes)
    }
}
