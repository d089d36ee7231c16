//! `tuffet-powercut`: the power cuts of simulated devices, as a program.

use clap::Parser as _;
use std::process::ExitCode;
use tuffet_integration::powercut::program::{Arguments, main as run};

fn main() -> ExitCode {
    if run(&Arguments::parse()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
