//! What the coder believes: which byte comes next, and whether it is the one that the old image has here.
//!
//! The result is made of *copies* and *literals*:
//!
//! - A copy runs along the old image, or along the new one so far. Each byte is first a *hit*: the expected byte, or not. A
//!   miss ends the copy or changes one byte. So a copy needs no length, and a changed address does not interrupt it.
//! - Most bytes of a copy are hits. So those which belong together, a field or a word, are a *unit*: first it is said whether all of
//!   them are hits, and only if not, they are coded one by one. The large tables go without.
//! - Between copies stand literals. Each is preceded by the decision whether a copy starts instead.
//! - A copy starts with a byte that is as expected, for which nothing is coded: so every two events make a byte.
//! - A position in the old image is told relative to where the last such copy would be by now: 0 means "go on beside it".
//!
//! Encoder and decoder call the same three functions with a [`BitCoder`] each.

use crate::{
    counter,
    matcher::Matcher,
    mixer::{Mixer, Rates, hash},
    predict::{Addresses, Piece, Place},
    range_decoder::BitCoder,
};

/// Inputs of the decision whether a byte is as expected.
pub(crate) const HIT_INPUTS: usize = 5;
/// The same where there are units.
const UNIT_INPUTS: usize = 4;
/// Weight sets of that decision. One is by the image that is copied and what the last two bytes were, or by the field that the byte
/// belongs to; the other by how many bytes were as expected before.
pub(crate) const HIT_SETS: usize = APART_SETS_OF_LEFT + 8;
const HIT_SETS_OF_FIELDS: usize = 8;
const HIT_SETS_OF_RUNS: usize = HIT_SETS_OF_FIELDS + Place::KINDS;
/// Those of the bytes of a unit that come apart: one is by the field, the other by how many are left and whether one was missed.
const APART_SETS: usize = HIT_SETS_OF_RUNS + RUNS;
const APART_SETS_OF_LEFT: usize = APART_SETS + Place::KINDS;
/// Steps of a run.
const RUNS: usize = 8;
/// Inputs of each bit of a byte.
pub(crate) const BYTE_INPUTS: usize = 7;
/// The one by what followed the last time.
const MATCHED_INPUT: usize = 3;
/// Weight sets of a byte. One is by what it is (literal, changed, changed in a field) and whether the guess holds so far; the other
/// by the place of the bit.
pub(crate) const BYTE_SETS: usize = BYTE_SETS_OF_BITS + 8;
const BYTE_SETS_OF_BITS: usize = 6;
const LITERAL_SET: usize = 0;
const CHANGED_SET: usize = 2;
const CHANGED_FIELD_SET: usize = 4;
/// Simple counters of decisions that are rare.
pub(crate) const RARE_CELLS: usize = 64;
/// Counters of a number's class.
pub(crate) const CLASS_CELLS: usize = 64;

const HIT_RATES: Rates = Rates {
    weights: 12,
    seen_max: 9,
};
const BYTE_RATES: Rates = Rates {
    weights: 14,
    seen_max: 5,
};
const RARE_SEEN_MAX: u16 = 12;
/// A third: the inputs are about equally good at first, and none is sure.
const WEIGHT_START: i32 = 22_000;

/// Which image a copy runs along.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The result so far.
    New,
    /// The image that the patch starts from.
    Old,
}

/// A copy, at the byte that it expects next.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Copy {
    pub(crate) origin: Origin,
    /// Offset in that image.
    pub(crate) from: u32,
}

/// What an event starts with outside of copies.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    Copy(Copy),
    Literal,
}

/// What is known about the next byte before it is coded: the one interface between the model and whoever can guess.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expected {
    /// The byte itself.
    pub(crate) byte: u8,
    /// The three bytes that stand behind it, the next one lowest; 0 where that is not known.
    pub(crate) ahead: u32,
    /// Where the guess comes from.
    pub(crate) copy: Copy,
    /// What field of an address it belongs to.
    pub(crate) place: Place,
}

/// Bytes of a copy that belong together: one decision says whether all of them are as expected.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unit {
    /// The bytes, the next one lowest, with others behind them if there are fewer than four.
    pub(crate) bytes: u32,
    /// How many there are, at most four.
    pub(crate) length: u8,
    /// Where the guess comes from.
    pub(crate) copy: Copy,
    /// What field of an address they are.
    pub(crate) place: Place,
}

/// Most bytes of a unit.
pub(crate) const UNIT_BYTES_MAX: u8 = 4;

/// Where the model stands in a unit.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct InUnit {
    /// Bytes that are known to be as expected, and those bytes, the next one lowest.
    pub(crate) sure: u8,
    pub(crate) bytes: u32,
    /// Bytes that are coded one by one, since not all are as expected.
    pub(crate) apart: u8,
    /// Whether one of them was not, 0 or 1.
    pub(crate) is_missed: u8,
}

impl InUnit {
    pub(crate) const NONE: Self = Self {
        sure: 0,
        bytes: 0,
        apart: 0,
        is_missed: 0,
    };

    /// Between two units.
    pub(crate) const fn is_none(&self) -> bool {
        self.sure == 0 && self.apart == 0
    }
}

/// Places where changes are remembered apart: the first four are those of a word outside of fields.
pub(crate) const CHANGES: usize = Place::COUNT;

/// What the model remembers of the bytes before.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct History {
    /// The last four bytes of the result, newest lowest.
    pub(crate) recent: u32,
    /// One bit for each byte of copies: 1 is a miss. Newest lowest.
    pub(crate) misses: u32,
    /// Bytes since the last miss, at most 255.
    pub(crate) hits_in_row: u8,
    /// Literals since the last copy, at most 255.
    pub(crate) literals_in_row: u8,
    /// The last change at each place of a word, and at each place of each kind of field: new byte minus expected one.
    pub(crate) changes: [u8; CHANGES],
    /// The last change.
    pub(crate) change: u8,
    /// Offset in the old image minus position in the new one, of the last copy and of the one beside it before.
    pub(crate) diagonals: [u32; 2],
    /// How far back the last copy along the new image reached.
    pub(crate) distance: u32,
}

/// The tables of a profile. What is short and often used stands in front, where an instruction of two bytes reaches it.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Model<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
> {
    pub(crate) in_unit: InUnit,
    /// The byte that the matcher names, which the caller reads before each event.
    pub(crate) guess: Option<u8>,
    pub(crate) history: History,
    pub(crate) addresses: Addresses<PLACES, ONLY_THUMB>,
    pub(crate) rare: [u16; RARE_CELLS],
    pub(crate) classes: [[u16; CLASS_CELLS]; 2],
    pub(crate) hits: Mixer<HIT_INPUTS, HIT_CELLS, HIT_SETS>,
    pub(crate) bytes: Mixer<BYTE_INPUTS, BYTE_CELLS, BYTE_SETS>,
    pub(crate) matcher: Matcher<SLOTS>,
}

/// Where each rare decision has its counters.
const RARE_START: usize = 0;
const RARE_END: usize = 16;
const RARE_KIND: usize = 32;
/// The two lowest bits of a number say how things are aligned: four for each kind of number.
const RARE_ALIGNED: usize = 48;

/// Kinds of numbers.
const JUMP: usize = 0;
const DISTANCE: usize = 1;
const PIECE_SHIFT: usize = 2;
const PIECE_GAP: usize = 3;

const KIND_OLD_NEAR: u32 = 0;
const KIND_OLD_BEFORE: u32 = 1;
const KIND_NEW: u32 = 2;
const KIND_NEW_AGAIN: u32 = 3;

impl History {
    const ZERO: Self = Self {
        recent: 0,
        misses: 0,
        hits_in_row: 0,
        literals_in_row: 0,
        changes: [0; CHANGES],
        change: 0,
        diagonals: [0; 2],
        distance: 0,
    };

    /// Where a copy along the old image would be at `position`, if it went on.
    pub(crate) const fn beside(&self, position: u32) -> u32 {
        let [diagonal, _] = self.diagonals;
        diagonal.wrapping_add(position)
    }

    fn push(&mut self, byte: u8) {
        self.recent = appended(self.recent, byte);
    }

    fn byte_back(&self, count: u32) -> u32 {
        self.recent.wrapping_shr(count.wrapping_mul(8)) & 0xFF
    }
}

impl<const HIT_CELLS: usize, const BYTE_CELLS: usize, const PLACES: usize, const SLOTS: usize, const ONLY_THUMB: bool>
    Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>
{
    /// Tables that nobody may code with before they are reset or read from a checkpoint. All of it is zero, so whoever makes
    /// one fills memory in place, and has no second one on the stack.
    pub(crate) const ZERO: Self = Self {
        hits: Mixer::ZERO,
        bytes: Mixer::ZERO,
        rare: [0; RARE_CELLS],
        classes: [[0; CLASS_CELLS]; 2],
        history: History::ZERO,
        in_unit: InUnit::NONE,
        addresses: Addresses::ZERO,
        matcher: Matcher::ZERO,
        guess: None,
    };

    /// Sets everything to what is believed before the first byte.
    pub(crate) fn reset(&mut self) {
        self.hits.reset(WEIGHT_START);
        self.bytes.reset(WEIGHT_START);
        counter::refresh(&mut self.rare);
        counter::refresh(self.classes.as_flattened_mut());
        self.history = History::ZERO;
        self.history.distance = 1;
        self.in_unit = InUnit::NONE;
        self.addresses.layout.forget();
        self.begin(0);
    }

    /// What is known of the images before the first byte; the layout was put where it belongs.
    #[inline(never)]
    pub(crate) fn begin(&mut self, source_bytes: u32) {
        self.addresses.reset(source_bytes);
        self.matcher
            .reset(if Matcher::<SLOTS>::IS_PRIMED { 0 } else { source_bytes });
        self.guess = None;
    }

    /// The next byte is known.
    fn push(&mut self, byte: u8) {
        self.history.push(byte);
        self.matcher.came(self.history.recent, self.guessed());
    }

    /// Codes how many pieces of the map stand in front.
    pub(crate) fn pieces(&mut self, coder: &mut impl BitCoder, wanted: u32) -> u32 {
        self.number(coder, PIECE_GAP, wanted)
    }

    /// Codes a piece of the map, in the order of the old image.
    pub(crate) fn piece(&mut self, coder: &mut impl BitCoder, wanted: Piece) {
        let last = self.addresses.map.last();
        let gap = self.number(coder, PIECE_GAP, wanted.old.wrapping_sub(last.old));
        let farther = fold(wanted.shift.wrapping_sub(last.shift));
        let farther = unfold(self.number(coder, PIECE_SHIFT, farther));
        let (old, shift) = (last.old.wrapping_add(gap), last.shift.wrapping_add(farther));
        self.addresses.map.add(old, old.wrapping_add(shift));
    }

    /// Codes what comes at `position`, outside of copies.
    pub(crate) fn start(&mut self, coder: &mut impl BitCoder, position: u32, wanted: Start) -> Start {
        let run = steps(self.history.literals_in_row);
        let wants_copy = wanted != Start::Literal;
        if !self.rare(coder, RARE_START, run, wants_copy) {
            return Start::Literal;
        }
        let Start::Copy(copy) = wanted else {
            // Decoding, so what is wanted does not matter; or an encoder's slip, which its own proof finds.
            return Start::Copy(self.copy_start(
                coder,
                position,
                Copy {
                    origin: Origin::Old,
                    from: 0,
                },
            ));
        };
        Start::Copy(self.copy_start(coder, position, copy))
    }

    fn copy_start(&mut self, coder: &mut impl BitCoder, position: u32, wanted: Copy) -> Copy {
        self.addresses.end_copy();
        self.in_unit = InUnit::NONE;
        let [near, before] = self.history.diagonals;
        let diagonal = wanted.from.wrapping_sub(position);
        let distance = position.wrapping_sub(wanted.from);
        let kind = match wanted.origin {
            Origin::Old if diagonal == before && before != near => KIND_OLD_BEFORE,
            Origin::Old => KIND_OLD_NEAR,
            Origin::New if distance == self.history.distance => KIND_NEW_AGAIN,
            Origin::New => KIND_NEW,
        };
        let high = u32::from(self.rare(coder, RARE_KIND, 0, kind & 2 != 0));
        let low = u32::from(self.rare(coder, RARE_KIND, high.wrapping_add(1), kind & 1 != 0));
        let kind = high.wrapping_mul(2) | low;
        if kind == KIND_NEW || kind == KIND_NEW_AGAIN {
            if kind == KIND_NEW {
                self.history.distance = self.number(coder, DISTANCE, distance);
            }
            let from = position.wrapping_sub(self.history.distance);
            return Copy {
                origin: Origin::New,
                from,
            };
        }
        if kind == KIND_OLD_BEFORE {
            self.history.diagonals = [before, near];
        } else {
            let jump = unfold(self.number(coder, JUMP, fold(diagonal.wrapping_sub(near))));
            if jump != 0 {
                self.history.diagonals = [near.wrapping_add(jump), near];
            }
        }
        Copy {
            origin: Origin::Old,
            from: self.history.beside(position),
        }
    }

    /// What the next byte of a copy will be. `bytes` stand there in the image that is copied, the next one lowest; `known` of
    /// them are inside. `sum` is what a search behind them found.
    pub(crate) fn expect(&mut self, position: u32, copy: Copy, bytes: u32, known: u32, sum: Option<u32>) -> Expected {
        let (bytes, place) = self.addresses.expect(position, copy, bytes, known, sum);
        Expected {
            // Invariant: one byte is left.
            byte: u8::try_from(bytes & 0xFF).unwrap_or(0),
            ahead: bytes.wrapping_shr(8),
            copy,
            place,
        }
    }

    /// The first byte of a copy: it is as expected.
    pub(crate) fn first_of_copy(&mut self, position: u32, expected: Expected) {
        self.history.literals_in_row = 0;
        self.addresses.came(position, expected.copy, expected.byte);
        self.hit(expected.byte);
    }

    /// Inputs that are used, the first ones. In small tables more of them stand in each other's way than help.
    const HIT_INPUTS_USED: usize = if Matcher::<SLOTS>::IS_PRIMED {
        HIT_INPUTS
    } else {
        UNIT_INPUTS
    };
    const BYTE_INPUTS_USED: usize = match SLOTS {
        0 => MATCHED_INPUT,
        _ if Matcher::<SLOTS>::IS_PRIMED => BYTE_INPUTS,
        _ => MATCHED_INPUT + 1,
    };

    /// Where the next byte may be found, for tables that have a use for it.
    const fn guessed(&self) -> Option<u8> {
        if SLOTS == 0 { None } else { self.guess }
    }

    /// The hash of an input of bytes that only the largest tables use.
    fn hash_of_larger(a: u32, b: u32, c: u32) -> u32 {
        match Self::BYTE_INPUTS_USED {
            BYTE_INPUTS => hash(a, b, c),
            _ => 0,
        }
    }

    /// The second set of weights for bytes is left out there, too: it would save a third of a percent.
    fn used_sets(sets: &[usize; 2]) -> &[usize] {
        match (SLOTS, sets.as_slice()) {
            (0, [one, ..]) => core::slice::from_ref(one),
            (_, both) => both,
        }
    }

    /// Whether bytes that belong together are coded together. That is for machines where a decision costs more than a few bits of
    /// a patch: large tables know better of each byte by itself.
    const HAS_UNITS: bool = !Matcher::<SLOTS>::IS_PRIMED;

    /// Whether a unit can begin. Where instructions begin anywhere, they are in the way of words, and bytes are coded one by one.
    pub(crate) fn can_begin_unit(&self) -> bool {
        Self::HAS_UNITS && self.in_unit.is_none() && self.addresses.architecture().unit() > 1
    }

    /// The next bytes of a copy that belong together. `bytes` stand there in the image that is copied, the next one lowest.
    pub(crate) fn expect_unit(&mut self, position: u32, copy: Copy, bytes: [u32; 2], sum: Option<u32>) -> Unit {
        let (expected, place, length) = self.addresses.unit(position, copy, bytes, sum);
        Unit {
            bytes: expected,
            length,
            copy,
            place,
        }
    }

    /// Codes whether all bytes of a unit are as expected.
    pub(crate) fn unit(&mut self, coder: &mut impl BitCoder, position: u32, unit: Unit, wanted: bool) -> bool {
        let contexts = self.unit_contexts(position, unit);
        let sets = self.hit_sets(unit.copy.origin, unit.place);
        let is_hit = self.is_hit(coder, &contexts, sets, wanted);
        let bytes = unit.bytes;
        self.in_unit = match is_hit {
            true => InUnit {
                sure: unit.length,
                bytes,
                ..InUnit::NONE
            },
            false => InUnit {
                apart: unit.length,
                ..InUnit::NONE
            },
        };
        if is_hit {
            self.history.misses = self.history.misses.wrapping_shl(1);
        }
        is_hit
    }

    /// Codes whether what comes is as expected.
    #[inline(never)]
    fn is_hit(
        &mut self,
        coder: &mut impl BitCoder,
        contexts: &[u32; HIT_INPUTS],
        sets: [usize; 2],
        wanted: bool,
    ) -> bool {
        let contexts = contexts.get(..Self::HIT_INPUTS_USED).unwrap_or(contexts);
        self.hits.code(coder, (contexts, 0), &sets, HIT_RATES, wanted)
    }

    /// The next byte of a copy, if it is known to be as expected.
    pub(crate) fn sure(&mut self, position: u32, copy: Copy) -> Option<u8> {
        self.in_unit.sure = self.in_unit.sure.checked_sub(1)?;
        // Invariant: one byte is left.
        let byte = u8::try_from(self.in_unit.bytes & 0xFF).unwrap_or(0);
        self.in_unit.bytes = self.in_unit.bytes.wrapping_shr(8);
        self.history.hits_in_row = self.history.hits_in_row.saturating_add(1);
        self.push(byte);
        self.addresses.came(position, copy, byte);
        Some(byte)
    }

    /// Weights of the decision whether what comes next is as expected.
    fn hit_sets(&self, origin: Origin, place: Place) -> [usize; 2] {
        let new = usize::from(origin == Origin::New);
        let set = match place {
            Place::NONE => usize::try_from(self.history.misses & 3).unwrap_or(0).wrapping_mul(2) | new,
            place => place.kind().wrapping_add(HIT_SETS_OF_FIELDS),
        };
        let run = usize::try_from(steps(self.history.hits_in_row)).unwrap_or(0);
        [set, run.wrapping_add(HIT_SETS_OF_RUNS)]
    }

    fn unit_contexts(&self, position: u32, unit: Unit) -> [u32; HIT_INPUTS] {
        let history = &self.history;
        let length = u32::from(unit.length);
        let align = position & 3 | length.wrapping_mul(4);
        let origin = u32::from(unit.copy.origin == Origin::New);
        let field = u32::from(unit.place.number()).wrapping_shl(8);
        let word = unit.bytes & u32::MAX.wrapping_shr(32_u32.wrapping_sub(length.wrapping_mul(8)));
        let held = self.matcher.held.wrapping_mul(2).wrapping_add(2);
        let matched = self
            .guessed()
            .map_or(0, |guess| held | u32::from(u32::from(guess) == unit.bytes & 0xFF));
        let misses = history.misses;
        let row = u32::from(history.hits_in_row);
        [
            hash(31 | field, word & 0xFFFF, misses & 1),
            hash(32 | field, row.min(40), align | origin.wrapping_mul(32)),
            hash(
                33 | field,
                word.wrapping_shr(16),
                history.byte_back(0) | length.wrapping_mul(256),
            ),
            hash(34 | field, matched, misses & 3),
            // Where all inputs are used, there are no units.
            0,
        ]
    }

    /// Codes the next byte of a copy. None ends the copy.
    pub(crate) fn copied(
        &mut self,
        coder: &mut impl BitCoder,
        position: u32,
        expected: Expected,
        wanted: Option<u8>,
    ) -> Option<u8> {
        let contexts = self.hit_contexts(position, expected);
        let new = usize::from(expected.copy.origin == Origin::New);
        let is_hit = wanted == Some(expected.byte);
        let InUnit { apart, is_missed, .. } = self.in_unit;
        self.in_unit.apart = apart.saturating_sub(1);
        let left = usize::from(self.in_unit.apart & 3).wrapping_mul(2) | usize::from(is_missed);
        let sets = match apart {
            0 => self.hit_sets(expected.copy.origin, expected.place),
            _ => [
                expected.place.kind().wrapping_add(APART_SETS),
                left.wrapping_add(APART_SETS_OF_LEFT),
            ],
        };
        // One of a unit is not as expected: the last one, if no other was.
        let is_last_chance = apart == 1 && is_missed == 0;
        if !is_last_chance && self.is_hit(coder, &contexts, sets, is_hit) {
            self.history.misses = self.history.misses.wrapping_shl(1);
            self.hit(expected.byte);
            self.addresses.came(position, expected.copy, expected.byte);
            return Some(expected.byte);
        }
        let row = steps(self.history.hits_in_row);
        let ends = self.rare(coder, RARE_END.wrapping_add(new.wrapping_mul(8)), row, wanted.is_none());
        self.history.hits_in_row = 0;
        if ends {
            self.in_unit = InUnit::NONE;
            return None;
        }
        self.in_unit.is_missed = 1;
        self.history.misses = self.history.misses.wrapping_shl(1) | 1;
        let byte = self.changed(coder, position, expected, wanted.unwrap_or(0));
        let change = byte.wrapping_sub(expected.byte);
        if let Some(place) = self.history.changes.get_mut(change_place(position, expected.place)) {
            *place = change;
        }
        self.history.change = change;
        self.push(byte);
        self.addresses.came(position, expected.copy, byte);
        Some(byte)
    }

    /// Codes a literal. `beside` is the byte of the old image that a copy would expect here, if it went on.
    pub(crate) fn literal(&mut self, coder: &mut impl BitCoder, position: u32, beside: u8, wanted: u8) -> u8 {
        let history = &self.history;
        let one = history.byte_back(0);
        let two = history.recent & 0xFFFF;
        let three = history.recent & 0x00FF_FFFF;
        let align = position & 3;
        let salts = [
            hash(1, align & 1, 0),
            hash(2, three, 0),
            hash(3, u32::from(beside), one),
            0,
            Self::hash_of_larger(5, one, 0),
            Self::hash_of_larger(6, two, 0),
            Self::hash_of_larger(7, history.byte_back(1), align & 1),
        ];
        let guess = self.guessed();
        let byte = self.byte(coder, salts, u32::from(beside), guess, LITERAL_SET, wanted);
        self.history.literals_in_row = self.history.literals_in_row.saturating_add(1);
        self.push(byte);
        byte
    }

    fn changed(&mut self, coder: &mut impl BitCoder, position: u32, expected: Expected, wanted: u8) -> u8 {
        let history = &self.history;
        let align = position & 3;
        let at_place = history
            .changes
            .get(change_place(position, expected.place))
            .copied()
            .unwrap_or(0);
        let field = u32::from(expected.place.number()).wrapping_shl(8);
        let byte = u32::from(expected.byte);
        let next = expected.ahead & 0xFF;
        let salts = [
            hash(11 | field, align & 1, history.misses & 2),
            hash(12 | field, byte, align & 1),
            hash(13 | field, next, align & 1),
            0,
            Self::hash_of_larger(15 | field, u32::from(at_place), align),
            Self::hash_of_larger(16 | field, u32::from(history.change), next.wrapping_shr(3)),
            Self::hash_of_larger(17 | field, byte | expected.ahead.wrapping_shl(8), align),
        ];
        let guess = self.guessed().map(|guess| guess.wrapping_sub(expected.byte));
        let change = self.byte(
            coder,
            salts,
            u32::from(at_place),
            guess,
            match expected.place {
                Place::NONE => CHANGED_SET,
                _ => CHANGED_FIELD_SET,
            },
            wanted.wrapping_sub(expected.byte),
        );
        expected.byte.wrapping_add(change)
    }

    /// Codes a byte, highest bit first, each with the bits before it. `guess` is what it may be and chooses weights; `matched` what
    /// followed the last time, and has the last input.
    fn byte(
        &mut self,
        coder: &mut impl BitCoder,
        mut contexts: [u32; BYTE_INPUTS],
        guess: u32,
        matched: Option<u8>,
        set: usize,
        wanted: u8,
    ) -> u8 {
        let wanted = u32::from(wanted) | 0x100;
        let guess = guess | 0x100;
        let matched = matched.map(|byte| u32::from(byte) | 0x100);
        let trust = self.matcher.held.wrapping_mul(2).wrapping_add(2);
        let mut node = 1_u32;
        for place in (0..8_u32).rev() {
            let holds = guess.wrapping_shr(place.wrapping_add(1)) == node;
            let of_node = node.wrapping_mul(0x9E37_79B1);
            if SLOTS > 0
                && let Some(context) = contexts.get_mut(MATCHED_INPUT)
            {
                let still = matched.filter(|byte| byte.wrapping_shr(place.wrapping_add(1)) == node);
                let bit = still.map_or(0, |byte| byte.wrapping_shr(place) & 1 | trust);
                *context = hash(4, bit, u32::try_from(set).unwrap_or(0)).wrapping_sub(of_node);
            }
            let set = set | usize::from(holds);
            let bit = wanted.wrapping_shr(place) & 1 == 1;
            let of_bit = usize::try_from(place).unwrap_or(0).wrapping_add(BYTE_SETS_OF_BITS);
            let bit = self.bytes.code(
                coder,
                (contexts.get(..Self::BYTE_INPUTS_USED).unwrap_or(&contexts), of_node),
                Self::used_sets(&[set, of_bit]),
                BYTE_RATES,
                bit,
            );
            node = node.wrapping_mul(2) | u32::from(bit);
        }
        // Invariant: the highest of nine bits is cut off.
        u8::try_from(node & 0xFF).unwrap_or(0)
    }

    fn hit(&mut self, byte: u8) {
        self.history.hits_in_row = self.history.hits_in_row.saturating_add(1);
        self.push(byte);
    }

    fn hit_contexts(&self, position: u32, expected: Expected) -> [u32; HIT_INPUTS] {
        let history = &self.history;
        let align = position & 3;
        let origin = u32::from(expected.copy.origin == Origin::New);
        let field = u32::from(expected.place.number()).wrapping_shl(8);
        let held = self.matcher.held.wrapping_mul(2).wrapping_add(2);
        let matched = self
            .guessed()
            .map_or(0, |guess| held | u32::from(guess == expected.byte));
        let byte = u32::from(expected.byte);
        let next = expected.ahead & 0xFF;
        let misses = history.misses;
        let row = u32::from(history.hits_in_row);
        [
            hash(
                21 | field,
                next | (align & 1).wrapping_mul(256),
                (misses & 1) | origin.wrapping_mul(2),
            ),
            hash(22 | field, row.min(40), align | origin.wrapping_mul(4)),
            hash(23 | field, history.byte_back(0).wrapping_mul(256) | byte, misses & 1),
            hash(24 | field, matched, misses & 3),
            match Self::HIT_INPUTS_USED {
                HIT_INPUTS => hash(25 | field, next.wrapping_mul(256) | history.byte_back(0), align & 1),
                _ => 0,
            },
        ]
    }

    /// Codes a decision with a counter of its own.
    fn rare(&mut self, coder: &mut impl BitCoder, table: usize, context: u32, wanted: bool) -> bool {
        let place = usize::try_from(context).unwrap_or(0).wrapping_add(table);
        let mut spare = counter::FRESH;
        let cell = self.rare.get_mut(place).unwrap_or(&mut spare);
        simple(coder, cell, wanted)
    }

    /// Codes a number: its length in bits with counters, its highest bit not at all, the two lowest with counters if it is long
    /// enough, and the others as they are.
    fn number(&mut self, coder: &mut impl BitCoder, kind: usize, wanted: u32) -> u32 {
        let bits = 32_u32.wrapping_sub(wanted.leading_zeros());
        let mut nothing = [counter::FRESH; CLASS_CELLS];
        // Jumps and shifts are alike, and so are distances and gaps.
        let cells = self.classes.get_mut(kind & 1).unwrap_or(&mut nothing);
        let mut node = 1_u32;
        for place in (0..6_u32).rev() {
            let mut spare = counter::FRESH;
            let index = usize::try_from(node).unwrap_or(0);
            let cell = cells.get_mut(index).unwrap_or(&mut spare);
            let bit = simple(coder, cell, bits.wrapping_shr(place) & 1 == 1);
            node = node.wrapping_mul(2) | u32::from(bit);
        }
        let bits = (node & 63).min(32);
        let Some(places) = bits.checked_sub(1) else {
            return 0;
        };
        let aligned = RARE_ALIGNED.wrapping_add(kind.wrapping_mul(4));
        let mut value = 1_u32;
        for place in (0..places).rev() {
            let bit = wanted.wrapping_shr(place) & 1 == 1;
            let bit = match place {
                1 if places >= 4 => self.rare(coder, aligned, 0, bit),
                0 if places >= 4 => self.rare(coder, aligned, 2 | value & 1, bit),
                _ => coder.bit(2048, bit),
            };
            value = value.wrapping_mul(2) | u32::from(bit);
        }
        value
    }
}

fn simple(coder: &mut impl BitCoder, cell: &mut u16, wanted: bool) -> bool {
    let probability = u32::from(counter::probability(*cell)).clamp(1, 4095);
    let bit = coder.bit(probability, wanted);
    counter::learn(cell, bit, RARE_SEEN_MAX);
    bit
}

/// A run, in eight steps.
pub(crate) fn steps(run: u8) -> u32 {
    match run {
        0..=3 => u32::from(run),
        4..=7 => 4,
        8..=15 => 5,
        16..=31 => 6,
        32.. => 7,
    }
}

/// The last four bytes, newest lowest, with another one.
pub(crate) fn appended(recent: u32, byte: u8) -> u32 {
    recent.wrapping_shl(8) | u32::from(byte)
}

/// Where the last change of such a byte is kept.
fn change_place(position: u32, place: Place) -> usize {
    match place {
        Place::NONE => usize::try_from(position & 3).unwrap_or(0),
        place => usize::from(place.number()),
    }
}

/// A signed difference as a number that is small when the difference is near 0.
pub(crate) const fn fold(difference: u32) -> u32 {
    if difference.wrapping_shr(31) == 1 {
        difference.wrapping_shl(1) ^ u32::MAX
    } else {
        difference.wrapping_shl(1)
    }
}

/// Inverse of [`fold`].
pub(crate) const fn unfold(folded: u32) -> u32 {
    if folded & 1 == 1 {
        folded.wrapping_shr(1) ^ u32::MAX
    } else {
        folded.wrapping_shr(1)
    }
}
