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

/// What was charged, in parts of [`PRICE_OF_BIT`].
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
    /// About what many patches had.
    pub(crate) fn new() -> Self {
        let starts = |first: u32| {
            let mut classes = (0..).map(|class: u32| first.max(250) + class.min(7) * 65 + class.saturating_sub(7) * 64);
            [(); CLASSES].map(|()| Average::of(classes.next().unwrap_or(0)))
        };
        Self {
            hits: [27, 18, 14, 18, 15, 9, 5, 1].map(Average::of),
            fields: [260, 6, 75].map(Average::of),
            again: [350; RUNS].map(Average::of),
            misses: [160, 230, 210, 145, 210, 230, 260, 360].map(Average::of),
            changes: changes(),
            missed: Vec::new(),
            ends: [
                [350, 290, 340, 300, 310, 330, 360, 450].map(Average::of),
                [400, 200, 300, 220, 190, 250, 290, 340].map(Average::of),
            ],
            starts: [starts(310), starts(310)],
            known_starts: [400, 440].map(Average::of),
        }
    }

    fn run(hits: u8) -> usize {
        steps(hits) as usize
    }

    fn side(origin: Origin) -> usize {
        usize::from(origin == Origin::New)
    }

    pub(crate) fn add_hit(&mut self, hits: u8, price: u64) {
        self.hits[Self::run(hits)].add(price);
    }

    /// All bytes of an address.
    pub(crate) fn add_field(&mut self, kind: usize, bytes: u8, price: u64) {
        self.fields[kind].add(price / u64::from(bytes));
    }

    pub(crate) fn add_miss(&mut self, hits: u8, change: u8, is_again: bool, price: u64) {
        match is_again {
            true => self.again[Self::run(hits)].add(price),
            false => self.missed.push((hits, change, price)),
        }
    }

    pub(crate) fn add_end(&mut self, origin: Origin, hits: u8, price: u64) {
        self.ends[Self::side(origin)][Self::run(hits)].add(price);
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
    pub(crate) fn settle(mut self) -> Prices {
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
        self.prices()
    }

    /// The averages of what was added.
    fn prices(&self) -> Prices {
        let of_runs = |averages: &[Average; RUNS]| averages.each_ref().map(Average::price);
        let hits = of_runs(&self.hits);
        let mut runs = (0..=u8::MAX).map(|run| hits[Self::run(run)]);
        Prices {
            hits: [(); 256].map(|()| runs.next().unwrap_or(0)),
            fields: self.fields.each_ref().map(Average::price),
            again: of_runs(&self.again),
            misses: of_runs(&self.misses),
            changes: self.changes,
            ends: self.ends.each_ref().map(of_runs),
            starts: self
                .starts
                .each_ref()
                .map(|starts| starts.each_ref().map(Average::price)),
            known_starts: self.known_starts.each_ref().map(Average::price),
        }
    }
}

/// What each kind of event costs, in parts of [`PRICE_OF_BIT`].
pub(crate) struct Prices {
    /// By how many bytes were as expected before.
    hits: [u32; 256],
    fields: [u32; 3],
    again: [u32; RUNS],
    misses: [u32; RUNS],
    changes: [u32; 256],
    ends: [[u32; RUNS]; 2],
    starts: [[u32; CLASSES]; 2],
    known_starts: [u32; 2],
}

impl Prices {
    /// A copy that is dearer than another way by this is not worth to be followed.
    pub(crate) const RESTART: u64 = 32 * PRICE_OF_BIT as u64;

    /// About what many patches had.
    pub(crate) fn usual() -> Self {
        Ledger::new().prices()
    }

    /// A byte that is as expected, behind so many.
    pub(crate) fn hit(&self, hits: u8) -> u32 {
        self.hits[usize::from(hits)]
    }

    /// A byte of an address.
    pub(crate) fn field(&self, kind: usize) -> u32 {
        self.fields[kind]
    }

    /// A byte that changed, behind so many that did not.
    pub(crate) fn miss(&self, hits: u8, change: u8, is_again: bool) -> u32 {
        let run = Ledger::run(hits);
        match is_again {
            true => self.again[run],
            false => self.misses[run] + self.changes[usize::from(change)],
        }
    }

    /// The end of a copy.
    pub(crate) fn end(&self, origin: Origin, hits: u8) -> u32 {
        self.ends[Ledger::side(origin)][Ledger::run(hits)]
    }

    /// The start of a copy, by what is remembered of those before.
    pub(crate) fn start(&self, origin: Origin, from: u32, at: u32, diagonals: [u32; 2], distance: u32) -> u32 {
        match Start::of(origin, from, at, diagonals, distance) {
            Start::Known(which) => self.known_starts[which],
            Start::Told(side, class) => self.starts[side][class],
        }
    }
}

/// What changes cost: less if they are near, or not in the lowest bits.
fn changes() -> [u32; 256] {
    let mut changes = (0_u32..256).map(|change| {
        let change = change.min(256 - change);
        let bits = u32::BITS - change.leading_zeros();
        let aligned = change.trailing_zeros().min(4);
        (250 + bits * 60 - aligned * 50).min(10 * PRICE_OF_BIT)
    });
    [(); 256].map(|()| changes.next().unwrap_or(0))
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
