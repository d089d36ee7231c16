//! Running the model over a plan.

use crate::{
    State,
    encode::{
        images::Images,
        ledger::{Ledger, Prices},
        parse::Known,
        range_encoder::RangeEncoder,
    },
    matcher::Matcher,
    model::{Copy, Expected, Model, Origin, Start, appended},
    predict::{Field, Kind, Piece, Place, Source},
};
use std::{boxed::Box, mem::take, ops::Range, vec, vec::Vec};

/// A piece of the new image that is copied, with or without changed bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// Where in the new image.
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) origin: Origin,
    /// Where it is copied from.
    pub(crate) from: usize,
}

impl Segment {
    pub(crate) const fn end(&self) -> usize {
        self.start + self.length
    }

    /// Keeps what lies in `part`, and says whether there is anything.
    pub(crate) fn clip(&mut self, part: &Range<usize>) -> bool {
        let (start, end) = (self.start.max(part.start), self.end().min(part.end));
        self.from += start - self.start;
        self.start = start;
        self.length = end.saturating_sub(start);
        self.length > 0
    }

    /// Whether `next` is what follows of the same copy.
    pub(crate) fn goes_on_as(&self, next: &Self) -> bool {
        let is_behind = self.end() == next.start && self.from + self.length == next.from;
        is_behind && self.origin == next.origin
    }

    /// The copy at the byte that it has for `at`.
    const fn copy(&self, at: usize) -> Copy {
        Copy {
            origin: self.origin,
            from: (self.from + (at - self.start)) as u32,
        }
    }
}

/// Bytes of the result between two prices.
pub(crate) const STEP: usize = 1 << 10;

/// A plan, coded.
pub(crate) struct Coded {
    pub(crate) bytes: Vec<u8>,
    /// What each byte cost that was a literal.
    pub(crate) literals: Vec<Option<u32>>,
    /// What everything in front of each [`STEP`] of bytes cost.
    pub(crate) prices: Vec<u64>,
    /// What each kind of event cost.
    pub(crate) events: Prices,
    /// Places that went elsewhere than was expected: from where, and to where.
    pub(crate) astray: Vec<(u32, u32)>,
    /// Words that are no addresses inside the image and changed: from what, and to what.
    pub(crate) words: Vec<(u32, u32)>,
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
    /// Codes the new image along `copies`, which are in order and do not overlap. Everything between them is literal. `pieces` of
    /// the map stand in front, in the order of the old image.
    ///
    /// A copy begins with a byte that is as expected. The decoder ends a copy at the end of the old image without being told.
    pub(crate) fn code(images: &Images<'_>, copies: &[Segment], pieces: &[Piece]) -> Coded {
        let mut model: Box<Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>> = Box::new(Model::ZERO);
        model.reset();
        model.addresses.layout = images.layout;
        model.begin(images.old.len() as u32);
        if Matcher::<SLOTS>::IS_PRIMED {
            images.old.iter().fold(0, |recent, byte| {
                let recent = appended(recent, *byte);
                model.matcher.prime(recent);
                recent
            });
        }
        let mut run = Run {
            model: &mut model,
            coder: RangeEncoder::new(),
            images,
            ledger: Ledger::new(),
            literals: vec![None; images.new.len()],
            prices: Vec::new(),
            astray: Vec::new(),
            words: Vec::new(),
            field_price: 0,
            unit_price: 0,
        };
        run.all(copies, pieces);
        Coded {
            bytes: if images.new.is_empty() {
                Vec::new()
            } else {
                run.coder.finish()
            },
            literals: run.literals,
            prices: run.prices,
            events: run.ledger.settle(),
            astray: run.astray,
            words: run.words,
        }
    }
}

struct Run<
    'r,
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
> {
    model: &'r mut Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>,
    coder: RangeEncoder,
    images: &'r Images<'r>,
    ledger: Ledger,
    /// What becomes of these is said where they are [`Coded`].
    literals: Vec<Option<u32>>,
    prices: Vec<u64>,
    astray: Vec<(u32, u32)>,
    words: Vec<(u32, u32)>,
    /// What the bytes of the field at hand cost so far.
    field_price: u64,
    /// What the decision about the unit at hand cost, and is not charged yet.
    unit_price: u64,
}

impl<const HIT_CELLS: usize, const BYTE_CELLS: usize, const PLACES: usize, const SLOTS: usize, const ONLY_THUMB: bool>
    Run<'_, HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>
{
    fn all(&mut self, copies: &[Segment], pieces: &[Piece]) {
        self.model.pieces(&mut self.coder, pieces.len() as u32);
        for piece in pieces {
            self.model.piece(&mut self.coder, *piece);
        }
        let mut at = 0;
        for segment in copies {
            while at < segment.start {
                self.literal(at);
                at += 1;
            }
            // A copy begins with a byte that is as expected; its first ones may be of an address that is not.
            while at < segment.end() && !self.begins(segment, at) {
                self.literal(at);
                at += 1;
            }
            if at < segment.end() {
                self.copy(segment, at);
            }
            at = segment.end();
        }
        while at < self.images.new.len() {
            self.literal(at);
            at += 1;
        }
    }

    /// Notes what everything in front of a byte cost.
    fn note_price(&mut self, at: usize) {
        if at.is_multiple_of(STEP) {
            self.prices.push(self.coder.price);
        }
    }

    fn literal(&mut self, at: usize) {
        self.note_price(at);
        let before = self.coder.price;
        self.guess(at);
        self.model.start(&mut self.coder, at as u32, Start::Literal);
        let beside = self.model.history.beside(at as u32) as usize;
        let beside = self.images.old.get(beside).copied().unwrap_or(0);
        self.model
            .literal(&mut self.coder, at as u32, beside, self.images.new[at]);
        self.literals[at] = Some((self.coder.price - before) as u32);
    }

    /// Whether a copy can begin here.
    fn begins(&mut self, segment: &Segment, at: usize) -> bool {
        self.model.addresses.end_copy();
        let expected = self.expected(segment, at);
        self.model.addresses.end_copy();
        expected.byte == self.images.new[at]
    }

    /// A copy from `start` on, and its end.
    fn copy(&mut self, segment: &Segment, start: usize) {
        self.note_price(start);
        let before = self.coder.price;
        let remembered = (self.model.history.diagonals, self.model.history.distance);
        let copy = segment.copy(start);
        self.guess(start);
        self.model.start(&mut self.coder, start as u32, Start::Copy(copy));
        let first = self.expected(segment, start);
        self.model.first_of_copy(start as u32, first);
        let price = self.coder.price - before;
        self.ledger
            .add_start(copy.origin, copy.from, start as u32, remembered, price);
        let mut at = start + 1;
        while at < segment.end() {
            self.note_price(at);
            self.unit(segment, at);
            self.copied(segment, at);
            at += 1;
        }
        let end = segment.end();
        let runs_out = segment.origin == Origin::Old && segment.from + segment.length == self.images.old.len();
        if end < self.images.new.len() && !runs_out {
            self.unit(segment, end);
            let before = self.coder.price - take(&mut self.unit_price);
            self.guess(end);
            let expected = self.expected(segment, end);
            let hits = self.model.history.hits_in_row;
            self.model.copied(&mut self.coder, end as u32, expected, None);
            let price = self.coder.price - before;
            self.ledger.add_end(segment.origin, hits, price);
        }
    }

    /// Codes whether all bytes of the unit at `at` are as expected, if it begins there.
    fn unit(&mut self, segment: &Segment, at: usize) {
        self.guess(at);
        if !self.model.can_begin_unit() {
            return;
        }
        let copy = segment.copy(at);
        let from = copy.from as usize;
        let image = match segment.origin {
            Origin::Old => self.images.old,
            Origin::New => &self.images.new[..at],
        };
        let Some(bytes) = image.get(from..from + 8) else {
            return;
        };
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let sum = self.sum(image, at, copy, word(0));
        let unit = self.model.expect_unit(at as u32, copy, [word(0), word(4)], sum);
        let end = at + usize::from(unit.length);
        let expected = unit.bytes;
        let is_hit = end <= segment.end()
            && self.images.new[at..end]
                .iter()
                .zip(expected.to_le_bytes())
                .all(|(wanted, byte)| *wanted == byte);
        let before = self.coder.price;
        self.model.unit(&mut self.coder, at as u32, unit, is_hit);
        self.unit_price = self.coder.price - before;
    }

    fn copied(&mut self, segment: &Segment, at: usize) {
        self.guess(at);
        let sure = u64::from(self.model.in_unit.sure);
        // What a unit cost belongs to all of its bytes, or to the one that is not as expected.
        let shared = self.unit_price.checked_div(sure).unwrap_or(0);
        if sure > 0 {
            self.unit_price -= shared;
        }
        let mut before = self.coder.price - shared;
        let wanted = self.images.new[at];
        if sure > 0 {
            let field = self.model.addresses.field();
            let named = field.and_then(|field| self.named(at, field));
            let hits = self.model.history.hits_in_row;
            self.model.sure(at as u32, segment.copy(at));
            let price = self.coder.price - before;
            if field.is_none_or(|field| field.phase == 0) {
                self.field_price = 0;
            }
            match field {
                Some(field) if field.source != Source::Nothing => self.field_price += price,
                _ => self.ledger.add_hit(hits, price),
            }
            if let Some(field) = field.filter(|field| field.phase + 1 == field.length) {
                self.note(at, field, named);
            }
            return;
        }
        let expected = self.expected(segment, at);
        if sure == 0 && wanted != expected.byte {
            before -= take(&mut self.unit_price);
        }
        let (hits, changes) = (self.model.history.hits_in_row, self.model.history.changes);
        let field = self.model.addresses.field();
        let named = field.and_then(|field| self.named(at, field));
        self.model.copied(&mut self.coder, at as u32, expected, Some(wanted));
        let price = self.coder.price - before;
        let ledger = &mut self.ledger;
        let change = wanted.wrapping_sub(expected.byte);
        if field.is_none_or(|field| field.phase == 0) {
            self.field_price = 0;
        }
        match expected.place {
            Place::NONE if change == 0 => ledger.add_hit(hits, price),
            Place::NONE => ledger.add_miss(hits, change, changes[at & 3] == change, price),
            _ => self.field_price += price,
        }
        if let Some(field) = field.filter(|field| field.phase + 1 == field.length) {
            self.note(at, field, named);
        }
    }

    /// What a field becomes, whose last byte stands at `at`.
    fn named(&self, at: usize, mut field: Field) -> Option<u32> {
        field.came |= u32::from(self.images.new[at]) << (8 * u32::from(field.phase));
        let begins = at as u32 - u32::from(field.phase);
        self.model.addresses.named(begins, &field)
    }

    /// Notes what a field became, whose last byte stands at `at`.
    fn note(&mut self, at: usize, mut field: Field, named: Option<u32>) {
        field.came |= u32::from(self.images.new[at]) << (8 * u32::from(field.phase));
        let begins = at as u32 - u32::from(field.phase);
        let kind = match field.kind {
            Kind::Word => Known::WORD,
            Kind::Branch | Kind::Lower | Kind::Pointer | Kind::Upper => {
                usize::from(!self.model.addresses.is_miss(begins, &field, named))
            }
        };
        if field.source != Source::Nothing {
            self.ledger.add_field(kind, field.length, self.field_price);
        }
        match (field.kind, named) {
            (Kind::Word, Some(named)) if named != field.target => self.words.push((field.target, named)),
            (Kind::Branch | Kind::Pointer, Some(named)) if named != field.expected => {
                self.astray.push((field.target, named));
            }
            (Kind::Lower, Some(named)) if named != field.expected => {
                let (old, new, is_word) = self.model.addresses.pair(field.target, named);
                if !is_word {
                    self.astray.push((old, new));
                }
            }
            (_, _) => {}
        }
    }

    /// Reads the byte that the decoder will guess at `at`.
    fn guess(&mut self, at: usize) {
        let place = self.model.matcher.next().map(|place| place as usize);
        self.model.guess = place.and_then(|place| match place.checked_sub(self.images.old.len()) {
            None => self.images.old.get(place).copied(),
            Some(offset) => self.images.new[..at].get(offset).copied(),
        });
    }

    /// What the decoder will expect at `at`.
    fn expected(&mut self, segment: &Segment, at: usize) -> Expected {
        let copy = segment.copy(at);
        let from = copy.from as usize;
        let image = match segment.origin {
            Origin::Old => self.images.old,
            Origin::New => &self.images.new[..at],
        };
        let known = image.len().saturating_sub(from).min(4);
        let bytes = four(image, from);
        let sum = self.sum(image, at, copy, bytes);
        self.model.expect(at as u32, copy, bytes, known as u32, sum)
    }

    /// What the decoder's search will find.
    fn sum(&self, image: &[u8], at: usize, copy: Copy, bytes: u32) -> Option<u32> {
        let mut search = self.model.addresses.search(at as u32, copy, bytes)?;
        while let Some(from) = search.next() {
            self.model.addresses.saw(&mut search, four(image, from as usize));
        }
        search.sum()
    }
}

/// Four bytes, the first one lowest; those behind the end are 0.
fn four(image: &[u8], from: usize) -> u32 {
    let bytes = image.iter().skip(from).take(4).zip([0, 8, 16, 24]);
    bytes.fold(0, |bytes, (byte, shift)| bytes | u32::from(*byte) << shift)
}
