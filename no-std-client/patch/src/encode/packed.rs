//! What of an image is compressed or encrypted already.
//!
//! One changed byte in front changes all of the packed bytes behind it, so no patch follows what changed inside.

use std::ops::Range;

/// Bytes that are looked at together.
const PIECE: usize = 4096;
/// Bits of a byte, by what the bytes of a piece are alone, from which on it counts as packed. Noise has 7.95 in a piece as short, and
/// instructions at most 7.3.
const PACKED_BITS: f64 = 7.8;
/// Fewer bytes are not worth a word.
const BYTES_MIN: usize = 16 << 10;

/// How known formats begin.
const FORMATS: [(&str, &[u8]); 6] = [
    ("XZ", b"\xFD7zXZ\0"),
    ("Zstandard", b"\x28\xB5\x2F\xFD"),
    ("gzip", b"\x1F\x8B\x08"),
    ("bzip2", b"BZh"),
    ("LZ4", b"\x04\x22\x4D\x18"),
    ("LZMA", b"\x5D\0\0"),
];

/// What of an image is compressed or encrypted already.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    /// Bytes of it.
    pub bytes: usize,
    /// Where the first of them stand, to a few KiB.
    pub first: usize,
    /// Its format, if it says so.
    pub format: Option<&'static str>,
}

impl Packed {
    /// Whether it is why a patch is as long: what did not change costs nothing, packed or not.
    pub const fn explains(&self, patch_bytes: usize) -> bool {
        patch_bytes * 2 >= self.bytes
    }
}

/// Looks for what is compressed or encrypted already: none if that is less than an eighth of the image.
pub fn packed(image: &[u8]) -> Option<Packed> {
    let pieces = image.chunks_exact(PIECE).enumerate();
    let mut packed = pieces
        .filter(|(_, piece)| bits(piece) >= PACKED_BITS)
        .map(|(index, _)| index * PIECE);
    let first = packed.next()?;
    let bytes = (packed.count() + 1) * PIECE;
    (bytes >= BYTES_MIN && bytes * 8 >= image.len()).then(|| Packed {
        bytes,
        first,
        format: format(image, first.saturating_sub(PIECE)..first + 16),
    })
}

/// The format that begins in a part of the image, the last one if there are several.
fn format(image: &[u8], part: Range<usize>) -> Option<&'static str> {
    part.rev().find_map(|at| {
        let rest = &image[at.min(image.len())..];
        FORMATS
            .iter()
            .find(|(_, magic)| rest.starts_with(magic))
            .map(|(name, _)| *name)
    })
}

/// Bits that a byte of these takes if nothing is known but how often each comes.
fn bits(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let all = bytes.len() as f64;
    let of = |count: u32| f64::from(count) / all * (all / f64::from(count)).log2();
    counts.into_iter().filter(|count| *count > 0).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Packed, packed};
    use std::vec::Vec;

    fn noise(count: usize) -> Vec<u8> {
        let mut random = 1_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 32) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn what_is_packed_is_found_and_named() {
        let code: Vec<u8> = (0..50_000_u32)
            .flat_map(|word| ((word * 0x0101) & 0x3F3F_0F7F).to_le_bytes())
            .collect();
        assert_eq!(packed(&code), None);
        let first = code.len() / PIECE * PIECE;
        let image = [&code[..first], b"\xFD7zXZ\0", &noise(100_000)].concat();
        let found = packed(&image);
        assert!(
            found
                .is_some_and(|found| (found.first, found.format) == (first, Some("XZ"))
                    && (90_000..=100_000).contains(&found.bytes)),
            "{found:?}"
        );
        // Little of a large image is no matter.
        let large = [&code[..], &noise(20_000), &code].concat();
        assert_eq!(packed(&large), None);
        let all = noise(64 << 10);
        let whole = Packed {
            bytes: 64 << 10,
            first: 0,
            format: None,
        };
        assert_eq!(packed(&all), Some(whole));
    }
}
