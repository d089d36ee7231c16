//! Power cuts, by exhaustion and at random: what `cargo xtask powercut` runs, and what the tests assert.
//!
//! - [`operations`]: every operation of a whole device in every scenario, cut once in every way, and then a second time.
//! - [`lives`]: long lives with many cuts.
//! - [`pairs`]: a part that only boots, on several write units, with all pairs of cuts.
//! - [`rot`]: single bits that flip. [`faults`]: operations that fail, units that are stuck, erases that read differently.
//! - [`failing`]: exchanges on a part that fails, cut; and a journal that cannot be read or written.
//!
//! What may happen to a part is written down in [`nor`](crate::nor), what must hold in [`life`](crate::life). A sweep only says what
//! was tried, and what was found.

pub mod boots;
pub mod failing;
pub mod faults;
pub mod lives;
pub mod operations;
pub mod pairs;
pub mod program;
pub mod rot;
pub mod swap;
mod sweep;

pub use sweep::{Depth, Sweep, Tally, Tried};

use crate::life::scenarios;
use tuffet_no_std_client::flash::{Swap, Xip};

/// The seed of everything that is random and not a life of its own.
pub const SEED: u64 = 0x7466_6675;

/// Random cuts of a whole device in a deep run, and as many of a part that only boots.
pub const RANDOM_CUTS_MIN: usize = 100_000;

/// A sweep that is still to come.
pub type Planned = (&'static str, fn(Depth) -> Sweep);

/// Every sweep, those first that take seconds.
pub const SWEEPS: &[Planned] = &[
    ("boots-once", |_| pairs::once()),
    ("boots-twice", pairs::twice),
    ("boots-often", pairs::often),
    ("rot-boot-record", rot::of_the_boot_record),
    ("rot-images", |_| rot::of_images()),
    ("rot-journal", rot::of_the_journal),
    ("rot-journal-after-cut", |_| rot::of_a_begin_after_a_cut()),
    ("undone", failing::while_undone),
    ("journal-unreadable", failing::unreadable_journal),
    ("journal-worn", failing::worn_journal),
    ("errors-and-cuts", failing::errors_and_cuts),
    ("rot-state", |_| rot::of_the_state()),
    ("rot-saved-decoders", rot::of_saved_decoders),
    ("rot-patch", rot::of_a_patch),
    ("stuck", |_| faults::stuck_units()),
    ("unstable", faults::unstable_erases),
    ("fail", faults::operations_that_fail),
    ("swap", swap_once),
    ("swap-twice", swap_twice),
    ("device", device_once),
    ("device-twice", device_twice),
    ("lives", |depth| {
        lives::with_random_cuts::<Xip>("lives of a device, cut at random", lives::lives(depth))
    }),
    ("lives-swap", |depth| {
        let name = "lives of a device that exchanges its slots, cut at random";
        lives::with_random_cuts::<Swap>(name, lives::lives(depth) / 4)
    }),
];

/// Sweeps that find the known bugs of others in seconds.
pub const SHORT: &[&str] = &[
    "boots-once",
    "boots-twice",
    "boots-often",
    "rot-boot-record",
    "rot-images",
    "rot-journal",
    "rot-journal-after-cut",
    "undone",
    "journal-unreadable",
    "journal-worn",
    "errors-and-cuts",
];

/// Every operation of every scenario of a device whose images run where they lie.
#[must_use]
pub fn device_once(depth: Depth) -> Sweep {
    let all = operations::record::<Xip>(scenarios());
    operations::cut_once("a whole device, cut once", &operations::places(&all, depth))
}

/// The same, and a second cut.
#[must_use]
pub fn device_twice(depth: Depth) -> Sweep {
    let all = operations::record::<Xip>(scenarios());
    let mut places = operations::places(&all, depth);
    if depth != Depth::Deep {
        let mut index = 0_usize;
        places.retain(|place| {
            index += 1;
            !place.region().starts_with("checkpoint") || index.is_multiple_of(8)
        });
    }
    operations::cut_twice("a whole device, cut twice", &places)
}

/// Every operation of an exchange, and what the boot record says of it.
#[must_use]
pub fn swap_once(depth: Depth) -> Sweep {
    let all = operations::record(swap::scenarios());
    let mut places = operations::places(&all, depth);
    if depth != Depth::Deep {
        places.retain(|place| swap::PARTS.contains(&place.region()));
    }
    operations::cut_once("a whole device that exchanges its slots, cut once", &places)
}

/// The same, and a second cut.
#[must_use]
pub fn swap_twice(depth: Depth) -> Sweep {
    let all = operations::record(swap::scenarios());
    let mut places = operations::places(&all, depth);
    places.retain(|place| swap::PARTS.contains(&place.region()));
    operations::cut_twice("a whole device that exchanges its slots, cut twice", &places)
}
