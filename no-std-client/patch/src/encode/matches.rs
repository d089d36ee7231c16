//! What stands elsewhere, for every position of the new image: its longest match, in linear time behind the suffix array of both
//! images.

use crate::{
    encode::{coding::Segment, parts},
    model::Origin,
};
use std::{vec, vec::Vec};

/// Where the same bytes stand.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Match {
    pub(crate) from: u32,
    pub(crate) length: u32,
}

/// Parts in which suffixes are compared with those before them. Each begins anew, which is long in runs of one byte, so there are few.
const PARTS: usize = 4;

/// A match of this length is a copy for who takes each as it comes.
const ROW_MIN: usize = 12;

/// A match of each position of the new image.
pub(crate) struct Matches {
    /// In the old image.
    pub(crate) old: Vec<Match>,
    /// Earlier in the new image.
    pub(crate) new: Vec<Match>,
}

impl Matches {
    pub(crate) fn find(old: &[u8], new: &[u8]) -> Self {
        let text = [old, new].concat();
        let mut order = vec![0_i32; text.len()];
        if !text.is_empty() {
            divsufsort::sort_in_place(&text, &mut order);
        }
        let common = common_with_previous(&text, &order);
        let (old, new) = parts::both(
            || in_old(&order, &common, old.len()),
            || earlier_in_new(&order, &common, old.len()),
        );
        Self { old, new }
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
}

/// The nearest suffix of the old image on either side, in the order of suffixes.
fn in_old(order: &[i32], common: &[u32], old_bytes: usize) -> Vec<Match> {
    let mut matches = vec![Match::default(); order.len() - old_bytes];
    let mut offer = |position: usize, last: Option<usize>, length: u32| {
        let Some(from) = last else { return };
        let length = length.min((old_bytes - from) as u32);
        let best = &mut matches[position - old_bytes];
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
    matches
}

/// Suffixes of the new image in order, as a list from which the last position is taken out again and again: its neighbours
/// are then the nearest suffixes that begin earlier.
fn earlier_in_new(order: &[i32], common: &[u32], old_bytes: usize) -> Vec<Match> {
    let count = order.len() - old_bytes;
    let mut matches = vec![Match::default(); count];
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
        matches[position] = match (before, behind) {
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
    matches
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

/// For each place, how many bytes its suffix shares with the one before it in order (Kärkkäinen, Manzini and Puglisi, 2009).
fn common_with_previous(text: &[u8], order: &[i32]) -> Vec<u32> {
    const FIRST: u32 = u32::MAX;
    // First the place of the suffix before, then what is shared.
    let mut common = vec![FIRST; text.len()];
    for pair in order.windows(2) {
        common[pair[1] as usize] = pair[0] as u32;
    }
    let part_bytes = text.len().div_ceil(PARTS).max(1);
    let parts = common.chunks_mut(part_bytes).enumerate();
    parts::each(parts, |(part, common)| {
        let mut length = 0_usize;
        for (position, common) in (part * part_bytes..).zip(common) {
            if *common == FIRST {
                (*common, length) = (0, 0);
                continue;
            }
            let other = *common as usize;
            length += shared(&text[position + length..], &text[other + length..]);
            *common = length as u32;
            length = length.saturating_sub(1);
        }
    });
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
        let matches = Matches::find(old, new);
        for at in 0..new.len() {
            let [from, length] = places(matches.old[at]);
            assert_eq!(length, longest(old, new, at, old.len()), "old, {at}");
            assert_eq!(old[from..from + length], new[at..at + length]);
            let [from, length] = places(matches.new[at]);
            assert_eq!(length, longest(new, new, at, at), "new, {at}");
            assert_eq!(new[from..from + length], new[at..at + length]);
        }
    }
}
