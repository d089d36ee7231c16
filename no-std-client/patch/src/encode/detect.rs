//! Which instructions two images hold, and where they lie when they run.
//!
//! Functions begin with instructions that hardly stand elsewhere. The right architecture is the one whose calls lead to such
//! places. Tables and literals hold the addresses of functions, so each word and each beginning vote for the base that would bring
//! them together, and only the right one gets many votes. An ELF file says both.

use crate::{
    Architecture, Bases, Layout, RANGES_MAX, Range, Ranges,
    encode::{elf, espressif},
    predict::Instruction,
};
use core::mem;
use std::{vec, vec::Vec};

/// Fewer calls than this that lead to beginnings of functions say nothing, and fewer of all than one in so many.
const CALLS_MIN: usize = 8;
const CALLS_PART: usize = 12;
/// Bases are multiples of this.
const UNIT: usize = 1 << 10;
/// Fewer words than this that name beginnings say nothing.
const VOTES_MIN: u32 = 12;
/// So many times the votes of the second base.
const MARGIN: u32 = 3;
/// Of a longer image only so much is looked at.
const BYTES_MAX: usize = 4 << 20;

/// What both images are, as far as can be seen and was not told.
pub(crate) fn layout(told: Option<Architecture>, old: &[u8], new: &[u8]) -> Layout {
    if let (Some((_, old)), Some((architecture, new))) = (elf::seen(old), elf::seen(new))
        && told.is_none_or(|told| told == architecture)
    {
        let (old, new) = (ranges(old), ranges(new));
        let bases = old.zip(new).map(|(old, new)| Bases { old, new });
        return Layout { architecture, bases };
    }
    let Some(architecture) = told.or_else(|| architecture(new)) else {
        return Layout::UNKNOWN;
    };
    let old = parts(architecture, old);
    let bases = old.zip(parts(architecture, new)).map(|(old, new)| Bases { old, new });
    Layout { architecture, bases }
}

/// Where both images would lie, if all of each lay where its code does. None where they do not say where that is, or lie in one range.
pub(crate) fn bases_of_code(bases: Bases, old: &[u8], new: &[u8]) -> Option<Bases> {
    let has_others = bases.old.count() > 1 || bases.new.count() > 1;
    has_others.then_some(Bases::whole(elf::code(old)?, elf::code(new)?))
}

/// Where the parts of an image lie.
fn parts(architecture: Architecture, image: &[u8]) -> Option<Ranges> {
    let Some((mut segments, end)) = espressif::seen(image) else {
        return base(architecture, image).map(Ranges::whole);
    };
    // What stands behind it is mapped as a whole.
    if end < image.len()
        && let Some(base) = base(architecture, image)
    {
        let rest = Range {
            start: end as u32,
            base,
        };
        segments.push((rest, (image.len() - end) as u64));
    }
    ranges(segments)
}

/// The ranges of an image with these segments, of which each has so many bytes: the longest ones, if there are too many.
fn ranges(mut segments: Vec<(Range, u64)>) -> Option<Ranges> {
    segments.sort_unstable_by_key(|(range, _)| range.start);
    loop {
        segments.dedup_by(|(next, bytes), (range, all)| {
            let is_same = next.base == range.base || next.start == range.start;
            *all += if is_same { *bytes } else { 0 };
            is_same
        });
        if segments.len() <= RANGES_MAX {
            break;
        }
        let shortest = (0..segments.len()).min_by_key(|at| segments[*at].1)?;
        segments.remove(shortest);
    }
    segments.first_mut()?.0.start = 0;
    let ranges: Vec<Range> = segments.iter().map(|(range, _)| *range).collect();
    Ranges::new(&ranges).ok()
}

/// The architecture whose calls lead to beginnings of functions.
fn architecture(image: &[u8]) -> Option<Architecture> {
    let known = Architecture::ALL.into_iter().filter_map(|architecture| {
        let (found, all) = calls(architecture, image);
        let is_enough = found >= CALLS_MIN && found * CALLS_PART >= all;
        is_enough.then(|| (found * 1000 / all, architecture))
    });
    known.max().map(|(_, architecture)| architecture)
}

/// How many different places the calls of an image lead to where a function begins, and how many in all.
fn calls(architecture: Architecture, image: &[u8]) -> (usize, usize) {
    let image = &image[..image.len().min(BYTES_MAX)];
    let bytes = |at: usize| image[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let mut is_known = vec![false; image.len()];
    let (mut found, mut all) = (0, 0);
    let mut at = 0;
    while let Some(instruction) = bytes(at) {
        // Of distances, those of calls only.
        let is_call = architecture != Architecture::X86_64 || at > 0 && image[at - 1] == 0xE8;
        if is_call
            && let Some(target) = named(architecture, instruction, at as u32)
            && let Some(is_known) = is_known.get_mut(target as usize)
            && !mem::replace(is_known, true)
        {
            all += 1;
            found += usize::from(bytes(target as usize).is_some_and(|bytes| begins(architecture, bytes)));
        }
        at += architecture.length(instruction) as usize;
    }
    (found, all)
}

/// The place that an instruction names; of distances, that of a call.
fn named(architecture: Architecture, instruction: u32, address: u32) -> Option<u32> {
    if !architecture.is_of_hosts() {
        return architecture.target(instruction, address);
    }
    match architecture.read::<true>(instruction, Architecture::BEFORE_FIELD, address) {
        Instruction::Place(target) => Some(target),
        Instruction::Lower { .. } | Instruction::Other { .. } | Instruction::Upper { .. } => None,
    }
}

/// Whether a function begins so.
const fn begins(architecture: Architecture, bytes: u32) -> bool {
    match architecture {
        // stp x29, x30, [sp, #-N]!; or paciasp; bti c; a nop, where the kernel can be traced.
        Architecture::AArch64 => {
            bytes & 0xFFC0_7FFF == 0xA980_7BFD || matches!(bytes, 0xD503_233F | 0xD503_245F | 0xD503_201F)
        }
        // c.addi sp, -N; or c.addi16sp of less than nothing.
        Architecture::RiscV => bytes & 0xFF83 == 0x1101 || bytes & 0xFF83 == 0x7101,
        // push with the link register.
        Architecture::Thumb => bytes & 0xFF00 == 0xB500 || bytes & 0xFFFF == 0xE92D,
        Architecture::Unknown => false,
        // endbr64; push of r8 to r15, rbx or rbp; sub rsp, N.
        Architecture::X86_64 => {
            bytes == 0xFA1E_0FF3
                || bytes & 0xF8FF == 0x5041
                || bytes & 0xFF == 0x53
                || bytes & 0xFF == 0x55
                || bytes & 0x00FF_FFFF == 0x00EC_8348
        }
        // addi a1, a1, -N; or entry a1.
        Architecture::Xtensa => bytes & 0xFFFF == 0xC112 || bytes & 0x0FFF == 0x0136,
        Architecture::XtensaBig => bytes & 0xFFFF == 0x1C21 || bytes & 0xF0FF == 0x106C,
    }
}

/// The address of the first byte of an image.
fn base(architecture: Architecture, image: &[u8]) -> Option<u32> {
    let image = &image[..image.len().min(BYTES_MAX)];
    let mut beginnings: Vec<Vec<u32>> = vec![Vec::new(); UNIT];
    for (at, bytes) in image.windows(4).enumerate().step_by(architecture.unit() as usize) {
        if begins(
            architecture,
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        ) {
            beginnings[at % UNIT].push(at as u32);
        }
    }
    let words = image.chunks_exact(4);
    let words = words.map(|word| architecture.word(u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
    let tag = architecture.tag();
    let mut addresses: Vec<u32> = words.filter(|word| word & tag == tag).map(|word| word & !tag).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut votes = Votes::of(image.len());
    for address in addresses {
        let beginnings = beginnings[address as usize % UNIT].iter();
        votes.add(address, beginnings.copied());
    }
    votes.elected()
}

/// How often each base was voted for by addresses that come in order. Only those bases are kept for which later ones may vote.
struct Votes {
    /// By the lower bits of the number of units in a base.
    votes: Vec<u32>,
    image_bytes: u32,
    /// In front of this all is counted, in units.
    counted: u32,
    /// The first base with most votes, their number, and that of the next one.
    base: u32,
    most: u32,
    second: u32,
}

impl Votes {
    fn of(image_bytes: usize) -> Self {
        // Those at both ends are kept in part.
        let kept = (image_bytes / UNIT + 2).next_power_of_two();
        Self {
            votes: vec![0; kept],
            image_bytes: image_bytes as u32,
            counted: 0,
            base: 0,
            most: 0,
            second: 0,
        }
    }

    /// Adds the votes of an address with places that are as far behind a multiple of the unit as it is.
    fn add(&mut self, address: u32, places: impl Iterator<Item = u32>) {
        self.count(address.saturating_sub(self.image_bytes) / UNIT as u32);
        let mask = self.votes.len() - 1;
        for base in places.filter_map(|place| address.checked_sub(place)) {
            self.votes[(base as usize / UNIT) & mask] += 1;
        }
    }

    /// Counts the votes for bases below so many units.
    fn count(&mut self, end: u32) {
        let mask = self.votes.len() - 1;
        // No votes are behind those that are kept.
        let kept_end = end.min(self.counted + self.votes.len() as u32);
        for unit in self.counted..kept_end {
            let votes = mem::take(&mut self.votes[unit as usize & mask]);
            if votes > self.most {
                (self.base, self.most, self.second) = (unit * UNIT as u32, votes, self.most);
            } else {
                self.second = self.second.max(votes);
            }
        }
        self.counted = end;
    }

    /// The base with by far most of all votes.
    fn elected(mut self) -> Option<u32> {
        self.count(self.counted + self.votes.len() as u32);
        (self.most >= VOTES_MIN && self.most >= MARGIN * self.second).then_some(self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a count of all of them.
    #[test]
    fn votes_are_counted_as_addresses_pass() {
        let mut random = 5_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(0x915F_77F5).wrapping_add(1);
            ((u64::from(random) * u64::from(below)) >> 32) as u32
        };
        let mut elected = 0;
        for round in 0..300 {
            let image_bytes = 1 + next(20 << 10);
            let places: Vec<u32> = (0..40).map(|_| next(image_bytes)).collect();
            let right = [0, 1 << 20, u32::MAX - 32_767][round % 3];
            // Near each other, or anywhere; and those of some places, at the right base.
            let far = [u32::MAX, 1 << 21, 1 << 15][round / 3 % 3];
            let mut addresses: Vec<u32> = (0..200).map(|_| next(far)).collect();
            addresses.extend(places.iter().take(next(40) as usize).map(|place| right + place));
            addresses.sort_unstable();
            addresses.dedup();
            let (mut votes, mut all) = (Votes::of(image_bytes as usize), Vec::new());
            for address in addresses {
                let fitting = |place: &u32| (address ^ place).is_multiple_of(UNIT as u32);
                let places = || places.iter().copied().filter(fitting);
                votes.add(address, places());
                all.extend(places().filter_map(|place| address.checked_sub(place)));
            }
            all.sort_unstable();
            let counted = all.chunk_by(|one, next| one == next);
            let mut counted: Vec<(u32, u32)> = counted.map(|same| (same.len() as u32, !same[0])).collect();
            counted.sort_unstable();
            let (most, base) = counted.pop().unwrap_or_default();
            let (second, _) = counted.pop().unwrap_or_default();
            let expected = (most >= VOTES_MIN && most >= MARGIN * second).then_some(!base);
            elected += usize::from(expected.is_some());
            assert_eq!(votes.elected(), expected, "{round}");
        }
        assert!((50..250).contains(&elected), "{elected}");
    }

    #[test]
    fn the_longest_ranges_are_kept() {
        let parts = |parts: &[(u32, u32, u64)]| {
            let segments = parts.iter().map(|(start, base, bytes)| {
                let (start, base) = (*start, *base);
                (Range { start, base }, *bytes)
            });
            let ranges = ranges(segments.collect())?;
            Some(
                ranges
                    .known()
                    .iter()
                    .map(|range| (range.start, range.base))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(parts(&[]), None);
        // In the order of the image, the first one with it, neighbours at one distance together, and no two from one place.
        let known = [
            (0x300, 7, 1),
            (0x100, 5, 9),
            (0x200, 5, 9),
            (0x300, 8, 1),
            (0x400, 9, 1),
        ];
        assert_eq!(parts(&known), Some(std::vec![(0, 5), (0x300, 7), (0x400, 9)]));
        // Without the shortest ones, and then there are neighbours again.
        let known = [
            (0, 1, 9),
            (1, 2, 1),
            (2, 1, 9),
            (3, 3, 5),
            (4, 4, 4),
            (5, 5, 3),
            (6, 6, 2),
            (7, 7, 3),
        ];
        let kept = [(0, 1), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)];
        assert_eq!(parts(&known), Some(kept.into()));
    }
}
