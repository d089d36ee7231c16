//! Which cuts of a life are tried.

use super::{Area, Operation};
use crate::nor::{Cut, Kind, Random, Tear, Tears};
use std::collections::BTreeMap;
use std::fmt;
use tuffet_board_layout::microbit::{ERASE_BYTES, WRITE_BYTES};

/// How an operation that was cut ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// It was not begun.
    NotDone,
    /// It is done, and nobody heard of it.
    Done,
    /// Of a word, random bits are programmed.
    SomeBits,
    /// Of a page, some bytes are erased: from its beginning, or up to its end.
    PartErased,
    /// Of a page, random bits are erased: what one reading finds of a page that reads differently each time.
    Unsteady,
}

impl Rule {
    /// The rule of a tear.
    ///
    /// # Panics
    ///
    /// When a single word or page does not end so.
    #[must_use]
    pub fn of(tear: Tear, operation: Operation) -> Self {
        match (tear, operation) {
            (Tear::Before, _) => Self::NotDone,
            (Tear::After, _) => Self::Done,
            (Tear::Programming { .. } | Tear::Bits { .. }, Operation::Write { .. }) => Self::SomeBits,
            (Tear::ErasedHead { .. } | Tear::ErasedTail { .. }, Operation::Erase { .. }) => Self::PartErased,
            (Tear::Bits { .. }, Operation::Erase { .. }) => Self::Unsteady,
            (tear, operation) => panic!("{operation:?} does not end so: {tear:?}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotDone => "not done",
            Self::Done => "done",
            Self::SomeBits => "some bits",
            Self::PartErased => "part erased",
            Self::Unsteady => "unsteady",
        })
    }
}

/// So many `times` for each area and kind: a random operation of it for each rule.
#[must_use]
pub fn sample(operations: &[Operation], seed: u64, times: usize) -> Vec<Cut> {
    let mut places = BTreeMap::<(Area, bool), Vec<usize>>::new();
    for (index, operation) in operations.iter().enumerate() {
        let is_write = matches!(operation, Operation::Write { .. });
        places.entry((operation.area(), is_write)).or_default().push(index);
    }
    let mut random = Random::new(seed);
    let mut cuts = Vec::new();
    for _ in 0..times {
        for places in places.values() {
            let mut rules = Vec::new();
            for tear in shuffled(tears_of(operations[places[0]], 0, random.number()), &mut random) {
                let index = places[random.below(places.len())];
                let rule = Rule::of(tear, operations[index]);
                if !rules.contains(&rule) {
                    rules.push(rule);
                    cuts.push(Cut { operation: index, tear });
                }
            }
        }
    }
    shuffled(cuts, &mut random)
}

/// Every operation, in random order: of the boot record in each way, the others in one way each. Of the words of saved decoders and
/// slots, which are nine of ten operations, one in so many.
#[must_use]
pub fn every(operations: &[Operation], seed: u64, one_word_in: usize) -> Vec<Cut> {
    let mut random = Random::new(seed);
    let mut cuts = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let area = operation.area();
        let is_long = matches!(area, Area::Checkpoints | Area::Slots);
        if is_long && matches!(operation, Operation::Write { .. }) && random.below(one_word_in) > 0 {
            continue;
        }
        let mut tears = shuffled(tears_of(*operation, index, seed), &mut random);
        if area != Area::BootRecord {
            tears.truncate(1);
        }
        cuts.extend(tears.into_iter().map(|tear| Cut { operation: index, tear }));
    }
    shuffled(cuts, &mut random)
}

fn tears_of(operation: Operation, index: usize, seed: u64) -> Vec<Tear> {
    let (kind, bytes) = match operation {
        Operation::Erase { .. } => (Kind::Erase, ERASE_BYTES),
        Operation::Write { .. } => {
            let unit_bytes = WRITE_BYTES;
            (Kind::Write { unit_bytes }, unit_bytes)
        }
    };
    Tears::Inside { seed }.of(kind, bytes, index)
}

fn shuffled<T>(mut items: Vec<T>, random: &mut Random) -> Vec<T> {
    for place in (1..items.len()).rev() {
        items.swap(place, random.below(place + 1));
    }
    items
}
