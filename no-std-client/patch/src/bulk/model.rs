//! What decoder and encoder of the bulk codec have in common: each decision, and what is learned from it.

use super::{
    coding::{self, Cell, FRESH, FRESH_ROW, INPUTS, NUMBER_CELLS, Row, WEIGHTS, WeightSet, number, simple, symbol},
    covers::{COVER_WORDS, Cover, Covers, INDEX_WORDS},
    fields::{Field, Kind, Site},
    literals::{LITERALS_WORDS, Literals},
    segments::{SEGMENT_WORDS, SEGMENTS_MAX, Segment, Segments},
    shifts::{RECENT, Recent, SHIFTS_WORDS, Shifts},
    words::{WORDS_WORDS, Words},
};
use crate::{
    model::{appended, fold, unfold},
    range_decoder::BitCoder,
};

/// Rows of each table that bytes are mixed from.
const TABLE_ROWS: usize = 1 << 13;
const TABLE_CELLS: usize = TABLE_ROWS * 8;
/// Bytes of a line of most caches.
const LINE_BYTES: usize = 64;
/// Words of memory that are the same for each patch.
const FIXED_WORDS: usize = TABLE_CELLS * INPUTS
    + LITERALS_WORDS
    + SHIFTS_WORDS * 3
    + WORDS_WORDS * 2
    + SEGMENTS_MAX * SEGMENT_WORDS * 2
    + INDEX_WORDS
    + LINE_BYTES / 4;

/// Words of memory for a patch with so many covers.
pub(crate) const fn memory_words(covers: usize) -> usize {
    covers.saturating_mul(COVER_WORDS).saturating_add(FIXED_WORDS)
}

/// Kinds of numbers.
const COUNTS: usize = 0;
const GAP: usize = 1;
const LENGTH: usize = 2;
const JUMP: usize = 3;
const BACK: usize = 4;
const SEGMENT: usize = 5;
/// One for each length of the run before, and whether it is in a program.
const RUN: usize = 9;
const RUNS: usize = 24;
const IMMEDIATE: usize = RUN + RUNS;
const NUMBERS: usize = IMMEDIATE + Kind::COUNT;

/// A run that goes on to the end of its cover.
pub(crate) const RUN_TO_END: u32 = u32::MAX;

/// How a field came that is not as expected.
const CAME_AS_OLD: u32 = 5;
const _: () = assert!(RECENT == 5);
const CAME_ELSEWHERE: u32 = 6;
const CAME_ELSE: u32 = 7;

/// How it is known where a place went.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Source {
    /// It went there before.
    Learned,
    /// With the cover at hand.
    Here,
    /// With another cover.
    Cover,
    /// As a place near it, or as what lies before it.
    Near,
}

impl Source {
    const COUNT: usize = 4;

    const fn number(self) -> usize {
        match self {
            Self::Learned => 0,
            Self::Here => 1,
            Self::Cover => 2,
            Self::Near => 3,
        }
    }
}

/// What came before, for what depends on it.
#[derive(Clone, Debug)]
struct History {
    /// The last bytes of all, newest lowest.
    recent: u32,
    /// The last changes at each place of four.
    changes: [u8; 4],
    change: u8,
    /// Length class of the last run.
    run: usize,
    /// Distances from which covers came, newest first.
    shifts: Recent,
    /// How far places moved, newest first.
    moved: Recent,
    /// How far words moved, newest first.
    words: Recent,
    /// What a number may be: as a distance from itself, from its segment, as one near it, as the same one; and how often each was right.
    guesses: [u32; Source::COUNT],
    scores: [i32; Source::COUNT],
    /// Whether the last fields of each kind were as expected.
    misses: [usize; Kind::COUNT],
}

/// All that is learned.
#[derive(Debug)]
pub(crate) struct Model<'m> {
    pub(crate) covers: Covers<'m>,
    pub(crate) olds: Segments<'m>,
    pub(crate) news: Segments<'m>,
    pub(crate) words: Words<'m>,
    numbers_became: Words<'m>,
    tables: [&'m mut [Row]; INPUTS],
    literals: Literals<'m>,
    learned: Shifts<'m>,
    near: Shifts<'m>,
    near_words: Shifts<'m>,
    cells: Cells,
}

/// What is learned but for tables.
#[derive(Debug)]
struct Cells {
    numbers: [[Cell; NUMBER_CELLS]; NUMBERS],
    kinds: [[Cell; 16]; 4],
    ends: [Cell; RUNS],
    hits: [[[Cell; 8]; Source::COUNT]; Kind::COUNT],
    elses: [[Cell; 8]; Kind::COUNT],
    flags: [[Cell; 4]; 2],
    literal_weights: [WeightSet; 3],
    change_weights: [WeightSet; 2],
    history: History,
}

impl Cells {
    const fn new() -> Self {
        Self {
            numbers: [[FRESH; NUMBER_CELLS]; NUMBERS],
            kinds: [[FRESH; 16]; 4],
            ends: [FRESH; RUNS],
            hits: [[[FRESH; 8]; Source::COUNT]; Kind::COUNT],
            elses: [[FRESH; 8]; Kind::COUNT],
            flags: [[FRESH; 4]; 2],
            literal_weights: [[WEIGHTS; 17]; 3],
            change_weights: [[WEIGHTS; 17]; 2],
            history: History {
                recent: 0,
                changes: [0; 4],
                change: 0,
                run: 0,
                shifts: Recent::NONE,
                moved: Recent::NONE,
                words: Recent::NONE,
                guesses: [0; Source::COUNT],
                scores: [0; Source::COUNT],
                misses: [0; Kind::COUNT],
            },
        }
    }
}

impl<'m> Model<'m> {
    /// Parts the memory, if there is enough of it.
    pub(crate) fn new(memory: &'m mut [u32]) -> Option<Self> {
        // No row in two lines of the cache.
        let skipped = memory.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES / 4);
        let (_, memory) = memory.split_at_mut_checked(skipped)?;
        let (tables, memory) = memory.split_at_mut_checked(TABLE_CELLS.checked_mul(INPUTS)?)?;
        let (rows, _) = tables.as_chunks_mut();
        let mut parts = rows.chunks_exact_mut(TABLE_ROWS);
        let tables = [(); INPUTS].map(|()| parts.next().unwrap_or_default());
        let (literals, memory) = memory.split_at_mut_checked(LITERALS_WORDS)?;
        let (learned, memory) = memory.split_at_mut_checked(SHIFTS_WORDS)?;
        let (near, memory) = memory.split_at_mut_checked(SHIFTS_WORDS)?;
        let (near_words, memory) = memory.split_at_mut_checked(SHIFTS_WORDS)?;
        let (words, memory) = memory.split_at_mut_checked(WORDS_WORDS)?;
        let (numbers_became, memory) = memory.split_at_mut_checked(WORDS_WORDS)?;
        let (olds, memory) = memory.split_at_mut_checked(SEGMENTS_MAX * SEGMENT_WORDS)?;
        let (news, memory) = memory.split_at_mut_checked(SEGMENTS_MAX * SEGMENT_WORDS)?;
        let mut model = Self {
            covers: Covers::new(memory),
            olds: Segments::new(olds),
            news: Segments::new(news),
            words: Words::new(words),
            numbers_became: Words::new(numbers_became),
            tables,
            literals: Literals::new(literals),
            learned: Shifts::new(learned),
            near: Shifts::new(near),
            near_words: Shifts::new(near_words),
            cells: Cells::new(),
        };
        model.clear_rows();
        Some(model)
    }

    /// Forgets all that was learned.
    pub(crate) fn restart(&mut self) {
        self.covers.clear();
        self.olds.clear();
        self.news.clear();
        for words in [&mut self.words, &mut self.numbers_became] {
            words.clear();
        }
        for shifts in [&mut self.learned, &mut self.near, &mut self.near_words] {
            shifts.clear();
        }
        self.literals.clear();
        self.cells = Cells::new();
        self.clear_rows();
    }

    fn clear_rows(&mut self) {
        for table in &mut self.tables {
            table.fill(FRESH_ROW);
        }
    }

    fn number(&mut self, coder: &mut impl BitCoder, kind: usize, wanted: u32) -> u32 {
        let mut none = [FRESH; NUMBER_CELLS];
        number(coder, self.cells.numbers.get_mut(kind).unwrap_or(&mut none), wanted)
    }

    /// Codes how many of something follow.
    pub(crate) fn count(&mut self, coder: &mut impl BitCoder, wanted: u32) -> u32 {
        self.number(coder, COUNTS, wanted)
    }

    /// Codes the first half of a segment: where it is. `last` is the one before it in the same image.
    pub(crate) fn segment_place(&mut self, coder: &mut impl BitCoder, last: Segment, wanted: Segment) -> Segment {
        let gap = self.number(coder, SEGMENT, wanted.start.wrapping_sub(last.end()));
        let length = self.number(coder, SEGMENT + 1, wanted.length);
        Segment {
            start: last.end().wrapping_add(gap),
            length,
            ..Segment::default()
        }
    }

    /// Codes the second half: at which addresses, and what it holds.
    pub(crate) fn segment_addresses(
        &mut self,
        coder: &mut impl BitCoder,
        last: Segment,
        placed: Segment,
        wanted: Segment,
    ) -> Segment {
        let high = last.high.wrapping_add(unfold(self.number(
            coder,
            SEGMENT + 2,
            fold(wanted.high.wrapping_sub(last.high)),
        )));
        let guess = last.address(placed.start);
        let farther = unfold(self.number(coder, SEGMENT + 3, fold(wanted.address.wrapping_sub(guess))));
        let [flags, _] = &mut self.cells.flags;
        let [_, code, pointers, _] = flags;
        Segment {
            address: guess.wrapping_add(farther),
            high,
            has_code: simple(coder, code, wanted.has_code),
            has_pointers: simple(coder, pointers, wanted.has_pointers),
            ..placed
        }
    }

    /// Codes the first half of a cover: where it begins in the result, and how long it is.
    pub(crate) fn cover_place(&mut self, coder: &mut impl BitCoder, end: u32, wanted: Cover) -> Cover {
        let gap = self.number(coder, GAP, wanted.new.wrapping_sub(end));
        let length = self.number(coder, LENGTH, wanted.length.wrapping_sub(1));
        Cover {
            new: end.wrapping_add(gap),
            length: length.wrapping_add(1),
            ..Cover::default()
        }
    }

    /// Codes the second half: from where, and whether it is verbatim.
    pub(crate) fn cover_source(
        &mut self,
        coder: &mut impl BitCoder,
        source_bytes: u32,
        last: Cover,
        placed: Cover,
        wanted: Cover,
    ) -> Cover {
        let shift = wanted.new.wrapping_sub(wanted.from);
        let known = self.cells.history.shifts.0.iter().position(|known| *known == shift);
        // All shifts that are remembered, then another one of the old image, then one of the result.
        let other = if wanted.from < source_bytes {
            RECENT
        } else {
            RECENT.wrapping_add(1)
        };
        let wanted_kind = u32::try_from(known.unwrap_or(other)).unwrap_or(0);
        let touches = usize::from(placed.new == last.end());
        let context = touches.wrapping_mul(2) | usize::from(last.is_verbatim);
        let mut none = [FRESH; 16];
        let kinds = self.cells.kinds.get_mut(context).unwrap_or(&mut none);
        let kind = usize::try_from(symbol(coder, kinds, 3, wanted_kind)).unwrap_or(0);
        let Recent([newest, ..]) = self.cells.history.shifts;
        let shift = match self.cells.history.shifts.0.get(kind).copied() {
            Some(known) => known,
            None if kind == RECENT => {
                // From behind what was copied last: the next piece of the old image is likely to be near.
                let farther = unfold(self.number(coder, JUMP, fold(shift.wrapping_sub(newest))));
                newest.wrapping_add(farther)
            }
            None => {
                let back = wanted.new.wrapping_sub(wanted.from.wrapping_sub(source_bytes));
                self.number(coder, BACK, back).wrapping_sub(source_bytes)
            }
        };
        self.cells.history.shifts.push(shift);
        let [_, flags] = &mut self.cells.flags;
        let context = usize::from(last.is_verbatim) | usize::from(kind == 0).wrapping_mul(2);
        let mut spare = FRESH;
        let is_verbatim = simple(coder, flags.get_mut(context).unwrap_or(&mut spare), wanted.is_verbatim);
        Cover {
            from: placed.new.wrapping_sub(shift),
            is_verbatim,
            ..placed
        }
    }

    /// Codes how many bytes outside of fields are as they were before the next one that is not.
    pub(crate) fn run(&mut self, coder: &mut impl BitCoder, is_program: bool, wanted: u32) -> u32 {
        let context = self.cells.history.run.wrapping_mul(2) | usize::from(is_program);
        let mut spare = FRESH;
        let end = self.cells.ends.get_mut(context).unwrap_or(&mut spare);
        if simple(coder, end, wanted == RUN_TO_END) {
            self.cells.history.run = 11;
            return RUN_TO_END;
        }
        let run = self.number(coder, RUN.wrapping_add(context), wanted);
        self.cells.history.run = usize::try_from(32_u32.wrapping_sub(run.leading_zeros()))
            .unwrap_or(0)
            .min(10);
        run
    }

    /// Codes a literal.
    pub(crate) fn literal(&mut self, coder: &mut impl BitCoder, wanted: u8) -> u8 {
        let recent = self.cells.history.recent;
        let matched = self.literals.matched();
        let held = self.literals.held().min(15);
        let contexts = [
            salted(1, recent & 0xFF),
            salted(2, recent & 0xFFFF),
            match matched {
                Some(byte) => salted(4, u32::from(byte) | held.wrapping_add(1).wrapping_shl(8)),
                None => salted(3, recent & 0xFF_FFFF),
            },
        ];
        let set = match (matched, held) {
            (None, _) => 0,
            (_, 0..=7) => 1,
            (_, _) => 2,
        };
        let mut none = [WEIGHTS; 17];
        let weights = self.cells.literal_weights.get_mut(set).unwrap_or(&mut none);
        let byte = coding::byte(coder, &mut self.tables, &contexts, weights, wanted);
        self.cells.history.recent = appended(recent, byte);
        self.literals.push(byte, self.cells.history.recent);
        byte
    }

    /// Bytes were copied: what comes next follows these four, newest lowest.
    pub(crate) fn copied(&mut self, recent: u32) {
        self.cells.history.recent = recent;
        self.literals.interrupt();
    }

    /// Codes the byte at `at`: another one than `expected`, or in a field which came as something else any. `next` is the one behind it
    /// in the old image.
    pub(crate) fn changed(&mut self, coder: &mut impl BitCoder, at: u32, expected: u8, next: u8, wanted: u8) -> u8 {
        let align = at & 3;
        let place = usize::try_from(align).unwrap_or(0);
        let before = self.cells.history.changes.get(place).copied().unwrap_or(0);
        let old = u32::from(expected);
        let run = u32::try_from(self.cells.history.run).unwrap_or(0);
        let contexts = [
            salted(17, u32::from(before) | align.wrapping_shl(8)),
            salted(19, old | u32::from(next).wrapping_shl(8)),
            salted(
                20,
                u32::from(self.cells.history.change) | run.min(2).wrapping_shl(8) | old.wrapping_shl(16),
            ),
        ];
        let set = usize::from(self.cells.history.run == 0);
        let mut none = [WEIGHTS; 17];
        let weights = self.cells.change_weights.get_mut(set).unwrap_or(&mut none);
        let wanted = wanted.wrapping_sub(expected);
        let change = coding::byte(coder, &mut self.tables, &contexts, weights, wanted);
        if let Some(kept) = self.cells.history.changes.get_mut(place) {
            *kept = change;
        }
        self.cells.history.change = change;
        expected.wrapping_add(change)
    }

    /// Learns that a word changed outside of fields.
    pub(crate) fn word(&mut self, old: u32, new: u32) {
        self.words.set(old, new);
        self.cells.history.words.push(new.wrapping_sub(old));
    }

    /// Where a place of the old image is likely to be now.
    fn moved(&self, target: u32, cover: Cover) -> (u32, Source) {
        if let Some(shift) = self.learned.get(target) {
            return (target.wrapping_add(shift), Source::Learned);
        }
        if let Some(place) = cover.moved(target) {
            return (place, Source::Here);
        }
        let before = self.covers.before(target);
        if let Some(place) = before.and_then(|before| before.moved(target)) {
            return (place, Source::Cover);
        }
        let shift = self.near.get(target.wrapping_shr(8));
        let shift = shift.unwrap_or_else(|| before.unwrap_or(cover).shift());
        (target.wrapping_add(shift), Source::Near)
    }

    /// Codes a field, as the word that its first four bytes are; none if it is something else.
    pub(crate) fn field(
        &mut self,
        coder: &mut impl BitCoder,
        field: &Field,
        site: &mut Site<'_>,
        wanted: Option<u32>,
    ) -> Option<u32> {
        let (expected, source) = self.expected(field, site);
        let kind = field.kind.number();
        let misses = self.cells.history.misses.get(kind).copied().unwrap_or(0) & 7;
        let mut spare = FRESH;
        let cells = self.cells.hits.get_mut(kind).and_then(|cells| cells.get_mut(source));
        let cell = cells.and_then(|cells| cells.get_mut(misses)).unwrap_or(&mut spare);
        let is_hit = simple(coder, cell, wanted == Some(expected));
        if let Some(place) = self.cells.history.misses.get_mut(kind) {
            *place = place.wrapping_mul(2) & 7 | usize::from(!is_hit);
        }
        let word = match is_hit {
            true => expected,
            false => self.unexpected(coder, field, expected, site, wanted)?,
        };
        field.came(word, site);
        if field.kind == Kind::Word {
            // Only a word that is known already: which words are fields does not change in the middle of a run.
            self.words.set(field.word, word);
        }
        if field.kind == Kind::Number {
            self.meant(field, word);
        }
        Some(word)
    }

    /// What a field will be, and how that is known.
    fn expected(&mut self, field: &Field, site: &Site<'_>) -> (u32, usize) {
        if field.kind == Kind::Word {
            let (word, sure) = self.words.get(field.word).unwrap_or((field.word, 0));
            return (word, usize::try_from(sure).unwrap_or(0));
        }
        if field.kind == Kind::Number {
            return self.meaning(field, site);
        }
        let (target, source) = self.moved(field.target, site.cover);
        (field.naming(target, site, &self.news), source.number())
    }

    /// Codes what a field is that is not as expected, and learns it.
    fn unexpected(
        &mut self,
        coder: &mut impl BitCoder,
        field: &Field,
        expected: u32,
        site: &Site<'_>,
        wanted: Option<u32>,
    ) -> Option<u32> {
        let shifts = if field.kind.is_word() {
            self.cells.history.words
        } else {
            self.cells.history.moved
        };
        let moved = shifts.0.map(|shift| match field.kind.is_word() {
            true => field.word.wrapping_add(shift),
            false => field.naming(field.target.wrapping_add(shift), site, &self.news),
        });
        let mask = field.mask();
        let how = match wanted {
            None => CAME_ELSE,
            Some(word) => match moved.iter().position(|moved| *moved == word) {
                Some(which) => u32::try_from(which).unwrap_or(CAME_ELSE),
                None if word == field.word => CAME_AS_OLD,
                None if word & !mask == expected & !mask => CAME_ELSEWHERE,
                None => CAME_ELSE,
            },
        };
        let kind = field.kind.number();
        let mut none = [FRESH; 8];
        let how = symbol(coder, self.cells.elses.get_mut(kind).unwrap_or(&mut none), 3, how);
        let word = match how {
            CAME_ELSE => return None,
            CAME_AS_OLD => field.word,
            CAME_ELSEWHERE => {
                let here = field.immediate(expected);
                let farther = fold(field.immediate(wanted.unwrap_or(0)).wrapping_sub(here));
                let farther = unfold(self.number(coder, IMMEDIATE.wrapping_add(kind), farther));
                field.with_immediate(expected, here.wrapping_add(farther))
            }
            which => {
                let which = usize::try_from(which).ok().and_then(|which| moved.get(which));
                which.copied().unwrap_or(expected)
            }
        };
        let remembered = usize::try_from(how).ok().and_then(|how| shifts.0.get(how)).copied();
        self.learn(field, word, site, remembered);
        Some(word)
    }

    /// What a number will be, by what was right lately, and which guess that is.
    fn meaning(&mut self, field: &Field, site: &Site<'_>) -> (u32, usize) {
        let (word, span) = (field.word, &site.span);
        let moved = |place: u32, from: u32| self.moved(place, site.cover).0.wrapping_sub(from);
        self.cells.history.guesses = [
            match span.old.holds(field.at.wrapping_add(word)) {
                true => moved(field.at.wrapping_add(word), site.at),
                false => word,
            },
            match word < span.old.length {
                true => moved(span.old.start.wrapping_add(word), span.new.start),
                false => word,
            },
            word.wrapping_add(self.near_words.get(word.wrapping_shr(7)).unwrap_or(0)),
            self.numbers_became.get(word).map_or(word, |(became, _)| became),
        ];
        let guesses = self
            .cells
            .history
            .guesses
            .iter()
            .zip(&self.cells.history.scores)
            .zip(0..);
        let best = guesses.max_by_key(|((_, score), _)| **score);
        best.map_or((word, 0), |((guess, _), which)| (*guess, which))
    }

    /// Learns what a number was.
    fn meant(&mut self, field: &Field, word: u32) {
        for (score, guess) in self.cells.history.scores.iter_mut().zip(self.cells.history.guesses) {
            let target = if guess == word { 1 << 16 } else { 0 };
            *score = score.wrapping_add(i32::wrapping_sub(target, *score).wrapping_shr(3));
        }
        let key = field.word.wrapping_shr(7);
        self.near_words.set(key, word.wrapping_sub(field.word));
    }

    /// Learns what something became that was expected to be something else; `remembered` is how far it moved, if others did so before.
    fn learn(&mut self, field: &Field, word: u32, site: &Site<'_>, remembered: Option<u32>) {
        if field.kind.is_word() {
            self.cells.history.words.push(word.wrapping_sub(field.word));
            if field.kind == Kind::Number {
                self.numbers_became.set(field.word, word);
            }
            return;
        }
        let named = || {
            field
                .named(word, site, &self.news)
                .map(|named| named.wrapping_sub(field.target))
        };
        // Of a page the rest is not known, unless it moved as others did.
        let shift = match (remembered, field.kind) {
            (None, Kind::Page) => None,
            (Some(shift), _) => Some(shift),
            (None, _) => named(),
        };
        if let Some(shift) = shift {
            self.cells.history.moved.push(shift);
            self.learned.set(field.target, shift);
            self.near.set(field.target.wrapping_shr(8), shift);
        }
    }
}

fn salted(salt: u32, context: u32) -> u32 {
    let mixed = context
        .wrapping_add(salt.wrapping_mul(0x3D4D_51CB))
        .wrapping_mul(0xC2B2_AE3D);
    mixed ^ mixed.wrapping_shr(15)
}
