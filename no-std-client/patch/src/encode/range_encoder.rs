//! The range encoder, and a coder that only counts what bits cost.

use crate::range_decoder::{BitCoder, PADDING_BYTES_MAX, TOP};
use std::{sync::LazyLock, vec::Vec};

/// Bits are priced in parts of this many.
pub(crate) const PRICE_OF_BIT: u32 = 64;

/// Price of an event with a probability of `index` of 4096.
static PRICES: LazyLock<Vec<u32>> = LazyLock::new(|| (0..4097).map(price).collect());

/// -log2(probability / 4096) in integers: the logarithm of its square, again and again, gives one binary digit each.
pub(crate) fn price(probability: u32) -> u32 {
    let mut value = u64::from(probability.max(1)) << 20;
    let mut whole = 0_i64;
    let mut digits = 0_i64;
    while value >= 2 << 20 {
        value >>= 1;
        whole += 1;
    }
    for _ in 0..PRICE_OF_BIT.trailing_zeros() {
        value = (value * value) >> 20;
        digits *= 2;
        if value >= 2 << 20 {
            value >>= 1;
            digits += 1;
        }
    }
    let unit = i64::from(PRICE_OF_BIT);
    (12 * unit - whole * unit - digits) as u32
}

/// Writes what a [`RangeDecoder`](crate::range_decoder::RangeDecoder) reads, and counts the price of it.
pub(crate) struct RangeEncoder {
    low: u64,
    range: u32,
    bytes: Vec<u8>,
    /// Of all bits so far, in parts of [`PRICE_OF_BIT`].
    pub(crate) price: u64,
}

impl RangeEncoder {
    pub(crate) fn new() -> Self {
        Self {
            low: 0,
            range: u32::MAX,
            bytes: Vec::new(),
            price: 0,
        }
    }

    fn carry(&mut self) {
        if self.low >> 32 != 0 {
            self.low &= u64::from(u32::MAX);
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    fn shift(&mut self) {
        self.carry();
        self.bytes.push((self.low >> 24) as u8);
        self.low = (self.low << 8) & u64::from(u32::MAX);
    }

    /// Ends with the number in the range that has most zero bytes at its end, and leaves these away.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let end = self.low + u64::from(self.range);
        let ends = [24, 16, 8, 0].map(|zeros| {
            let mask = (1_u64 << zeros) - 1;
            (self.low + mask) & !mask
        });
        self.low = ends.into_iter().find(|value| *value < end).unwrap_or(self.low);
        for _ in 0..4 {
            self.shift();
        }
        let mut left_away = 0;
        while self.bytes.last() == Some(&0) && left_away < PADDING_BYTES_MAX {
            self.bytes.pop();
            left_away += 1;
        }
        self.bytes
    }
}

impl BitCoder for RangeEncoder {
    fn bit(&mut self, probability: u32, wanted: bool) -> bool {
        let zero = 4096 - probability;
        let bound = (self.range >> 12) * zero;
        if wanted {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < TOP {
            self.shift();
            self.range <<= 8;
        }
        self.price += u64::from(PRICES[if wanted { probability } else { zero } as usize]);
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::{PRICE_OF_BIT, price};

    #[test]
    fn prices_are_logarithms() {
        for probability in 1..=4096_u32 {
            let exact = -(f64::from(probability) / 4096.0).log2() * f64::from(PRICE_OF_BIT);
            assert!((f64::from(price(probability)) - exact).abs() < 2.0, "{probability}");
        }
    }
}
