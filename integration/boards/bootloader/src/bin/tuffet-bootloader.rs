//! The bootloader of a board whose images run where they lie.
#![no_std]
#![no_main]

use tuffet_no_std_client::flash::Xip;

tuffet_mps2::start_with!(tuffet_bootloader::boot::<Xip>);
