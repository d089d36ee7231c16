//! The longest match of every position, in linear time behind the suffix array of both images.

use std::{vec, vec::Vec};

/// Where the same bytes stand.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Match {
    pub(crate) from: usize,
    pub(crate) length: usize,
}

/// The longest match of each position of the new image.
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
        let mut matches = Self {
            old: vec![Match::default(); new.len()],
            new: vec![Match::default(); new.len()],
        };
        matches.find_old(&order, &common, old.len());
        matches.find_new(&order, &common, old.len());
        matches
    }

    /// The nearest suffix of the old image on either side, in the order of suffixes.
    fn find_old(&mut self, order: &[i32], common: &[u32], old_bytes: usize) {
        let mut offer = |position: usize, last: Option<usize>, length: u32| {
            let Some(from) = last else { return };
            let length = (length as usize).min(old_bytes - from);
            let best = &mut self.old[position - old_bytes];
            if length > best.length {
                *best = Match { from, length };
            }
        };
        let mut last = None;
        let mut length = 0;
        for (rank, position) in order.iter().enumerate() {
            let position = *position as usize;
            length = length.min(common[rank]);
            if position < old_bytes {
                (last, length) = (Some(position), u32::MAX);
            } else {
                offer(position, last, length);
            }
        }
        last = None;
        length = 0;
        for (rank, position) in order.iter().enumerate().rev() {
            let position = *position as usize;
            if position < old_bytes {
                (last, length) = (Some(position), u32::MAX);
            } else {
                offer(position, last, length);
            }
            length = length.min(common[rank]);
        }
    }

    /// Suffixes of the new image in order, as a list from which the last position is taken out again and again: its neighbours
    /// are then the nearest suffixes that begin earlier.
    fn find_new(&mut self, order: &[i32], common: &[u32], old_bytes: usize) {
        const NONE: usize = usize::MAX;
        let count = self.new.len();
        let mut before = vec![NONE; count];
        let mut behind = vec![NONE; count];
        // Bytes in common with the suffix before, in the list.
        let mut shared = vec![0_u32; count];
        let (mut last, mut length) = (NONE, 0);
        for (rank, position) in order.iter().enumerate() {
            length = length.min(common[rank]);
            let Some(position) = (*position as usize).checked_sub(old_bytes) else {
                continue;
            };
            before[position] = last;
            shared[position] = if last == NONE { 0 } else { length };
            if last != NONE {
                behind[last] = position;
            }
            (last, length) = (position, u32::MAX);
        }
        for position in (0..count).rev() {
            let (left, right) = (before[position], behind[position]);
            let on_left = shared[position] as usize;
            let on_right = if right == NONE { 0 } else { shared[right] as usize };
            self.new[position] = if on_left >= on_right && left != NONE {
                Match {
                    from: left,
                    length: on_left,
                }
            } else if right != NONE {
                Match {
                    from: right,
                    length: on_right,
                }
            } else {
                Match::default()
            };
            if left != NONE {
                behind[left] = right;
            }
            if right != NONE {
                before[right] = left;
                shared[right] = shared[right].min(shared[position]);
            }
        }
    }
}

/// How many bytes each suffix shares with the one before it in order (Kasai et al., 2001).
fn common_with_previous(text: &[u8], order: &[i32]) -> Vec<u32> {
    let mut rank_of = vec![0_u32; text.len()];
    for (rank, position) in order.iter().enumerate() {
        rank_of[*position as usize] = rank as u32;
    }
    let mut common = vec![0_u32; text.len()];
    let mut length = 0_usize;
    for position in 0..text.len() {
        let rank = rank_of[position] as usize;
        if rank == 0 {
            length = 0;
            continue;
        }
        let other = order[rank - 1] as usize;
        let shared = text[position + length..].iter().zip(&text[other + length..]);
        length += shared.take_while(|(a, b)| a == b).count();
        common[rank] = length as u32;
        length = length.saturating_sub(1);
    }
    common
}

#[cfg(test)]
mod tests {
    use super::{Match, Matches};

    fn longest(image: &[u8], new: &[u8], at: usize, end: usize) -> usize {
        let lengths = (0..end).map(|from| image[from..].iter().zip(&new[at..]).take_while(|(a, b)| a == b).count());
        lengths.max().unwrap_or(0)
    }

    #[test]
    fn matches_are_the_longest_ones() {
        let old = b"abracadabra, said the magician; and abraham was gone";
        let new = b"the abracadabra of abraham: aaaaaaaaaaaaa, the magician said abracadabra";
        let matches = Matches::find(old, new);
        for at in 0..new.len() {
            let Match { from, length } = matches.old[at];
            assert_eq!(length, longest(old, new, at, old.len()), "old, {at}");
            assert_eq!(old[from..from + length], new[at..at + length]);
            let Match { from, length } = matches.new[at];
            assert_eq!(length, longest(new, new, at, at), "new, {at}");
            assert_eq!(new[from..from + length], new[at..at + length]);
        }
    }
}
