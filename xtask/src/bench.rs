//! `cargo xtask bench`: figures, each made by a command that anybody can run again.

mod decoder;
mod delta;
pub mod emulator;
mod growth;
mod measure;
mod stack;
mod verify;
mod verify_small;
mod wear;

use std::path::Path;

use clap::Subcommand;

use crate::failure::Failure;

/// Measure something.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Flash, RAM and instructions of the patch decoder for each pair in a folder, on emulated microcontrollers.
    Decoder(decoder::Arguments),
    /// Bytes, seconds and memory of patches for each pair in a folder, as `cargo xtask corpus` makes it.
    Delta(delta::Arguments),
    /// Seconds and memory of patches as images grow, from 20 KB to 1 GiB.
    Growth(growth::Arguments),
    /// Run a program and say what it took, for the other benchmarks.
    #[command(hide = true)]
    Measure(measure::Arguments),
    /// Stack and instructions of each phase of a small device, on an emulated microcontroller.
    Stack(stack::Arguments),
    /// Time and memory of a fresh client, beside other TUF clients, and of large targets roles.
    Verify(verify::Arguments),
    /// Flash, RAM and instructions of the metadata verifier alone, on an emulated microcontroller.
    VerifySmall(verify_small::Arguments),
    /// Erases of each page of a small device's flash, by updates, quiet days and years of roots.
    Wear(wear::Arguments),
}

/// Runs one of the benchmarks.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Decoder(arguments) => decoder::run(arguments),
        Command::Delta(arguments) => delta::run(arguments),
        Command::Growth(arguments) => growth::run(arguments),
        Command::Measure(arguments) => measure::run(arguments),
        Command::Stack(arguments) => stack::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::VerifySmall(arguments) => verify_small::run(arguments),
        Command::Wear(arguments) => wear::run(arguments),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))
}
