//! The decoder of the bulk codec: blocks in, writes out.

use super::{
    covers::Cover,
    fields::{AHEAD, Field, Look, Registers, Site, Span},
    model::{Model, RUN_TO_END},
    pending::Pending,
    segments::{SEGMENTS_MAX, Segment},
};
use crate::{
    Refusal,
    bulk::covers_max,
    range_decoder::{Input, RangeDecoder, Reader},
};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// Bytes of the old image that are at hand.
const OLD_BYTES: usize = 1 << 16;
/// Bytes of it that are read at least.
const PAGE_BYTES: u32 = 1 << 12;
/// How far a look goes behind the byte at hand.
const LOOK_BYTES: u32 = AHEAD * 4 + 16;

/// What comes next in the coded bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Step {
    /// The first bytes, and the number of old segments.
    Start,
    /// So many segments of the old (false) or the new image (true), and what is known of the next.
    Segments {
        is_new: bool,
        left: u32,
        last: Segment,
        placed: Option<Segment>,
    },
    NewSegments,
    CoverCount,
    Covers {
        left: u32,
        last: Cover,
        placed: Option<Cover>,
    },
    /// Literals up to the cover of this number, or to the end.
    Literals {
        index: usize,
    },
    /// The copy at hand, of the cover of this number.
    Copy {
        index: usize,
    },
}

/// A copy that goes on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Copy {
    cover: Cover,
    /// Bytes of it that came.
    came: u32,
    /// Bytes outside of fields that are as they were; none if that is still to be read.
    run: Option<u32>,
    /// Bytes that changed and are still to come: of a word, or of a field that came as something else.
    changed: u32,
    is_field: bool,
    /// Where in the old image the next field begins, or where to look for one; none if that is not known.
    plain_end: Option<u32>,
}

impl Copy {
    /// None.
    const NONE: Self = Self::of(Cover {
        new: 0,
        from: 0,
        length: 0,
        is_verbatim: false,
    });

    const fn of(cover: Cover) -> Self {
        Self {
            cover,
            came: 0,
            run: None,
            changed: 0,
            is_field: false,
            plain_end: None,
        }
    }

    /// Offset of the next byte where it is copied from.
    const fn at(&self) -> u32 {
        self.cover.from.wrapping_add(self.came)
    }

    const fn left(&self) -> u32 {
        self.cover.length.wrapping_sub(self.came)
    }

    /// Takes bytes that are as they were.
    fn take(&mut self, count: u32) {
        self.came = self.came.wrapping_add(count);
        if let Some(run) = self.run.as_mut().filter(|run| **run != RUN_TO_END) {
            *run = run.wrapping_sub(count);
        }
    }
}

/// Why it stops.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Pause {
    /// The buffer is full, or all came.
    Write,
    /// More coded bytes are needed.
    Input,
}

/// Why it cannot go on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault<O, N> {
    Refused(Refusal),
    Old(O),
    New(N),
}

impl<O, N> From<Refusal> for Fault<O, N> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The decoder but for chain and header.
#[derive(Debug)]
pub(crate) struct Decoder<'m> {
    pub(crate) range: RangeDecoder,
    model: Model<'m>,
    step: Step,
    /// What [`Step::Copy`] goes on with.
    copy: Copy,
    span: Span,
    registers: Registers,
    field: Option<Field>,
    source_bytes: u32,
    result_bytes: u32,
    old: [u8; OLD_BYTES],
    old_start: u32,
    old_length: u32,
    pub(crate) output: Pending,
}

impl<'m> Decoder<'m> {
    /// None if the memory is too small for anything.
    pub(crate) fn new(memory: &'m mut [u32]) -> Option<Self> {
        Some(Self {
            range: RangeDecoder::new(),
            model: Model::new(memory)?,
            step: Step::Start,
            copy: Copy::NONE,
            span: Span::default(),
            registers: Registers::NONE,
            field: None,
            source_bytes: 0,
            result_bytes: 0,
            old: [0; OLD_BYTES],
            old_start: 0,
            old_length: 0,
            output: Pending::new(),
        })
    }

    /// Forgets all of a patch.
    pub(crate) fn restart(&mut self) {
        self.range = RangeDecoder::new();
        self.model.restart();
        self.step = Step::Start;
        self.copy = Copy::NONE;
        self.span = Span::default();
        self.registers = Registers::NONE;
        self.field = None;
        self.old_length = 0;
        self.output.restart();
    }

    /// Says how long the images are, once the header was read.
    pub(crate) fn begin(&mut self, source_bytes: u32, result_bytes: u32) {
        self.source_bytes = source_bytes;
        self.result_bytes = result_bytes;
    }

    /// Decodes until the buffer is to be written, or more input is needed.
    pub(crate) fn run<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        input: &mut Input<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<Pause, Fault<O::Error, N::Error>> {
        loop {
            let position = self.output.position();
            if self.output.is_full() || (position == self.result_bytes && !self.output.is_empty()) {
                return Ok(Pause::Write);
            }
            if let Step::Literals { index } = self.step
                && position == self.result_bytes
                && self.model.covers.get(index).is_none()
            {
                return Ok(Pause::Write);
            }
            // What needs no decision goes on without input.
            if self.copy_on(old, new)? {
                continue;
            }
            if !self.range.is_ready(input) {
                self.range.carry(input);
                return Ok(Pause::Input);
            }
            self.event(input)?;
            if self.range.is_overdrawn() {
                return Err(Refusal::Truncated.into());
            }
        }
    }

    /// Goes on with what needs no decision; false if one is needed.
    fn copy_on<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        old: &mut O,
        new: &mut N,
    ) -> Result<bool, Fault<O::Error, N::Error>> {
        let index = match self.step {
            Step::Copy { index } => index,
            Step::Literals { index } => {
                let Some(cover) = self.model.covers.get(index) else {
                    return Ok(false);
                };
                if cover.new != self.output.position() {
                    return Ok(false);
                }
                self.registers = Registers::NONE;
                self.field = None;
                self.copy = Copy::of(cover);
                self.step = Step::Copy { index };
                index
            }
            Step::Start | Step::Segments { .. } | Step::NewSegments | Step::CoverCount | Step::Covers { .. } => {
                return Ok(false);
            }
        };
        let copy = &mut self.copy;
        let came_before = copy.came;
        if copy.left() == 0 {
            self.model.copied(self.output.recent());
            self.step = Step::Literals {
                index: index.wrapping_add(1),
            };
            return Ok(true);
        }
        if let Some(offset) = copy.cover.from.checked_sub(self.source_bytes) {
            let from = offset.wrapping_add(copy.came);
            let count = self.output.repeat(new, from, copy.left()).map_err(Fault::New)?;
            copy.take(count);
        } else if copy.cover.is_verbatim {
            let count = copy.left().min(self.output.missing());
            if let Some(target) = self.output.next(usize::try_from(count).unwrap_or(0)) {
                old.read(copy.at(), target).map_err(Fault::Old)?;
            }
            copy.take(count);
        } else if copy.changed == 0 {
            self.mixed(old).map_err(Fault::Old)?;
        }
        Ok(self.copy.came != came_before)
    }

    /// Copies bytes up to the next field or change.
    fn mixed<O: ReadNorFlash>(&mut self, old: &mut O) -> Result<(), O::Error> {
        let at = self.copy.at();
        let known = self.copy.plain_end;
        let plain_end = match known.filter(|end| self.field.is_some() || at < *end) {
            Some(end) => end,
            None => self.look(old)?,
        };
        let plain = plain_end.wrapping_sub(at);
        let count = plain.min(self.copy.run.unwrap_or(0)).min(self.output.missing());
        let inside = usize::try_from(at.wrapping_sub(self.old_start)).unwrap_or(usize::MAX);
        let bytes = self.old.get(inside..).unwrap_or_default();
        if let Some(bytes) = bytes.get(..usize::try_from(count).unwrap_or(0)) {
            self.output.extend(bytes);
        }
        self.copy.take(count);
        Ok(())
    }

    /// Looks for the next field, and says how far there is none.
    fn look<O: ReadNorFlash>(&mut self, old: &mut O) -> Result<u32, O::Error> {
        let copy = &mut self.copy;
        let at = copy.at();
        let window_end = self.old_start.wrapping_add(self.old_length);
        // The beginning of the word at hand stays in reach.
        let start = at.saturating_sub(4);
        let is_inside = start >= self.old_start && at < window_end;
        if !is_inside || (window_end < self.source_bytes && window_end.wrapping_sub(at) < LOOK_BYTES.wrapping_mul(2)) {
            // Not much more than this copy needs: others may be anywhere.
            let needed = copy.left().saturating_add(LOOK_BYTES * 3).max(PAGE_BYTES);
            let count = self.source_bytes.wrapping_sub(start).min(needed);
            let count = usize::try_from(count).unwrap_or(OLD_BYTES).min(OLD_BYTES);
            self.old_length = 0;
            if let Some(target) = self.old.get_mut(..count) {
                old.read(start, target)?;
            }
            (self.old_start, self.old_length) = (start, u32::try_from(count).unwrap_or(0));
        }
        let window_end = self.old_start.wrapping_add(self.old_length);
        if at >= self.span.end || copy.came == 0 {
            self.span = Span::at(&self.model.olds, &self.model.news, at, copy.cover.shift());
        }
        let mut to = self.span.end.min(copy.cover.from.wrapping_add(copy.cover.length));
        to = self.span.look_end(at, to);
        if window_end < self.source_bytes && to > window_end.wrapping_sub(LOOK_BYTES) {
            // No field begins in front of such a place and ends behind it.
            let end = window_end.wrapping_sub(LOOK_BYTES);
            to = end.wrapping_sub(self.span.old.address(end) & 7);
        }
        let length = usize::try_from(self.old_length).unwrap_or(0);
        let look = Look {
            bytes: self.old.get(..length).unwrap_or_default(),
            start: self.old_start,
            span: &self.span,
            olds: &self.model.olds,
            words: &self.model.words,
        };
        self.field = look.field(&mut self.registers, at, to);
        let plain_end = self.field.map_or(to, |field| field.at);
        copy.plain_end = Some(plain_end);
        Ok(plain_end)
    }

    /// Reads one number, one decision, or literals as long as nothing is in the way.
    fn event(&mut self, input: &mut Input<'_>) -> Result<(), Refusal> {
        if self.step == Step::Start {
            self.range.fill(input);
        }
        let reader = &mut Reader {
            decoder: &mut self.range,
            input,
        };
        // What lies behind it there is of another place, read before.
        let at_hand = self.old.get(..usize::try_from(self.old_length).unwrap_or(0));
        let at_hand = at_hand.unwrap_or_default();
        match self.step {
            Step::Literals { index } => {
                let end = self
                    .model
                    .covers
                    .get(index)
                    .map_or(self.result_bytes, |cover| cover.new);
                loop {
                    let byte = self.model.literal(reader, 0);
                    self.output.extend(&[byte]);
                    let is_ready = reader.decoder.is_ready(reader.input) && !reader.decoder.is_overdrawn();
                    if self.output.position() == end || self.output.is_full() || !is_ready {
                        break;
                    }
                }
            }
            Step::Copy { .. } => {
                let copy = &mut self.copy;
                Self::decide(
                    (&mut self.model, &mut self.registers, &mut self.output),
                    (
                        &self.span,
                        self.field.take_if(|field| copy.changed == 0 && field.at == copy.at()),
                    ),
                    (at_hand, self.old_start),
                    reader,
                    copy,
                );
            }
            step @ (Step::Start
            | Step::Segments { .. }
            | Step::NewSegments
            | Step::CoverCount
            | Step::Covers { .. }) => {
                self.step = planned(&mut self.model, reader, step, self.source_bytes, self.result_bytes)?;
            }
        }
        Ok(())
    }

    /// One decision of a copy: a run, a field, or a byte.
    fn decide(
        (model, registers, output): (&mut Model<'m>, &mut Registers, &mut Pending),
        (span, field): (&Span, Option<Field>),
        (old, old_start): (&[u8], u32),
        reader: &mut Reader<'_, '_, '_>,
        copy: &mut Copy,
    ) {
        let at = copy.at();
        let byte = |offset: u32| {
            let inside = usize::try_from(offset.wrapping_sub(old_start)).ok();
            inside.and_then(|inside| old.get(inside)).copied().unwrap_or(0)
        };
        let position = output.position();
        if let Some(field) = field {
            let mut site = Site {
                at: position,
                cover: copy.cover,
                span,
                registers,
            };
            match model.field(reader, &field, &mut site, None) {
                Some(word) => {
                    output.extend(&word.to_le_bytes());
                    if field.length == 8 {
                        output.extend(&span.new.high.to_le_bytes());
                    }
                    copy.came = copy.came.wrapping_add(field.length);
                }
                None => (copy.changed, copy.is_field) = (field.length, true),
            }
            return;
        }
        if copy.changed == 0 && copy.run.is_none() {
            copy.run = Some(model.run(reader, span.is_program, 0));
            return;
        }
        if copy.changed == 0 {
            copy.run = None;
            (copy.changed, copy.is_field) = (span.word_left(at, copy.left()), false);
        }
        let came = model.changed(reader, position, byte(at), byte(at.wrapping_add(1)), 0);
        output.extend(&[came]);
        copy.came = copy.came.wrapping_add(1);
        copy.changed = copy.changed.wrapping_sub(1);
        if copy.changed == 0 {
            copy.plain_end = None;
            // A whole word on both sides.
            let first = at.checked_sub(3).filter(|_| output.position() >= 4);
            let first = first.filter(|first| !copy.is_field && span.is_program && span.old.address(*first) & 3 == 0);
            if let Some(first) = first {
                let word = [0, 1, 2, 3].map(|inside| byte(first.wrapping_add(inside)));
                model.word(u32::from_le_bytes(word), output.recent().swap_bytes());
            }
        }
    }
}

/// Reads a number or two of the plan, and says what comes next.
fn planned(
    model: &mut Model<'_>,
    reader: &mut Reader<'_, '_, '_>,
    step: Step,
    source_bytes: u32,
    result_bytes: u32,
) -> Result<Step, Refusal> {
    let segments = |is_new, left| Step::Segments {
        is_new,
        left,
        last: Segment::default(),
        placed: None,
    };
    Ok(match step {
        Step::Start => segments(false, checked_count(model.count(reader, 0), SEGMENTS_MAX)?),
        Step::NewSegments => segments(true, checked_count(model.count(reader, 0), SEGMENTS_MAX)?),
        Step::Segments {
            is_new: false, left: 0, ..
        } => Step::NewSegments,
        Step::Segments {
            is_new: true, left: 0, ..
        } => Step::CoverCount,
        Step::Segments {
            is_new,
            left,
            last,
            placed,
        } => {
            let Some(placed) = placed else {
                let placed = model.segment_place(reader, last, Segment::default());
                check_segment(placed, last, if is_new { result_bytes } else { source_bytes })?;
                let placed = Some(placed);
                return Ok(Step::Segments {
                    is_new,
                    left,
                    last,
                    placed,
                });
            };
            let segment = model.segment_addresses(reader, last, placed, Segment::default());
            let segments = if is_new { &mut model.news } else { &mut model.olds };
            segments.push(segment);
            Step::Segments {
                is_new,
                left: left.wrapping_sub(1),
                last: segment,
                placed: None,
            }
        }
        Step::CoverCount => Step::Covers {
            left: checked_count(model.count(reader, 0), covers_max(source_bytes.max(result_bytes)))?,
            last: Cover::default(),
            placed: None,
        },
        Step::Covers { left: 0, .. } => {
            model.covers.sort();
            Step::Literals { index: 0 }
        }
        Step::Covers { left, last, placed } => {
            let Some(placed) = placed else {
                let placed = model.cover_place(reader, last.end(), Cover::default());
                check_place(placed, last, result_bytes)?;
                let placed = Some(placed);
                return Ok(Step::Covers { left, last, placed });
            };
            let cover = model.cover_source(reader, source_bytes, last, placed, Cover::default());
            check_source(cover, source_bytes)?;
            model.covers.push(cover);
            Step::Covers {
                left: left.wrapping_sub(1),
                last: cover,
                placed: None,
            }
        }
        Step::Literals { .. } | Step::Copy { .. } => step,
    })
}

fn checked_count(count: u32, count_max: usize) -> Result<u32, Refusal> {
    let count_max = u32::try_from(count_max).unwrap_or(u32::MAX);
    match count <= count_max {
        true => Ok(count),
        false => Err(Refusal::Pieces {
            pieces: count,
            pieces_max: count_max,
        }),
    }
}

/// Refuses a segment that is not behind the last one and inside its image.
fn check_segment(segment: Segment, last: Segment, image_bytes: u32) -> Result<(), Refusal> {
    let is_inside = segment
        .start
        .checked_add(segment.length)
        .is_some_and(|end| end <= image_bytes);
    match segment.start >= last.end() && is_inside {
        true => Ok(()),
        false => Err(Refusal::SegmentOutside {
            offset: segment.start,
            image_bytes,
        }),
    }
}

/// Refuses a cover that is not behind the last one and inside the result.
fn check_place(cover: Cover, last: Cover, result_bytes: u32) -> Result<(), Refusal> {
    // A plan has 31 bits for a length.
    let is_inside = (1..1 << 31).contains(&cover.length)
        && cover
            .new
            .checked_add(cover.length)
            .is_some_and(|end| end <= result_bytes);
    match cover.new >= last.end() && is_inside {
        true => Ok(()),
        false => Err(Refusal::CoverOutside {
            offset: cover.new,
            result_bytes,
        }),
    }
}

/// Refuses a cover of what cannot be read.
fn check_source(cover: Cover, source_bytes: u32) -> Result<(), Refusal> {
    match cover.from.checked_sub(source_bytes) {
        None => match cover
            .from
            .checked_add(cover.length)
            .is_some_and(|end| end <= source_bytes)
        {
            true => Ok(()),
            false => Err(Refusal::CopyOutsideSource {
                offset: cover.from,
                source_bytes,
            }),
        },
        Some(offset) => match offset < cover.new && cover.is_verbatim {
            true => Ok(()),
            false => Err(Refusal::CopyAhead {
                position: cover.new,
                distance: cover.new.wrapping_sub(offset),
            }),
        },
    }
}
