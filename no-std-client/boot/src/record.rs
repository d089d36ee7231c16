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

use crate::{Slot, Trial, crc::crc32};

/// Length of a record in bytes. Write units from 1 to 64 bytes divide it.
pub const RECORD_BYTES: usize = 64;

const BODY_BYTES: usize = 60;
/// The body is words, and in the end a digest.
const WORDS: usize = 7;
const WORDS_BYTES: usize = 4 * WORDS;
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
    Present,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Appended,
    Carried,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct Record {
    pub(crate) sequence: u32,
    pub(crate) counter: u32,
    pub(crate) origin: Origin,
    pub(crate) kind: Kind,
    /// What it says of an image. What the kind does not use means nothing, and is not written.
    pub(crate) said: Trial,
}

/// Which kind of record it is, by its number in flash.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Attempt = 5,
    Confirmed = 2,
    Empty = 3,
    Failed = 6,
    Header = 1,
    Lost = 7,
    Trial = 4,
}

impl Record {
    /// A record for whoever reads one into it.
    pub(crate) const BLANK: Self = Self {
        sequence: 0,
        counter: 0,
        origin: Origin::Appended,
        kind: Kind::Header,
        said: Trial::of_slot(Slot::A),
    };

    pub(crate) fn encode(&self) -> [u8; RECORD_BYTES] {
        let Trial {
            placed,
            attempt,
            attempts,
            attempts_left,
        } = &self.said;
        let [first, second] = MAGIC;
        let is_used = |uses: Uses| self.kind.uses() & uses != 0;
        let or_zero = |uses, word: u32| if is_used(uses) { word } else { 0 };
        let slot = match placed.slot {
            _ if !is_used(SLOT) => NO_SLOT,
            Slot::A => 0,
            Slot::B => 1,
        };
        let origin = u8::from(self.origin == Origin::Carried);
        let attempts = or_zero(ATTEMPTS, u32::from_le_bytes([0, 0, *attempts, *attempts_left]));
        let words: [u32; WORDS] = [
            u32::from_le_bytes([first, second, LAYOUT_VERSION, self.kind.code()]),
            self.sequence,
            self.counter,
            or_zero(LENGTH, placed.image.length),
            or_zero(LENGTH, placed.image.security_version),
            or_zero(ATTEMPT, *attempt),
            attempts | u32::from_le_bytes([slot, origin, 0, 0]),
        ];
        let mut bytes = [0; RECORD_BYTES];
        let (body, checksum) = bytes.split_at_mut(BODY_BYTES);
        for (place, word) in body.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        if is_used(DIGEST)
            && let Some(place) = body.last_chunk_mut()
        {
            *place = placed.image.digest;
        }
        checksum.copy_from_slice(&crc32(body).to_le_bytes());
        bytes
    }

    /// Becomes what the bytes say. It means nothing if they are not a record.
    pub(crate) fn decode(&mut self, bytes: &[u8; RECORD_BYTES]) -> Found {
        if is_erased(bytes) {
            return Found::Erased;
        }
        match self.decode_written(bytes) {
            Ok(()) => Found::Present,
            Err(reason) => Found::Corrupted(reason),
        }
    }

    fn decode_written(&mut self, bytes: &[u8; RECORD_BYTES]) -> Result<(), BadRecord> {
        let (body, checksum) = bytes.split_at(BODY_BYTES);
        let intact = checksum == crc32(body).to_le_bytes();
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(body.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let image = &mut self.said.placed.image;
        let (head, tail);
        [
            head,
            self.sequence,
            self.counter,
            image.length,
            image.security_version,
            self.said.attempt,
            tail,
        ] = words;
        let [first, second, layout, kind] = head.to_le_bytes();
        if [first, second] != MAGIC {
            return Err(BadRecord::Magic);
        }
        if !intact {
            return Err(match is_erased(checksum) {
                true => BadRecord::Torn,
                false => BadRecord::Checksum,
            });
        }
        if layout != LAYOUT_VERSION {
            return Err(BadRecord::LayoutVersion(layout));
        }
        self.kind = Kind::from_code(kind).ok_or(BadRecord::UnknownKind(kind))?;
        let [slot, origin, attempts, attempts_left] = tail.to_le_bytes();
        self.said.placed.slot = if slot == 1 { Slot::B } else { Slot::A };
        self.origin = if origin == 1 { Origin::Carried } else { Origin::Appended };
        (self.said.attempts, self.said.attempts_left) = (attempts, attempts_left);
        image
            .digest
            .copy_from_slice(body.get(WORDS_BYTES..).unwrap_or_default());
        // One encoding per record: whatever has no meaning, and what a kind does not use, is not as `encode` leaves it.
        if self.encode() != *bytes {
            return Err(BadRecord::Malformed);
        }
        match attempts_left > attempts {
            true => Err(BadRecord::Malformed),
            false => Ok(()),
        }
    }
}

/// Whether nothing was written there.
pub(crate) fn is_erased(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == ERASED)
}

/// Fields that a kind uses: some of the bits below.
type Uses = u8;

const SLOT: Uses = 1;
const DIGEST: Uses = 2;
/// And the security version.
const LENGTH: Uses = 4;
const ATTEMPT: Uses = 8;
/// And how many are left.
const ATTEMPTS: Uses = 16;

impl Kind {
    #[allow(clippy::as_conversions, reason = "the numbers are said above")]
    const fn code(self) -> u8 {
        self as u8
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Header),
            2 => Some(Self::Confirmed),
            3 => Some(Self::Empty),
            4 => Some(Self::Trial),
            5 => Some(Self::Attempt),
            6 => Some(Self::Failed),
            7 => Some(Self::Lost),
            _ => None,
        }
    }

    const fn uses(self) -> Uses {
        match self {
            Self::Attempt | Self::Trial => SLOT | DIGEST | LENGTH | ATTEMPT | ATTEMPTS,
            Self::Confirmed => SLOT | DIGEST | LENGTH,
            Self::Empty | Self::Lost => SLOT,
            Self::Failed => DIGEST | ATTEMPT,
            Self::Header => 0,
        }
    }
}
