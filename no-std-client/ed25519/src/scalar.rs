//! Numbers modulo the order of the base point, l = 2^252 + 27742317777372353535851937790883648493.
//!
//! Nothing is multiplied here: a hash is reduced bit by bit, which takes a hundredth of the time of a verification.

// Invariant: no sum here overflows, by the bounds that stand beside it. In tests an overflow panics, so that they are tried.
#![allow(clippy::arithmetic_side_effects)]

/// A number below l, bytes from low to high.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar([u8; 32]);

const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Bits of a digit, with its sign.
const DIGIT_BITS: usize = 4;

/// A digit for each bit, and one for what the last one carries.
pub(crate) const DIGITS: usize = 256;

impl Scalar {
    /// Reads a number that has to be below l already.
    pub fn decode(bytes: [u8; 32]) -> Option<Self> {
        less_order(&bytes).is_none().then_some(Self(bytes))
    }

    /// A number of 512 bits modulo l.
    #[inline(never)]
    pub fn reduce(bytes: &[u8; 64]) -> Self {
        let mut rest = [0; 32];
        for byte in bytes.iter().rev() {
            for bit in (0..u8::BITS).rev() {
                // Below 2 l, which is below 2^254.
                let mut carry = (byte >> bit) & 1;
                for place in &mut rest {
                    (*place, carry) = ((*place << 1) | carry, *place >> 7);
                }
                rest = less_order(&rest).unwrap_or(rest);
            }
        }
        Self(rest)
    }

    /// The number as digits of which each is zero or odd and between -7 and 7, with at least three zeros after one that is
    /// not: the sum of `digit * 2^position`.
    pub fn digits(&self) -> [i8; DIGITS] {
        let mut digits = [0; DIGITS];
        let mut carry = 0;
        let mut done = 0;
        for (position, digit) in digits.iter_mut().enumerate() {
            if position < done {
                continue;
            }
            let window = self.bits_from(position) + carry;
            if window & 1 == 1 {
                // Of sixteen values, the upper eight are taken as negative, and one more comes from above.
                carry = i8::from(window > 8);
                *digit = window - (carry << DIGIT_BITS);
                done = position + DIGIT_BITS;
            }
        }
        digits
    }

    /// Four bits, from this position on: a number from 0 to 15.
    fn bits_from(&self, position: usize) -> i8 {
        let byte = |index: usize| self.0.get(index).copied().unwrap_or(0);
        let pair = u16::from_le_bytes([byte(position / 8), byte(position / 8 + 1)]);
        let [low, _] = ((pair >> (position % 8)) & 0xf).to_le_bytes();
        low.cast_signed()
    }
}

/// The number less l; nothing if it is below.
fn less_order(bytes: &[u8; 32]) -> Option<[u8; 32]> {
    let mut rest = *bytes;
    let mut is_below = false;
    for (place, order) in rest.iter_mut().zip(ORDER) {
        (*place, is_below) = place.borrowing_sub(order, is_below);
    }
    (!is_below).then_some(rest)
}
