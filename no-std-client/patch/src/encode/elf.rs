//! What an ELF file says of itself.

use crate::Architecture;

/// How it begins.
const MAGIC: &[u8] = b"\x7FELF";
/// A segment that is loaded, and one with instructions.
const LOADED: u64 = 1;
const EXECUTABLE: u64 = 1;

/// The architecture, and the address of the first byte of the file, as the instructions are loaded: the lower half of it.
pub(crate) fn seen(image: &[u8]) -> Option<(Architecture, u32)> {
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
    let (list, entry, flags, offset, address, bytes) = match is_wide {
        2 => (number(32, 8)?, number(54, 2)?, 4, 8, 16, 8),
        _ => (number(28, 4)?, number(42, 2)?, 24, 4, 8, 4),
    };
    let count = number(list_count(is_wide), 2)?;
    let segments = (0..count).map_while(|index| list.checked_add(index * entry));
    let mut code = segments.filter_map(|at| {
        let is_code = number(at, 4)? == LOADED && number(at.checked_add(flags)?, 4)? & EXECUTABLE != 0;
        let address = number(at.checked_add(address)?, bytes)?;
        let base = address.wrapping_sub(number(at.checked_add(offset)?, bytes)?);
        is_code.then_some(base as u32)
    });
    code.next().map(|base| (architecture, base))
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

    /// Headers of a program for x86-64: data, then code at 0x1000 of the file, which is loaded at 0x40_3000.
    fn program() -> Vec<u8> {
        let mut file = vec![0; 64 + 2 * 56];
        file[..6].copy_from_slice(b"\x7FELF\x02\x01");
        let mut put = |at: usize, value: u64, bytes: usize| {
            file[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        };
        for (at, value, bytes) in [(18, 62, 2), (32, 64, 8), (54, 56, 2), (56, 2, 2)] {
            put(at, value, bytes);
        }
        for (at, flags, offset, address) in [(64, 6, 0, 0x50_0000), (120, 5, 0x1000, 0x40_3000)] {
            put(at, LOADED, 4);
            put(at + 4, flags, 4);
            put(at + 8, offset, 8);
            put(at + 16, address, 8);
        }
        file
    }

    #[test]
    fn a_file_says_what_it_is() {
        let file = program();
        assert_eq!(seen(&file), Some((Architecture::X86_64, 0x40_2000)));
        assert_eq!(seen(&file[1..]), None);
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let file = program();
        for at in 0..file.len() {
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
