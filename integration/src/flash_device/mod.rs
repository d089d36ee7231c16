//! `tuffet-flash-device`: a device without an operating system, as a program that one can watch.
//!
//! - It is the driver of small devices, with the decoder of the small or the standard profile, over a simulated NOR flash
//!   that holds the code to the rules of such a part. What differs from a board is here: the flash is a file, and the
//!   transport is a socket on this machine.
//! - Each command is one time that the device is switched on. The flash is read at its beginning and written at its end, also
//!   of a command that fails: what a broken download left in flash is there for the next one.
//! - Commands, outcomes and exit codes are those of `tuffet-client`.

mod commands;
mod device;
mod folder;
pub mod http;
mod layout;
pub mod recovery;
mod report;
mod run;
mod trouble;

use clap::{Parser, Subcommand};
use folder::Folder;
use report::Report;
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes: 0 done, nothing to do, or waiting · 1 refused (repository, image or health check) · \
2 usage or a wrong setting · 3 the file system said no · 5 network or server · 6 wrong state (not provisioned, busy, \
damaged state, nothing bootable)";

/// A simulated device without an operating system: the driver of small devices on a NOR flash in a file.
#[derive(Debug, Parser)]
#[command(name = "tuffet-flash-device", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// The device folder.
    #[arg(long, global = true, default_value = "device")]
    device: PathBuf,
    /// Print JSON, one object per line; the last one is the result.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Decides what runs, as the bootloader does at power-on, and counts a boot of a trial.
    Boot,
    /// Runs the health check of a new firmware and confirms it, or lets its trial fail.
    Confirm,
    /// Asks the repository and installs what it finds; the next boot tries it.
    Install,
    /// Makes the factory state of a new device.
    Provision(commands::Provision),
    /// Takes the confirmed image again, as the bootloader does when nothing may run.
    Recover(recovery::Arguments),
    /// Polls, and installs what it finds, until a reboot is due.
    Run(run::Arguments),
    /// Says what is installed and what is trusted.
    Status,
}

/// Does what the arguments say, and answers the exit code.
#[must_use]
pub fn main(arguments: &Arguments) -> u8 {
    let report = Report { json: arguments.json };
    let folder = Folder::new(&arguments.device);
    report.conclude(match &arguments.command {
        Command::Boot => commands::boot(&folder),
        Command::Confirm => commands::confirm(&folder),
        Command::Install => commands::install(&folder),
        Command::Provision(arguments) => commands::provision(&folder, arguments),
        Command::Recover(arguments) => recovery::command(&folder, arguments),
        Command::Run(arguments) => run::command(&folder, report, arguments),
        Command::Status => commands::status(&folder),
    })
}
