//! What the coder charged for each kind of event, on average: the prices of the next try.

use crate::{
    encode::range_encoder::{PRICE_OF_BIT, price},
    model::{Origin, fold, steps},
};
use std::{mem::take, vec::Vec};

/// A sum, and how many it is of. It begins with a guess, as if that had been seen a few times.
#[derive(Copy, Clone)]
struct Average {
    sum: u64,
    count: u64,
}

impl Average {
    const WEIGHT: u64 = 8;

    const fn of(price: u32) -> Self {
        Self {
            sum: price as u64 * Self::WEIGHT,
            count: Self::WEIGHT,
        }
    }

    const fn add(&mut self, price: u64) {
        self.sum += price;
        self.count += 1;
    }

    const fn price(&self) -> u32 {
        (self.sum / self.count) as u32
    }
}

/// Steps of a run.
const RUNS: usize = 8;
/// Classes of a number: its bits.
const CLASSES: usize = 33;

/// Prices of events, in parts of [`PRICE_OF_BIT`].
#[derive(Clone)]
pub(crate) struct Ledger {
    hits: [Average; RUNS],
    /// Of bytes of addresses, by what is known of the field.
    fields: [Average; 3],
    /// Of bytes that changed as the last one at their place.
    again: [Average; RUNS],
    /// Of others, without what the change itself costs.
    misses: [Average; RUNS],
    changes: [u32; 256],
    /// Those that were added and not settled.
    missed: Vec<(u8, u8, u64)>,
    ends: [[Average; RUNS]; 2],
    /// Starts of copies, by the class of the number that says where, for each image.
    starts: [[Average; CLASSES]; 2],
    /// Of those beside the copy before the last, and as far back as the last.
    known_starts: [Average; 2],
}

impl Ledger {
    /// A copy that is dearer than another way by this is not worth to be followed.
    pub(crate) const RESTART: u64 = 48 * PRICE_OF_BIT as u64;

    /// About what many patches had.
    pub(crate) fn new() -> Self {
        let bit = PRICE_OF_BIT;
        let mut starts = [[Average::of(4 * bit); CLASSES]; 2];
        for (bits, places) in (1..).zip(1..CLASSES) {
            for table in &mut starts {
                table[places] = Average::of((4 + bits) * bit);
            }
        }
        Self {
            hits: [64, 40, 30, 20, 14, 8, 4, 2].map(|part| Average::of(part * bit / 64)),
            fields: [Average::of(4 * bit), Average::of(bit / 4), Average::of(bit / 2)],
            again: [Average::of(5 * bit); RUNS],
            misses: [Average::of(3 * bit); RUNS],
            changes: [8 * bit; 256],
            missed: Vec::new(),
            ends: [[Average::of(5 * bit); RUNS]; 2],
            starts,
            known_starts: [Average::of(6 * bit); 2],
        }
    }

    fn run(hits: u8) -> usize {
        steps(hits) as usize
    }

    fn side(origin: Origin) -> usize {
        usize::from(origin == Origin::New)
    }

    /// A byte that is as expected, behind so many.
    pub(crate) fn hit(&self, hits: u8) -> u32 {
        self.hits[Self::run(hits)].price()
    }

    pub(crate) fn add_hit(&mut self, hits: u8, price: u64) {
        self.hits[Self::run(hits)].add(price);
    }

    /// A byte of an address.
    pub(crate) fn field(&self, kind: usize) -> u32 {
        self.fields[kind].price()
    }

    /// All bytes of an address.
    pub(crate) fn add_field(&mut self, kind: usize, bytes: u8, price: u64) {
        self.fields[kind].add(price / u64::from(bytes));
    }

    /// A byte that changed, behind so many that did not.
    pub(crate) fn miss(&self, hits: u8, change: u8, is_again: bool) -> u32 {
        let run = Self::run(hits);
        match is_again {
            true => self.again[run].price(),
            false => self.misses[run].price() + self.changes[usize::from(change)],
        }
    }

    pub(crate) fn add_miss(&mut self, hits: u8, change: u8, is_again: bool, price: u64) {
        match is_again {
            true => self.again[Self::run(hits)].add(price),
            false => self.missed.push((hits, change, price)),
        }
    }

    /// The end of a copy.
    pub(crate) fn end(&self, origin: Origin, hits: u8) -> u32 {
        self.ends[Self::side(origin)][Self::run(hits)].price()
    }

    pub(crate) fn add_end(&mut self, origin: Origin, hits: u8, price: u64) {
        self.ends[Self::side(origin)][Self::run(hits)].add(price);
    }

    /// The start of a copy, by what is remembered of those before.
    pub(crate) fn start(&self, origin: Origin, from: u32, at: u32, diagonals: [u32; 2], distance: u32) -> u32 {
        match Start::of(origin, from, at, diagonals, distance) {
            Start::Known(which) => self.known_starts[which].price(),
            Start::Told(side, class) => self.starts[side][class].price(),
        }
    }

    pub(crate) fn add_start(
        &mut self,
        origin: Origin,
        from: u32,
        at: u32,
        (diagonals, distance): ([u32; 2], u32),
        price: u64,
    ) {
        match Start::of(origin, from, at, diagonals, distance) {
            Start::Known(which) => self.known_starts[which].add(price),
            Start::Told(side, class) => self.starts[side][class].add(price),
        }
    }

    /// Everything was added: now it is known how often each change came.
    pub(crate) fn settle(&mut self) {
        let missed = take(&mut self.missed);
        let mut counts = [1_u64; 256];
        for (_, change, _) in &missed {
            counts[usize::from(*change)] += 2;
        }
        let total: u64 = counts.iter().sum();
        self.changes = counts.map(|count| price((count * 4096 / total) as u32));
        for (hits, change, price) in missed {
            let of_change = u64::from(self.changes[usize::from(change)]);
            self.misses[Self::run(hits)].add(price.saturating_sub(of_change));
        }
    }
}

/// How the place of a copy is told.
enum Start {
    /// It is remembered: beside the copy before the last, or as far back as the last.
    Known(usize),
    /// By a number of this class, for this image.
    Told(usize, usize),
}

impl Start {
    fn of(origin: Origin, from: u32, at: u32, [near, before]: [u32; 2], distance: u32) -> Self {
        let class = |number: u32| (u32::BITS - number.leading_zeros()) as usize;
        let diagonal = from.wrapping_sub(at);
        let back = at.wrapping_sub(from);
        match origin {
            Origin::Old if diagonal == before && before != near => Self::Known(0),
            Origin::Old => Self::Told(0, class(fold(diagonal.wrapping_sub(near)))),
            Origin::New if back == distance => Self::Known(1),
            Origin::New => Self::Told(1, class(back)),
        }
    }
}
