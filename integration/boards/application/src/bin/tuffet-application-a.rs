//! The application, linked for slot A.
#![no_std]
#![no_main]

tuffet_mps2::start_with!(tuffet_application::run);
