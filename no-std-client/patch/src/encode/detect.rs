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
use core::cmp::Reverse;
use std::{collections::BTreeMap, vec, vec::Vec};

/// Fewer calls than this that lead to beginnings of functions say nothing, and fewer of all than one in so many.
const CALLS_MIN: usize = 8;
const CALLS_PART: usize = 12;
/// Bases are multiples of this.
const UNIT: usize = 1 << 10;
/// Fewer words than this that name beginnings say nothing.
const VOTES_MIN: usize = 12;
/// So many times the votes of the second base.
const MARGIN: usize = 3;
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

/// Where the parts of an image lie.
fn parts(architecture: Architecture, image: &[u8]) -> Option<Ranges> {
    let base = base(architecture, image);
    let Some((mut segments, end)) = espressif::seen(image) else {
        return base.map(Ranges::whole);
    };
    // What stands behind it is mapped as a whole.
    if let Some(base) = base
        && end < image.len()
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
    let mut targets = Vec::new();
    let mut at = 0;
    while let Some(instruction) = bytes(at) {
        let before = at.checked_sub(1).map_or(0, |before| image[before]);
        // Of distances, those of calls only.
        let is_call = architecture != Architecture::X86_64 || before == 0xE8;
        if let Instruction::Place(target) = architecture.read::<true>(instruction, before.into(), at as u32)
            && (target as usize) < image.len()
            && is_call
        {
            targets.push(target);
        }
        at += architecture.length(instruction) as usize;
    }
    targets.sort_unstable();
    targets.dedup();
    let is_beginning = |target: &&u32| bytes(**target as usize).is_some_and(|bytes| begins(architecture, bytes));
    let found = targets.iter().filter(is_beginning);
    (found.count(), targets.len())
}

/// Whether a function begins so.
const fn begins(architecture: Architecture, bytes: u32) -> bool {
    match architecture {
        // stp x29, x30, [sp, #-N]!; or paciasp.
        Architecture::AArch64 => bytes & 0xFFC0_7FFF == 0xA980_7BFD || bytes == 0xD503_233F,
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
    let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
    for address in addresses {
        for beginning in &beginnings[address as usize % UNIT] {
            if let Some(base) = address.checked_sub(*beginning) {
                *votes.entry(base).or_default() += 1;
            }
        }
    }
    let ranked = votes.into_iter().map(|(base, votes)| (votes, Reverse(base)));
    let mut ranked: Vec<(usize, Reverse<u32>)> = ranked.collect();
    ranked.sort_unstable();
    let (votes, Reverse(base)) = ranked.pop()?;
    let second = ranked.pop().map_or(0, |(votes, _)| votes);
    (votes >= VOTES_MIN && votes >= MARGIN * second).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

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
