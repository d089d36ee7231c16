//! The application, linked for a place behind the flash, for images that are no programs.
#![no_std]
#![no_main]

tuffet_nrf51::start_with!(application tuffet_microbit::run);
