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

pub(crate) mod aarch64;
mod architecture;
mod field;
mod layout;
mod learned;
mod map;
mod pairs;
mod riscv;
mod thumb;
mod x86_64;
mod xtensa;

pub use architecture::Architecture;
pub(crate) use architecture::Instruction;
#[cfg(feature = "encode")]
pub(crate) use architecture::Names;
pub(crate) use field::{Field, Kind, Place, Source};
pub use layout::{Bases, Layout, RANGES_MAX, Range, Ranges};
pub(crate) use learned::{Learned, Pair, RECENT};
pub(crate) use map::{Map, Piece, shift_in};
pub(crate) use pairs::{HELD, Search};

use crate::model::{Copy, Origin};
use pairs::Registers;

/// What is known of addresses. What is short and often used stands in front, where an instruction of two bytes reaches it.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Addresses<const PLACES: usize, const ONLY_THUMB: bool> {
    /// The field at hand: none, if it has no bytes.
    field: Field,
    /// Bytes of the copy at hand.
    pub(crate) run: u32,
    /// Bytes of the old image.
    pub(crate) source_bytes: u32,
    /// Where the next instruction of it begins, if instructions begin anywhere.
    pub(crate) instruction: u32,
    /// The last bytes of the copy, as the old image has them, newest lowest. Only for hosts.
    pub(crate) before: u32,
    /// The one at hand. It is said again before each byte.
    old_byte: u32,
    /// The register that the instruction at hand writes, if it does. It is said again before each byte.
    written: Option<u8>,
    /// The last address that stood in a word.
    pub(crate) last_pointer: Piece,
    /// The last address that two instructions made.
    pub(crate) last_sum: Piece,
    /// Upper parts of addresses, in registers.
    pub(crate) registers: Registers,
    pub(crate) layout: Layout,
    pub(crate) map: Map<PLACES>,
    pub(crate) learned: Learned<PLACES>,
}

/// A copy is worth a place in the map when it has this many bytes.
const RUN: u32 = 24;
/// An address this near to the one in the word before moved as far, whatever the map says: tables name one string after the other.
const NEAR: u32 = 64;

/// So many places has whoever follows the instructions of machines with an operating system.
const PLACES_OF_HOSTS: usize = 4096;
/// And whoever follows addresses that two instructions make: for that, the smallest microcontrollers have no code.
const PLACES_OF_PAIRS: usize = 192;

impl<const PLACES: usize, const ONLY_THUMB: bool> Addresses<PLACES, ONLY_THUMB> {
    pub(crate) const ZERO: Self = Self {
        layout: Layout::UNKNOWN,
        source_bytes: 0,
        map: Map::ZERO,
        learned: Learned::ZERO,
        last_pointer: Piece::ZERO,
        last_sum: Piece::ZERO,
        registers: Registers::ZERO,
        before: 0,
        old_byte: 0,
        written: None,
        field: Field::NONE,
        run: 0,
        instruction: 0,
    };

    /// Forgets everything but the layout, in place.
    pub(crate) fn reset(&mut self, source_bytes: u32) {
        self.source_bytes = source_bytes;
        self.map.clear();
        self.learned.clear();
        self.last_pointer = Piece::ZERO;
        self.last_sum = Piece::ZERO;
        self.registers.clear();
        self.written = None;
        self.end_copy();
        self.instruction = 0;
    }

    /// The copy at hand ended, or another one begins.
    pub(crate) fn end_copy(&mut self) {
        self.field = Field::NONE;
        self.run = 0;
        self.before = 0;
    }

    /// The field at hand.
    pub(crate) fn field(&self) -> Option<Field> {
        (self.field.length > 0).then_some(self.field)
    }

    /// The same, for a checkpoint.
    pub(crate) const fn field_mut(&mut self) -> &mut Field {
        &mut self.field
    }

    /// Whether these instructions are followed, as far as the profile does not say it.
    pub(crate) const fn follows(architecture: Architecture) -> bool {
        !ONLY_THUMB || matches!(architecture, Architecture::Thumb | Architecture::Unknown)
    }

    /// Whose instructions are followed. It says what [`follows`](Self::follows) holds anyway, so that no code stays for others.
    pub(crate) const fn architecture(&self) -> Architecture {
        let architecture = self.layout.architecture;
        match (ONLY_THUMB, matches!(architecture, Architecture::Thumb)) {
            (false, _) => architecture,
            (true, true) => Architecture::Thumb,
            (true, false) => Architecture::Unknown,
        }
    }

    /// Whether the instructions of hosts are followed.
    const HOSTS: bool = PLACES >= PLACES_OF_HOSTS;
    /// Whether addresses that two instructions make are followed.
    const PAIRS: bool = PLACES >= PLACES_OF_PAIRS;

    /// What an instruction says.
    fn read(&self, bytes: u32, before: u32, address: u32) -> Instruction {
        let architecture = self.architecture();
        if Self::HOSTS {
            architecture.read::<true>(bytes, before, address)
        } else if Self::PAIRS {
            architecture.read::<false>(bytes, before, address)
        } else {
            Instruction::naming(architecture.target(bytes, address))
        }
    }

    /// What the new instruction says.
    fn read_new(&self, position: u32, field: &Field) -> Instruction {
        let address = self.layout.new_address(position);
        self.read(field.came, Architecture::BEFORE_FIELD, address)
    }

    /// The same instruction with another value.
    fn with(&self, bytes: u32, address: u32, value: u32) -> u32 {
        let architecture = self.architecture();
        if Self::HOSTS {
            architecture.with::<true>(bytes, address, value)
        } else if Self::PAIRS {
            architecture.with::<false>(bytes, address, value)
        } else {
            architecture.with_target(bytes, address, value)
        }
    }

    /// If these bytes put the upper part of an address into a register: what looks for the instruction that adds the rest. The caller
    /// reads the bytes that it asks for, and gives it back to [`saw`](Self::saw).
    pub(crate) fn search(&self, position: u32, copy: Copy, bytes: u32) -> Option<Search> {
        let mask = self.architecture().unit().wrapping_sub(1);
        let places = position | copy.from;
        if !Self::PAIRS || copy.origin == Origin::New || places & mask != 0 {
            return None;
        }
        match self.read(bytes, self.before, self.layout.old_address(copy.from)) {
            Instruction::Upper { register, value } => {
                return Some(Search::new(copy.from, register, value));
            }
            Instruction::Lower { .. } | Instruction::Other { .. } | Instruction::Place(_) => {}
        }
        let is_wide = Self::HOSTS && self.architecture().is_of_hosts() && places & 7 == 0;
        (is_wide && self.layout.pointed(bytes, self.source_bytes).is_some()).then(|| Search::of_upper_half(copy.from))
    }

    /// These bytes stand where the search looks.
    pub(crate) fn saw(&self, search: &mut Search, bytes: u32) {
        search.saw(bytes, self.read(bytes, 0, 0), self.architecture());
    }

    /// The bytes to expect at `position`, where `copy` has `bytes`, of which `known` are inside the image; and where that is. `sum` is
    /// what a search found.
    pub(crate) fn expect(
        &mut self,
        position: u32,
        copy: Copy,
        bytes: u32,
        known: u32,
        sum: Option<u32>,
    ) -> (u32, Place) {
        self.written = None;
        if copy.origin == Origin::New {
            return (bytes, Place::NONE);
        }
        self.old_byte = bytes & 0xFF;
        let is_instruction = self.is_instruction(position, copy.from, bytes);
        // A word of which nothing is known gives way to an instruction in its second half.
        if known >= 4 && self.field().is_none_or(|field| field.source == Source::Nothing) {
            let is_named = is_instruction && self.instruction(position, copy.from, bytes, sum);
            if !is_named {
                self.data(position, copy.from, bytes, sum);
            }
        }
        let Some(field) = self.field() else {
            return (bytes, Place::NONE);
        };
        let place = Place::of(&field);
        if place == Place::NONE {
            return (bytes, place);
        }
        let left = u32::from(field.length.wrapping_sub(field.phase));
        let mask = u32::MAX.wrapping_shr(32_u32.wrapping_sub(left.wrapping_mul(8)));
        (field.bytes & mask | bytes & !mask, place)
    }

    /// How many bytes belong together at `position`, where `copy` has `bytes`, up to four; and what to expect of them, as
    /// [`expect`](Self::expect) does. A field belongs together whose bytes are known, else a word, up to where an instruction begins
    /// that names a place.
    pub(crate) fn unit(&mut self, position: u32, copy: Copy, bytes: [u32; 2], sum: Option<u32>) -> (u32, Place, u8) {
        let [low, high] = bytes;
        let (expected, place) = self.expect(position, copy, low, 4, sum);
        if place != Place::NONE {
            let field = self.field;
            return (expected, place, field.length.wrapping_sub(field.phase));
        }
        let left = 4_u32.wrapping_sub(position & 3);
        let mut length = 1_u32;
        while length < left {
            let shift = length.wrapping_mul(8);
            let ahead = low.wrapping_shr(shift) | high.wrapping_shl(32_u32.wrapping_sub(shift));
            let (to, from) = (position.wrapping_add(length), copy.from.wrapping_add(length));
            if copy.origin == Origin::Old && self.names_place(to, from, ahead) {
                break;
            }
            length = length.wrapping_add(1);
        }
        // Invariant: at most four.
        (expected, place, u8::try_from(length).unwrap_or(1))
    }

    /// Whether an instruction that names a place begins so, inside of a copy.
    fn names_place(&self, position: u32, from: u32, bytes: u32) -> bool {
        if (position | from) & self.architecture().unit().wrapping_sub(1) != 0 {
            return false;
        }
        match self.read(bytes, 0, self.layout.old_address(from)) {
            Instruction::Place(target) => self.layout.old_offset(target) < self.source_bytes,
            Instruction::Lower { .. } | Instruction::Upper { .. } => Self::PAIRS,
            Instruction::Other { .. } => false,
        }
    }

    /// Takes the field of an instruction that begins with these four bytes, if it has one. `sum` is what a search found.
    fn instruction(&mut self, position: u32, from: u32, bytes: u32, sum: Option<u32>) -> bool {
        let here = position.wrapping_sub(from);
        let address = self.layout.new_address(position);
        let (kind, target, (expected, source), value) =
            match self.read(bytes, self.before, self.layout.old_address(from)) {
                Instruction::Place(target) => {
                    let target = self.layout.old_offset(target);
                    // What leads out of the image goes to where nothing moves, or is no instruction.
                    if target >= self.source_bytes {
                        return false;
                    }
                    let moved = self.place(target, here);
                    (Kind::Branch, target, moved, self.layout.new_address(moved.0))
                }
                Instruction::Lower { .. } | Instruction::Upper { .. } if !Self::PAIRS => return false,
                Instruction::Upper { register, value } => {
                    let Some(sum) = sum else {
                        self.written = Some(register);
                        return false;
                    };
                    let moved = self.sum(sum, here);
                    (Kind::Upper, value, moved, moved.0)
                }
                Instruction::Lower {
                    register,
                    value,
                    written,
                } => {
                    let Some(held) = self.registers.held(register) else {
                        self.written = written;
                        return false;
                    };
                    let sum = held.old.wrapping_add(value);
                    let moved = self.sum(sum, here);
                    (Kind::Lower, sum, moved, moved.0.wrapping_sub(held.new))
                }
                Instruction::Other { written } => {
                    self.written = written;
                    return false;
                }
            };
        let bytes = self.with(bytes, address, value);
        self.field = Field {
            kind,
            source,
            target,
            expected,
            bytes,
            length: self.architecture().field_bytes(),
            ..Field::NONE
        };
        true
    }

    /// Takes the field of a word of data, if one is here.
    fn data(&mut self, position: u32, from: u32, bytes: u32, sum: Option<u32>) {
        if (from | position) & 3 != 0 {
            return;
        }
        let here = position.wrapping_sub(from);
        let architecture = self.architecture();
        let word = architecture.word(bytes);
        let is_narrow = !Self::HOSTS || !architecture.is_of_hosts();
        let pointed = match is_narrow || sum.is_some_and(Layout::is_upper_half) {
            true => self.layout.pointed(word, self.source_bytes),
            false => None,
        };
        let (kind, target, (expected, source), moved) = match pointed {
            Some(target) => {
                let (expected, source) = self.near(target, here, self.last_pointer);
                let moved = self.layout.pointer(expected, word);
                (Kind::Pointer, target, (expected, source), moved)
            }
            None => {
                let (expected, source) = self.word(word);
                (Kind::Word, word, (expected, source), expected)
            }
        };
        self.field = Field {
            kind,
            source,
            target,
            expected,
            bytes: architecture.word(moved),
            length: 4,
            ..Field::NONE
        };
    }

    /// Whether an instruction can begin here. It is asked for each byte of a copy.
    fn is_instruction(&mut self, position: u32, from: u32, bytes: u32) -> bool {
        let architecture = self.architecture();
        if (position | from) & architecture.unit().wrapping_sub(1) != 0 {
            return false;
        }
        if architecture.unit() > 1 {
            return true;
        }
        // One begins behind the other. The first byte of a copy is taken for the beginning of one; where that is wrong, the
        // lengths bring it right again after a few.
        if self.run > 0 && self.instruction != from {
            return false;
        }
        self.instruction = from.wrapping_add(architecture.length(bytes));
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

    /// The same for one whose address comes after that of `last`.
    fn near(&self, target: u32, here: u32, last: Piece) -> (u32, Source) {
        match self.place(target, here) {
            (_, Source::Moved) if last.old.abs_diff(target) <= NEAR => (target.wrapping_add(last.shift), Source::Moved),
            known => known,
        }
    }

    /// Where an address of the old image that two instructions make is in the new one, inside of it or not.
    fn sum(&self, address: u32, here: u32) -> (u32, Source) {
        let offset = self.layout.old_offset(address);
        if offset >= self.source_bytes {
            if let (word, Source::Learned | Source::Moved) = self.word(address) {
                return (word, Source::Moved);
            }
            // What is farther behind the image than that is no part of the program.
            if offset >= self.source_bytes.saturating_mul(2) {
                return (address, Source::Moved);
            }
        }
        let (expected, source) = self.near(offset, here, self.last_sum);
        (self.layout.new_address(expected), source)
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
        if Self::PAIRS {
            self.registers.forget(self.written.take());
        }
        if Self::HOSTS {
            self.before = self.before.wrapping_shl(8) | self.old_byte;
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
    #[inline(never)]
    pub(crate) fn named(&self, position: u32, field: &Field) -> Option<u32> {
        match field.kind {
            Kind::Pointer => return Some(self.layout.new_pointed(self.architecture().word(field.came))),
            Kind::Word => return Some(self.architecture().word(field.came)),
            Kind::Branch | Kind::Lower | Kind::Upper => {}
        }
        match self.read_new(position, field) {
            Instruction::Place(target) => Some(self.layout.new_offset(target)),
            Instruction::Lower { .. } | Instruction::Upper { .. } if !Self::PAIRS => None,
            Instruction::Upper { value, .. } => Some(value),
            Instruction::Lower { register, value, .. } => {
                let held = self.registers.held(register)?;
                Some(held.new.wrapping_add(value))
            }
            Instruction::Other { .. } => None,
        }
    }

    /// Whether a field that names this is another one than was expected.
    pub(crate) fn is_miss(&self, position: u32, field: &Field, named: Option<u32>) -> bool {
        match field.kind {
            Kind::Upper if Self::PAIRS => {
                let address = self.layout.new_address(position);
                self.with(field.came, address, field.expected) != field.came
            }
            Kind::Branch | Kind::Lower | Kind::Pointer | Kind::Upper | Kind::Word => named != Some(field.expected),
        }
    }

    fn learn(&mut self, position: u32, field: Field) {
        let named = self.named(position, &field);
        let is_miss = self.is_miss(position, &field, named);
        let Some(named) = named else {
            // Another instruction stands there now.
            if Self::PAIRS
                && let Instruction::Other { written } = self.read_new(position, &field)
            {
                self.registers.forget(written);
            }
            return;
        };
        let (mut old, mut new, mut is_word) = (field.target, named, field.kind == Kind::Word);
        match field.kind {
            Kind::Lower if Self::PAIRS => {
                (old, new, is_word) = self.pair(old, new);
                let shift = new.wrapping_sub(old);
                self.last_sum = Piece { old, shift };
            }
            Kind::Pointer => {
                let shift = new.wrapping_sub(old);
                self.last_pointer = Piece { old, shift };
            }
            Kind::Branch | Kind::Lower | Kind::Upper | Kind::Word => {}
        }
        if Self::PAIRS {
            match self.read_new(position, &field) {
                // The place is known once the rest is.
                Instruction::Upper { register, value } if field.kind == Kind::Upper => {
                    return self.registers.hold(register, old, value);
                }
                Instruction::Lower { written, .. } if field.kind == Kind::Lower => self.registers.forget(written),
                Instruction::Lower { .. }
                | Instruction::Other { .. }
                | Instruction::Place(_)
                | Instruction::Upper { .. } => {}
            }
        }
        if is_miss {
            self.learned.add(old, new, is_word);
        }
    }

    /// An address that two instructions make and what it became, as they are learned: as places if it is inside the old image, else
    /// as words.
    pub(crate) fn pair(&self, old: u32, new: u32) -> (u32, u32, bool) {
        let offset = self.layout.old_offset(old);
        match offset < self.source_bytes {
            true => (offset, self.layout.new_offset(new), false),
            false => (old, new, true),
        }
    }
}
