//! Programs in an image: where their segments lie, and at which addresses they run.

use crate::{
    Architecture, Layout,
    bulk::segments::{SEGMENTS_MAX, Segment},
};
use std::vec::Vec;

/// What a file of the format ELF begins with, of 64 bits and little-endian.
const ELF: &[u8] = b"\x7fELF\x02\x01\x01";
const MACHINE_AARCH64: u16 = 183;
/// At byte 56 of a kernel for AArch64.
const ARM64: &[u8] = b"ARM\x64";
const LOAD: u32 = 1;
const UNWIND: u32 = 0x6474_E550;
const RELOCATABLE: u64 = 1;
const EXECUTABLE: u32 = 1;

/// The segments of all programs of an image, in its order.
pub(super) fn segments(image: &[u8]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut at = 0;
    while let Some(found) = find(image, at) {
        at = found + 4;
        let program = match image[found] {
            0x7F => elf(image, found).unwrap_or_default(),
            _ => kernel(image, found).unwrap_or_default(),
        };
        for segment in program {
            let is_behind = segments.last().is_none_or(|last: &Segment| last.end() <= segment.start);
            if is_behind && segment.length > 0 && segments.len() < SEGMENTS_MAX {
                segments.push(segment);
            }
        }
        if let Some(last) = segments.last() {
            at = at.max(last.end() as usize);
        }
    }
    segments
}

/// One segment with all of an image, for one that does not say what it holds: words begin at multiples of four.
pub(super) fn whole(image: &[u8], layout: Layout) -> Vec<Segment> {
    std::vec![Segment {
        length: image.len() as u32,
        has_code: layout.architecture == Architecture::AArch64,
        ..Segment::default()
    }]
}

/// The next place where a program may begin (or, for a kernel, its magic).
fn find(image: &[u8], from: usize) -> Option<usize> {
    (from..image.len().saturating_sub(8)).find(|at| match image[*at] {
        0x7F => image[*at..].starts_with(ELF),
        b'A' => *at >= 56 && image[*at..].starts_with(ARM64),
        _ => false,
    })
}

fn number<const BYTES: usize>(image: &[u8], at: usize) -> Option<u64> {
    let bytes: &[u8; BYTES] = image.get(at..)?.first_chunk()?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

fn elf(image: &[u8], start: usize) -> Option<Vec<Segment>> {
    let file = &image[start..];
    if number::<2>(file, 18)? != u64::from(MACHINE_AARCH64) {
        return None;
    }
    let kind = number::<2>(file, 16)?;
    let (headers, sections) = (number::<8>(file, 32)? as usize, number::<8>(file, 40)?);
    let count = number::<2>(file, 56)? as usize;
    if kind == RELOCATABLE {
        // Its sections lie at no address yet; words begin at multiples of four.
        let length = sections.checked_add(number::<2>(file, 60)? * number::<2>(file, 58)?)?;
        return (length <= file.len() as u64).then(|| {
            std::vec![Segment {
                start: start as u32,
                length: length as u32,
                has_code: true,
                ..Segment::default()
            }]
        });
    }
    let mut segments = Vec::new();
    let mut table = None;
    for index in 0..count {
        let header = file.get(headers.checked_add(index * 56)?..)?;
        let flags = number::<4>(header, 4)? as u32;
        let (offset, address, length) = (
            number::<8>(header, 8)?,
            number::<8>(header, 16)?,
            number::<8>(header, 32)?,
        );
        let end = usize::try_from(offset.checked_add(length)?).ok()?;
        if end > file.len() {
            return None;
        }
        let segment = Segment {
            start: start as u32 + offset as u32,
            length: length as u32,
            address: address as u32,
            high: (address >> 32) as u32,
            has_code: flags & EXECUTABLE != 0,
            has_pointers: true,
        };
        match number::<4>(header, 0)? as u32 {
            LOAD => segments.push(segment),
            UNWIND => table = Some(segment),
            _ => {}
        }
    }
    segments.sort_by_key(|segment| segment.start);
    // What finds unwinding data has distances from its own beginning.
    let around = segments
        .iter()
        .position(|segment| table.is_some_and(|table| segment.holds(table.start)));
    if let (Some(table), Some(around)) = (table, around) {
        let whole = segments[around];
        if table.end() <= whole.end() {
            let behind = Segment {
                start: table.end(),
                length: whole.end() - table.end(),
                address: whole.address(table.end()),
                ..whole
            };
            segments[around].length = table.start - whole.start;
            segments.splice(around + 1..around + 1, [table, behind]);
        }
    }
    Some(segments)
}

/// A kernel whose magic stands at `magic`.
fn kernel(image: &[u8], magic: usize) -> Option<Vec<Segment>> {
    let start = magic - 56;
    let file = &image[start..];
    let length = number::<8>(file, 16)?.min(file.len() as u64);
    if length < 1 << 16 {
        return None;
    }
    let file = &file[..length as usize];
    // Where it runs: the high half that most pointers have, and the lowest of these, as such kernels are placed.
    let words = || file.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let pointers = || words().filter(|word| word >> 40 == 0xFF_FFFF && *word < 0xFFFF_FFFF_0000_0000);
    let mut highs: Vec<u32> = pointers().map(|word| (word >> 32) as u32).collect();
    highs.sort_unstable();
    let high = highs.chunk_by(|one, next| one == next).max_by_key(|same| same.len())?[0];
    let mut lows: Vec<u32> = pointers()
        .filter(|word| (word >> 32) as u32 == high)
        .map(|word| word as u32)
        .collect();
    lows.sort_unstable();
    let low = lows[lows.len() / 1000] & !0x1F_FFFF;
    Some(std::vec![Segment {
        start: start as u32,
        length: length as u32,
        address: low,
        high,
        has_code: true,
        has_pointers: true,
    }])
}
