//! Drivers of the emulated board `mps2-an385`. All code that may do anything stands here; the programs have no unsafe code.
//!
//! - [`start`](start_with) sets up memory and enters a program; [`leave`](start::leave) enters the next one.
//! - [`Nor`] is the flash, and holds the program to the rules of NOR flash.
//! - [`serial`] writes the lines of the contract, [`Port`] is the same port as a stream of bytes, [`watchdog`] resets a program that hangs, [`Clock`] counts.
//! - [`Control`] is the block by which the host stands in for what the emulator does not have.
//! - `Lan9118`, with the feature `ethernet`, is the network chip.
#![no_std]

mod clock;
mod control;
mod division;
#[cfg(feature = "ethernet")]
mod lan9118;
mod memory;
mod nor;
mod port;
pub mod serial;
pub mod start;
mod tear;
pub mod watchdog;

pub use clock::Clock;
pub use control::Control;
#[cfg(feature = "ethernet")]
pub use lan9118::Lan9118;
pub use nor::Nor;
pub use port::Port;
pub use serial::Line;
pub use tuffet_program::{Stack, report};
