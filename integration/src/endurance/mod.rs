//! How long a part lasts: what many updates, many quiet days and many roots wear, on a map as real devices have it.
//!
//! - [`Part`] is a small device on the flash model with the map of a micro:bit, 256 KiB in pages of 1 KiB. All that touches its flash
//!   is the product: client, bootloader, boot record.
//! - [`updates`] goes back and forth between two versions, each of them tried and confirmed. [`quiet`] is a device that finds nothing
//!   new, day after day. [`slept`] is one that was off for years, while its repository replaced its root over and over.
//! - [`Worn`] is what that cost, page by page, from behind the factory on.
//!
//! ```
//! use tuffet_integration::endurance::{Kind, updates};
//!
//! let worn = updates(3, 12 * 1024, Kind::Delta);
//! assert_eq!(worn.times, 3);
//! assert!(worn.region("slot B").erases_max <= 2, "every second update goes there");
//! ```

mod part;
pub mod program;
mod quiet;
mod slept;
mod updates;
mod worn;

pub use part::{CAPACITY_BYTES, MAP, Part};
pub use quiet::quiet;
pub use slept::{Cuts, Slept, slept};
pub use updates::{Kind, updates};
pub use worn::{ERASES_MAX, Worn};

/// When it begins.
const NOW: u64 = 1_800_000_000;
