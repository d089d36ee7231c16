//! What programs on an emulated board share: the calls of the emulator, and a gauge of stack and time.
#![no_std]

pub mod gauge;
pub mod host;
