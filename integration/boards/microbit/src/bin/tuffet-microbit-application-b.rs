//! The application, linked for slot B.
#![no_std]
#![no_main]

tuffet_nrf51::start_with!(application tuffet_microbit::run);
