//! The bootloader of a board whose images run at one address.
#![no_std]
#![no_main]

use tuffet_no_std_client::flash::Swap;

tuffet_mps2::start_with!(tuffet_bootloader::boot::<Swap>);
