//! An adaptive probability in 16 bits: 12 of probability that the next bit is 1, and 4 that count how much was seen.
//!
//! The first bits move it far, later ones less and less, down to one thirtieth. A step is never zero, so that a bit which never
//! changes ends at a certain probability.

/// A counter which has seen nothing.
pub(crate) const FRESH: u16 = 2048 << 4;

/// Step by what was seen, as a part of 65,536: 1 / (seen + 1.5), slower towards the end.
const RATES: [i32; 16] = [
    43691, 26214, 18725, 14564, 11916, 10082, 8738, 7710, 6899, 6242, 5461, 4681, 3855, 3277, 2731, 2185,
];

/// The probability of a 1, of 4096.
pub(crate) const fn probability(counter: u16) -> u16 {
    counter.wrapping_shr(4)
}

/// Whether the counter has seen a bit.
pub(crate) const fn is_fresh(counter: u16) -> bool {
    counter & 15 == 0
}

/// Learns a bit.
pub(crate) fn learn(counter: &mut u16, bit: bool, seen_max: u16) {
    let seen = *counter & 15;
    let probability = i32::from(probability(*counter));
    let rate = RATES.get(usize::from(seen)).copied().unwrap_or(0);
    let moved = if bit {
        let gap = 4095_i32.wrapping_sub(probability);
        probability.wrapping_add(step(gap, rate))
    } else {
        probability.wrapping_sub(step(probability, rate))
    };
    let seen = seen.wrapping_add(1).min(seen_max);
    // Invariant: a step is not larger than the gap, so `moved` stays between 0 and 4095.
    *counter = u16::try_from(moved).unwrap_or(0).wrapping_shl(4) | seen;
}

/// Some of `gap`, at least 1 while there is a gap.
fn step(gap: i32, rate: i32) -> i32 {
    gap.wrapping_mul(rate).wrapping_shr(16).max(gap.min(1))
}
