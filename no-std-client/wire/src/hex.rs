//! Bytes as lowercase hexadecimal text, the only spelling that signed files use.

use core::fmt::{self, Write as _};

/// Decodes exactly `N` bytes from exactly `2 * N` lowercase digits.
///
/// Uppercase is refused: two spellings of one key id would be two map keys.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0u8; N];
    decode_into(text, &mut bytes)?;
    Some(bytes)
}

/// The same into a place, which holds something else if the text is wrong.
#[inline(never)]
pub fn decode_into(text: &str, bytes: &mut [u8]) -> Option<()> {
    let mut digits = text.bytes();
    for byte in bytes {
        let high = nibble(digits.next()?)?;
        let low = nibble(digits.next()?)?;
        *byte = (high << 4) | low;
    }
    digits.next().is_none().then_some(())
}

/// Shows bytes as lowercase hexadecimal digits.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for digit in self.0.iter().flat_map(|byte| digits(*byte)) {
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// The two lowercase digits of a byte.
pub fn digits(byte: u8) -> [char; 2] {
    // Invariant: half a byte is a digit to the base 16.
    [byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0'))
}

/// The value of one lowercase digit.
pub fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn round_trip() {
        assert_eq!(decode::<3>("00ff7a"), Some([0x00, 0xff, 0x7a]));
        assert_eq!(Hex(&[0x00, 0xff, 0x7a]).to_string(), "00ff7a");
    }

    #[test]
    fn refusals() {
        for text in ["00FF7a", "00ff7", "00ff7a0", "00ff7a00", "00ff7g", ""] {
            assert_eq!(decode::<3>(text), None, "{text}");
        }
    }
}
