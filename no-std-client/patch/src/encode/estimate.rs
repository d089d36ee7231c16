//! What bytes will cost before anything was coded.

use crate::encode::range_encoder::{PRICE_OF_BIT, price};
use std::vec::Vec;

/// Dearest byte.
const PRICE_MAX: u32 = 12 * PRICE_OF_BIT;

/// What each byte costs as a literal, by how often it comes in the image.
pub(crate) fn literals(image: &[u8]) -> Vec<u32> {
    let mut counts = [1_u64; 256];
    for byte in image {
        counts[usize::from(*byte)] += 1;
    }
    let total: u64 = counts.iter().sum();
    let prices = counts.map(|count| price((count * 4096 / total).min(4095) as u32).min(PRICE_MAX));
    image.iter().map(|byte| prices[usize::from(*byte)]).collect()
}
