//! `tuffet-emulated-board`: the emulated board as a program that one can watch: a device of the demo.
//!
//! - `images` makes versions of the board's application, good and bad ones, for a vendor to release.
//! - `run` provisions a board from a repository on this machine, switches it on, and prints what its serial port says. The board
//!   lives as long as the standard input of the program: whoever started it and ends takes the emulator along.
//! - The firmware is what `cargo xtask board` built.

mod images;
mod run;
mod trouble;

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "Exit codes: 0 done · 2 usage · 3 the file system said no";

/// The emulated board, as a device of the demo.
#[derive(Debug, Parser)]
#[command(name = "tuffet-emulated-board", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a version of the application, one image for each slot, and says where they are and what slots are.
    Images(images::Arguments),
    /// Provisions a board, switches it on, and prints what it says until standard input ends.
    Run(run::Arguments),
}

/// Does what the arguments say, and answers the exit code.
#[must_use]
pub fn main(arguments: &Arguments) -> u8 {
    let done = match &arguments.command {
        Command::Images(arguments) => images::command(arguments),
        Command::Run(arguments) => run::command(arguments),
    };
    match done {
        Ok(()) => 0,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            trouble.exit_code()
        }
    }
}
