//! The application, linked for a place outside the slots: it runs for images that are no programs, as those of the attack table.
#![no_std]
#![no_main]

use tuffet_no_std_client::flash::Xip;

tuffet_mps2::start_with!(tuffet_application::run::<Xip>);
