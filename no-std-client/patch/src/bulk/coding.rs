//! What the bulk codec knows of bits: adaptive probabilities, numbers, and bytes as a mixture of few guesses.
//!
//! Most of a large image is copied without a decision, so that what is left may be coded with some care; but a tenth of a
//! microsecond for each bit, as the mixing codec takes, would be too much for what is left of a root filesystem.

use crate::{
    counter,
    logistic::{STRETCHED_MAX, squash},
    range_decoder::BitCoder,
};

/// A probability: 22 bits of it, and 10 that count what was seen.
pub(crate) type Cell = u32;

/// A cell that has seen nothing.
pub(crate) const FRESH: Cell = 1 << 31;

/// Decisions seen, at most, by what is rare and by what is mixed.
const SEEN_MAX: u32 = 160;
const SEEN_MAX_MIXED: u16 = 15;

/// Parts of 65,536 by which a cell moves, by what it has seen.
const STEPS: [u32; 256] = steps();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler"
)]
const fn steps() -> [u32; 256] {
    let mut steps = [0; 256];
    let mut seen = 0;
    while seen < 256 {
        steps[seen] = 131_072_u32.div_euclid((seen as u32).wrapping_mul(2).wrapping_add(3));
        seen = seen.wrapping_add(1);
    }
    steps
}

/// The probability of a 1, of 4096.
const fn probability(cell: Cell) -> u32 {
    cell.wrapping_shr(20)
}

/// Learns a bit.
fn learn(cell: &mut Cell, bit: bool, seen_max: u32) {
    // Never more than fits eight of the ten bits.
    let seen = *cell & 255;
    let value = cell.wrapping_shr(10);
    let step = usize::try_from(seen).ok().and_then(|seen| STEPS.get(seen));
    let step = step.copied().unwrap_or(0);
    // Without a branch: to the complement of a 0, and back.
    let mask = u32::from(bit).wrapping_neg() & 0x3F_FFFF;
    let gap = value ^ mask;
    let value = gap.wrapping_sub(gap.wrapping_shr(6).wrapping_mul(step).wrapping_shr(10)) ^ mask;
    *cell = value.wrapping_shl(10) | seen.wrapping_add(1).min(seen_max);
}

/// Codes a decision with a cell of its own.
pub(crate) fn simple(coder: &mut impl BitCoder, cell: &mut Cell, wanted: bool) -> bool {
    let bit = coder.bit(probability(*cell).clamp(1, 4095), wanted);
    learn(cell, bit, SEEN_MAX);
    bit
}

/// Codes the low `bits` of a symbol, highest first; `cells` has one for each node of the tree.
pub(crate) fn symbol(coder: &mut impl BitCoder, cells: &mut [Cell], bits: u32, wanted: u32) -> u32 {
    let mut node = 1_u32;
    for place in (0..bits).rev() {
        let mut spare = FRESH;
        let cell = usize::try_from(node).ok().and_then(|node| cells.get_mut(node));
        let bit = simple(coder, cell.unwrap_or(&mut spare), wanted.wrapping_shr(place) & 1 == 1);
        node = node.wrapping_mul(2) | u32::from(bit);
    }
    node ^ 1_u32.wrapping_shl(bits)
}

/// Cells of one kind of number: a tree of its lengths in bits, and one of the three bits behind the highest for each length.
pub(crate) const NUMBER_CELLS: usize = 64 + 33 * 8;

/// Codes a number: its length in bits, the three bits behind the highest with cells, and the others as they are.
pub(crate) fn number(coder: &mut impl BitCoder, cells: &mut [Cell], wanted: u32) -> u32 {
    let (classes, trees) = cells.split_at_mut_checked(64).unwrap_or_default();
    let length = symbol(coder, classes, 6, 32_u32.wrapping_sub(wanted.leading_zeros())).min(32);
    let Some(places) = length.checked_sub(1) else {
        return 0;
    };
    let fine = places.min(3);
    let tree = usize::try_from(length.wrapping_mul(8)).unwrap_or(0);
    let tree = trees.get_mut(tree..).unwrap_or_default();
    let rest = places.wrapping_sub(fine);
    let mask = 1_u32.wrapping_shl(fine).wrapping_sub(1);
    let mut value = 1_u32.wrapping_shl(fine) | symbol(coder, tree, fine, wanted.wrapping_shr(rest) & mask);
    for place in (0..rest).rev() {
        let bit = coder.bit(2048, wanted.wrapping_shr(place) & 1 == 1);
        value = value.wrapping_mul(2) | u32::from(bit);
    }
    value
}

/// Guesses that are mixed for a byte.
pub(crate) const INPUTS: usize = 4;

/// Weights of the guesses; 65,536 is 1.0.
pub(crate) type Weights = [i32; INPUTS];

/// What every weight begins with.
pub(crate) const WEIGHT: i32 = 65_536 / 2;

/// Counters of 16 bits for half a byte, one for each node of its tree, two in each word: half a line of most caches.
pub(crate) type Row = [u32; 8];

/// A row that has seen nothing.
pub(crate) const FRESH_ROW: Row = [0x8000_8000; 8];

/// Codes a byte, highest bit first, in two halves. Each input has a table of rows whose number is a power of two, and says by a hash
/// which two are those of this byte. `weights` has a set for each node of the tree of bits.
pub(crate) fn byte(
    coder: &mut impl BitCoder,
    tables: &mut [&mut [Row]; INPUTS],
    contexts: &[u32; INPUTS],
    weights: &mut [Weights; 256],
    wanted: u8,
) -> u8 {
    let wanted = u32::from(wanted);
    let at = places(tables, contexts, 0);
    let high = half(coder, (tables, at), (weights, 1), wanted.wrapping_shr(4));
    let at = places(tables, contexts, high | 16);
    let low = half(coder, (tables, at), (weights, high | 16), wanted & 15);
    // Invariant: two halves.
    u8::try_from(high.wrapping_shl(4) | low).unwrap_or(0)
}

/// Where the row of each input is, for a byte whose first half is `high`.
fn places(tables: &[&mut [Row]; INPUTS], contexts: &[u32; INPUTS], high: u32) -> [usize; INPUTS] {
    let mut contexts = contexts.iter();
    tables.each_ref().map(|table| {
        let context = contexts.next().copied().unwrap_or(0);
        let mixed = context
            .wrapping_add(high.wrapping_mul(0x9E37_79B1))
            .wrapping_mul(0x85EB_CA6B);
        let mask = table.len().wrapping_sub(1);
        usize::try_from(mixed.wrapping_shr(10)).unwrap_or(0) & mask
    })
}

/// Codes half a byte. `start` is the node of the whole tree at which it begins.
fn half(
    coder: &mut impl BitCoder,
    (tables, places): (&mut [&mut [Row]; INPUTS], [usize; INPUTS]),
    (weights, start): (&mut [Weights; 256], u32),
    wanted: u32,
) -> u32 {
    // In one place while they are used: that is what makes it quick.
    let mut rows = [[counter::FRESH; 16]; INPUTS];
    for ((row, table), place) in rows.iter_mut().zip(&*tables).zip(places) {
        let words = table.get(place).copied().unwrap_or(FRESH_ROW);
        for (pair, word) in row.as_chunks_mut::<2>().0.iter_mut().zip(words) {
            // Invariant: 16 bits each.
            *pair = [word & 0xFFFF, word.wrapping_shr(16)].map(|half| u16::try_from(half).unwrap_or(0));
        }
    }
    let mut node = 1_usize;
    let mut set = usize::try_from(start).unwrap_or(0) & 255;
    for place in (0..4_u32).rev() {
        let inside = node & 15;
        let cells = rows
            .each_ref()
            .map(|row| row.get(inside).copied().unwrap_or(counter::FRESH));
        let stretched = cells.map(|cell| stretched_of(u32::from(counter::probability(cell))));
        let mut none = [0; INPUTS];
        let weights = weights.get_mut(set).unwrap_or(&mut none);
        let sum = weights.iter().zip(stretched).fold(0_i32, |sum, (weight, value)| {
            sum.wrapping_add(weight.wrapping_mul(value).wrapping_shr(8))
        });
        let sum = sum.wrapping_shr(8).clamp(STRETCHED_MAX.wrapping_neg(), STRETCHED_MAX);
        let guess = squashed(sum);
        let bit = coder.bit(guess.unsigned_abs(), wanted.wrapping_shr(place) & 1 == 1);
        let miss = i32::from(bit).wrapping_mul(4095).wrapping_sub(guess).wrapping_mul(RATE);
        for (weight, value) in weights.iter_mut().zip(stretched) {
            let step = value.wrapping_mul(miss).wrapping_add(1 << 13).wrapping_shr(14);
            *weight = weight.wrapping_add(step).clamp(-WEIGHT_MAX, WEIGHT_MAX);
        }
        for (row, mut cell) in rows.iter_mut().zip(cells) {
            counter::learn(&mut cell, bit, SEEN_MAX_MIXED);
            if let Some(place) = row.get_mut(inside) {
                *place = cell;
            }
        }
        node = node.wrapping_mul(2) | usize::from(bit);
        set = (set.wrapping_mul(2) | usize::from(bit)) & 255;
    }
    for ((row, table), place) in rows.iter().zip(tables).zip(places) {
        if let Some(words) = table.get_mut(place) {
            for ([low, high], word) in row.as_chunks::<2>().0.iter().zip(words) {
                *word = u32::from(*low) | u32::from(*high).wrapping_shl(16);
            }
        }
    }
    u32::try_from(node & 15).unwrap_or(0)
}

/// The stretched form of each probability.
const STRETCHED: [i16; 4096] = stretched();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler"
)]
const fn stretched() -> [i16; 4096] {
    let mut table = [0; 4096];
    let mut low = -STRETCHED_MAX;
    let mut probability = 0;
    while probability < 4096 {
        while low < STRETCHED_MAX && squash(low) < probability as i32 {
            low = low.wrapping_add(1);
        }
        table[probability] = low as i16;
        probability = probability.wrapping_add(1);
    }
    table
}

/// The probability of each stretched value, from 1 to 4095.
const SQUASHED: [i16; 4096] = squashed_table();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler"
)]
const fn squashed_table() -> [i16; 4096] {
    let mut table = [0; 4096];
    let mut place = 0;
    while place < 4096 {
        let value = squash((place as i32).wrapping_sub(2048));
        table[place] = if value < 1 { 1 } else { value as i16 };
        place = place.wrapping_add(1);
    }
    table
}

fn squashed(stretched: i32) -> i32 {
    let place = usize::try_from(stretched.wrapping_add(2048) & 4095).unwrap_or(0);
    SQUASHED.get(place).copied().map_or(2048, i32::from)
}

fn stretched_of(probability: u32) -> i32 {
    let place = usize::try_from(probability).unwrap_or(0);
    i32::from(STRETCHED.get(place).copied().unwrap_or(0))
}

/// How far weights move.
const RATE: i32 = 6;

/// Largest weight, either way: 8.0.
const WEIGHT_MAX: i32 = 1 << 19;
