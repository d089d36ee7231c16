//! `tuffet-flash-device`: a simulated device without an operating system.

use clap::Parser as _;
use std::process::ExitCode;
use tuffet_integration::flash_device::{Arguments, main as run};

fn main() -> ExitCode {
    ExitCode::from(run(&Arguments::parse()))
}
