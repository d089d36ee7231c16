//! Running the model over a plan.

use crate::{
    State,
    encode::range_encoder::RangeEncoder,
    model::{Copy, Expected, Model, Origin, Start},
};
use std::{boxed::Box, vec::Vec};

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
}

/// A plan, coded.
pub(crate) struct Coded {
    pub(crate) bytes: Vec<u8>,
    /// What each byte of the new image cost, starts and ends of copies included.
    pub(crate) prices: Vec<u32>,
}

impl<const HIT_CELLS: usize, const BYTE_CELLS: usize, const BUFFER_BYTES: usize>
    State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES>
{
    /// Codes `new` along `copies`, which are in order and do not overlap. Everything between them is literal.
    ///
    /// A copy begins with a byte that is as expected. The decoder ends a copy at the end of the old image without being told.
    pub(crate) fn code(old: &[u8], new: &[u8], copies: &[Segment]) -> Coded {
        let mut model: Box<Model<HIT_CELLS, BYTE_CELLS>> = Box::new(Model::ZERO);
        model.reset();
        let mut coder = RangeEncoder::new();
        let mut prices = Vec::with_capacity(new.len());
        let mut copies = copies.iter().peekable();
        while prices.len() < new.len() {
            let at = prices.len();
            let before = coder.price;
            if let Some(segment) = copies.next_if(|segment| segment.start == at) {
                let from = segment.from as u32;
                let origin = segment.origin;
                model.start(&mut coder, at as u32, Start::Copy(Copy { origin, from }));
                model.first_of_copy(expected(old, new, segment, at));
                prices.push((coder.price - before) as u32);
                copy(&mut model, &mut coder, old, new, segment, &mut prices);
                continue;
            }
            model.start(&mut coder, at as u32, Start::Literal);
            let beside = model.history.beside(at as u32) as usize;
            let beside = old.get(beside).copied().unwrap_or(0);
            model.literal(&mut coder, at as u32, beside, new[at]);
            prices.push((coder.price - before) as u32);
        }
        let bytes = if new.is_empty() { Vec::new() } else { coder.finish() };
        Coded { bytes, prices }
    }
}

/// Codes a copy behind its first byte, and its end.
fn copy<const HIT_CELLS: usize, const BYTE_CELLS: usize>(
    model: &mut Model<HIT_CELLS, BYTE_CELLS>,
    coder: &mut RangeEncoder,
    old: &[u8],
    new: &[u8],
    segment: &Segment,
    prices: &mut Vec<u32>,
) {
    for at in segment.start + 1..segment.end() {
        let before = coder.price;
        model.copied(coder, at as u32, expected(old, new, segment, at), Some(new[at]));
        prices.push((coder.price - before) as u32);
    }
    let end = segment.end();
    let runs_out = segment.origin == Origin::Old && segment.from + segment.length == old.len();
    if end < new.len() && !runs_out {
        let before = coder.price;
        model.copied(coder, end as u32, expected(old, new, segment, end), None);
        if let Some(last) = prices.last_mut() {
            *last += (coder.price - before) as u32;
        }
    }
}

/// What the decoder will expect at `at`.
fn expected(old: &[u8], new: &[u8], segment: &Segment, at: usize) -> Expected {
    let from = segment.from + (at - segment.start);
    let image = match segment.origin {
        Origin::Old => old,
        Origin::New => &new[..at],
    };
    Expected {
        byte: image[from],
        ahead: ahead(&image[from + 1..]),
        origin: segment.origin,
    }
}

/// The next three bytes, as far as they are known.
fn ahead(image: &[u8]) -> u32 {
    let bytes = image.iter().take(3).zip([0, 8, 16]);
    bytes.fold(0, |ahead, (byte, shift)| ahead | u32::from(*byte) << shift)
}
