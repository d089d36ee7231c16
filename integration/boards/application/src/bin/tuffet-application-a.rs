//! The application, linked for slot A.
#![no_std]
#![no_main]

use tuffet_no_std_client::flash::Xip;

tuffet_mps2::start_with!(tuffet_application::run::<Xip>);
