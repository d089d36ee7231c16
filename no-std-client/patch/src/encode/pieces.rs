//! Which pieces of the map are worth to be sent in front.

use crate::{
    encode::{coding::Segment, images::Images},
    model::Origin,
    predict::Piece,
};
use std::{collections::BTreeMap, vec::Vec};

/// A piece costs about as much as this many addresses that nobody expected.
const ASTRAY_MIN: usize = 2;
/// Copies overlap in the old image: so many are looked at in front of a place.
const NEAREST: usize = 8;

/// Bytes of a copy that tells anything.
const LENGTH_MIN: usize = 16;

/// Where the copies along the old image went, in the order of that image.
pub(crate) fn in_order(copies: &[Segment]) -> Vec<Piece> {
    let telling = copies
        .iter()
        .filter(|copy| copy.origin == Origin::Old && copy.length >= LENGTH_MIN);
    let pieces = telling.map(|copy| Piece {
        old: copy.from as u32,
        shift: (copy.start as u32).wrapping_sub(copy.from as u32),
    });
    let mut pieces: Vec<Piece> = pieces.collect();
    pieces.sort_by_key(|piece| (piece.old, piece.shift));
    pieces
}

/// Places that will probably go astray, from where and to where: each that is named in front of where it went to, and moves farther
/// than what names it.
pub(crate) fn foreseen(images: &Images<'_>, copies: &[Segment]) -> Vec<(u32, u32)> {
    let mut astray: BTreeMap<u32, u32> = BTreeMap::new();
    for copy in copies.iter().filter(|copy| copy.origin == Origin::Old) {
        let shift = (copy.start as u32).wrapping_sub(copy.from as u32);
        let fields = (copy.from..).zip(copy.start..copy.end());
        let fields = fields.filter(|(offset, at)| images.is_field(*offset, *at));
        for (at, (from, to)) in fields.filter_map(|(offset, at)| Some((at, images.places(offset, at)?))) {
            if to as usize > at && to.wrapping_sub(from) != shift {
                astray.entry(from).or_insert(to);
            }
        }
    }
    astray.into_iter().collect()
}

/// The pieces that were sent the last time, and those that would have told enough places which went astray: from where, and to
/// where. At most `pieces_max`, in the order of the old image.
pub(crate) fn wanted(sent: Vec<Piece>, copies: &[Segment], astray: &[(u32, u32)], pieces_max: usize) -> Vec<Piece> {
    let pieces = in_order(copies);
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (from, to) in astray {
        let behind = pieces.partition_point(|piece| piece.old <= *from);
        let nearest = (0..behind).rev().take(NEAREST);
        let told = nearest
            .into_iter()
            .find(|at| pieces[*at].shift == to.wrapping_sub(*from));
        if let Some(at) = told {
            *counts.entry(at).or_default() += 1;
        }
    }
    let mut chosen: Vec<(usize, usize)> = counts.into_iter().filter(|(_, count)| *count >= ASTRAY_MIN).collect();
    chosen.sort_by_key(|(at, count)| (usize::MAX - count, *at));
    chosen.truncate(pieces_max.saturating_sub(sent.len()));
    let mut wanted = sent;
    wanted.extend(chosen.into_iter().map(|(at, _)| pieces[at]));
    wanted.sort_by_key(|piece| piece.old);
    wanted.dedup_by_key(|piece| piece.old);
    wanted
}
