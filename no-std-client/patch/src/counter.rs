//! An adaptive probability in 16 bits: 12 of probability that the next bit is 1, and 4 that count how much was seen.
//!
//! The first bits move it far, later ones less and less, down to one thirtieth. A step is never zero, so that a bit which never
//! changes ends at a certain probability.

/// A counter which has seen nothing.
pub(crate) const FRESH: u16 = 2048 << 4;

/// Step by what was seen, as a part of 16,384: 1 / (seen + 1.5), slower towards the end.
const RATES: [u16; 16] = [
    10922, 6553, 4681, 3641, 2979, 2520, 2184, 1927, 1724, 1560, 1365, 1170, 963, 819, 682, 546,
];

/// Lets all of them forget what they saw.
#[inline(never)]
pub(crate) fn refresh(counters: &mut [u16]) {
    counters.fill(FRESH);
}

/// The probability of a 1, of 4096.
pub(crate) const fn probability(counter: u16) -> u16 {
    counter.wrapping_shr(4)
}

/// Whether the counter has seen a bit.
pub(crate) const fn is_fresh(counter: u16) -> bool {
    counter & 15 == 0
}

/// Learns a bit. Inlined: it is called for each input of each bit.
#[inline(always)]
pub(crate) fn learn(counter: &mut u16, bit: bool, seen_max: u16) {
    let seen = *counter & 15;
    let rate = RATES.get(usize::from(seen)).copied().unwrap_or(0);
    // How far it is from the bit: the same distance downwards for a 0 and upwards for a 1.
    let mask = if bit { 0xFFF } else { 0 };
    let distance = u32::from(probability(*counter) ^ mask);
    let step = distance.wrapping_mul(u32::from(rate)).wrapping_shr(14);
    let nearer = distance.wrapping_sub(step.max(distance.min(1)));
    let seen = seen.wrapping_add(1).min(seen_max);
    // Invariant: a distance has 12 bits.
    let probability = u16::try_from(nearer & 0xFFF).unwrap_or(0) ^ mask;
    *counter = probability.wrapping_shl(4) | seen;
}
