//! An operation of the flash controller, and a list of them.

use super::{Area, MicrobitNor};
use crate::nor::{self, Journal, Kind};
use embedded_storage::nor_flash::NorFlash as _;
use std::collections::BTreeMap;
use tuffet_board_layout::microbit::{ERASE_BYTES, WRITE_BYTES};

/// What the controller does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sets all bits of a page.
    Erase {
        /// Where the page begins.
        address: u32,
    },
    /// Clears bits of a word.
    Write {
        /// Where the word is.
        address: u32,
        /// The bits that stay.
        word: u32,
    },
}

impl Operation {
    /// Where it is done.
    #[must_use]
    pub const fn address(self) -> u32 {
        match self {
            Self::Erase { address } | Self::Write { address, .. } => address,
        }
    }

    /// The part of the flash that it changes.
    #[must_use]
    pub fn area(self) -> Area {
        Area::of(self.address())
    }

    /// An operation of the host's model as those of the controller: a write is one for each word, in ascending order.
    ///
    /// # Panics
    ///
    /// When it lies behind 4 GiB.
    pub fn of_model(operation: &nor::Operation) -> Vec<Self> {
        let address = u32::try_from(operation.offset).expect("it is in the flash");
        match operation.kind {
            Kind::Erase => vec![Self::Erase { address }],
            Kind::Write { .. } => {
                let (words, _) = operation.new.as_chunks::<WRITE_BYTES>();
                let word = |(address, word): (u32, &[u8; WRITE_BYTES])| Self::Write {
                    address,
                    word: u32::from_le_bytes(*word),
                };
                (address..).step_by(WRITE_BYTES).zip(words).map(word).collect()
            }
        }
    }
}

/// Does these to a flash of the host that holds this, and keeps the journal: it knows what any cut leaves. The model's rules hold
/// for them, such as that no word is written twice.
///
/// # Panics
///
/// When one of them breaks a rule of the flash.
#[must_use]
pub fn replayed(flash: Vec<u8>, operations: &[Operation]) -> Journal {
    let mut nor = MicrobitNor::with_contents(flash);
    nor.record();
    for operation in operations {
        let done = match *operation {
            Operation::Erase { address } => nor.erase(address, address + ERASE_BYTES as u32),
            Operation::Write { address, word } => nor.write(address, &word.to_le_bytes()),
        };
        done.expect("the power is on");
    }
    nor.take_journal()
}

/// How many erases and writes each area has.
#[must_use]
pub fn counted(operations: &[Operation]) -> BTreeMap<Area, [usize; 2]> {
    let mut counts = BTreeMap::<Area, [usize; 2]>::new();
    for operation in operations {
        let index = usize::from(matches!(operation, Operation::Write { .. }));
        counts.entry(operation.area()).or_default()[index] += 1;
    }
    counts
}
