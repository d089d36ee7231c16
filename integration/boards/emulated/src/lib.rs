//! What programs on an emulated board share: the calls of the emulator, a gauge of stack and time, and the start of a program on an MPS2 board.
#![no_std]

pub mod gauge;
pub mod host;
mod start;
pub mod timer;
