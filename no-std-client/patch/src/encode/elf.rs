//! What an ELF file says of itself.

use crate::{Architecture, Range};
use std::vec::Vec;

/// How it begins.
const MAGIC: &[u8] = b"\x7FELF";
/// A segment that is loaded.
const LOADED: u64 = 1;

/// A segment with instructions.
const EXECUTABLE: u64 = 1;

/// The architecture, and the segments that are loaded, with their lengths in the file: each at the lower half of its address.
pub(crate) fn seen(image: &[u8]) -> Option<(Architecture, Vec<(Range, u64)>)> {
    let (architecture, loaded) = loaded(image)?;
    let segments = loaded.iter().map(|segment| (segment.range, segment.length));
    Some((architecture, segments.collect()))
}

/// The base of the segment with most instructions.
pub(crate) fn code(image: &[u8]) -> Option<u32> {
    let (_, loaded) = loaded(image)?;
    let code = loaded.iter().filter(|segment| segment.has_code);
    Some(code.max_by_key(|segment| segment.length)?.range.base)
}

/// A segment that is loaded.
struct Loaded {
    range: Range,
    /// Bytes in the file.
    length: u64,
    has_code: bool,
}

fn loaded(image: &[u8]) -> Option<(Architecture, Vec<Loaded>)> {
    let [is_wide, is_big, ..] = *image.strip_prefix(MAGIC)? else {
        return None;
    };
    if is_big != 1 {
        return None;
    }
    let number = |at: u64, bytes: usize| {
        let at = usize::try_from(at).ok()?;
        let bytes = image.get(at..)?.get(..bytes)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    };
    let architecture = match number(18, 2)? {
        40 => Architecture::Thumb,
        62 => Architecture::X86_64,
        94 => Architecture::Xtensa,
        183 => Architecture::AArch64,
        243 => Architecture::RiscV,
        _ => return None,
    };
    // Where the segments are listed, how long each entry is, and where the fields of an entry are.
    let (list, entry, flags, offset, address, length, bytes) = match is_wide {
        2 => (number(32, 8)?, number(54, 2)?, 4, 8, 16, 32, 8),
        _ => (number(28, 4)?, number(42, 2)?, 24, 4, 8, 16, 4),
    };
    let count = number(list_count(is_wide), 2)?;
    let segments = (0..count).map_while(|index| list.checked_add(index * entry));
    let loaded = segments.filter_map(|at| {
        let field = |behind: u64, bytes| number(at.checked_add(behind)?, bytes);
        let (start, length) = (field(offset, bytes)?, field(length, bytes)?);
        let is_inside = start.checked_add(length)? <= image.len() as u64;
        let is_loaded = field(0, 4)? == LOADED && length > 0 && is_inside;
        let base = field(address, bytes)?.wrapping_sub(start) as u32;
        let start = start.try_into().ok()?;
        let has_code = field(flags, 4)? & EXECUTABLE != 0;
        is_loaded.then_some(Loaded {
            range: Range { start, base },
            length,
            has_code,
        })
    });
    let loaded: Vec<_> = loaded.collect();
    (!loaded.is_empty()).then_some((architecture, loaded))
}

/// Where the number of segments stands.
const fn list_count(is_wide: u8) -> u64 {
    match is_wide {
        2 => 56,
        _ => 44,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    /// Headers of a program for x86-64: data, then code at 0x1000 of the file, which is loaded at 0x40_3000; and one that is not loaded,
    /// one without bytes, and one that the file does not have.
    fn program() -> Vec<u8> {
        let mut file = vec![0; 0x1200];
        file[..6].copy_from_slice(b"\x7FELF\x02\x01");
        let mut put = |at: usize, value: u64, bytes: usize| {
            file[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        };
        for (at, value, bytes) in [(18, 62, 2), (32, 64, 8), (54, 56, 2), (56, 5, 2)] {
            put(at, value, bytes);
        }
        for (at, kind, offset, address, length) in [
            (64, LOADED, 0, 0x50_0000, 0x1000),
            (120, LOADED, 0x1000, 0x40_3000, 0x200),
            (176, 6, 0x40, 0x40_0040, 0x100),
            (232, LOADED, 0x800, 0x60_0000, 0),
            (288, LOADED, 0x1100, 0x70_0000, 0x101),
        ] {
            put(at, kind, 4);
            // To be read; and to be executed, all that ends behind the data.
            put(at + 4, 4 | u64::from(offset >= 0x1000), 4);
            put(at + 8, offset, 8);
            put(at + 16, address, 8);
            put(at + 32, length, 8);
        }
        file
    }

    #[test]
    fn a_file_says_what_it_is() {
        let mut file = program();
        let segment = |start, base, length| (Range { start, base }, length);
        let segments = [segment(0, 0x50_0000, 0x1000), segment(0x1000, 0x40_2000, 0x200)];
        assert_eq!(seen(&file), Some((Architecture::X86_64, segments.into())));
        assert_eq!(seen(&file[1..]), None);
        assert_eq!(code(&file), Some(0x40_2000));
        file[124] = 4;
        assert_eq!(code(&file), None);
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let file = program();
        for at in 0..400 {
            let _ = seen(&file[..at]);
            for byte in [0, 1, 0x7F, 0xFF] {
                let mut strange = file.clone();
                strange[at] = byte;
                let _ = seen(&strange);
            }
        }
        assert_eq!(seen(&[&file[..32], &[0xFF; 200]].concat()), None);
    }
}
