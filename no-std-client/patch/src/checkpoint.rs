//! A checkpoint: the complete state of a decoder as a record of fixed size. It is specified, and frozen, in
//! `docs/spec/checkpoint.md`.
//!
//! ```text
//! field                        bytes
//! magic "TUFC"                 4
//! layout version, profile      2       1; as in the header
//! head, block size, length     40      of the patch, as they were pinned
//! header of the patch          204     filled up with zeros; names source and result
//! block at hand                40      its hash, its index, how much of it was taken
//! position                     4       in the result: a multiple of the buffer
//! copy                         5       0 none, 1 old, 2 new; offset
//! range decoder                50      range, code, padding, how many bytes are carried, these
//! history                      51      as the model declares it
//! unit                         7       bytes that are sure, which, bytes that come apart, whether one was missed
//! tables and weights           by profile
//! addresses                    by profile: how many pieces the map has, the pieces, the last pointer and sum, pairs,
//!                              registers, field, run, before,
//!                              instruction
//! matcher                      by profile: its table if it is not primed, what comes next, guesses that held
//! zeros                        up to 32 less than a multiple of 64
//! SHA-256 of all before        32
//! ```
//!
//! - A record is nearly as large as the decoder, so it never stands in RAM beside it: it is written and read in pieces of
//!   [`PIECE_BYTES`].
//! - A record is used only for the patch, the source and the result that it names, and every field is checked as if an attacker
//!   had written it: after `resume` no value is out of range that a decoder could not have reached.
//! - It holds for what stands in front of its position in the slot; that is not looked at. The hash of the finished slot decides.
//! - The caller is told to erase every unit behind the position again, and none in front of it.

use crate::{
    Digest, HEADER_BYTES_MAX, Image, Pinned, Refusal,
    chain::finish,
    decoder::{State, check_copy},
    matcher::{HELD_MAX, Matcher},
    mixer::{Mixer, WEIGHT_MAX},
    model::{
        BYTE_INPUTS, BYTE_SETS, CHANGES, CLASS_CELLS, Copy, HIT_INPUTS, HIT_SETS, History, InUnit, Model, Origin,
        RARE_CELLS, UNIT_BYTES_MAX,
    },
    predict::{Addresses, Field, HELD, Kind, Pair, Piece, RECENT, Source},
    range_decoder::{EVENT_BYTES_MAX, RangeDecoder},
};
use core::slice;
use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 4] = *b"TUFC";
const VERSION: u8 = 1;

/// Everything but tables and weights.
const FIXED_BYTES: usize =
    4 + 2 + 40 + HEADER_BYTES_MAX + 40 + 4 + 50 + 5 + (23 + CHANGES) + UNIT_BYTES + ADDRESS_BYTES + 8 + 32;
/// Of these, what is known of addresses but for the tables by profile: a count, the last words, the last pointer and sum, registers, a field,
/// and so on.
const ADDRESS_BYTES: usize = 4 + 8 * RECENT + 16 + 9 * HELD + FIELD_BYTES + 4 + 4 + 4;
/// Where it stands in a unit: three numbers and four bytes.
const UNIT_BYTES: usize = 3 + 4;
/// A field: kind, source, three words and the bytes that came, how many, and of how many.
const FIELD_BYTES: usize = 1 + 1 + 16 + 2;

/// Bytes of a piece of a record: a multiple of every usual write unit.
pub const PIECE_BYTES: usize = 64;

/// Why no record was written. `E` is the error of the caller's flash.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SnapshotError<E> {
    /// The decoder does not stand at a checkpoint.
    NotAtCheckpoint,
    /// The caller could not write a piece.
    Storage(E),
}

/// Why a record is not used. Decoding starts over with the same result. `E` is the error of the caller's flash.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadCheckpoint<E> {
    /// It was torn, or flash lost it.
    Checksum,
    /// A field has a value that no decoder reaches.
    Impossible,
    /// It is of another patch.
    OtherPatch,
    /// It is of another profile.
    OtherProfile,
    /// It is on the way to another result.
    OtherResult,
    /// It started from another image.
    OtherSource,
    /// The caller could not read a piece.
    Storage(E),
    /// Its layout is not known.
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// It is no checkpoint.
    WrongMagic,
}

/// What of a record can have come about.
struct Possible {
    header: bool,
    tables: bool,
}

/// The same without the caller's error.
enum Fault {
    Checksum,
    Impossible,
    OtherPatch,
    OtherProfile,
    OtherResult,
    OtherSource,
    UnknownVersion { version: u8 },
    WrongMagic,
}

impl Fault {
    fn named<E>(self) -> BadCheckpoint<E> {
        match self {
            Self::Checksum => BadCheckpoint::Checksum,
            Self::Impossible => BadCheckpoint::Impossible,
            Self::OtherPatch => BadCheckpoint::OtherPatch,
            Self::OtherProfile => BadCheckpoint::OtherProfile,
            Self::OtherResult => BadCheckpoint::OtherResult,
            Self::OtherSource => BadCheckpoint::OtherSource,
            Self::UnknownVersion { version } => BadCheckpoint::UnknownVersion { version },
            Self::WrongMagic => BadCheckpoint::WrongMagic,
        }
    }
}

/// One walk over the fields for both directions, so that they cannot differ. Pieces are hashed whole, all but the last one, which
/// ends with the hash.
struct Record<'r> {
    way: Way,
    /// Writes a piece, or reads it. False: it could not.
    pass: &'r mut dyn FnMut(&mut [u8; PIECE_BYTES]) -> bool,
    /// Whether every piece was passed. After one that was not, there are no others.
    is_well: bool,
    hasher: Sha256,
    piece: [u8; PIECE_BYTES],
    /// Bytes of the piece that were taken or put.
    at: usize,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl<'r> Record<'r> {
    fn new(way: Way, pass: &'r mut dyn FnMut(&mut [u8; PIECE_BYTES]) -> bool) -> Self {
        Self {
            way,
            pass,
            is_well: true,
            hasher: Sha256::new(),
            piece: [0; PIECE_BYTES],
            at: 0,
        }
    }

    /// Writes the field, or replaces it by what stands here.
    #[inline(never)]
    fn field(&mut self, field: &mut [u8]) {
        for byte in field {
            if self.at == 0 && self.way == Way::Read {
                self.pass();
            }
            if let Some(place) = self.piece.get_mut(self.at) {
                match self.way {
                    Way::Read => *byte = *place,
                    Way::Write => *place = *byte,
                }
            }
            self.at = self.at.wrapping_add(1);
            if self.at >= PIECE_BYTES {
                self.at = 0;
                self.hasher.update(self.piece.as_slice());
                if self.way == Way::Write {
                    self.pass();
                }
            }
        }
    }

    fn pass(&mut self) {
        self.is_well = self.is_well && (self.pass)(&mut self.piece);
    }

    /// Ends the record with the hash of all before, or says whether that stands there. The last piece has room for it, and for no more.
    #[inline(never)]
    fn end(&mut self) -> bool {
        self.hasher.update(self.piece.get(..self.at).unwrap_or_default());
        let digest = finish(&mut self.hasher);
        let place = self.piece.get_mut(self.at..).unwrap_or_default();
        match self.way {
            Way::Read => digest == place,
            Way::Write => {
                for (place, byte) in place.iter_mut().zip(digest) {
                    *place = byte;
                }
                self.is_well && (self.pass)(&mut self.piece)
            }
        }
    }

    fn byte(&mut self, value: &mut u8) {
        self.field(slice::from_mut(value));
    }

    /// So many bytes that mean nothing.
    fn fill(&mut self, count: usize) {
        for _ in 0..count {
            self.byte(&mut 0);
        }
    }

    #[inline(never)]
    fn word(&mut self, value: &mut u32) {
        let mut bytes = value.to_le_bytes();
        self.field(&mut bytes);
        *value = u32::from_le_bytes(bytes);
    }

    #[inline(never)]
    fn two(&mut self, one: &mut u32, other: &mut u32) {
        self.word(one);
        self.word(other);
    }

    #[inline(never)]
    fn halves(&mut self, values: &mut [u16]) {
        for value in values {
            let mut bytes = value.to_le_bytes();
            self.field(&mut bytes);
            *value = u16::from_le_bytes(bytes);
        }
    }

    #[inline(never)]
    fn weights(&mut self, values: &mut [i32]) {
        for value in values {
            let mut bytes = value.to_le_bytes();
            self.field(&mut bytes);
            *value = i32::from_le_bytes(bytes);
        }
    }
}

/// The fields in front of the tables, but for the header of the patch.
struct Preface {
    magic: [u8; 4],
    version: u8,
    profile: u8,
    pinned: Pinned,
    block_digest: Digest,
    block_index: u32,
    taken: u32,
    position: u32,
    copy: u8,
    from: u32,
}

impl Preface {
    const BLANK: Self = Self {
        magic: [0; 4],
        version: 0,
        profile: 0,
        pinned: Pinned {
            head: [0; 32],
            block_bytes: 0,
            length: 0,
        },
        block_digest: [0; 32],
        block_index: 0,
        taken: 0,
        position: 0,
        copy: 0,
        from: 0,
    };

    /// Those in front of the header.
    #[inline(never)]
    fn walk(&mut self, record: &mut Record<'_>) {
        record.field(&mut self.magic);
        record.byte(&mut self.version);
        record.byte(&mut self.profile);
        record.field(&mut self.pinned.head);
        record.word(&mut self.pinned.block_bytes);
        record.word(&mut self.pinned.length);
    }

    /// Those behind it.
    #[inline(never)]
    fn walk_on(&mut self, record: &mut Record<'_>) {
        record.field(&mut self.block_digest);
        record.word(&mut self.block_index);
        record.word(&mut self.taken);
        record.word(&mut self.position);
        record.byte(&mut self.copy);
        record.word(&mut self.from);
    }

    fn copy(&self) -> Option<Option<Copy>> {
        let from = self.from;
        match self.copy {
            0 => Some(None),
            1 => Some(Some(Copy {
                origin: Origin::Old,
                from,
            })),
            2 => Some(Some(Copy {
                origin: Origin::New,
                from,
            })),
            _ => None,
        }
    }
}

#[inline(never)]
fn walk_range(range: &mut RangeDecoder, record: &mut Record<'_>) {
    record.word(&mut range.range);
    record.word(&mut range.code);
    record.byte(&mut range.padding);
    record.byte(&mut range.carried_bytes);
    record.field(&mut range.carried);
}

#[inline(never)]
fn walk_history(history: &mut History, record: &mut Record<'_>) {
    record.word(&mut history.recent);
    record.word(&mut history.misses);
    record.byte(&mut history.hits_in_row);
    record.byte(&mut history.literals_in_row);
    record.field(&mut history.changes);
    record.byte(&mut history.change);
    for diagonal in &mut history.diagonals {
        record.word(diagonal);
    }
    record.word(&mut history.distance);
}

/// Whether a decoder can stand there is said after it was read.
#[inline(never)]
fn walk_unit(unit: &mut InUnit, record: &mut Record<'_>) -> bool {
    record.byte(&mut unit.sure);
    record.word(&mut unit.bytes);
    record.byte(&mut unit.apart);
    record.byte(&mut unit.is_missed);
    let left = unit.sure.max(unit.apart);
    left <= UNIT_BYTES_MAX && (unit.sure == 0 || unit.apart == 0) && unit.is_missed <= 1
}

/// Whether the field can be at hand is said after it was read.
#[inline(never)]
fn walk_field(field: &mut Field, record: &mut Record<'_>) -> bool {
    let (mut kind, mut source) = (field.kind.code(), field.source.code());
    record.byte(&mut kind);
    record.byte(&mut source);
    record.two(&mut field.target, &mut field.expected);
    record.two(&mut field.bytes, &mut field.came);
    record.byte(&mut field.phase);
    record.byte(&mut field.length);
    let Some((kind, source)) = Kind::from_code(kind).zip(Source::from_code(source)) else {
        return false;
    };
    (field.kind, field.source) = (kind, source);
    let is_at_hand = field.phase < field.length && matches!(field.length, 3..=4);
    is_at_hand || *field == Field::NONE
}

#[inline(never)]
fn walk_pieces(pieces: &mut [Piece], record: &mut Record<'_>) {
    for piece in pieces {
        record.two(&mut piece.old, &mut piece.shift);
    }
}

#[inline(never)]
fn walk_pairs(pairs: &mut [Pair], record: &mut Record<'_>) {
    for pair in pairs {
        record.two(&mut pair.old, &mut pair.new);
    }
}

/// Whether every field has a value that a decoder reaches is said after it was read.
fn walk_addresses<const PLACES: usize, const ONLY_THUMB: bool>(
    addresses: &mut Addresses<PLACES, ONLY_THUMB>,
    record: &mut Record<'_>,
) -> bool {
    record.word(&mut addresses.map.count);
    walk_pieces(&mut addresses.map.pieces, record);
    walk_pieces(slice::from_mut(&mut addresses.last_pointer), record);
    walk_pieces(slice::from_mut(&mut addresses.last_sum), record);
    walk_pairs(&mut addresses.learned.pairs, record);
    walk_pairs(&mut addresses.learned.recent, record);
    for held in &mut addresses.registers.held {
        record.byte(&mut held.register);
        record.two(&mut held.old, &mut held.new);
    }
    let field = walk_field(addresses.field_mut(), record);
    record.word(&mut addresses.run);
    record.word(&mut addresses.before);
    record.word(&mut addresses.instruction);
    field && addresses.map.is_possible() && addresses.registers.are_possible()
}

fn walk_matcher<const SLOTS: usize>(matcher: &mut Matcher<SLOTS>, record: &mut Record<'_>) -> bool {
    if !Matcher::<SLOTS>::IS_PRIMED {
        matcher.slots.iter_mut().for_each(|slot| record.word(slot));
    }
    record.word(&mut matcher.place);
    record.word(&mut matcher.held);
    matcher.held <= HELD_MAX
}

fn walk_mixer<const INPUTS: usize, const CELLS: usize, const SETS: usize>(
    mixer: &mut Mixer<INPUTS, CELLS, SETS>,
    record: &mut Record<'_>,
) {
    record.halves(mixer.cells.as_flattened_mut());
    record.weights(mixer.weights.as_flattened_mut());
}

fn walk_model<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
>(
    model: &mut Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>,
    record: &mut Record<'_>,
) -> bool {
    walk_history(&mut model.history, record);
    let unit = walk_unit(&mut model.in_unit, record);
    walk_mixer(&mut model.hits, record);
    walk_mixer(&mut model.bytes, record);
    record.halves(&mut model.rare);
    record.halves(model.classes.as_flattened_mut());
    let addresses = walk_addresses(&mut model.addresses, record);
    let matcher = walk_matcher(&mut model.matcher, record);
    unit && addresses && matcher
}

impl<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
> State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS, ONLY_THUMB>
{
    const FIELD_BYTES: usize = FIXED_BYTES
        + 16 * PLACES
        + if Matcher::<SLOTS>::IS_PRIMED { 0 } else { 4 * SLOTS }
        + 2 * (HIT_INPUTS * HIT_CELLS + BYTE_INPUTS * BYTE_CELLS + RARE_CELLS + 2 * CLASS_CELLS)
        + 4 * (HIT_INPUTS * HIT_SETS + BYTE_INPUTS * BYTE_SETS);

    /// Bytes of a record: a multiple of [`PIECE_BYTES`].
    pub const SNAPSHOT_BYTES: usize = Self::FIELD_BYTES.next_multiple_of(PIECE_BYTES);

    /// Writes a record of the state, right after [`Progress::Checkpoint`](crate::Progress::Checkpoint): `write` is called with
    /// one piece after the other, and stands for a place that no other record shares.
    pub fn snapshot<E>(
        &mut self,
        mut write: impl FnMut(&[u8; PIECE_BYTES]) -> Result<(), E>,
    ) -> Result<(), SnapshotError<E>> {
        let mut outcome = Ok(());
        let is_at_checkpoint = self.write(&mut |piece| {
            outcome = write(piece);
            outcome.is_ok()
        });
        match is_at_checkpoint {
            true => outcome.map_err(SnapshotError::Storage),
            false => Err(SnapshotError::NotAtCheckpoint),
        }
    }

    /// The same for any place. False: the decoder does not stand at a checkpoint.
    #[inline(never)]
    fn write(&mut self, write: &mut dyn FnMut(&mut [u8; PIECE_BYTES]) -> bool) -> bool {
        let Some(standing) = self.intake.standing() else {
            return false;
        };
        let mut record = Record::new(Way::Write, write);
        let mut preface = Preface {
            magic: MAGIC,
            version: VERSION,
            profile: Self::PROFILE.code(),
            pinned: *standing.pinned,
            block_digest: *standing.digest,
            block_index: standing.index,
            taken: standing.taken,
            position: self.output.position(),
            ..Preface::BLANK
        };
        if let Some(copy) = self.copy {
            preface.from = copy.from;
            preface.copy = match copy.origin {
                Origin::Old => 1,
                Origin::New => 2,
            };
        }
        preface.walk(&mut record);
        let mut left = HEADER_BYTES_MAX;
        standing
            .header
            .emit_with(&self.model.addresses.layout, &mut |mut byte| {
                left = left.wrapping_sub(1);
                record.byte(&mut byte);
            });
        record.fill(left);
        preface.walk_on(&mut record);
        // What is written is possible.
        let _ = self.walk(&mut record);
        record.end();
        true
    }

    /// Takes a record up, in place of [`begin`](Self::begin), with the same arguments: `read` is called for one piece after the
    /// other. What the record names must be the same; after a refusal nothing can be decoded before `begin`.
    pub fn resume<E>(
        &mut self,
        mut read: impl FnMut(&mut [u8; PIECE_BYTES]) -> Result<(), E>,
        pinned: Pinned,
        source: Image,
        result: Image,
    ) -> Result<(), BadCheckpoint<E>> {
        let mut outcome = Ok(());
        let read = &mut |piece: &mut [u8; PIECE_BYTES]| {
            outcome = read(piece);
            outcome.is_ok()
        };
        let resumed = self.read(read, &pinned, [&source, &result]);
        if resumed.is_err() {
            self.intake.forget_header();
        }
        outcome.map_err(BadCheckpoint::Storage)?;
        resumed.map_err(Fault::named)
    }

    /// The same for any place. What it answers is worth nothing if that could not be read.
    #[inline(never)]
    fn read(
        &mut self,
        read: &mut dyn FnMut(&mut [u8; PIECE_BYTES]) -> bool,
        pinned: &Pinned,
        [source, result]: [&Image; 2],
    ) -> Result<(), Fault> {
        self.intake.end();
        let mut preface = Preface::BLANK;
        let possible = self.read_fields(read, &mut preface)?;
        if preface.profile != Self::PROFILE.code() {
            return Err(Fault::OtherProfile);
        }
        if preface.pinned != *pinned {
            return Err(Fault::OtherPatch);
        }
        let Some(header) = self.intake.header().filter(|_| possible.header) else {
            return Err(Fault::Impossible);
        };
        if header.source != *source {
            return Err(Fault::OtherSource);
        }
        if header.result != *result {
            return Err(Fault::OtherResult);
        }
        match possible.tables && self.take_up(&preface).is_some() {
            true => Ok(()),
            false => Err(Fault::Impossible),
        }
    }

    /// Reads all fields, and says whether they are possible. Not inlined: a record needs much of the stack, and what comes later does,
    /// too.
    #[inline(never)]
    fn read_fields(
        &mut self,
        read: &mut dyn FnMut(&mut [u8; PIECE_BYTES]) -> bool,
        preface: &mut Preface,
    ) -> Result<Possible, Fault> {
        let mut record = Record::new(Way::Read, read);
        preface.walk(&mut record);
        let mut left = HEADER_BYTES_MAX;
        let fill = &mut |field: &mut [u8]| {
            left = left.wrapping_sub(field.len());
            record.field(field);
            true
        };
        // Invariant: no header is longer than that.
        let layout = &mut self.model.addresses.layout;
        let header = self.intake.blank_header();
        let is_header =
            header.read_from(fill, Refusal::WrongMagic, layout).is_ok() && Self::follows(layout.architecture);
        record.fill(left);
        preface.walk_on(&mut record);
        let possible = Possible {
            header: is_header,
            tables: self.walk(&mut record),
        };
        if !record.is_well || preface.magic != MAGIC {
            return Err(Fault::WrongMagic);
        }
        if preface.version != VERSION {
            return Err(Fault::UnknownVersion {
                version: preface.version,
            });
        }
        match record.end() {
            true => Ok(possible),
            false => Err(Fault::Checksum),
        }
    }

    /// All fields behind the preface in their order, but for the checksum; and whether they are possible. Not inlined: it is long, and there
    /// are two directions.
    #[inline(never)]
    fn walk(&mut self, record: &mut Record<'_>) -> bool {
        walk_range(&mut self.range, record);
        let is_possible = walk_model(&mut self.model, record);
        record.fill(Self::SNAPSHOT_BYTES.wrapping_sub(Self::FIELD_BYTES));
        is_possible
    }

    /// Checks every field, and runs when all are possible.
    #[inline(never)]
    fn take_up(&mut self, preface: &Preface) -> Option<()> {
        let header = self.intake.header()?;
        let pinned = &preface.pinned;
        let position = preface.position;
        let buffer = u32::try_from(BUFFER_BYTES).ok()?;
        let copy = preface.copy()?;
        let inside = copy.is_none_or(|copy| check_copy(copy, position, header.source.length).is_ok());
        let possible = inside
            && (copy.is_some() || self.model.in_unit.is_none())
            && header.profile == Self::PROFILE
            && header.block_bytes == pinned.block_bytes
            && header.checkpoints.has(position)
            && position.is_multiple_of(buffer)
            && pinned.can_stand(preface.block_index, &preface.block_digest, preface.taken)
            && self.range.is_possible()
            && are_weights(self.model.hits.weights.as_flattened())
            && are_weights(self.model.bytes.weights.as_flattened());
        if !possible {
            return None;
        }
        let source_bytes = header.source.length;
        self.model.addresses.source_bytes = source_bytes;
        self.model.matcher.seen = source_bytes.wrapping_add(position);
        self.model.guess = None;
        self.copy = copy;
        self.at_position(position);
        self.intake
            .stand(pinned, preface.block_index, &preface.block_digest, preface.taken);
        Some(())
    }
}

fn are_weights(weights: &[i32]) -> bool {
    weights.iter().all(|weight| (-WEIGHT_MAX..=WEIGHT_MAX).contains(weight))
}

impl RangeDecoder {
    /// Whether a decoder can be in this state between events, after the first one.
    fn is_possible(&self) -> bool {
        self.range >= crate::range_decoder::TOP
            && self.code < self.range
            && usize::from(self.carried_bytes) <= EVENT_BYTES_MAX
            && self.padding <= crate::range_decoder::PADDING_BYTES_MAX
    }
}
