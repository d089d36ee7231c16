//! What a field that holds an address will be, once that which it names has moved.
//!
//! Between two builds most bytes that change belong to addresses: of calls, of functions in tables, of variables. The bytes differ
//! at each place, but what they name moved as a whole. So whoever knows what moved where says what the field will be, and nothing
//! is sent for it. Three things are known:
//!
//! - the [`Map`]: where pieces of the old image went, as far as they were copied, and a few that the encoder names in front;
//! - [`Learned`] addresses, which went elsewhere than the map says, and words of which nothing else is known;
//! - where the copy at hand comes from.
//!
//! A wrong guess costs bits and nothing else: the field's bytes are coded, whatever was expected. So a hostile patch may fill the
//! tables with anything.

mod aarch64;
mod architecture;
mod learned;
mod map;
mod riscv;
mod thumb;
mod xtensa;

#[cfg(feature = "encode")]
pub(crate) use architecture::Names;
pub use architecture::{Architecture, Bases, Layout};
pub(crate) use learned::{Learned, RECENT};
pub(crate) use map::{Map, Piece, shift_in};

use crate::model::{Copy, Origin};

/// A kind of field.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// An instruction that names a place.
    Branch,
    /// An address inside the image, in a word.
    Pointer,
    /// Any other word.
    Word,
}

/// How it is known what a field will be. The model learns for each how far it can be trusted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// It was so when the same address came before.
    Learned,
    /// By the map, or by an address near it.
    Moved,
    /// Not at all: it stays as it was.
    Nothing,
}

/// A field in the copy at hand.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// What the old one names.
    pub(crate) target: u32,
    /// What the new one is expected to name.
    pub(crate) expected: u32,
    /// The bytes that are still expected, the next one lowest.
    pub(crate) bytes: u32,
    /// The bytes that came, the first one lowest.
    pub(crate) came: u32,
    /// How many came.
    pub(crate) phase: u8,
    /// How many it has.
    pub(crate) length: u8,
}

impl Field {
    /// No field. All of it is zero.
    pub(crate) const NONE: Self = Self {
        kind: Kind::Branch,
        source: Source::Learned,
        target: 0,
        expected: 0,
        bytes: 0,
        came: 0,
        phase: 0,
        length: 0,
    };
}

/// Where the next byte stands, for the model: 0 outside of fields of which anything is known, else kind, source and place.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place(u8);

impl Place {
    pub(crate) const NONE: Self = Self(0);
    /// Number of pairs of a kind and a source, with one for none.
    pub(crate) const KINDS: usize = 7;
    /// Number of places.
    pub(crate) const COUNT: usize = 4 * Self::KINDS;

    /// Which pair, 0 to 6.
    pub(crate) fn kind(self) -> usize {
        usize::from(self.0.wrapping_shr(2))
    }

    /// Below [`COUNT`](Self::COUNT).
    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}

/// What is known of addresses.
#[derive(Clone, Debug)]
pub(crate) struct Addresses<const PLACES: usize> {
    pub(crate) layout: Layout,
    /// Bytes of the old image.
    pub(crate) source_bytes: u32,
    pub(crate) map: Map<PLACES>,
    pub(crate) learned: Learned<PLACES>,
    /// The last address that stood in a word.
    pub(crate) last_pointer: Piece,
    /// The field at hand: none, if it has no bytes.
    field: Field,
    /// Bytes of the copy at hand.
    pub(crate) run: u32,
    /// Where the next instruction of it begins, if instructions begin anywhere.
    pub(crate) instruction: u32,
    /// Whether each of the last fields was as expected, newest lowest: 1 is a miss.
    pub(crate) misses: u8,
}

/// A copy is worth a place in the map when it has this many bytes.
const RUN: u32 = 24;
/// An address this near to the one in the word before moved as far, whatever the map says: tables name one string after the other.
const NEAR: u32 = 64;

impl<const PLACES: usize> Addresses<PLACES> {
    pub(crate) const ZERO: Self = Self {
        layout: Layout::UNKNOWN,
        source_bytes: 0,
        map: Map::ZERO,
        learned: Learned::ZERO,
        last_pointer: Piece::ZERO,
        field: Field::NONE,
        run: 0,
        instruction: 0,
        misses: 0,
    };

    /// Forgets everything, in place.
    pub(crate) fn reset(&mut self, layout: Layout, source_bytes: u32) {
        self.layout = layout;
        self.source_bytes = source_bytes;
        self.map.clear();
        self.learned.clear();
        self.last_pointer = Piece::ZERO;
        self.end_copy();
        self.instruction = 0;
        self.misses = 0;
    }

    /// The copy at hand ended, or another one begins.
    pub(crate) fn end_copy(&mut self) {
        self.field = Field::NONE;
        self.run = 0;
    }

    /// The field at hand.
    pub(crate) fn field(&self) -> Option<Field> {
        (self.field.length > 0).then_some(self.field)
    }

    /// The same, for a checkpoint.
    pub(crate) const fn field_mut(&mut self) -> &mut Field {
        &mut self.field
    }

    /// The bytes to expect at `position`, where `copy` has `bytes`, of which `known` are inside the image; and where that is.
    pub(crate) fn expect(&mut self, position: u32, copy: Copy, bytes: u32, known: u32) -> (u32, Place) {
        if copy.origin == Origin::New {
            return (bytes, Place::NONE);
        }
        let is_instruction = self.is_instruction(position, copy.from, bytes);
        // A word of which nothing is known gives way to an instruction in its second half.
        if known >= 4 && self.field().is_none_or(|field| field.source == Source::Nothing) {
            let begins = self.begin(position, copy.from, bytes, is_instruction);
            self.field = begins.unwrap_or(self.field);
        }
        let Some(field) = self.field() else {
            return (bytes, Place::NONE);
        };
        let kind: u8 = match (field.kind, field.source) {
            (_, Source::Nothing) => return (bytes, Place::NONE),
            (Kind::Branch, Source::Learned) => 1,
            (Kind::Branch, Source::Moved) => 2,
            (Kind::Pointer, Source::Learned) => 3,
            (Kind::Pointer, Source::Moved) => 4,
            (Kind::Word, Source::Learned) => 5,
            (Kind::Word, Source::Moved) => 6,
        };
        let left = u32::from(field.length.wrapping_sub(field.phase));
        let mask = u32::MAX.wrapping_shr(32_u32.wrapping_sub(left.wrapping_mul(8)));
        let place = Place(kind.wrapping_shl(2) | field.phase);
        (field.bytes & mask | bytes & !mask, place)
    }

    /// How many bytes belong together at `position`, where `copy` has `bytes`, up to four; and what to expect of them, as
    /// [`expect`](Self::expect) does. A field belongs together whose bytes are known, else a word, up to where an instruction begins
    /// that names a place.
    pub(crate) fn unit(&mut self, position: u32, copy: Copy, bytes: [u32; 2]) -> (u32, Place, u8) {
        let [low, high] = bytes;
        let (expected, place) = self.expect(position, copy, low, 4);
        if place != Place::NONE {
            let field = self.field;
            return (expected, place, field.length.wrapping_sub(field.phase));
        }
        let left = 4_u32.wrapping_sub(position & 3);
        let mut length = 1_u32;
        let mut instruction = self.instruction;
        while length < left {
            let shift = length.wrapping_mul(8);
            let ahead = low.wrapping_shr(shift) | high.wrapping_shl(32_u32.wrapping_sub(shift));
            let (to, from) = (position.wrapping_add(length), copy.from.wrapping_add(length));
            let mut behind = instruction;
            if copy.origin == Origin::Old && self.is_branch(to, from, ahead, &mut behind) {
                break;
            }
            instruction = behind;
            length = length.wrapping_add(1);
        }
        // Nobody asks again for each byte.
        self.instruction = instruction;
        // Invariant: at most four.
        (expected, place, u8::try_from(length).unwrap_or(1))
    }

    /// Whether an instruction that names a place begins so, inside of a copy. `instruction` is where the next one begins.
    fn is_branch(&self, position: u32, from: u32, bytes: u32, instruction: &mut u32) -> bool {
        let architecture = self.layout.architecture;
        let mask = architecture.unit().wrapping_sub(1);
        if mask == 0 {
            if *instruction != from {
                return false;
            }
            *instruction = from.wrapping_add(architecture.length(bytes));
        }
        (position | from) & mask == 0 && architecture.target(bytes, from).is_some()
    }

    /// The field that begins with these four bytes.
    fn begin(&self, position: u32, from: u32, bytes: u32, is_instruction: bool) -> Option<Field> {
        let architecture = self.layout.architecture;
        let here = position.wrapping_sub(from);
        if is_instruction && let Some(target) = architecture.target(bytes, from) {
            let (expected, source) = self.place(target, here);
            return Some(Field {
                kind: Kind::Branch,
                source,
                target,
                expected,
                bytes: architecture.with_target(bytes, position, expected),
                came: 0,
                phase: 0,
                length: architecture.field_bytes(),
            });
        }
        if from & 3 != 0 || position & 3 != 0 {
            return None;
        }
        let (kind, target, (expected, source), word) = match self.layout.offset(bytes, self.source_bytes) {
            Some(target) => {
                let (expected, source) = self.pointer(target, here);
                let word = self.layout.address(expected, bytes);
                (Kind::Pointer, target, (expected, source), word)
            }
            None => {
                let (expected, source) = self.word(bytes);
                (Kind::Word, bytes, (expected, source), expected)
            }
        };
        Some(Field {
            kind,
            source,
            target,
            expected,
            bytes: word,
            came: 0,
            phase: 0,
            length: 4,
        })
    }

    /// Whether an instruction can begin here. It is asked for each byte of a copy.
    fn is_instruction(&mut self, position: u32, from: u32, bytes: u32) -> bool {
        let unit = self.layout.architecture.unit();
        if unit > 1 {
            let mask = unit.wrapping_sub(1);
            return position & mask == 0 && from & mask == 0;
        }
        // One begins behind the other. The first byte of a copy is taken for the beginning of one; where that is wrong, the
        // lengths bring it right again after a few.
        if self.run > 0 && self.instruction != from {
            return false;
        }
        self.instruction = from.wrapping_add(self.layout.architecture.length(bytes));
        true
    }

    /// Where a place of the old image is in the new one; `here` is how far the copy at hand moved.
    fn place(&self, target: u32, here: u32) -> (u32, Source) {
        match self.learned.exact(target) {
            Some(value) => (value, Source::Learned),
            None => (
                target.wrapping_add(self.map.shift(target).unwrap_or(here)),
                Source::Moved,
            ),
        }
    }

    /// The same for one whose address stands in a word.
    fn pointer(&self, target: u32, here: u32) -> (u32, Source) {
        let last = self.last_pointer;
        match self.place(target, here) {
            (_, Source::Moved) if last.old.abs_diff(target) <= NEAR => (target.wrapping_add(last.shift), Source::Moved),
            known => known,
        }
    }

    /// What another word becomes.
    fn word(&self, word: u32) -> (u32, Source) {
        if let Some(value) = self.learned.exact(word) {
            return (value, Source::Learned);
        }
        match self.learned.near(word) {
            Some(value) => (value, Source::Moved),
            None => (word, Source::Nothing),
        }
    }

    /// The next byte of a copy came, at `position`.
    pub(crate) fn came(&mut self, position: u32, copy: Copy, byte: u8) {
        if copy.origin == Origin::New {
            return;
        }
        self.run = self.run.saturating_add(1);
        if self.run == RUN {
            let back = RUN.wrapping_sub(1);
            self.map.add(copy.from.wrapping_sub(back), position.wrapping_sub(back));
        }
        let field = &mut self.field;
        if field.length == 0 {
            return;
        }
        field.came |= u32::from(byte).wrapping_shl(u32::from(field.phase).wrapping_mul(8));
        field.bytes = field.bytes.wrapping_shr(8);
        field.phase = field.phase.wrapping_add(1);
        if field.phase >= field.length {
            let field = *field;
            self.field = Field::NONE;
            let begins = position.wrapping_add(1).wrapping_sub(u32::from(field.length));
            self.learn(begins, field);
        }
    }

    /// What the new field names, once all of it came. It begins at `position`.
    pub(crate) fn named(&self, position: u32, field: &Field) -> Option<u32> {
        match field.kind {
            Kind::Branch => self.layout.architecture.target(field.came, position),
            Kind::Pointer => Some(self.layout.new_offset(field.came)),
            Kind::Word => Some(field.came),
        }
    }

    fn learn(&mut self, position: u32, field: Field) {
        let named = self.named(position, &field);
        let is_miss = named != Some(field.expected);
        if field.source != Source::Nothing {
            self.misses = self.misses.wrapping_shl(1) | u8::from(is_miss);
        }
        let Some(named) = named else { return };
        if field.kind == Kind::Pointer {
            self.last_pointer = Piece {
                old: field.target,
                shift: named.wrapping_sub(field.target),
            };
        }
        if is_miss {
            self.learned.add(field.target, named, field.kind == Kind::Word);
        }
    }
}
