//! The application, linked for the one place where images run that a bootloader exchanges.
#![no_std]
#![no_main]

use tuffet_no_std_client::flash::Swap;

tuffet_mps2::start_with!(tuffet_application::run::<Swap>);
