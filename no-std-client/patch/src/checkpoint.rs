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
    Chain, Digest, HEADER_BYTES_MAX, Header, Image, Pinned,
    decoder::{State, check_copy},
    intake::Standing,
    matcher::{HELD_MAX, Matcher},
    mixer::{Mixer, WEIGHT_MAX},
    model::{
        BYTE_INPUTS, BYTE_SETS, CHANGES, CLASS_CELLS, Copy, HIT_INPUTS, HIT_SETS, History, InUnit, Model, Origin,
        RARE_CELLS, UNIT_BYTES_MAX,
    },
    predict::{Addresses, Field, HELD, Kind, RECENT, Source},
    range_decoder::{EVENT_BYTES_MAX, RangeDecoder},
};
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

/// One walk over the fields for both directions, so that they cannot differ.
trait Record {
    /// Writes the field, or replaces it by what stands here.
    fn field(&mut self, field: &mut [u8]);
}

fn byte(record: &mut dyn Record, value: &mut u8) {
    record.field(core::slice::from_mut(value));
}

#[inline(never)]
fn half(record: &mut dyn Record, value: &mut u16) {
    let mut bytes = value.to_le_bytes();
    record.field(&mut bytes);
    *value = u16::from_le_bytes(bytes);
}

#[inline(never)]
fn word(record: &mut dyn Record, value: &mut u32) {
    let mut bytes = value.to_le_bytes();
    record.field(&mut bytes);
    *value = u32::from_le_bytes(bytes);
}

#[inline(never)]
fn weight(record: &mut dyn Record, value: &mut i32) {
    let mut bytes = value.to_le_bytes();
    record.field(&mut bytes);
    *value = i32::from_le_bytes(bytes);
}

/// Writes fields piece by piece, and hashes them. After an error it goes on, and says so at the end.
struct Writer<W, E> {
    write: W,
    hasher: Sha256,
    piece: [u8; PIECE_BYTES],
    filled: usize,
    outcome: Result<(), E>,
}

impl<W: FnMut(&[u8; PIECE_BYTES]) -> Result<(), E>, E> Writer<W, E> {
    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.piece.get_mut(self.filled) {
                *place = *byte;
            }
            self.filled = self.filled.wrapping_add(1);
            if self.filled >= PIECE_BYTES {
                self.filled = 0;
                if self.outcome.is_ok() {
                    self.outcome = (self.write)(&self.piece);
                }
            }
        }
    }
}

impl<W: FnMut(&[u8; PIECE_BYTES]) -> Result<(), E>, E> Record for Writer<W, E> {
    fn field(&mut self, field: &mut [u8]) {
        self.hasher.update(&*field);
        self.put(field);
    }
}

/// Reads fields piece by piece, and hashes them. After an error they are zeros, and it says so at the end.
struct Reader<R, E> {
    read: R,
    hasher: Sha256,
    piece: [u8; PIECE_BYTES],
    taken: usize,
    outcome: Result<(), E>,
}

impl<R: FnMut(&mut [u8; PIECE_BYTES]) -> Result<(), E>, E> Reader<R, E> {
    fn take(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.taken >= PIECE_BYTES {
                self.taken = 0;
                if self.outcome.is_ok() {
                    self.outcome = (self.read)(&mut self.piece);
                }
            }
            *byte = match (&self.outcome, self.piece.get(self.taken)) {
                (Ok(()), Some(byte)) => *byte,
                (_, _) => 0,
            };
            self.taken = self.taken.wrapping_add(1);
        }
    }
}

impl<R: FnMut(&mut [u8; PIECE_BYTES]) -> Result<(), E>, E> Record for Reader<R, E> {
    fn field(&mut self, field: &mut [u8]) {
        self.take(field);
        self.hasher.update(&*field);
    }
}

/// The fields in front of the tables.
struct Preface {
    magic: [u8; 4],
    version: u8,
    profile: u8,
    pinned: Pinned,
    header: [u8; HEADER_BYTES_MAX],
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
        header: [0; HEADER_BYTES_MAX],
        block_digest: [0; 32],
        block_index: 0,
        taken: 0,
        position: 0,
        copy: 0,
        from: 0,
    };

    fn walk(&mut self, record: &mut dyn Record) {
        record.field(&mut self.magic);
        byte(record, &mut self.version);
        byte(record, &mut self.profile);
        record.field(&mut self.pinned.head);
        word(record, &mut self.pinned.block_bytes);
        word(record, &mut self.pinned.length);
        record.field(&mut self.header);
        record.field(&mut self.block_digest);
        word(record, &mut self.block_index);
        word(record, &mut self.taken);
        word(record, &mut self.position);
        byte(record, &mut self.copy);
        word(record, &mut self.from);
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

fn walk_range(range: &mut RangeDecoder, record: &mut dyn Record) {
    word(record, &mut range.range);
    word(record, &mut range.code);
    byte(record, &mut range.padding);
    byte(record, &mut range.carried_bytes);
    record.field(&mut range.carried);
}

fn walk_history(history: &mut History, record: &mut dyn Record) {
    word(record, &mut history.recent);
    word(record, &mut history.misses);
    byte(record, &mut history.hits_in_row);
    byte(record, &mut history.literals_in_row);
    record.field(&mut history.changes);
    byte(record, &mut history.change);
    for diagonal in &mut history.diagonals {
        word(record, diagonal);
    }
    word(record, &mut history.distance);
}

/// Whether a decoder can stand there is said after it was read.
fn walk_unit(unit: &mut InUnit, record: &mut dyn Record) -> bool {
    byte(record, &mut unit.sure);
    word(record, &mut unit.bytes);
    byte(record, &mut unit.apart);
    byte(record, &mut unit.is_missed);
    let left = unit.sure.max(unit.apart);
    left <= UNIT_BYTES_MAX && (unit.sure == 0 || unit.apart == 0) && unit.is_missed <= 1
}

/// Whether the field can be at hand is said after it was read.
fn walk_field(field: &mut Field, record: &mut dyn Record) -> bool {
    let mut kind = match field.kind {
        Kind::Branch => 0,
        Kind::Lower => 3,
        Kind::Pointer => 1,
        Kind::Upper => 4,
        Kind::Word => 2,
    };
    let mut source = match field.source {
        Source::Learned => 0,
        Source::Moved => 1,
        Source::Nothing => 2,
    };
    byte(record, &mut kind);
    byte(record, &mut source);
    for value in [
        &mut field.target,
        &mut field.expected,
        &mut field.bytes,
        &mut field.came,
    ] {
        word(record, value);
    }
    byte(record, &mut field.phase);
    byte(record, &mut field.length);
    let kinds = [Kind::Branch, Kind::Pointer, Kind::Word, Kind::Lower, Kind::Upper];
    let sources = [Source::Learned, Source::Moved, Source::Nothing];
    let known = kinds.get(usize::from(kind)).zip(sources.get(usize::from(source)));
    let Some((kind, source)) = known else {
        return false;
    };
    (field.kind, field.source) = (*kind, *source);
    let is_at_hand = field.phase < field.length && (3..=4).contains(&field.length);
    is_at_hand || *field == Field::NONE
}

/// Whether every field has a value that a decoder reaches is said after it was read.
fn walk_addresses<const PLACES: usize>(addresses: &mut Addresses<PLACES>, record: &mut dyn Record) -> bool {
    word(record, &mut addresses.map.count);
    let last = [&mut addresses.last_pointer, &mut addresses.last_sum];
    for piece in addresses.map.pieces.iter_mut().chain(last) {
        word(record, &mut piece.old);
        word(record, &mut piece.shift);
    }
    for pair in addresses.learned.pairs.iter_mut().chain(&mut addresses.learned.recent) {
        word(record, &mut pair.old);
        word(record, &mut pair.new);
    }
    for held in &mut addresses.registers.held {
        byte(record, &mut held.register);
        word(record, &mut held.old);
        word(record, &mut held.new);
    }
    let field = walk_field(addresses.field_mut(), record);
    word(record, &mut addresses.run);
    word(record, &mut addresses.before);
    word(record, &mut addresses.instruction);
    field && addresses.map.is_possible() && addresses.registers.are_possible()
}

fn walk_matcher<const SLOTS: usize>(matcher: &mut Matcher<SLOTS>, record: &mut dyn Record) -> bool {
    if !Matcher::<SLOTS>::IS_PRIMED {
        matcher.slots.iter_mut().for_each(|slot| word(record, slot));
    }
    word(record, &mut matcher.place);
    word(record, &mut matcher.held);
    matcher.held <= HELD_MAX
}

fn walk_mixer<const INPUTS: usize, const CELLS: usize, const SETS: usize>(
    mixer: &mut Mixer<INPUTS, CELLS, SETS>,
    record: &mut dyn Record,
) {
    mixer
        .cells
        .as_flattened_mut()
        .iter_mut()
        .for_each(|cell| half(record, cell));
    mixer
        .weights
        .as_flattened_mut()
        .iter_mut()
        .for_each(|value| weight(record, value));
}

fn walk_model<const HIT_CELLS: usize, const BYTE_CELLS: usize, const PLACES: usize, const SLOTS: usize>(
    model: &mut Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS>,
    record: &mut dyn Record,
) -> bool {
    walk_history(&mut model.history, record);
    let unit = walk_unit(&mut model.in_unit, record);
    walk_mixer(&mut model.hits, record);
    walk_mixer(&mut model.bytes, record);
    model.rare.iter_mut().for_each(|cell| half(record, cell));
    model
        .classes
        .as_flattened_mut()
        .iter_mut()
        .for_each(|cell| half(record, cell));
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
> State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS>
{
    const FIELD_BYTES: usize = FIXED_BYTES
        + 16 * PLACES
        + if Matcher::<SLOTS>::IS_PRIMED { 0 } else { 4 * SLOTS }
        + 2 * (HIT_INPUTS * HIT_CELLS + BYTE_INPUTS * BYTE_CELLS + RARE_CELLS + 2 * CLASS_CELLS)
        + 4 * (HIT_INPUTS * HIT_SETS + BYTE_INPUTS * BYTE_SETS);

    /// Bytes of a record: a multiple of [`PIECE_BYTES`].
    pub const SNAPSHOT_BYTES: usize = Self::FIELD_BYTES.next_multiple_of(PIECE_BYTES);

    const FILLING: [u8; PIECE_BYTES] = [0; PIECE_BYTES];

    /// Writes a record of the state, right after [`Progress::Checkpoint`](crate::Progress::Checkpoint): `write` is called with
    /// one piece after the other, and stands for a place that no other record shares.
    pub fn snapshot<E>(
        &mut self,
        write: impl FnMut(&[u8; PIECE_BYTES]) -> Result<(), E>,
    ) -> Result<(), SnapshotError<E>> {
        let standing = self.intake.standing().ok_or(SnapshotError::NotAtCheckpoint)?;
        let (copy, from) = match self.copy {
            None => (0, 0),
            Some(Copy {
                origin: Origin::Old,
                from,
            }) => (1, from),
            Some(Copy {
                origin: Origin::New,
                from,
            }) => (2, from),
        };
        let mut preface = Preface {
            magic: MAGIC,
            version: VERSION,
            profile: Self::PROFILE.code(),
            pinned: standing.pinned,
            block_digest: standing.digest,
            block_index: standing.index,
            taken: standing.taken,
            position: self.output.position(),
            copy,
            from,
            ..Preface::BLANK
        };
        let header = standing.header.with_layout(self.model.addresses.layout);
        header.emit(&mut preface.header);
        let mut writer = Writer {
            write,
            hasher: Sha256::new(),
            piece: [0; PIECE_BYTES],
            filled: 0,
            outcome: Ok(()),
        };
        // What is written is possible.
        let _ = self.walk(&mut preface, &mut writer);
        let digest: Digest = writer.hasher.clone().finalize().into();
        writer.put(&digest);
        writer.outcome.map_err(SnapshotError::Storage)
    }

    /// Takes a record up, in place of [`begin`](Self::begin), with the same arguments: `read` is called for one piece after the
    /// other. What the record names must be the same; after a refusal nothing can be decoded before `begin`.
    pub fn resume<E>(
        &mut self,
        read: impl FnMut(&mut [u8; PIECE_BYTES]) -> Result<(), E>,
        pinned: Pinned,
        source: Image,
        result: Image,
    ) -> Result<(), BadCheckpoint<E>> {
        self.intake.end();
        let mut preface = Preface::BLANK;
        let mut reader = Reader {
            read,
            hasher: Sha256::new(),
            piece: [0; PIECE_BYTES],
            taken: PIECE_BYTES,
            outcome: Ok(()),
        };
        let is_possible = self.walk(&mut preface, &mut reader);
        let mut checksum: Digest = [0; 32];
        reader.take(&mut checksum);
        reader.outcome.map_err(BadCheckpoint::Storage)?;
        if preface.magic != MAGIC {
            return Err(BadCheckpoint::WrongMagic);
        }
        if preface.version != VERSION {
            return Err(BadCheckpoint::UnknownVersion {
                version: preface.version,
            });
        }
        if reader.hasher.finalize().as_slice() != checksum {
            return Err(BadCheckpoint::Checksum);
        }
        if preface.profile != Self::PROFILE.code() {
            return Err(BadCheckpoint::OtherProfile);
        }
        if preface.pinned != pinned {
            return Err(BadCheckpoint::OtherPatch);
        }
        let (header, _) = Header::parse(&preface.header).map_err(|_| BadCheckpoint::Impossible)?;
        if header.source != source {
            return Err(BadCheckpoint::OtherSource);
        }
        if header.result != result {
            return Err(BadCheckpoint::OtherResult);
        }
        if !is_possible {
            return Err(BadCheckpoint::Impossible);
        }
        self.take_up(&preface, header).ok_or(BadCheckpoint::Impossible)
    }

    /// All fields in their order, but for the checksum; and whether those of tables are possible. Not inlined: it is long, and there
    /// are two directions.
    #[inline(never)]
    fn walk(&mut self, preface: &mut Preface, record: &mut dyn Record) -> bool {
        preface.walk(record);
        walk_range(&mut self.range, record);
        let is_possible = walk_model(&mut self.model, record);
        let filling = Self::SNAPSHOT_BYTES.wrapping_sub(Self::FIELD_BYTES);
        let mut zeros = Self::FILLING;
        if let Some(zeros) = zeros.get_mut(..filling) {
            record.field(zeros);
        }
        is_possible
    }

    /// Checks every field, and runs when all are possible.
    fn take_up(&mut self, preface: &Preface, header: Header) -> Option<()> {
        let pinned = preface.pinned;
        let chain = Chain::at(pinned, preface.block_index, preface.block_digest)?;
        let fits = chain.next_block()?.length;
        let fits = match preface.block_index.checked_add(1)? < chain.blocks() {
            true => Chain::payload_bytes(fits),
            false => fits,
        };
        let position = preface.position;
        let buffer = u32::try_from(BUFFER_BYTES).ok()?;
        let copy = preface.copy()?;
        let inside = copy.is_none_or(|copy| check_copy(copy, position, header.source.length).is_ok());
        let weights = (self.model.hits.weights.as_flattened().iter()).chain(self.model.bytes.weights.as_flattened());
        let possible = inside
            && (copy.is_some() || self.model.in_unit.is_none())
            && header.profile == Self::PROFILE
            && header.block_bytes == pinned.block_bytes
            && header.checkpoints.positions().any(|listed| listed == position)
            && position.is_multiple_of(buffer)
            && preface.taken <= fits
            && self.range.is_possible()
            && weights
                .copied()
                .all(|weight| (-WEIGHT_MAX..=WEIGHT_MAX).contains(&weight));
        if !possible {
            return None;
        }
        let seen = header.source.length.wrapping_add(position);
        self.model.addresses.layout = header.layout;
        self.model.addresses.source_bytes = header.source.length;
        self.model.matcher.seen = seen;
        self.model.guess = None;
        self.copy = copy;
        self.at_position(position);
        let standing = Standing {
            pinned,
            header: header.with_layout(()),
            digest: preface.block_digest,
            index: preface.block_index,
            taken: preface.taken,
        };
        self.intake.take_up(chain, &standing);
        Some(())
    }
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
