//! `tuffet-client`: the update agent for Linux devices.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tuffet_client::commands::{self, boot, check, confirm, install, provision, run, status};
use tuffet_client::device::DeviceFolder;
use tuffet_client::report::{Form, Report};

const EXIT_CODES: &str = "Exit codes: 0 done, nothing to do, or waiting · 1 refused (repository, image, data budget or health check) · \
2 usage or a wrong setting · 3 the file system said no · 5 network or server · 6 wrong state (not provisioned, busy, \
damaged store, nothing bootable)";

/// Keeps one device up to date: polls, verifies, installs into the spare slot, and falls back by itself.
#[derive(Parser)]
#[command(name = "tuffet-client", version, after_help = EXIT_CODES)]
struct Arguments {
    /// The device folder.
    #[arg(long, env = "TUFFET_DEVICE", default_value = "/var/lib/tuffet", global = true)]
    device: PathBuf,
    /// Print JSON, one object per line; the last one is the result.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Decides what runs, as the bootloader does at power-on, and counts a boot of a trial.
    Boot,
    /// Asks the repository and says what would be installed; installs nothing.
    Check,
    /// Runs the health check of a new firmware and confirms it, or lets its trial fail.
    Confirm,
    /// Asks the repository and installs what it finds; the next boot tries it.
    Install,
    /// Makes the factory state of a new device.
    Provision(provision::Arguments),
    /// Polls, and installs what it finds, until a reboot is due.
    Run(run::Arguments),
    /// Says what is installed, what is trusted, and how long there is support.
    Status,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let report = Report::new(if arguments.json { Form::Json } else { Form::Lines });
    let folder = DeviceFolder::new(&arguments.device);
    let outcome = match arguments.command {
        Command::Boot => boot::command(&folder, report),
        Command::Check => check::command(&folder, report),
        Command::Confirm => confirm::command(&folder, report),
        Command::Install => install::command(&folder, report),
        Command::Provision(arguments) => provision::command(&folder, report, arguments),
        Command::Run(arguments) => run::command(&folder, report, &arguments),
        Command::Status => status::command(&folder, report),
    };
    match outcome {
        Ok(verdict) => ExitCode::from(commands::exit_code(verdict)),
        Err(error) => {
            report.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
