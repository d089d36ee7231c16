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
const MISS_MIN: i32 = 16;

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
        for table in &mut self.cells {
            table.fill(counter::FRESH);
        }
        for set in &mut self.weights {
            set.fill(weight);
        }
    }

    /// Codes a bit with one context per input, and learns it. `sets` says which two sets of weights; they are not the same. What
    /// they come to is averaged, and each learns from its own error.
    pub(crate) fn code(
        &mut self,
        coder: &mut impl BitCoder,
        contexts: &[u32; INPUTS],
        sets: [usize; 2],
        rates: Rates,
        wanted: bool,
    ) -> bool {
        let mut nothing = [[0; INPUTS]; 2];
        let weights = match self.weights.get_disjoint_mut(sets) {
            Ok(weights) => weights,
            Err(_) => nothing.each_mut(),
        };
        let tables = self.cells.as_flattened_mut();
        code(coder, (tables, CELLS), weights, contexts, rates, wanted)
    }
}

/// The same for any number of counters and sets: a device has flash for one copy. The tables follow one another, each of `count`
/// cells; a chunk of a slice whose length is not known to the compiler would cost a part without a divider a division for every bit.
#[inline(never)]
fn code<const INPUTS: usize>(
    coder: &mut impl BitCoder,
    (mut tables, count): (&mut [u16], usize),
    weights: [&mut [i32; INPUTS]; 2],
    contexts: &[u32; INPUTS],
    rates: Rates,
    wanted: bool,
) -> bool {
    let mut stretched = [0_i32; INPUTS];
    let mut cells: [Option<&mut u16>; INPUTS] = [const { None }; INPUTS];
    for (context, (value, place)) in contexts.iter().zip(stretched.iter_mut().zip(cells.iter_mut())) {
        // Invariant: there is a table for each input.
        let Some((table, others)) = tables.split_at_mut_checked(count) else {
            break;
        };
        tables = others;
        let cell = table.get_mut(index(*context, count));
        if let Some(cell) = cell {
            if !counter::is_fresh(*cell) {
                *value = stretch(counter::probability(*cell));
            }
            *place = Some(cell);
        }
    }
    let sums = weights.each_ref().map(|weights| {
        let sum = weights.iter().zip(stretched).fold(0_i32, |sum, (weight, value)| {
            sum.wrapping_add(weight.wrapping_mul(value).wrapping_shr(8))
        });
        sum.wrapping_shr(8).clamp(STRETCHED_MAX.wrapping_neg(), STRETCHED_MAX)
    });
    let [first, second] = sums;
    let probability = squash(first.wrapping_add(second).wrapping_shr(1)).clamp(1, 4095);
    let bit = coder.bit(probability.unsigned_abs(), wanted);

    let target = if bit { 4095 } else { 0 };
    for (weights, sum) in weights.into_iter().zip(sums) {
        let miss = i32::wrapping_sub(target, squash(sum).clamp(1, 4095));
        // Most bits were certain: what they teach is less than a weight can say.
        if miss.abs() < MISS_MIN {
            continue;
        }
        let miss = miss.wrapping_mul(rates.weights);
        for (weight, value) in weights.iter_mut().zip(stretched) {
            let step = value.wrapping_mul(miss).wrapping_add(1 << 13).wrapping_shr(14);
            *weight = weight.wrapping_add(step).clamp(WEIGHT_MAX.wrapping_neg(), WEIGHT_MAX);
        }
    }
    for cell in cells.into_iter().flatten() {
        counter::learn(cell, bit, rates.seen_max);
    }
    bit
}

/// Which of `cells` a context means.
fn index(context: u32, cells: usize) -> usize {
    let mixed = (context ^ context.wrapping_shr(15)).wrapping_mul(0x85EB_CA6B);
    let cells = u32::try_from(cells).unwrap_or(u32::MAX);
    let index = mixed.wrapping_shr(16).wrapping_mul(cells).wrapping_shr(16);
    // Invariant: below `cells`.
    usize::try_from(index).unwrap_or(0)
}

/// Mixes the parts of a context into 32 bits. Not inlined: it is long, there are eighteen contexts, and it is called a few times
/// for a byte, not for a bit.
#[inline(never)]
pub(crate) const fn hash(a: u32, b: u32, c: u32) -> u32 {
    let a = a.wrapping_mul(0x9E37_79B1);
    let b = a.wrapping_add(b).wrapping_mul(0x85EB_CA77) ^ a.wrapping_shr(13);
    b.wrapping_add(c).wrapping_mul(0xC2B2_AE3D) ^ b.wrapping_shr(16)
}
