//! Fields of a program that name a place: which there are in the old image, and how one is written anew.

use super::{
    covers::Cover,
    segments::{Segment, Segments},
    words::Words,
};

/// What kind of field.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// B and BL.
    Branch,
    /// B.cond, CBZ, CBNZ, and loads of what lies near.
    Near,
    /// TBZ and TBNZ.
    Nearest,
    /// ADRP.
    Page,
    /// ADD of the rest of an address.
    Rest,
    /// A load or store at the rest of an address.
    Access,
    /// An address of 64 bits.
    Pointer,
    /// A word that became another one before.
    Word,
    /// A distance from itself, from the beginning of its segment, or another number which is not large.
    Number,
}

impl Kind {
    /// Whether it names no place.
    pub(crate) const fn is_word(self) -> bool {
        matches!(self, Self::Word | Self::Number)
    }

    pub(crate) const COUNT: usize = 9;

    pub(crate) const fn number(self) -> usize {
        match self {
            Self::Branch => 0,
            Self::Near => 1,
            Self::Nearest => 2,
            Self::Page => 3,
            Self::Rest => 4,
            Self::Access => 5,
            Self::Pointer => 6,
            Self::Word => 7,
            Self::Number => 8,
        }
    }
}

/// A field in the old image.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    /// Offset of its first byte in the old image.
    pub(crate) at: u32,
    /// Bytes of it.
    pub(crate) length: u32,
    /// Its first four bytes.
    pub(crate) word: u32,
    /// Offset in the old image of what it names.
    pub(crate) target: u32,
}

/// A piece of a copy in which fields are of one program, on both sides.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span {
    /// The first byte behind it in the old image.
    pub(crate) end: u32,
    pub(crate) old: Segment,
    pub(crate) new: Segment,
    pub(crate) old_index: usize,
    pub(crate) new_index: usize,
    /// Whether it is known where words begin.
    pub(crate) is_program: bool,
    pub(crate) has_code: bool,
    pub(crate) has_pointers: bool,
}

impl Span {
    /// The span at `old` in a copy that moved by `shift`.
    pub(crate) fn at(olds: &Segments<'_>, news: &Segments<'_>, old: u32, shift: u32) -> Self {
        let new = old.wrapping_add(shift);
        let (old_index, new_index) = (olds.behind(old), news.behind(new));
        let (one, other) = (olds.get(old_index), news.get(new_index));
        // Where the program begins or ends, on either side.
        let edge = |segment: Option<Segment>, place: u32| {
            let segment = segment.unwrap_or(Segment {
                start: u32::MAX,
                ..Segment::default()
            });
            let edge = if segment.holds(place) {
                segment.end()
            } else {
                segment.start
            };
            edge.wrapping_sub(place)
        };
        let bytes = edge(one, old).min(edge(other, new));
        let mut span = Self {
            end: old.saturating_add(bytes),
            ..Self::default()
        };
        if let (Some(one), Some(other)) = (one, other)
            && one.holds(old)
            && other.holds(new)
            && one.address(old).wrapping_sub(other.address(new)) & 3 == 0
        {
            span.is_program = true;
            span.has_code = one.has_code && other.has_code;
            span.has_pointers = one.has_pointers && other.has_pointers;
            (span.old, span.new) = (one, other);
            (span.old_index, span.new_index) = (old_index, new_index);
        }
        span
    }
}

impl Span {
    /// Where a look from `from` on ends at the latest, if nothing is known behind `to`. No field begins in front of such a place and ends
    /// behind it, so that it does not matter for what is found.
    pub(crate) fn look_end(&self, from: u32, to: u32) -> u32 {
        let end = from.saturating_add(STRETCH_BYTES);
        match self.is_program && end < to {
            true => end.wrapping_sub(self.old.address(end) & 7),
            false => to,
        }
    }

    /// Bytes of a word that changes at `at`, from there on, if `left` bytes of the copy are left.
    pub(crate) fn word_left(&self, at: u32, left: u32) -> u32 {
        match self.is_program {
            true => 4_u32.wrapping_sub(self.old.address(at) & 3).min(left),
            false => 1,
        }
    }
}

/// The pages that registers hold.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Registers {
    /// Address of the page in the old program, and where it was loaded.
    old: [Option<(u32, u32)>; 32],
    /// Address of the page in the new program.
    pub(crate) new: [u32; 32],
}

/// Distances that are no fields: what is as near moves with them.
const SHORT: u32 = 256;
/// How far from its page the rest of an address may be.
const FAR: u32 = 1024;
/// How many instructions are looked at for the rest of an address.
pub(crate) const AHEAD: u32 = 16;

/// Bytes of one look. After a change everything behind it is looked at anew: more would be in vain.
const STRETCH_BYTES: u32 = 512;

impl Registers {
    pub(crate) const NONE: Self = Self {
        old: [None; 32],
        new: [0; 32],
    };

    /// The old page of a register, if it was loaded not long ago.
    fn page(&self, register: u32, at: u32) -> Option<u32> {
        let (page, loaded) = (*self.old.get(usize::try_from(register).ok()?)?)?;
        (at.wrapping_sub(loaded) < FAR).then_some(page)
    }

    fn load(&mut self, register: u32, page: u32, at: u32) {
        let place = usize::try_from(register)
            .ok()
            .and_then(|register| self.old.get_mut(register));
        if let Some(place) = place {
            *place = Some((page, at));
        }
    }
}

/// Where a field is coded.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    /// Its offset in the result.
    pub(crate) at: u32,
    /// The copy that it is part of.
    pub(crate) cover: Cover,
    pub(crate) span: &'a Span,
    pub(crate) registers: &'a mut Registers,
}

/// The register that an instruction for the rest of an address reads, and the rest in bytes.
fn rest(word: u32) -> Option<(u32, u32, Kind)> {
    let register = word.wrapping_shr(5) & 31;
    let immediate = word.wrapping_shr(10) & 0xFFF;
    // ADD of 64 bits without a shift.
    if word & 0xFFC0_0000 == 0x9100_0000 {
        return Some((register, immediate, Kind::Rest));
    }
    // Loads and stores with an immediate of 12 bits, in units of what they move.
    if word & 0x3B00_0000 == 0x3900_0000 {
        return Some((register, immediate.wrapping_shl(scale(word)), Kind::Access));
    }
    None
}

/// Exponent of two of what a load or store moves.
fn scale(word: u32) -> u32 {
    // A vector register, of 128 bits.
    match word & 0x0480_0000 == 0x0480_0000 && word.wrapping_shr(30) == 0 {
        true => 4,
        false => word.wrapping_shr(30),
    }
}

/// The address of the page that an ADRP loads.
fn page(word: u32, address: u32) -> Option<u32> {
    (word & 0x9F00_0000 == 0x9000_0000).then(|| {
        let pages = word.wrapping_shr(5) & 0x7_FFFF;
        let pages = pages.wrapping_mul(4) | word.wrapping_shr(29) & 3;
        (address & !0xFFF).wrapping_add(pages.wrapping_shl(12))
    })
}

/// A signed field of `bits`, that begins at bit `low`, in units of four bytes.
fn distance(word: u32, low: u32, bits: u32) -> u32 {
    let top = 32_u32.wrapping_sub(bits);
    let value = word.wrapping_shr(low).wrapping_shl(top);
    let sign = value.wrapping_shr(31).wrapping_neg();
    let places = top.wrapping_sub(2);
    value.wrapping_shr(places) | sign.wrapping_shl(32_u32.wrapping_sub(places))
}

/// Which bits of a branch are its distance: first and how many.
fn branch(word: u32) -> Option<(Kind, u32, u32)> {
    if word & 0x7C00_0000 == 0x1400_0000 {
        return Some((Kind::Branch, 0, 26));
    }
    let is_near =
        word & 0xFF00_0010 == 0x5400_0000 || word & 0x7E00_0000 == 0x3400_0000 || word & 0x3B00_0000 == 0x1800_0000;
    if is_near {
        return Some((Kind::Near, 5, 19));
    }
    (word & 0x7E00_0000 == 0x3600_0000).then_some((Kind::Nearest, 5, 14))
}

/// Four bytes at an offset, of a piece of the old image that begins at `start`.
fn word_at(bytes: &[u8], start: u32, at: u32) -> Option<u32> {
    let inside = usize::try_from(at.wrapping_sub(start)).ok()?;
    let word = bytes.get(inside..)?.first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

/// A look along the old image, for what names places.
pub(crate) struct Look<'a> {
    /// A piece of the old image, and where it begins.
    pub(crate) bytes: &'a [u8],
    pub(crate) start: u32,
    pub(crate) span: &'a Span,
    pub(crate) olds: &'a Segments<'a>,
    pub(crate) words: &'a Words<'a>,
}

impl Look<'_> {
    /// The first field at `from` or behind it that ends before `to`. Registers learn what is passed.
    pub(crate) fn field(&self, registers: &mut Registers, from: u32, to: u32) -> Option<Field> {
        if !self.span.is_program {
            return None;
        }
        let start = self.span.old.address(from).wrapping_neg() & 3;
        let mut at = from.wrapping_add(start);
        while at.wrapping_add(4) <= to {
            let word = word_at(self.bytes, self.start, at)?;
            let field = match self.span.has_code {
                true => self.instruction(registers, at, word),
                false => None,
            };
            if field.is_some() {
                return field;
            }
            if self.span.has_pointers && self.span.old.address(at) & 7 == 0 && at.wrapping_add(8) <= to {
                let field = self.pointer(at, word);
                if field.is_some() {
                    return field;
                }
            }
            let kind = match self.is_near(at, word) {
                true => Some(Kind::Number),
                false => self.words.get(word).map(|_| Kind::Word),
            };
            if let Some(kind) = kind {
                return Some(Field {
                    kind,
                    at,
                    length: 4,
                    word,
                    target: 0,
                });
            }
            at = at.wrapping_add(4);
        }
        None
    }

    /// Whether a word may be a distance, from itself or from the beginning of the segment, or count what there is in it.
    fn is_near(&self, at: u32, word: u32) -> bool {
        let is_far = word.wrapping_add(SHORT) >= SHORT * 2;
        is_far && (self.span.old.holds(at.wrapping_add(word)) || word < self.span.old.length)
    }

    fn pointer(&self, at: u32, word: u32) -> Option<Field> {
        let high = word_at(self.bytes, self.start, at.wrapping_add(4))?;
        if high != self.span.old.high || (high == 0 && word < 0x400) {
            return None;
        }
        let (target, is_inside) = self.olds.place(self.span.old_index, word);
        is_inside.then_some(Field {
            kind: Kind::Pointer,
            at,
            length: 8,
            word,
            target,
        })
    }

    fn instruction(&self, registers: &mut Registers, at: u32, word: u32) -> Option<Field> {
        let found = |kind, target| {
            Some(Field {
                kind,
                at,
                length: 4,
                word,
                target,
            })
        };
        if let Some((kind, low, bits)) = branch(word) {
            return found(kind, at.wrapping_add(distance(word, low, bits)));
        }
        let address = self.span.old.address(at);
        if let Some(page) = page(word, address) {
            let register = word & 31;
            registers.load(register, page, at);
            let rest = self.rest_ahead(register, at).unwrap_or(0);
            return found(
                Kind::Page,
                self.olds.place(self.span.old_index, page.wrapping_add(rest)).0,
            );
        }
        let (register, rest, kind) = rest(word)?;
        let page = registers.page(register, at)?;
        found(kind, self.olds.place(self.span.old_index, page.wrapping_add(rest)).0)
    }

    /// The rest of the address whose page is loaded at `at`, if it is near.
    fn rest_ahead(&self, register: u32, at: u32) -> Option<u32> {
        (1..AHEAD).find_map(|ahead| {
            let word = word_at(self.bytes, self.start, at.wrapping_add(ahead.wrapping_mul(4)))?;
            rest(word)
                .filter(|(read, ..)| *read == register)
                .map(|(_, rest, _)| rest)
        })
    }
}

impl Field {
    /// The word that names `target` from its place in the new image.
    pub(crate) fn naming(&self, target: u32, site: &Site<'_>, news: &Segments<'_>) -> u32 {
        let Site {
            at, span, registers, ..
        } = site;
        let into = |low: u32, bits: u32, value: u32| {
            let mask = 1_u32.wrapping_shl(bits).wrapping_sub(1);
            self.word & !mask.wrapping_shl(low) | (value & mask).wrapping_shl(low)
        };
        match self.kind {
            Kind::Branch | Kind::Near | Kind::Nearest => {
                let (_, low, bits) = branch(self.word).unwrap_or((self.kind, 0, 26));
                into(low, bits, target.wrapping_sub(*at).wrapping_shr(2))
            }
            Kind::Page => {
                let page = news.address(span.new_index, target) & !0xFFF;
                let distance = page.wrapping_sub(span.new.address(*at) & !0xFFF);
                let pages = distance.wrapping_shr(12) | distance.wrapping_shr(31).wrapping_shl(20);
                into(5, 19, pages.wrapping_shr(2)) & !0x6000_0000 | (pages & 3).wrapping_shl(29)
            }
            Kind::Rest | Kind::Access => {
                let register = usize::try_from(self.word.wrapping_shr(5) & 31).unwrap_or(0);
                let page = registers.new.get(register).copied().unwrap_or(0);
                let rest = news.address(span.new_index, target).wrapping_sub(page);
                let scale = if self.kind == Kind::Access { scale(self.word) } else { 0 };
                into(10, 12, rest.wrapping_shr(scale))
            }
            Kind::Pointer => news.address(span.new_index, target),
            Kind::Word | Kind::Number => self.word,
        }
    }

    /// What the new word names, if it differs from the old one in that alone.
    pub(crate) fn named(&self, word: u32, site: &Site<'_>, news: &Segments<'_>) -> Option<u32> {
        let Site {
            at, span, registers, ..
        } = site;
        let target = match self.kind {
            Kind::Branch | Kind::Near | Kind::Nearest => {
                let (_, low, bits) = branch(word)?;
                at.wrapping_add(distance(word, low, bits))
            }
            // Any place of the page.
            Kind::Page => news.place(span.new_index, page(word, span.new.address(*at))?).0,
            Kind::Rest | Kind::Access => {
                let register = usize::try_from(self.word.wrapping_shr(5) & 31).ok()?;
                let page = registers.new.get(register).copied()?;
                let (_, rest, _) = rest(word)?;
                news.place(span.new_index, page.wrapping_add(rest)).0
            }
            Kind::Pointer => news.place(span.new_index, word).0,
            Kind::Word | Kind::Number => return None,
        };
        (self.naming(target, site, news) == word).then_some(target)
    }

    /// The bits of its word that say what it names.
    pub(crate) fn mask(&self) -> u32 {
        match self.kind {
            Kind::Branch | Kind::Near | Kind::Nearest => {
                let (_, low, bits) = branch(self.word).unwrap_or((self.kind, 0, 26));
                1_u32.wrapping_shl(bits).wrapping_sub(1).wrapping_shl(low)
            }
            Kind::Page => 0x60FF_FFE0,
            Kind::Rest | Kind::Access => 0x003F_FC00,
            Kind::Pointer | Kind::Word | Kind::Number => u32::MAX,
        }
    }

    /// The number that these bits are.
    pub(crate) fn immediate(&self, word: u32) -> u32 {
        let low = word & self.mask();
        if self.kind == Kind::Page {
            return low.wrapping_shr(5).wrapping_shl(2) & 0x1F_FFFC | low.wrapping_shr(29) & 3;
        }
        low.wrapping_shr(self.mask().trailing_zeros())
    }

    /// The word with another number.
    pub(crate) fn with_immediate(&self, word: u32, immediate: u32) -> u32 {
        let mask = self.mask();
        let bits = if self.kind == Kind::Page {
            immediate.wrapping_shr(2).wrapping_shl(5) & 0x00FF_FFE0 | (immediate & 3).wrapping_shl(29)
        } else {
            immediate.wrapping_shl(mask.trailing_zeros())
        };
        word & !mask | bits & mask
    }

    /// What the new program holds in a register once this came as `word`.
    pub(crate) fn came(&self, word: u32, site: &mut Site<'_>) {
        if self.kind != Kind::Page {
            return;
        }
        let register = usize::try_from(self.word & 31).unwrap_or(0);
        if let (Some(place), Some(page)) = (
            site.registers.new.get_mut(register),
            page(word, site.span.new.address(site.at)),
        ) {
            *place = page;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::{segments::SEGMENT_WORDS, words::WORDS_WORDS};
    use std::{vec, vec::Vec};

    /// Looks that end early find what one long look finds.
    #[test]
    fn stretches_lose_no_field() {
        let mut memory = vec![0; WORDS_WORDS];
        let words = Words::new(&mut memory);
        for address in [0, 4, 6, 1 << 20] {
            let mut memory = [0; SEGMENT_WORDS];
            let mut olds = Segments::new(&mut memory);
            let segment = Segment {
                length: 8_192,
                address,
                has_code: address != 4,
                has_pointers: true,
                ..Segment::default()
            };
            olds.push(segment);
            // Few fields: a pointer or a page and its rest in some hundred words that name nothing.
            let bytes: Vec<u8> = (0..2_048_u32)
                .flat_map(|at| match at.wrapping_mul(0x9E37_79B1) >> 26 {
                    0 => [0x9000_0003_u32, 0x9100_0463],
                    1 => [address + 0x1000, 0],
                    _ => [0xCAFE_F00D, 0xCAFE_F00D],
                })
                .flat_map(u32::to_le_bytes)
                .take(8_192)
                .collect();
            let span = Span::at(&olds, &olds, 0, 0);
            let look = Look {
                bytes: &bytes,
                start: 0,
                span: &span,
                olds: &olds,
                words: &words,
            };
            let fields = |end: fn(&Span, u32, u32) -> u32| {
                let (mut registers, mut at, mut found) = (Registers::NONE, 2, Vec::new());
                while at < 8_192 {
                    let to = end(&span, at, 8_192);
                    let field = look.field(&mut registers, at, to);
                    at = field.map_or(to, |field| field.at + field.length);
                    found.extend(field);
                }
                found
            };
            let all = fields(|_, _, to| to);
            assert!(all.len() > 4, "{}", all.len());
            assert_eq!(fields(Span::look_end), all);
        }
    }

    /// Constants may lie in front of the code.
    #[test]
    fn a_page_is_named_in_front_and_behind() {
        let mut memory = [0; SEGMENT_WORDS];
        let mut segments = Segments::new(&mut memory);
        segments.push(Segment {
            length: 0x2_0000,
            address: 0x40_0000,
            has_code: true,
            ..Segment::default()
        });
        let span = Span::at(&segments, &segments, 0, 0);
        for (at, target) in [
            (0x1_2344, 0x34),
            (0x1_2344, 0x1_2FFC),
            (0x34, 0x1_F000),
            (0x8000, 0x7FF8),
        ] {
            let field = Field {
                kind: Kind::Page,
                at,
                length: 4,
                word: 0x9000_0003,
                target,
            };
            let mut registers = Registers::NONE;
            let site = Site {
                at,
                cover: Cover::default(),
                span: &span,
                registers: &mut registers,
            };
            let word = field.naming(target, &site, &segments);
            assert_eq!(word & 0x9F00_001F, 0x9000_0003, "{word:08x}");
            assert_eq!(
                page(word, 0x40_0000 + at),
                Some((0x40_0000 + target) & !0xFFF),
                "{word:08x}"
            );
        }
    }
}
