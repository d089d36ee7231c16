//! Drivers of the nRF51. All code that may do anything stands here; the programs have no unsafe code.
//!
//! - [`start`] sets up memory and enters a program; [`leave`](start::leave) enters the next one, and forwards interrupts to it.
//! - [`Nvmc`] is the flash, whose every operation goes through two functions that a debugger can stop at.
//! - [`serial`] writes the lines of the contract, [`Port`] is the same port as a stream of bytes.
//! - [`Clock`] counts by an interrupt, [`random`] is the source of randomness, [`watchdog`] resets a program that hangs, and
//!   [`reset_reason`] says why the part began.
#![no_std]

mod clock;
mod division;
mod memory;
mod nvmc;
mod port;
pub mod random;
pub mod serial;
pub mod start;
pub mod watchdog;

pub use clock::Clock;
pub use nvmc::{Nvmc, NvmcError};
pub use port::Port;
pub use serial::Line;
pub use start::reset_reason;
pub use tuffet_program::{Stack, report};
