//! Bootloader and application of the board `microbit`.
#![no_std]

mod bootloader;
mod life;

pub use bootloader::boot;
pub use life::run;

tuffet_nrf51::small_division!();
tuffet_nrf51::small_memory!();
tuffet_nrf51::shorten_panics!();
