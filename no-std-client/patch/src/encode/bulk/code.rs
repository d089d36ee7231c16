//! Coding a plan.

use super::Plan;
use crate::{
    bulk::{
        covers::Cover,
        fields::{Field, Look, Registers, Site, Span},
        model::{Model, RUN_TO_END, memory_words},
        segments::Segment,
    },
    encode::range_encoder::RangeEncoder,
    model::appended,
};
use std::{vec, vec::Vec};

/// Writes what the decoder reads.
pub(super) fn code(plan: &Plan, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; memory_words(plan.covers.len())];
    let Some(model) = Model::new(&mut memory) else {
        return Vec::new();
    };
    let mut coding = Coding {
        model,
        coder: RangeEncoder::new(),
        old,
        new,
    };
    coding.plan(plan);
    let mut at = 0;
    for cover in &plan.covers {
        coding.literals(at, cover.new);
        if !cover.is_verbatim {
            coding.mixed(*cover);
        }
        coding.model.copied(coding.recent(cover.end()));
        at = cover.end();
    }
    coding.literals(at, new.len() as u32);
    coding.coder.finish()
}

struct Coding<'a> {
    model: Model<'a>,
    coder: RangeEncoder,
    old: &'a [u8],
    new: &'a [u8],
}

/// Where a copy stands.
#[derive(Clone)]
struct Place {
    at: u32,
    span: Span,
    registers: Registers,
    field: Option<Field>,
    plain_end: u32,
}

impl Coding<'_> {
    fn plan(&mut self, plan: &Plan) {
        for segments in [&plan.olds, &plan.news] {
            self.model.count(&mut self.coder, segments.len() as u32);
            let is_old = std::ptr::eq(segments, &plan.olds);
            let mut last = Segment::default();
            for segment in segments {
                let placed = self.model.segment_place(&mut self.coder, last, *segment);
                last = self.model.segment_addresses(&mut self.coder, last, placed, *segment);
                if is_old {
                    self.model.olds.push(last)
                } else {
                    self.model.news.push(last)
                }
            }
        }
        self.model.count(&mut self.coder, plan.covers.len() as u32);
        let mut last = Cover::default();
        for cover in &plan.covers {
            let placed = self.model.cover_place(&mut self.coder, last.end(), *cover);
            last = self
                .model
                .cover_source(&mut self.coder, self.old.len() as u32, last, placed, *cover);
            self.model.covers.push(last);
        }
        self.model.covers.sort();
    }

    /// The four bytes in front of `at`.
    fn recent(&self, at: u32) -> u32 {
        let at = at as usize;
        self.new[at.saturating_sub(4)..at]
            .iter()
            .fold(0, |recent, byte| appended(recent, *byte))
    }

    fn literals(&mut self, from: u32, to: u32) {
        for at in from..to {
            self.model.literal(&mut self.coder, self.new[at as usize]);
        }
    }

    fn mixed(&mut self, cover: Cover) {
        let end = cover.from + cover.length;
        let mut place = Place {
            at: cover.from,
            span: Span::default(),
            registers: Registers::NONE,
            field: None,
            plain_end: 0,
        };
        let mut run = None;
        while place.at < end {
            self.look(&mut place, cover);
            while place.at < place.plain_end {
                let left = match run {
                    Some(run) => run,
                    None => {
                        let wanted = self.plain_run(place.clone(), cover);
                        self.model.run(&mut self.coder, place.span.is_program, wanted)
                    }
                };
                if left == 0 {
                    run = None;
                    let changed = place.span.word_left(place.at, end - place.at);
                    self.changed_bytes(place.at, changed, &place.span, cover);
                    place.at += changed;
                    self.look(&mut place, cover);
                } else {
                    let count = left.min(place.plain_end - place.at);
                    place.at += count;
                    run = Some(if left == RUN_TO_END { left } else { left - count });
                }
            }
            if place.at < end
                && let Some(field) = place.field.take()
            {
                self.field(&field, &mut place, cover);
                place.at += field.length;
            }
        }
    }

    fn field(&mut self, field: &Field, place: &mut Place, cover: Cover) {
        let at = field.at.wrapping_add(cover.shift());
        let bytes = &self.new[at as usize..][..field.length as usize];
        let mut word = bytes.first_chunk().map(|word| u32::from_le_bytes(*word));
        if field.length == 8 && bytes[4..] != place.span.new.high.to_le_bytes() {
            word = None;
        }
        let mut site = Site {
            at,
            cover,
            span: &place.span,
            registers: &mut place.registers,
        };
        let came = self.model.field(&mut self.coder, field, &mut site, word);
        if came.is_none() {
            for at in field.at..field.at + field.length {
                self.changed(at, cover);
            }
        }
    }

    fn changed_bytes(&mut self, from: u32, count: u32, span: &Span, cover: Cover) {
        for at in from..from + count {
            self.changed(at, cover);
        }
        let end = from + count;
        let word = |image: &[u8], end: u32| image[..end as usize].last_chunk().copied().map(u32::from_le_bytes);
        if span.is_program
            && span.old.address(end) & 3 == 0
            && let (Some(old), Some(new)) = (word(self.old, end), word(self.new, end.wrapping_add(cover.shift())))
        {
            self.model.word(old, new);
        }
    }

    fn changed(&mut self, from: u32, cover: Cover) {
        let at = from.wrapping_add(cover.shift());
        let next = self.old.get(from as usize + 1).copied().unwrap_or(0);
        let (expected, wanted) = (self.old[from as usize], self.new[at as usize]);
        self.model.changed(&mut self.coder, at, expected, next, wanted);
    }

    /// Looks for the next field.
    fn look(&self, place: &mut Place, cover: Cover) {
        if place.at >= place.span.end || place.at == cover.from {
            place.span = Span::at(&self.model.olds, &self.model.news, place.at, cover.shift());
        }
        let to = place.span.end.min(cover.from + cover.length);
        let to = place.span.look_end(place.at, to);
        let look = Look {
            bytes: self.old,
            start: 0,
            span: &place.span,
            olds: &self.model.olds,
            words: &self.model.words,
        };
        place.field = look.field(&mut place.registers, place.at, to);
        place.plain_end = place.field.map_or(to, |field| field.at);
    }

    /// Bytes outside of fields that are as they were, from a place on.
    fn plain_run(&self, mut place: Place, cover: Cover) -> u32 {
        let end = cover.from + cover.length;
        let mut run = 0;
        loop {
            let (from, to) = (place.at as usize, place.plain_end as usize);
            let new = from.wrapping_add(cover.shift() as usize) as u32 as usize;
            let (old, new) = (&self.old[from..to], &self.new[new..]);
            let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
            run += same as u32;
            if same < old.len() {
                return run;
            }
            place.at = place.plain_end + place.field.take().map_or(0, |field| field.length);
            if place.at >= end {
                return RUN_TO_END;
            }
            self.look(&mut place, cover);
        }
    }
}
