//! The model against its own specification.

mod journal;
mod rules;
mod tally;
mod tears;

use super::*;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// Two erase units.
const CAPACITY: usize = 2 * 1_024;

/// A part which holds nothing but zeros.
fn programmed() -> SmallNor {
    SmallNor::with_contents(vec![0; CAPACITY])
}
