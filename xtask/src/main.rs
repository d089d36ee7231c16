//! `cargo xtask …`: the vendor's and the developer's commands.
//!
//! - One module per command; this file parses arguments and maps a failure to its exit code, nothing else.
//! - Results go to standard output, progress and failures to standard error. With `--json` the last line of
//!   standard output is one JSON object, also of a command that failed or was not understood.
//! - Exit codes, the same in every binary of the workspace, are those of [`failure::Blame`].

mod bare_metal;
mod bench;
mod board;
mod core_tests;
mod corpus;
mod delta;
mod demo;
mod failure;
mod fuzz;
mod gateway;
mod lab;
mod memory;
mod packages;
mod port;
mod powercut;
mod process;
mod product;
mod provision;
mod python;
mod recover;
mod release;
mod repo;
mod sizes;
mod table;
mod test;
mod tidy;
mod vendor;
mod whole_file;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::{Blame, Failure};

/// The commands of a Tuffet workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110, after_help = failure::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the cores for a microcontroller without a heap, and print how much flash each takes.
    BareMetal(bare_metal::Arguments),
    /// Measure something: the bytes of patches, the stack of a small device.
    Bench(bench::Arguments),
    /// Build the firmware of the emulated board, and see that there is an emulator.
    Board(board::Arguments),
    /// Run the tests of the cores on emulated parts, RISC-V and Arm.
    CoreTests(core_tests::Arguments),
    /// Fetch pairs of real firmware releases into a folder.
    Corpus(corpus::Arguments),
    /// Make a patch, apply one, or say what one holds.
    Delta(delta::Arguments),
    /// Run the main job by itself: publish, update, a bad release rolled back, an attack refused.
    Demo(demo::Arguments),
    /// Look for bytes that break a core.
    Fuzz(fuzz::Arguments),
    /// Forward files of a repository to a device without a network, over a serial line.
    Gateway(gateway::Arguments),
    /// Prove a release on a board: flash it, update it, cut its power, attack it.
    Lab(lab::Arguments),
    /// Cut the power of simulated devices at every flash operation, and say what held.
    Powercut(powercut::Arguments),
    /// Describe a product in its one file.
    Product(product::Arguments),
    /// Make the factory state of a device.
    Provision(provision::Arguments),
    /// Bring a device that boots nothing its image again, over a serial line.
    Recover(recover::Arguments),
    /// Build, sign, publish, promote or roll out a release.
    Release(release::Arguments),
    /// Make, extend, renew, verify or list a repository.
    Repo(repo::Arguments),
    /// Build bootloader and application of the emulated board, and hold them to their budgets.
    Sizes(sizes::Arguments),
    /// Run everything that CI checks.
    Test(test::Arguments),
    /// Check the house rules that a machine can check.
    Tidy(tidy::Arguments),
}

fn main() -> ExitCode {
    // Looked up here, since what was not understood has no fields.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let failure = match Arguments::try_parse() {
        Ok(arguments) => match run(arguments.command) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("error: {failure}");
                failure
            }
        },
        // Help and version come this way too; they are no failures.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let _ = error.print();
            Failure::new(Blame::Usage, error.to_string().trim())
        }
    };
    if json {
        println!("{}", failure.json());
    }
    failure.exit_code()
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::BareMetal(arguments) => bare_metal::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Board(arguments) => board::run(&arguments),
        Command::CoreTests(arguments) => core_tests::run(&arguments),
        Command::Corpus(arguments) => corpus::run(&arguments),
        Command::Delta(arguments) => delta::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Gateway(arguments) => gateway::run(&arguments),
        Command::Lab(arguments) => lab::run(&arguments),
        Command::Powercut(arguments) => powercut::run(&arguments),
        Command::Product(arguments) => product::run(&arguments),
        Command::Provision(arguments) => provision::run(&arguments),
        Command::Recover(arguments) => recover::run(&arguments),
        Command::Release(arguments) => release::run(&arguments),
        Command::Repo(arguments) => repo::run(&arguments),
        Command::Sizes(arguments) => sizes::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Tidy(arguments) => tidy::run(&arguments),
    }
}
