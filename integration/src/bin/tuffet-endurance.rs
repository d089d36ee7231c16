//! `tuffet-endurance`: how long the flash of a small device lasts, as a program.

use clap::Parser as _;
use tuffet_integration::endurance::program::{Arguments, main as run};

fn main() {
    run(&Arguments::parse());
}
