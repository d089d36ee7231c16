//! `tuffet-emulated-board`: the emulated board as a program that one can watch.

use clap::Parser as _;
use std::process::ExitCode;
use tuffet_integration::emulated_board::{Arguments, main as run};

fn main() -> ExitCode {
    ExitCode::from(run(&Arguments::parse()))
}
