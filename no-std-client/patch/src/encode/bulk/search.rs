//! What is copied from where, of images that are too large for a suffix array.
//!
//! Every second place of the old image is entered in a table by a hash of the bytes there. Along the new image, the copy at hand
//! goes on where it can; else the table says where these bytes stood. Between two such places the copies on both sides are drawn out
//! over bytes that agree and some that do not.

use crate::bulk::covers::Cover;
use std::{vec, vec::Vec};

/// Bytes of an exact match that is looked for in the table.
const SEED: usize = 16;
/// Every so many places of the old image are entered in the table.
const STRIDE: usize = 2;
/// How much better another place must be than where the copy at hand would go on, in bytes.
const BETTER: usize = 8;
/// Bytes of the new image that are worth copying again: literals that come again are cheap.
const REPEATED: usize = 64;
/// A copy without a change is parted from its neighbours when it is as long.
const VERBATIM: usize = 512;

/// Covers of the new image, in its order.
pub(super) fn covers(old: &[u8], new: &[u8]) -> Vec<Cover> {
    let anchors = anchors(old, new);
    let drawn = drawn_out(old, new, anchors);
    let mut covers = Vec::new();
    for cover in drawn {
        part(old, new, cover, &mut covers);
    }
    covers
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0_u64;
    for word in bytes[..SEED].as_chunks().0 {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    hash.wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

fn same(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    let whole = words.iter().zip(others).take_while(|(one, other)| one == other).count() * 8;
    whole
        + one[whole..]
            .iter()
            .zip(&other[whole..])
            .take_while(|(one, other)| one == other)
            .count()
}

/// A copy, exact or nearly.
#[derive(Copy, Clone)]
struct Drawn {
    new: usize,
    old: usize,
    length: usize,
    /// Whether it is copied from the new image, at the offset that `old` says, and exactly.
    is_repeated: bool,
}

impl Drawn {
    const fn new(new: usize, old: usize, length: usize) -> Self {
        Self {
            new,
            old,
            length,
            is_repeated: false,
        }
    }
}

/// Where bytes stood: the first place of each hash.
struct Table {
    places: Vec<u32>,
    bits: u32,
}

impl Table {
    /// A table for `bytes` of which each second one is entered.
    fn new(bytes: usize) -> Self {
        let bits = (bytes as u64 / STRIDE as u64)
            .next_power_of_two()
            .trailing_zeros()
            .clamp(10, 28)
            + 1;
        Self {
            places: vec![0; 1 << bits],
            bits,
        }
    }

    fn enter(&mut self, image: &[u8], at: usize) {
        let place = &mut self.places[(hash(&image[at..]) >> (64 - self.bits)) as usize];
        if *place == 0 {
            *place = at as u32 + 1;
        }
    }

    /// Where the bytes at `at` of `new` stand in `image`, if they do.
    fn find(&self, image: &[u8], new: &[u8], at: usize) -> Option<usize> {
        let place = self.places[(hash(&new[at..]) >> (64 - self.bits)) as usize];
        let place = place.checked_sub(1)? as usize;
        (image[place..place + SEED] == new[at..at + SEED]).then_some(place)
    }
}

fn anchors(old: &[u8], new: &[u8]) -> Vec<Drawn> {
    let mut olds = Table::new(old.len());
    for at in (0..old.len().saturating_sub(SEED)).step_by(STRIDE) {
        olds.enter(old, at);
    }
    // What is new is seldom long: a small table, of every place that no copy holds.
    let mut news = Table::new(new.len() / 16);
    let mut anchors: Vec<Drawn> = Vec::new();
    // The last copy along the old image, by its number.
    let mut along = None;
    let (mut at, mut end) = (0, 0);
    while at + SEED <= new.len() {
        let last = along.map(|along: usize| anchors[along]);
        let beside = last.map_or(old.len(), |last| last.old + (at - last.new));
        if old.get(beside..beside + SEED) == Some(&new[at..at + SEED]) {
            let length = same(&old[beside..], &new[at..]);
            match along.filter(|along| along + 1 == anchors.len()) {
                Some(along) => anchors[along].length = at + length - anchors[along].new,
                None => {
                    along = Some(anchors.len());
                    anchors.push(Drawn::new(at, beside, length));
                }
            }
            at += length;
            end = at;
            continue;
        }
        let Some(offset) = olds.find(old, new, at) else {
            let repeated = news
                .find(new, new, at)
                .map(|offset| (offset, same(&new[offset..], &new[at..])));
            if let Some((offset, length)) = repeated.filter(|(_, length)| *length >= REPEATED) {
                anchors.push(Drawn {
                    is_repeated: true,
                    ..Drawn::new(at, offset, length)
                });
                at += length;
                end = at;
            } else {
                news.enter(new, at);
                at += 1;
            }
            continue;
        };
        let length = same(&old[offset..], &new[at..]);
        let beside = old.get(beside..beside + length);
        if beside.is_some_and(|beside| agreeing(beside, &new[at..]) + BETTER > length) {
            at += 1;
            continue;
        }
        let agrees = |back: &usize| old[offset - back - 1] == new[at - back - 1];
        let back = (0..(at - end).min(offset)).take_while(agrees).count();
        along = Some(anchors.len());
        anchors.push(Drawn::new(at - back, offset - back, length + back));
        at += length;
        end = at;
    }
    anchors
}

fn agreeing(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).filter(|(one, other)| one == other).count()
}

/// How far a copy is worth going on: over at most `count` bytes, of which more agree than not. A byte is asked for by its distance.
fn worth(count: usize, agrees: impl Fn(usize) -> bool) -> usize {
    let (mut score, mut best, mut length) = (0_i32, 0_i32, 0);
    for at in 0..count {
        score += if agrees(at) { 1 } else { -1 };
        if score > best {
            (best, length) = (score, at + 1);
        }
        if score < best - 64 {
            break;
        }
    }
    length
}

fn drawn_out(old: &[u8], new: &[u8], mut copies: Vec<Drawn>) -> Vec<Drawn> {
    for index in 0..=copies.len() {
        let before = index.checked_sub(1).map(|before| copies[before]);
        let next = copies.get(index).copied();
        let start = before.map_or(0, |before| before.new + before.length);
        let gap = next.map_or(new.len(), |next| next.new) - start;
        let (before, next) = (
            before.filter(|copy| !copy.is_repeated),
            next.filter(|copy| !copy.is_repeated),
        );
        let mut forward = before.map_or(0, |before| {
            let from = before.old + before.length;
            worth(gap.min(old.len() - from), |at| old[from + at] == new[start + at])
        });
        let mut backward = next.map_or(0, |next| {
            worth(gap.min(next.old), |at| old[next.old - at - 1] == new[next.new - at - 1])
        });
        if let (Some(before), Some(next), Some(over)) = (before, next, (forward + backward).checked_sub(gap)) {
            let first = start + forward - over;
            let (mut score, mut best, mut cut) = (0_i32, 0_i32, 0);
            for at in first..first + over {
                score += i32::from(old[before.old + (at - before.new)] == new[at]);
                score -= i32::from(old[next.old - (next.new - at)] == new[at]);
                if score > best {
                    (best, cut) = (score, at + 1 - first);
                }
            }
            forward = forward - over + cut;
            backward = gap - forward;
        }
        if let Some(before) = index.checked_sub(1) {
            copies[before].length += forward;
        }
        if let Some(next) = copies.get_mut(index) {
            (next.new, next.old, next.length) = (next.new - backward, next.old - backward, next.length + backward);
        }
    }
    copies
}

/// Parts what is verbatim from what is not.
fn part(old: &[u8], new: &[u8], copy: Drawn, covers: &mut Vec<Cover>) {
    let end = copy.new + copy.length;
    if copy.is_repeated {
        covers.push(Cover {
            new: copy.new as u32,
            from: (old.len() + copy.old) as u32,
            length: copy.length as u32,
            is_verbatim: true,
        });
        return;
    }
    let mut push = |from: usize, to: usize, is_verbatim: bool| {
        if from < to {
            covers.push(Cover {
                new: from as u32,
                from: (copy.old + from - copy.new) as u32,
                length: (to - from) as u32,
                is_verbatim,
            });
        }
    };
    let (mut begun, mut at) = (copy.new, copy.new);
    while at < end {
        let length = same(&old[copy.old + at - copy.new..][..end - at], &new[at..end]);
        if length >= VERBATIM || length == copy.length {
            push(begun, at, false);
            push(at, at + length, true);
            begun = at + length;
        }
        at += length + 1;
    }
    push(begun, end, false);
}
