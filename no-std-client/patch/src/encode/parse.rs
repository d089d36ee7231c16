//! The cheapest way to part an image into copies and literals, by what the coder charged the last time.
//!
//! Position by position, the cheapest way to come there is known, and a few copies run on beside it, each with what it cost so far,
//! over bytes that agree and over some that do not. A copy that became dearer than one which would begin here is dropped. So the
//! search is linear, and it decides about starts, changes and ends of copies at once.

use crate::{
    encode::{coding::Segment, images::Images, ledger::Prices, parts, pieces},
    model::Origin,
    predict::Piece,
};
use std::{collections::BTreeSet, ops::Range, vec, vec::Vec};

/// Shortest exact match that begins a copy elsewhere.
const LENGTH_MIN: u32 = 3;
/// Copies that run on beside the cheapest way.
const RUNNING_MAX: usize = 24;
/// An image is parted in parts of at most this length, beside each other.
const PART_BYTES: usize = 1 << 16;
/// Each part is parted from so far in front of it to so far behind it, so that both sides agree where they meet.
const OVERLAP_BYTES: usize = 1 << 10;
/// While a match goes on for more than this, no other copy begins.
const SETTLED_MIN: usize = 32;

/// What a coder remembers of copies.
#[derive(Copy, Clone)]
struct Memory {
    /// Offset in the old image minus position, of the last two places to copy from.
    diagonals: [u32; 2],
    /// How far back the last copy along the new image reached.
    distance: u32,
}

/// The cheapest way to a position.
#[derive(Copy, Clone)]
struct Way {
    price: u64,
    last: Last,
    memory: Memory,
}

/// The last piece of a way.
#[derive(Copy, Clone)]
struct Last {
    /// Where it begins, and from where it is copied, if it is.
    start: u32,
    from: u32,
    origin: Option<Origin>,
}

impl Last {
    const fn literal(at: usize) -> Self {
        Self {
            start: at as u32,
            from: 0,
            origin: None,
        }
    }
}

/// A copy that may go on.
#[derive(Copy, Clone)]
struct Running {
    price: u64,
    start: u32,
    from: u32,
    origin: Origin,
    memory: Memory,
    /// Bytes since the last that changed.
    hits: u8,
    /// The last change at each place of a word.
    changes: [u8; 4],
    /// The end of a word that changes as it did elsewhere.
    word_end: u32,
    /// Whether the place that the field at hand names went where the last plan says.
    is_as_planned: bool,
}

impl Running {
    /// Offset of the byte that it has for `at`.
    const fn offset(&self, at: usize) -> usize {
        self.from as usize + (at - self.start as usize)
    }

    /// Takes the byte at `at`.
    fn go_on(&mut self, images: &Images<'_>, known: &Known, at: usize, prices: &Prices) {
        let offset = self.offset(at);
        let (byte, wanted) = (images.byte(self.origin, offset), images.new[at]);
        let is_old = self.origin == Origin::Old;
        if is_old
            && !known.words.is_empty()
            && at >= self.word_end as usize
            && images.words(offset, at).is_some_and(|pair| known.words.contains(&pair))
        {
            self.word_end = at as u32 + 4;
        }
        let price = if is_old && at < self.word_end as usize {
            Some(prices.field(Known::WORD))
        } else if is_old && images.is_field(offset, at) {
            if let Some((from, to)) = images.places(offset, at) {
                self.is_as_planned = known.moved(from) == to;
            }
            Some(prices.field(usize::from(self.is_as_planned)))
        } else {
            (byte == wanted).then(|| prices.hit(self.hits))
        };
        if let Some(price) = price {
            self.price += u64::from(price);
            self.hits = self.hits.saturating_add(1);
            return;
        }
        let change = wanted.wrapping_sub(byte);
        let last = &mut self.changes[at & 3];
        self.price += u64::from(prices.miss(self.hits, change, *last == change));
        *last = change;
        self.hits = 0;
    }
}

/// What the last try shows of addresses.
#[derive(Default)]
pub(crate) struct Known {
    /// Words that became others, again and again.
    words: BTreeSet<(u32, u32)>,
    /// The copies along the old image, in its order.
    pieces: Vec<Piece>,
}

impl Known {
    /// The kind of field that is a word; the others name places, and went elsewhere (0) or there (1).
    pub(crate) const WORD: usize = 2;

    /// What the copies and the words that changed show.
    pub(crate) fn of(copies: &[Segment], mut words: Vec<(u32, u32)>) -> Self {
        words.sort_unstable();
        let same = words.chunk_by(|one, next| one == next);
        let again = same.filter(|same| same.len() > 1).filter_map(|same| same.first());
        Self {
            words: again.copied().collect(),
            pieces: pieces::in_order(copies),
        }
    }

    /// Where a place of the old image is in the new one.
    fn moved(&self, place: u32) -> u32 {
        let behind = self.pieces.partition_point(|piece| piece.old <= place);
        let shift = behind.checked_sub(1).map_or(0, |at| self.pieces[at].shift);
        place.wrapping_add(shift)
    }
}

/// Parts the new image. `literals` says what each byte costs as a literal.
pub(crate) fn parse(images: &Images<'_>, known: &Known, literals: &[u32], prices: &Prices) -> Vec<Segment> {
    let leads = leads(images);
    let end = images.new.len();
    // Two at least, so that a small image takes two processors, too; of the same length, so that none is waited for.
    let count = end.div_ceil(PART_BYTES).max(2);
    let parted = parts::each(0..count, |part| {
        let part = end * part / count..end * (part + 1) / count;
        let around = part.start.saturating_sub(OVERLAP_BYTES)..end.min(part.end + OVERLAP_BYTES);
        let mut segments = cheapest(images, known, &leads, literals, prices, around);
        segments.retain_mut(|segment| segment.clip(&part));
        segments
    });
    let mut segments: Vec<Segment> = Vec::new();
    for part in parted {
        let mut part = part.into_iter();
        // Only where parts meet: inside, a copy that begins anew where the last one ends was found cheaper.
        if let (Some(last), Some(first)) = (segments.last_mut(), part.as_slice().first())
            && last.goes_on_as(first)
        {
            last.length += first.length;
            part.next();
        }
        segments.extend(part);
    }
    segments
}

/// The cheapest way through a part of the new image.
fn cheapest(
    images: &Images<'_>,
    known: &Known,
    leads: &[u32],
    literals: &[u32],
    prices: &Prices,
    part: Range<usize>,
) -> Vec<Segment> {
    let mut here = Way {
        price: 0,
        last: Last::literal(part.start),
        memory: Memory {
            diagonals: [0; 2],
            distance: 1,
        },
    };
    // The last pieces of the ways to each position behind the first one.
    let mut lasts = Vec::with_capacity(part.len());
    let mut running: Vec<Running> = Vec::with_capacity(RUNNING_MAX + 8);
    // Up to here a match goes on, and nothing else can be better.
    let mut settled = 0;
    for at in part.clone() {
        for copy in &mut running {
            copy.go_on(images, known, at, prices);
        }
        if at >= settled {
            begin(&mut running, images, leads[at], at, &here, prices);
            settled = at + (images.matches.old[at].length as usize).saturating_sub(SETTLED_MIN);
        }
        here = Way {
            price: here.price + u64::from(literals[at]),
            last: Last::literal(at),
            memory: here.memory,
        };
        for copy in &running {
            let price = copy.price + u64::from(prices.end(copy.origin, copy.hits));
            if price < here.price {
                here = Way {
                    price,
                    last: Last {
                        start: copy.start,
                        from: copy.from,
                        origin: Some(copy.origin),
                    },
                    memory: copy.memory,
                };
            }
        }
        lasts.push(here.last);
        let bound = here.price + Prices::RESTART;
        let is_inside = |copy: &Running| copy.origin == Origin::New || copy.offset(at) + 1 < images.old.len();
        running.retain(|copy| copy.price < bound && is_inside(copy));
        if running.len() > RUNNING_MAX {
            running.sort_by_key(|copy| copy.price);
            running.truncate(RUNNING_MAX);
        }
    }
    walk_back(&lasts, part.start)
}

/// Copies that may begin at `at`.
fn begin(running: &mut Vec<Running>, images: &Images<'_>, lead: u32, at: usize, here: &Way, prices: &Prices) {
    let mut offer = |origin: Origin, from: u32| {
        let (price, memory) = start(origin, from, at as u32, here.memory, prices);
        let copy = Running {
            price: here.price + u64::from(price),
            start: at as u32,
            from,
            origin,
            memory,
            hits: 1,
            changes: [0; 4],
            word_end: 0,
            is_as_planned: false,
        };
        let is_same = |other: &&mut Running| other.origin == origin && other.offset(at) == from as usize;
        match running.iter_mut().find(is_same) {
            Some(other) if other.price <= copy.price => {}
            Some(other) => *other = copy,
            None => running.push(copy),
        }
    };
    let Memory { diagonals, distance } = here.memory;
    for (origin, found) in [
        (Origin::Old, images.matches.old[at]),
        (Origin::New, images.matches.new[at]),
    ] {
        if found.length >= LENGTH_MIN {
            offer(origin, found.from);
        }
    }
    for diagonal in [diagonals[0], diagonals[1], lead] {
        let from = diagonal.wrapping_add(at as u32);
        if images.old.get(from as usize) == Some(&images.new[at]) {
            offer(Origin::Old, from);
        }
    }
    let back = at.checked_sub(distance as usize).filter(|from| *from < at);
    if let Some(from) = back.filter(|from| images.new[*from] == images.new[at]) {
        offer(Origin::New, from as u32);
    }
}

/// What it costs to begin a copy, and what is remembered then.
fn start(origin: Origin, from: u32, at: u32, memory: Memory, prices: &Prices) -> (u32, Memory) {
    let [near, before] = memory.diagonals;
    let price = prices.start(origin, from, at, memory.diagonals, memory.distance);
    let diagonal = from.wrapping_sub(at);
    let diagonals = match origin {
        Origin::Old if diagonal == before => [before, near],
        Origin::Old if diagonal != near => [diagonal, near],
        Origin::New | Origin::Old => memory.diagonals,
    };
    let distance = match origin {
        Origin::New => at.wrapping_sub(from),
        Origin::Old => memory.distance,
    };
    (price, Memory { diagonals, distance })
}

/// For each position, the diagonal of the match behind it that is longest when its distance is taken off: a copy may well begin
/// before its bytes agree in a row.
fn leads(images: &Images<'_>) -> Vec<u32> {
    let mut leads = vec![0; images.new.len()];
    let (mut length, mut diagonal) = (0_u32, 0_u32);
    for (at, found) in images.matches.old.iter().enumerate().rev() {
        length = length.saturating_sub(1);
        if found.length >= length {
            (length, diagonal) = (found.length, found.from.wrapping_sub(at as u32));
        }
        leads[at] = diagonal;
    }
    leads
}

/// The copies of the way that begins at `first`.
fn walk_back(lasts: &[Last], first: usize) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut at = first + lasts.len();
    while at > first {
        let Last { start, from, origin } = lasts[at - 1 - first];
        let start = start as usize;
        if let Some(origin) = origin {
            segments.push(Segment {
                start,
                length: at - start,
                origin,
                from: from as usize,
            });
        }
        at = start;
    }
    segments.reverse();
    segments
}

#[cfg(test)]
mod tests {
    use super::{Known, PART_BYTES, parse};
    use crate::{
        Layout, Profile,
        encode::{estimate, images::Images, ledger::Prices, matches::Matches},
    };
    use std::vec::Vec;

    #[test]
    fn copies_go_on_from_part_to_part() {
        let mut state = 1_u32;
        let random = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let old: Vec<u8> = (0..3 * PART_BYTES).map(random).collect();
        let mut new = old.clone();
        new[PART_BYTES - 1] ^= 0x55;
        new[2 * PART_BYTES] ^= 0x55;
        let matches = Matches::find(&old, &new);
        let images = Images::new(&old, &new, &matches, Layout::UNKNOWN, Profile::Small);
        let known = Known::of(&matches.in_a_row(), Vec::new());
        let copies = parse(&images, &known, &estimate::literals(&new), &Prices::usual());
        let places: Vec<_> = copies.iter().map(|copy| (copy.start, copy.from, copy.length)).collect();
        assert_eq!(places, [(0, 0, new.len())]);
    }
}
