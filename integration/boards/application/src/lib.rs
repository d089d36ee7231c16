//! The application of the board: all that it does is to keep itself up to date.
//!
//! - It says what it is, and then behaves as its image block says: well, or not.
//! - On trial it tests itself first: its repository must be in reach. Then it is confirmed; a test that fails is written down.
//!   A server that cannot be reached is no failure of the image: it resets, and the bootloader counts the boot.
//! - Then it polls for ever. An image that was installed is tried by the reset that follows.
#![no_std]

mod identity;
mod life;
mod network;
mod report;
mod stream;

pub use life::run;

tuffet_mps2::small_division!();
tuffet_mps2::small_memory!();
tuffet_mps2::tell_panics!();
