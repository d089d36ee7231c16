//! The same as the resident one, where the bootloader exchanges the images that are no programs.
#![no_std]
#![no_main]

use tuffet_no_std_client::flash::Swap;

tuffet_mps2::start_with!(tuffet_application::run::<Swap>);
