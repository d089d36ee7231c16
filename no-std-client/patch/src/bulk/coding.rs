//! What the bulk codec knows of bits: adaptive probabilities, numbers, and bytes as a mixture of few guesses.
//!
//! Most of a large image is copied without a decision, so that what is left may be coded with some care; but a tenth of a
//! microsecond for each bit, as the mixing codec takes, would be too much for what is left of a root filesystem.

use crate::{
    logistic::{STRETCHED_MAX, squash},
    range_decoder::BitCoder,
};

/// A probability: 22 bits of it, and 10 that count what was seen.
pub(crate) type Cell = u32;

/// A cell that has seen nothing.
pub(crate) const FRESH: Cell = 1 << 31;

/// Decisions seen, at most.
const SEEN_MAX: u32 = 160;

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
pub(crate) const INPUTS: usize = 3;

/// Values for half a byte, one for each node of its tree; the first is none.
pub(crate) type Lanes = [i16; 16];

/// Weights of the guesses for each node of half a byte; 16,384 is 1.0.
pub(crate) type Weights = [Lanes; INPUTS];

/// What every weight begins with.
pub(crate) const WEIGHTS: Weights = [[16_384 / 2; 16]; INPUTS];

/// Weights for the first half of a byte, and for the second one behind each first one.
pub(crate) type WeightSet = [Weights; 17];

/// Counters for half a byte, one for each node of its tree, two in each word: half a line of most caches. A counter is a stretched
/// probability in 9 bits, in units of 8, and below that 3 bits that count what was seen; the lowest 4 bits are 0.
pub(crate) type Row = [u32; 8];

/// A row that has seen nothing.
pub(crate) const FRESH_ROW: Row = [0; 8];

/// The bits of a counter that are its probability.
const GUESS: i16 = !127;

/// Codes a byte, highest bit first, in two halves. Each input has a table of rows whose number is a power of two, and says by a hash
/// which two are those of this byte.
pub(crate) fn byte(
    coder: &mut impl BitCoder,
    tables: &mut [&mut [Row]; INPUTS],
    contexts: &[u32; INPUTS],
    weights: &mut WeightSet,
    wanted: u8,
) -> u8 {
    let wanted = u32::from(wanted);
    let [first, behind @ ..] = weights;
    let at = places(tables, contexts, 0);
    let high = half(coder, tables, at, first, wanted.wrapping_shr(4));
    let at = places(tables, contexts, high | 16);
    let mut none = WEIGHTS;
    let second = usize::try_from(high).ok().and_then(|high| behind.get_mut(high));
    let low = half(coder, tables, at, second.unwrap_or(&mut none), wanted & 15);
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

/// Codes half a byte. The guesses of all its nodes are made at once, before the first bit is known, and what is learned waits for the last
/// one: so the bits wait for each other no longer than they must. Inlined, with what it calls: it is most of what a patch takes.
#[inline(always)]
fn half(
    coder: &mut impl BitCoder,
    tables: &mut [&mut [Row]; INPUTS],
    places: [usize; INPUTS],
    weights: &mut Weights,
    wanted: u32,
) -> u32 {
    let [one, two, three] = tables;
    let [at_one, at_two, at_three] = places;
    let (Some(one), Some(two), Some(three)) = (one.get_mut(at_one), two.get_mut(at_two), three.get_mut(at_three))
    else {
        return 0;
    };
    let mut rows = [one, two, three];
    let rows_read = rows.each_ref().map(|row| lanes(row));
    let stretched = stretched_sums(&rows_read, weights);
    let guess_at = |node: usize| squashed(stretched.get(node & 15).copied().unwrap_or(0));
    // Behind a 1, the four bits.
    let mut path = 1_usize;
    let mut guess = guess_at(path);
    let mut guesses = [0; 4];
    for (place, used) in (0..4_u32).rev().zip(guesses.iter_mut().rev()) {
        *used = guess;
        // Both of which one comes next, so that nothing is looked up once the bit is known.
        let (zero, one) = (guess_at(path.wrapping_mul(2)), guess_at(path.wrapping_mul(2) | 1));
        let bit = coder.bit(u32::from(guess), wanted.wrapping_shr(place) & 1 == 1);
        path = path.wrapping_mul(2) | usize::from(bit);
        guess = if bit { one } else { zero };
    }
    let mut misses = [0; 16];
    for (place, guess) in (0..4_u32).zip(guesses) {
        let bit = path.wrapping_shr(place) & 1;
        let node = path.wrapping_shr(place).wrapping_shr(1) & 15;
        let target = if bit == 1 { 4095 } else { 0 };
        let miss = i32::wrapping_sub(target, i32::from(guess)).wrapping_mul(RATE);
        if let Some(place) = misses.get_mut(node) {
            [*place, _] = halves(miss);
        }
        let low = if node & 1 == 1 { 16 } else { 0 };
        for (row, read) in rows.iter_mut().zip(&rows_read) {
            let counter = learned(read.get(node).copied().unwrap_or(0), bit);
            if let Some(word) = row.get_mut(node.wrapping_shr(1)) {
                *word = *word & !0xFFFF_u32.wrapping_shl(low) | u32::from(counter).wrapping_shl(low);
            }
        }
    }
    for (weights, read) in weights.iter_mut().zip(&rows_read) {
        for ((weight, counter), miss) in weights.iter_mut().zip(read).zip(&misses) {
            let step = product(counter & GUESS, *miss).wrapping_add(8).wrapping_shr(4);
            *weight = weight.saturating_add(step);
        }
    }
    u32::try_from(path & 15).unwrap_or(0)
}

/// The counters of a row.
#[inline(always)]
fn lanes(row: &Row) -> Lanes {
    let mut lanes = [0; 16];
    for (pair, word) in lanes.as_chunks_mut::<2>().0.iter_mut().zip(row) {
        *pair = halves(word.cast_signed());
    }
    lanes
}

/// The guess at each node, stretched: sums of weighted guesses, which are in quarters of that.
#[inline(always)]
fn stretched_sums(rows: &[Lanes; INPUTS], weights: &Weights) -> Lanes {
    let mut sums = [0_i16; 16];
    for (row, weights) in rows.iter().zip(weights) {
        for ((sum, counter), weight) in sums.iter_mut().zip(row).zip(weights) {
            *sum = sum.saturating_add(product(counter & GUESS, *weight));
        }
    }
    sums.map(|quarters| quarters.wrapping_shr(2).clamp(-STRETCHED_BOUND, STRETCHED_BOUND))
}

/// The lower and the upper half of a word.
const fn halves(word: i32) -> [i16; 2] {
    let [a, b, c, d] = word.to_le_bytes();
    [i16::from_le_bytes([a, b]), i16::from_le_bytes([c, d])]
}

/// A product, in units of 65,536, rounded down.
#[inline(always)]
fn product(one: i16, other: i16) -> i16 {
    let [_, high] = halves(i32::from(one).wrapping_mul(i32::from(other)));
    high
}

/// A counter that learned a bit.
#[inline(always)]
fn learned(counter: i16, bit: usize) -> u16 {
    let place = usize::from(counter.cast_unsigned().wrapping_shr(4));
    // Not a pair, of which one would be taken by a branch.
    LEARNED.get(place.wrapping_mul(2) | bit).copied().unwrap_or(0)
}

/// What each counter becomes by a 0, and behind that by a 1.
static LEARNED: [u16; 8192] = learned_table();

/// Parts of 16,384 by which a counter moves, by what it has seen.
const RATES: [i32; 8] = [10_922, 6_553, 4_681, 3_641, 2_979, 2_184, 1_724, 1_365];

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler"
)]
const fn learned_table() -> [u16; 8192] {
    let mut table = [0; 8192];
    let stretched = stretched();
    let mut place = 0_usize;
    while place < 4096 {
        let seen = place & 7;
        // 9 bits with a sign, in units of 8.
        let guess = (place as i32).wrapping_shl(20).wrapping_shr(23).wrapping_mul(8);
        let guess = squash(guess);
        let mut bit = 0_usize;
        while bit < 2 {
            let gap = (bit as i32).wrapping_mul(4095).wrapping_sub(guess);
            let nearer = guess.wrapping_add(gap.wrapping_mul(RATES[seen]).wrapping_shr(14));
            let rounded = (stretched[nearer as usize] as i32).wrapping_add(4).wrapping_shr(3);
            let value = if rounded > 255 { 255 } else { rounded };
            let seen = if seen < 7 { seen.wrapping_add(1) } else { seen };
            table[place.wrapping_mul(2) | bit] = (value.wrapping_shl(7) as u16) | (seen as u16).wrapping_shl(4);
            bit = bit.wrapping_add(1);
        }
        place = place.wrapping_add(1);
    }
    table
}

/// The stretched form that is nearest to each probability.
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
        let wanted = probability as i32;
        while low < STRETCHED_MAX && squash(low).wrapping_add(squash(low.wrapping_add(1))) < wanted.wrapping_mul(2) {
            low = low.wrapping_add(1);
        }
        table[probability] = low as i16;
        probability = probability.wrapping_add(1);
    }
    table
}

/// The probability of each stretched value, from 1 to 4095.
static SQUASHED: [u16; 4096] = squashed_table();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler"
)]
const fn squashed_table() -> [u16; 4096] {
    let mut table = [0; 4096];
    let mut place = 0;
    while place < 4096 {
        let value = squash((place as i32).wrapping_sub(2048));
        table[place] = if value < 1 { 1 } else { value as u16 };
        place = place.wrapping_add(1);
    }
    table
}

/// The probability that a stretched one stands for.
#[inline(always)]
fn squashed(stretched: i16) -> u16 {
    let place = usize::from(stretched.wrapping_add(2048).cast_unsigned() & 4095);
    SQUASHED.get(place).copied().unwrap_or(2048)
}

/// [`STRETCHED_MAX`] as guesses are.
const STRETCHED_BOUND: i16 = 2047;
const _: () = assert!(STRETCHED_MAX == 2047);

/// How far weights move.
const RATE: i32 = 6;
