//! The application, linked for slot A.
#![no_std]
#![no_main]

tuffet_nrf51::start_with!(application tuffet_microbit::run);
