//! The life of a small device whose power may go at any moment, and what must hold at each of them.
//!
//! - A [`Scenario`] is what a device goes through: what its flash holds at first, what the repository offers in which order,
//!   and how it must end.
//! - A [`Life`] is one device: it boots, tries out, asks the repository, and is looked at whenever the power comes.
//! - A [`Recorded`] scenario knows every flash operation of a life without a cut, and what held between any two of them. So
//!   each cut costs only the life after it.
//!
//! What must hold whenever the power comes:
//!
//! | | |
//! | --- | --- |
//! | boots | something runs; it hashes to an image of the scenario, and to none whose trial has failed |
//! | counter | never falls, and is never above the confirmed image |
//! | slots | hold what the boot record says of them: confirmed, on trial, or the image before |
//! | trusted state | can be read; no version falls; root and snapshot that it names are in an area |
//! | one cut | boot record and trusted state are those before or those after the operation that was cut |
//! | goes on | the same repository leads to the end of the scenario, in a bounded number of boots and cycles |
//! | flash | no rule of the part is broken; no access after the power went; no more erases than are granted |

mod living;
mod moment;
mod parallel;
mod recorded;
mod scenario;

pub use living::{Life, Off, Rest, Spent};
pub use moment::Moment;
pub use parallel::Findings;
pub use recorded::{Recorded, Recovered, recovered, wear_table};
pub use scenario::{
    Fate, Firmware, Scenario, bad_and_hanging, bad_and_saying_so, delta, full, lifetime, long_logs, resumed, scenarios,
    short_trial,
};
