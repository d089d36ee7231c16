//! Exact copies between the long ones, chosen by what the coder charged for the bytes before.

use crate::{
    encode::{coding::Segment, matches::Matches, range_encoder::PRICE_OF_BIT},
    model::Origin,
};
use std::{vec, vec::Vec};

/// Shortest exact copy that is considered.
const LENGTH_MIN: usize = 3;
/// Up to this length every length is considered, above it only the whole match.
const LENGTH_EVERY: usize = 48;

/// What copies cost beside their bytes, in parts of a bit: about what the coder charges.
const START: u32 = 7 * PRICE_OF_BIT;
const END: u32 = 5 * PRICE_OF_BIT;
const HIT: u32 = PRICE_OF_BIT / 10;

/// How the cheapest way to a position ends.
#[derive(Copy, Clone)]
enum Way {
    Copy { origin: Origin, from: usize, length: usize },
    Literal,
}

/// The long copies, and between them exact ones where these are cheaper than `prices`, what literals would cost.
pub(crate) fn fill(new: &[u8], long: &[Segment], matches: &Matches, prices: &[u32]) -> Vec<Segment> {
    let mut filled = Vec::new();
    let mut start = 0;
    for segment in long {
        gap(start, segment.start, matches, prices, &mut filled);
        filled.push(*segment);
        start = segment.end();
    }
    gap(start, new.len(), matches, prices, &mut filled);
    filled
}

/// The cheapest way from `start` to `end`, as copies.
fn gap(start: usize, end: usize, matches: &Matches, prices: &[u32], filled: &mut Vec<Segment>) {
    let mut ways = vec![(u64::MAX, Way::Literal); end - start + 1];
    ways[0].0 = 0;
    for at in start..end {
        let price = ways[at - start].0;
        let mut offer = |length: usize, price: u64, way: Way| {
            let place = &mut ways[at - start + length];
            if price < place.0 {
                *place = (price, way);
            }
        };
        offer(1, price + u64::from(prices[at]), Way::Literal);
        for (origin, found) in [(Origin::Old, matches.old[at]), (Origin::New, matches.new[at])] {
            let length_max = found.length.min(end - at);
            let distance = match origin {
                Origin::Old => found.from.abs_diff(at) * 2,
                Origin::New => at - found.from.min(at),
            };
            let header = START + END + (usize::BITS - distance.leading_zeros()) * PRICE_OF_BIT;
            let every = LENGTH_MIN..=length_max.min(LENGTH_EVERY);
            let whole = (length_max > LENGTH_EVERY).then_some(length_max);
            for length in every.chain(whole) {
                let copied = price + u64::from(header) + u64::from(HIT) * length as u64;
                let from = found.from;
                offer(length, copied, Way::Copy { origin, from, length });
            }
        }
    }
    let first = filled.len();
    let mut at = end;
    while at > start {
        match ways[at - start].1 {
            Way::Literal => at -= 1,
            Way::Copy { origin, from, length } => {
                at -= length;
                filled.push(Segment {
                    start: at,
                    length,
                    origin,
                    from,
                });
            }
        }
    }
    filled[first..].reverse();
}
