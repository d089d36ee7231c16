//! `cargo xtask lab`: proves a release on a board.
//!
//! The lab is the program `tuffet-lab` of the test crate, which this crate may not know. This process becomes that one: so there
//! is nobody between it and a person who interrupts it, and its exit code and last line are the command's.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::failure::{Blame, Failure};
use crate::workspace;

/// The arguments of the lab, which reads them itself.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Arguments {
    /// `run`, `check` or `list`, and what they take; `--help` lists all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Becomes the lab. Whatever returns has failed.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let program = workspace::build_programs()?.join("tuffet-lab");
    let error = Command::new(&program).args(&arguments.arguments).exec();
    Err(Failure::new(
        Blame::Storage,
        format!("cannot run {}: {error}", program.display()),
    ))
}
