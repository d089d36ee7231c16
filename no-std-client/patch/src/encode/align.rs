//! Long copies along the old image, over changed bytes: the search of bsdiff, with matches looked up.

use crate::{
    encode::{coding::Segment, matches::Matches},
    model::Origin,
};
use std::vec::Vec;

/// Copies along the old image, in order, without overlap. An exact match starts one when it is more than `threshold` bytes
/// better than what the copy before would give.
pub(crate) fn copies(old: &[u8], new: &[u8], matches: &Matches, threshold: usize) -> Vec<Segment> {
    let mut found = Vec::new();
    if old.is_empty() {
        return found;
    }
    // The copy that may still grow: where it began in both images.
    let (mut last_new, mut last_old) = (0_usize, 0_usize);
    let mut scan = 0_usize;
    let mut length = 0_usize;
    let mut position;
    while scan < new.len() {
        let diagonal = last_old as i64 - last_new as i64;
        let agrees = |at: usize| {
            let from = at as i64 + diagonal;
            usize::try_from(from).ok().and_then(|from| old.get(from)) == Some(&new[at])
        };
        scan += length;
        let mut counted = scan;
        let mut agreeing = 0_usize;
        position = 0;
        length = 0;
        while scan < new.len() {
            (position, length) = (matches.old[scan].from, matches.old[scan].length);
            while counted < scan + length {
                agreeing += usize::from(agrees(counted));
                counted += 1;
            }
            if (length == agreeing && length != 0) || length > agreeing + threshold {
                break;
            }
            if counted > scan {
                agreeing -= usize::from(agrees(scan));
            } else {
                counted = scan + 1;
            }
            scan += 1;
        }
        if length == agreeing && scan < new.len() {
            continue;
        }
        let forward = grow_forward(&old[last_old..], &new[last_new..scan]);
        let backward = if scan < new.len() {
            grow_backward(&old[..position], &new[last_new..scan])
        } else {
            0
        };
        let (mut end, mut start) = (last_new + forward, scan - backward);
        if end > start {
            let split = best_split(
                &new[start..end],
                &old[last_old + (start - last_new)..],
                &old[position - backward..],
            );
            end = start + split;
            start = end;
        }
        push(&mut found, old, new, last_new, last_old, end);
        last_new = start;
        last_old = position - (scan - start);
    }
    found
}

/// How far a copy goes on while at least half of its bytes agree.
fn grow_forward(old: &[u8], new: &[u8]) -> usize {
    best_length(old.iter().zip(new).map(|(a, b)| a == b))
}

fn grow_backward(old: &[u8], new: &[u8]) -> usize {
    best_length(old.iter().rev().zip(new.iter().rev()).map(|(a, b)| a == b))
}

fn best_length(agreeing: impl Iterator<Item = bool>) -> usize {
    let (mut score, mut best, mut length) = (0_i64, 0_i64, 0_usize);
    for (index, agrees) in agreeing.enumerate() {
        score += if agrees { 1 } else { -1 };
        if score > best {
            (best, length) = (score, index + 1);
        }
    }
    length
}

/// Where two overlapping copies part: as many bytes as agree better with the first.
fn best_split(new: &[u8], first: &[u8], second: &[u8]) -> usize {
    let (mut score, mut best, mut length) = (0_i64, 0_i64, 0_usize);
    for (index, byte) in new.iter().enumerate() {
        score += i64::from(first.get(index) == Some(byte)) - i64::from(second.get(index) == Some(byte));
        if score > best {
            (best, length) = (score, index + 1);
        }
    }
    length
}

/// Adds a copy, less the bytes at its ends that are not as expected: a copy begins with one that is.
fn push(found: &mut Vec<Segment>, old: &[u8], new: &[u8], start: usize, from: usize, end: usize) {
    let agrees = |at: &usize| old[from + (at - start)] == new[*at];
    let Some(first) = (start..end).find(agrees) else {
        return;
    };
    let last = (start..end).rev().find(agrees).unwrap_or(first);
    found.push(Segment {
        start: first,
        length: last + 1 - first,
        origin: Origin::Old,
        from: from + (first - start),
    });
}
