//! What stands elsewhere, for every position of the new image.
//!
//! [`Matches::longest`] finds the longest match of each position, in linear time behind the suffix array of both images.
//! [`Matches::likely`] looks at a few places that have the same hash, and while a long match goes on, at none: in less than half the
//! time, and it misses some.

use crate::{encode::coding::Segment, model::Origin};
use std::{mem::replace, vec, vec::Vec};

/// Where the same bytes stand.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Match {
    pub(crate) from: u32,
    pub(crate) length: u32,
}

impl Match {
    /// The same match, one byte on.
    const fn next(self) -> Self {
        match self.length {
            0 | 1 => Self { from: 0, length: 0 },
            length => Self {
                from: self.from + 1,
                length: length - 1,
            },
        }
    }
}

/// A match of this length is followed to its end before another one is looked for.
const LONG: u32 = 32;
/// Places with the same hash that are looked at.
const TRIES: usize = 8;

/// A match of this length is a copy for who takes each as it comes.
const ROW_MIN: usize = 16;

/// A match of each position of the new image.
pub(crate) struct Matches {
    /// In the old image.
    pub(crate) old: Vec<Match>,
    /// Earlier in the new image.
    pub(crate) new: Vec<Match>,
}

impl Matches {
    pub(crate) fn longest(old: &[u8], new: &[u8]) -> Self {
        let text = [old, new].concat();
        let mut order = vec![0_i32; text.len()];
        if !text.is_empty() {
            divsufsort::sort_in_place(&text, &mut order);
        }
        let common = common_with_previous(&text, &order);
        let mut matches = Self {
            old: vec![Match::default(); new.len()],
            new: vec![Match::default(); new.len()],
        };
        matches.find_old(&order, &common, old.len());
        matches.find_new(&order, &common, old.len());
        matches
    }

    /// Long matches, and some of the others.
    pub(crate) fn likely(old: &[u8], new: &[u8]) -> Self {
        let mut matches = Self {
            old: Vec::with_capacity(new.len()),
            new: Vec::with_capacity(new.len()),
        };
        let (mut in_old, mut in_new) = (Index::new(old.len()), Index::new(new.len()));
        for at in 0..old.len() {
            in_old.add(old, at);
        }
        let (mut of_old, mut of_new) = (Match::default(), Match::default());
        for at in 0..new.len() {
            (of_old, of_new) = (of_old.next(), of_new.next());
            if of_old.length < LONG {
                of_old = in_old.search(old, &new[at..], of_old);
            }
            // What is long in the old image will be found there again.
            if of_old.length < LONG {
                if of_new.length < LONG {
                    of_new = in_new.search(new, &new[at..], of_new);
                }
                in_new.add(new, at);
            }
            matches.old.push(of_old);
            matches.new.push(of_new);
        }
        matches
    }

    /// The copies along the old image of who takes each match as it comes.
    pub(crate) fn in_a_row(&self) -> Vec<Segment> {
        let mut copies = Vec::new();
        let mut at = 0;
        while let Some(Match { from, length }) = self.old.get(at).copied() {
            let length = length as usize;
            if length < ROW_MIN {
                at += 1;
                continue;
            }
            copies.push(Segment {
                start: at,
                length,
                origin: Origin::Old,
                from: from as usize,
            });
            at += length;
        }
        copies
    }

    /// The nearest suffix of the old image on either side, in the order of suffixes.
    fn find_old(&mut self, order: &[i32], common: &[u32], old_bytes: usize) {
        let mut offer = |position: usize, last: Option<usize>, length: u32| {
            let Some(from) = last else { return };
            let length = length.min((old_bytes - from) as u32);
            let best = &mut self.old[position - old_bytes];
            if length > best.length {
                let from = from as u32;
                *best = Match { from, length };
            }
        };
        let (mut last, mut length) = (None, 0);
        for position in order.iter().map(|position| *position as usize) {
            if position < old_bytes {
                (last, length) = (Some(position), u32::MAX);
            } else {
                length = length.min(common[position]);
                offer(position, last, length);
            }
        }
        (last, length) = (None, 0);
        for position in order.iter().rev().map(|position| *position as usize) {
            if position < old_bytes {
                (last, length) = (Some(position), u32::MAX);
            } else {
                offer(position, last, length);
            }
            length = length.min(common[position]);
        }
    }

    /// Suffixes of the new image in order, as a list from which the last position is taken out again and again: its neighbours
    /// are then the nearest suffixes that begin earlier.
    fn find_new(&mut self, order: &[i32], common: &[u32], old_bytes: usize) {
        let count = self.new.len();
        let mut list = vec![Listed::ALONE; count];
        let (mut last, mut length) = (Listed::NONE, 0);
        for position in order.iter().map(|position| *position as usize) {
            length = length.min(common[position]);
            let Some(position) = position.checked_sub(old_bytes) else {
                continue;
            };
            list[position].before = last;
            list[position].shared = if last == Listed::NONE { 0 } else { length };
            if let Some(last) = list.get_mut(last as usize) {
                last.behind = position as u32;
            }
            (last, length) = (position as u32, u32::MAX);
        }
        for position in (0..count).rev() {
            let Listed { before, behind, shared } = list[position];
            let on_right = list.get(behind as usize).map_or(0, |right| right.shared);
            self.new[position] = match (before, behind) {
                (Listed::NONE, Listed::NONE) => Match::default(),
                (from, _) if from != Listed::NONE && shared >= on_right => Match { from, length: shared },
                (_, Listed::NONE) => Match::default(),
                (_, from) => Match { from, length: on_right },
            };
            if let Some(left) = list.get_mut(before as usize) {
                left.behind = behind;
            }
            if let Some(right) = list.get_mut(behind as usize) {
                right.before = before;
                right.shared = right.shared.min(shared);
            }
        }
    }
}

/// A suffix in a list.
#[derive(Copy, Clone)]
struct Listed {
    before: u32,
    behind: u32,
    /// Bytes in common with the one before.
    shared: u32,
}

impl Listed {
    const NONE: u32 = u32::MAX;
    const ALONE: Self = Self {
        before: Self::NONE,
        behind: Self::NONE,
        shared: 0,
    };
}

/// Where bytes stand in an image, by hashes of four.
struct Index {
    /// For each hash the last place, counted from 1.
    heads: Vec<u32>,
    /// For each place the one before it with the same hash.
    before: Vec<u32>,
    /// How far a hash is shifted.
    shift: u32,
}

impl Index {
    /// Bits of a hash: the fewest, and the most, for which the table stays near the processor.
    const BITS: [u32; 2] = [8, 18];

    fn new(bytes: usize) -> Self {
        let [fewest, most] = Self::BITS;
        let bits = (bytes as u32).next_power_of_two().trailing_zeros().clamp(fewest, most);
        Self {
            heads: vec![0; 1 << bits],
            before: vec![0; bytes],
            shift: u32::BITS - bits,
        }
    }

    fn hash(&self, bytes: &[u8]) -> Option<usize> {
        let four = u32::from_le_bytes(*bytes.first_chunk()?);
        Some((four.wrapping_mul(0x9E37_79B1) >> self.shift) as usize)
    }

    /// Adds a place of the image, behind those that were added.
    fn add(&mut self, image: &[u8], at: usize) {
        if let Some(hash) = self.hash(&image[at..]) {
            self.before[at] = replace(&mut self.heads[hash], at as u32 + 1);
        }
    }

    /// A longer match of `wanted` than `best`, if one is found.
    fn search(&self, image: &[u8], wanted: &[u8], mut best: Match) -> Match {
        let mut place = self.hash(wanted).map_or(0, |hash| self.heads[hash]);
        for _ in 0..TRIES {
            let Some(from) = place.checked_sub(1) else { break };
            let there = &image[from as usize..];
            let last = best.length as usize;
            if there.get(last) == wanted.get(last) {
                let length = shared(there, wanted) as u32;
                if length > best.length {
                    best = Match { from, length };
                }
            }
            place = self.before[from as usize];
        }
        best
    }
}

/// For each place, how many bytes its suffix shares with the one before it in order (Kärkkäinen, Manzini and Puglisi, 2009).
fn common_with_previous(text: &[u8], order: &[i32]) -> Vec<u32> {
    const FIRST: u32 = u32::MAX;
    // First the place of the suffix before, then what is shared.
    let mut common = vec![FIRST; text.len()];
    for pair in order.windows(2) {
        common[pair[1] as usize] = pair[0] as u32;
    }
    let mut length = 0_usize;
    for (position, common) in common.iter_mut().enumerate() {
        if *common == FIRST {
            (*common, length) = (0, 0);
            continue;
        }
        let other = *common as usize;
        length += shared(&text[position + length..], &text[other + length..]);
        *common = length as u32;
        length = length.saturating_sub(1);
    }
    common
}

/// How many bytes are the same.
fn shared(one: &[u8], other: &[u8]) -> usize {
    let eights = one.chunks_exact(8).zip(other.chunks_exact(8));
    let same = eights.take_while(|(one, other)| one == other).count() * 8;
    let rest = one[same..].iter().zip(&other[same..]).take(8);
    same + rest.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::{Match, Matches};
    use std::vec::Vec;

    fn longest(image: &[u8], new: &[u8], at: usize, end: usize) -> usize {
        let lengths = (0..end).map(|from| image[from..].iter().zip(&new[at..]).take_while(|(a, b)| a == b).count());
        lengths.max().unwrap_or(0)
    }

    fn places(found: Match) -> [usize; 2] {
        [found.from, found.length].map(|number| number as usize)
    }

    #[test]
    fn matches_are_the_longest_ones() {
        let old = b"abracadabra, said the magician; and abraham was gone";
        let new = b"the abracadabra of abraham: aaaaaaaaaaaaa, the magician said abracadabra";
        let matches = Matches::longest(old, new);
        for at in 0..new.len() {
            let [from, length] = places(matches.old[at]);
            assert_eq!(length, longest(old, new, at, old.len()), "old, {at}");
            assert_eq!(old[from..from + length], new[at..at + length]);
            let [from, length] = places(matches.new[at]);
            assert_eq!(length, longest(new, new, at, at), "new, {at}");
            assert_eq!(new[from..from + length], new[at..at + length]);
        }
    }

    #[test]
    fn likely_matches_are_matches_and_the_long_ones_are_found() {
        let mut old: Vec<u8> = (0..4_000_u32)
            .map(|number| (number.wrapping_mul(number).wrapping_mul(0x9E37_79B1) >> 24) as u8)
            .collect();
        old.extend([0; 3_000]);
        let mut new = old.clone();
        new.splice(100..200, *b"other");
        new.extend_from_within(5_500..);
        let matches = Matches::likely(&old, &new);
        for (at, (of_old, of_new)) in matches.old.iter().zip(&matches.new).enumerate() {
            let ([from, length], [earlier, again]) = (places(*of_old), places(*of_new));
            assert_eq!(old[from..from + length], new[at..at + length]);
            assert_eq!(new[earlier..earlier + again], new[at..at + again]);
            assert!(again == 0 || earlier < at);
        }
        assert_eq!(places(matches.old[0]), [0, 100]);
        assert_eq!(places(matches.old[105]), [200, old.len() - 200]);
    }
}
