//! Several guesses of one bit, weighed by how good they were.
//!
//! Each input is a counter, found by a hash of what it depends on. Their stretched probabilities are added with weights, and the
//! weights learn from each bit. All in integers: products stay below 2^31.

use crate::{
    counter,
    logistic::{STRETCHED_MAX, squash, stretch},
    range_decoder::BitCoder,
};

/// Errors below this, of 4096, teach nothing.
const MISS_MIN: i32 = 24;

/// Most inputs of a decision.
const INPUTS_MAX: usize = 7;
/// The same where few are used: there, what holds them is cleared for each bit.
const FEW_INPUTS: usize = 4;

/// Largest weight, either way: 8.0.
pub(crate) const WEIGHT_MAX: i32 = 1 << 19;

/// What a mixer with `INPUTS` inputs of `CELLS` counters each knows.
#[derive(Clone, Debug)]
pub(crate) struct Mixer<const INPUTS: usize, const CELLS: usize, const SETS: usize> {
    pub(crate) cells: [[u16; CELLS]; INPUTS],
    /// A weight of 65,536 is 1.0.
    pub(crate) weights: [[i32; INPUTS]; SETS],
}

/// How fast a mixer learns.
#[derive(Copy, Clone)]
pub(crate) struct Rates {
    /// How far the weights move.
    pub(crate) weights: i32,
    /// How much a counter can have seen, at most 15.
    pub(crate) seen_max: u16,
}

impl<const INPUTS: usize, const CELLS: usize, const SETS: usize> Mixer<INPUTS, CELLS, SETS> {
    /// Nothing to code with.
    pub(crate) const ZERO: Self = Self {
        cells: [[0; CELLS]; INPUTS],
        weights: [[0; INPUTS]; SETS],
    };

    /// Forgets everything, in place.
    pub(crate) fn reset(&mut self, weight: i32) {
        counter::refresh(self.cells.as_flattened_mut());
        self.weights.as_flattened_mut().fill(weight);
    }

    /// Codes a bit with one context for each input, or for the first few, each with `node` added, and learns it. `sets` says which one
    /// or two sets of weights. What they come to is averaged, and each learns from its own error. Inlined, since the number of contexts
    /// is known where it is called: a part without a divider would divide for every bit.
    #[inline(always)]
    pub(crate) fn code(
        &mut self,
        coder: &mut impl BitCoder,
        (contexts, node): (&[u32], u32),
        sets: &[usize],
        rates: Rates,
        wanted: bool,
    ) -> bool {
        // All memory is for the inputs that are there.
        let count = const { CELLS * INPUTS }.checked_div(contexts.len()).unwrap_or(0);
        let tables = (self.cells.as_flattened_mut(), count);
        let weights = (self.weights.as_flattened_mut(), INPUTS, sets);
        match contexts.len() > FEW_INPUTS {
            true => code::<INPUTS_MAX>(coder, tables, weights, (contexts, node), rates, wanted),
            false => code::<FEW_INPUTS>(coder, tables, weights, (contexts, node), rates, wanted),
        }
    }
}

/// An input of the bit at hand.
#[derive(Copy, Clone)]
struct Guess {
    stretched: i32,
    /// Where its counter is.
    place: usize,
}

/// The same for any number of counters and sets: a device has flash for one copy. The tables follow one another, each of `count`
/// cells; a chunk of a slice whose length is not known to the compiler would cost a part without a divider a division for every bit.
///
/// A device spends most of its time here. So there are two loops over the inputs, and nothing is moved but what they need.
#[inline(never)]
fn code<const INPUTS: usize>(
    coder: &mut impl BitCoder,
    (tables, count): (&mut [u16], usize),
    (weights, stride, sets): (&mut [i32], usize, &[usize]),
    (contexts, node): (&[u32], u32),
    rates: Rates,
    wanted: bool,
) -> bool {
    let mut guesses = [Guess { stretched: 0, place: 0 }; INPUTS];
    let Some(guesses) = guesses.get_mut(..contexts.len()) else {
        return wanted;
    };
    let mut begin = 0_usize;
    for (guess, context) in guesses.iter_mut().zip(contexts) {
        guess.place = index(context.wrapping_add(node), count).wrapping_add(begin);
        begin = begin.wrapping_add(count);
        // Invariant: there is a table for each input.
        let cell = tables.get(guess.place).copied().unwrap_or(counter::FRESH);
        if !counter::is_fresh(cell) {
            guess.stretched = stretch(counter::probability(cell));
        }
    }
    let mut sums = [0; 2];
    for (value, set) in sums.iter_mut().zip(sets) {
        let weights = weights.get(set.wrapping_mul(stride)..);
        *value = weights.map_or(0, |weights| sum(weights, guesses));
    }
    let [first, second] = sums;
    let both = first.wrapping_add(second);
    let mean = if sets.len() > 1 { both.wrapping_shr(1) } else { both };
    let probability = squash(mean).clamp(1, 4095);
    let bit = coder.bit(probability.unsigned_abs(), wanted);

    let target = if bit { 4095 } else { 0 };
    // Most bits were certain: there is nothing to learn from them, and what has few counters is not filled with them.
    if i32::wrapping_sub(target, probability).abs() < MISS_MIN {
        return bit;
    }
    for (set, sum) in sets.iter().zip(&sums) {
        let miss = i32::wrapping_sub(target, squash(*sum).clamp(1, 4095));
        if miss.abs() < MISS_MIN {
            continue;
        }
        let miss = miss.wrapping_mul(rates.weights);
        let Some(weights) = weights.get_mut(set.wrapping_mul(stride)..) else {
            continue;
        };
        for (weight, guess) in weights.iter_mut().zip(guesses.iter()) {
            let step = guess
                .stretched
                .wrapping_mul(miss)
                .wrapping_add(1 << 13)
                .wrapping_shr(14);
            *weight = weight.wrapping_add(step).clamp(WEIGHT_MAX.wrapping_neg(), WEIGHT_MAX);
        }
    }
    for guess in guesses {
        if let Some(cell) = tables.get_mut(guess.place) {
            counter::learn(cell, bit, rates.seen_max);
        }
    }
    bit
}

/// What a set of weights makes of the guesses.
fn sum(weights: &[i32], guesses: &[Guess]) -> i32 {
    let sum = weights.iter().zip(guesses).fold(0_i32, |sum, (weight, guess)| {
        sum.wrapping_add(weight.wrapping_mul(guess.stretched).wrapping_shr(8))
    });
    sum.wrapping_shr(8).clamp(STRETCHED_MAX.wrapping_neg(), STRETCHED_MAX)
}

/// Which of `cells` a context means.
fn index(context: u32, cells: usize) -> usize {
    let mixed = (context ^ context.wrapping_shr(15)).wrapping_mul(0x85EB_CA6B);
    let cells = u32::try_from(cells).unwrap_or(u32::MAX);
    let index = mixed.wrapping_shr(16).wrapping_mul(cells).wrapping_shr(16);
    // Invariant: below `cells`.
    usize::try_from(index).unwrap_or(0)
}

/// Mixes the parts of a context into 32 bits. Not inlined: it is long, there are many contexts, and it is called a few times
/// for a byte, not for a bit.
#[inline(never)]
pub(crate) const fn hash(a: u32, b: u32, c: u32) -> u32 {
    let a = a.wrapping_mul(0x9E37_79B1);
    let b = a.wrapping_add(b).wrapping_mul(0x85EB_CA77) ^ a.wrapping_shr(13);
    b.wrapping_add(c).wrapping_mul(0xC2B2_AE3D) ^ b.wrapping_shr(16)
}
