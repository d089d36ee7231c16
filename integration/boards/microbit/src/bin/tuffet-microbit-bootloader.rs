//! The bootloader.
#![no_std]
#![no_main]

tuffet_nrf51::start_with!(bootloader tuffet_microbit::boot);
