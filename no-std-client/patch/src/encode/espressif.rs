//! What an image for a chip of Espressif says of itself.
//!
//! ```text
//! 0        0xE9
//! 1        segments              1..=16
//! 8 or 24  segments: address and length, 4 bytes each, little-endian, and so many bytes
//! then     zeros up to the last one of 16 bytes, and there the checksum: 0xEF and all bytes of segments, exclusive or
//! ```
//!
//! The header of an ESP8266 has 8 bytes, that of every later chip 24. Only where the checksum is right it is such an image.

use crate::Range;
use std::vec::Vec;

const MAGIC: u8 = 0xE9;
const SEGMENTS_MAX: u8 = 16;
const CHECKSUM: u8 = 0xEF;

/// The segments with their lengths, and where what they are part of ends.
pub(crate) fn seen(image: &[u8]) -> Option<(Vec<(Range, u64)>, usize)> {
    [24, 8].into_iter().find_map(|header| segments(image, header))
}

fn segments(image: &[u8], header: usize) -> Option<(Vec<(Range, u64)>, usize)> {
    let [MAGIC, count @ 1..=SEGMENTS_MAX, ..] = *image else {
        return None;
    };
    let mut at = header;
    let mut sum = CHECKSUM;
    let mut segments = Vec::new();
    let number = |at: usize| {
        let bytes = image.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    for _ in 0..count {
        let (address, length) = (number(at)?, number(at + 4)?);
        let start = at + 8;
        let bytes = image.get(start..)?.get(..length as usize)?;
        sum = bytes.iter().fold(sum, |sum, byte| sum ^ byte);
        let base = address.wrapping_sub(start as u32);
        let start = start as u32;
        segments.push((Range { start, base }, length.into()));
        at += 8 + length as usize;
    }
    let end = at | 15;
    let is_right = image.get(end) == Some(&sum) && image[at..end].iter().all(|byte| *byte == 0);
    is_right.then_some((segments, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of two segments, of 5 and 14 bytes, with a header of so many bytes, and three bytes behind it.
    fn image(header: usize) -> Vec<u8> {
        let mut image = std::vec![0x55; header];
        image[..2].copy_from_slice(&[MAGIC, 2]);
        for (address, bytes) in [(0x4010_0000_u32, &[7_u8; 5][..]), (0x3FFE_8000, &[9; 14])] {
            image.extend(address.to_le_bytes());
            image.extend((bytes.len() as u32).to_le_bytes());
            image.extend(bytes);
        }
        image.resize(image.len() | 15, 0);
        image.extend([CHECKSUM ^ 7, 1, 2, 3]);
        image
    }

    #[test]
    fn an_image_says_what_it_is() {
        for header in [8, 24] {
            let image = image(header);
            let segment = |behind: usize, address: u32, length| {
                let start = (header + behind) as u32;
                (
                    Range {
                        start,
                        base: address.wrapping_sub(start),
                    },
                    length,
                )
            };
            let segments = [segment(8, 0x4010_0000, 5), segment(21, 0x3FFE_8000, 14)];
            assert_eq!(seen(&image), Some((segments.into(), image.len() - 3)));
        }
    }

    /// But for addresses and what is in the header beside.
    #[test]
    fn each_byte_must_be_right() {
        for header in [8, 24] {
            let image = image(header);
            for at in (0..2)
                .chain(header + 4..header + 13)
                .chain(header + 17..image.len() - 3)
            {
                let mut wrong = image.clone();
                wrong[at] ^= 0x10;
                assert_eq!(seen(&wrong), None, "{at}");
            }
            for length in 0..image.len() - 3 {
                assert_eq!(seen(&image[..length]), None, "{length}");
            }
        }
    }
}
