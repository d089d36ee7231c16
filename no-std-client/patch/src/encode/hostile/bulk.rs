//! The same for the bulk codec, whose plan stands in front.

use crate::{
    bulk::{
        covers::Cover,
        model::{Model, RUN_TO_END, memory_words},
        segments::Segment,
    },
    encode::range_encoder::RangeEncoder,
    model::appended,
};
use std::{vec, vec::Vec};

/// The numbers of a plan: right ones, or any others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BulkPlan {
    /// Segments of the old image, and how many are said to follow, if that is not as many.
    pub olds: Vec<BulkSegment>,
    /// See `olds`.
    pub olds_said: Option<u32>,
    /// Segments of the new image, and how many are said to follow.
    pub news: Vec<BulkSegment>,
    /// See `news`.
    pub news_said: Option<u32>,
    /// What is copied, and how many such pieces are said to follow.
    pub covers: Vec<BulkCover>,
    /// See `covers`.
    pub covers_said: Option<u32>,
}

/// Where a program is said to lie. What is coded is the distance from the one before, wherever that leads.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BulkSegment {
    /// Its first byte in the image.
    pub start: u32,
    /// Bytes.
    pub length: u32,
}

/// What is said to be copied. What is coded are distances from the one before, wherever these lead.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BulkCover {
    /// Its first byte in the result.
    pub new: u32,
    /// Where it is copied from: an offset in the old image, or the length of that plus an offset in the result.
    pub from: u32,
    /// Bytes.
    pub length: u32,
    /// Whether it is said that every byte is as it was there.
    pub is_verbatim: bool,
}

/// Codes a plan for a source of so many bytes, and then the bytes of `new` that are in none of its covers: all of these are said to
/// be as they were. Whoever does not look at the plan goes on to the end.
pub fn bulk(plan: &BulkPlan, source_bytes: u32, new: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; memory_words(plan.covers.len())];
    let Some(mut model) = Model::new(&mut memory) else {
        return Vec::new();
    };
    let mut coder = RangeEncoder::new();
    for (segments, said) in [(&plan.olds, plan.olds_said), (&plan.news, plan.news_said)] {
        model.count(&mut coder, said.unwrap_or(segments.len() as u32));
        let mut last = Segment::default();
        for BulkSegment { start, length } in segments.iter().copied() {
            let segment = Segment {
                start,
                length,
                ..Segment::default()
            };
            let placed = model.segment_place(&mut coder, last, segment);
            last = model.segment_addresses(&mut coder, last, placed, segment);
        }
    }
    model.count(&mut coder, plan.covers_said.unwrap_or(plan.covers.len() as u32));
    let mut last = Cover::default();
    for cover in plan.covers.iter().copied().map(Cover::from) {
        let placed = model.cover_place(&mut coder, last.end(), cover);
        last = model.cover_source(&mut coder, source_bytes, last, placed, cover);
    }
    let mut at = 0;
    for cover in plan.covers.iter().copied().map(Cover::from) {
        literals(&mut model, &mut coder, new, at, cover.new);
        if !cover.is_verbatim {
            model.run(&mut coder, false, RUN_TO_END);
        }
        at = cover.end();
        let copied = new.get(..at as usize).unwrap_or(new);
        let recent = copied.iter().rev().take(4).rev();
        model.copied(recent.fold(0, |recent, byte| appended(recent, *byte)));
    }
    literals(&mut model, &mut coder, new, at, new.len() as u32);
    coder.finish()
}

fn literals(model: &mut Model<'_>, coder: &mut RangeEncoder, new: &[u8], from: u32, to: u32) {
    for byte in new.get(from as usize..to as usize).unwrap_or_default() {
        model.literal(coder, *byte);
    }
}

impl From<BulkCover> for Cover {
    fn from(cover: BulkCover) -> Self {
        Self {
            new: cover.new,
            from: cover.from,
            length: cover.length,
            is_verbatim: cover.is_verbatim,
        }
    }
}
