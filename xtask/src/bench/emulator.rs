//! What measurements on an emulated microcontroller share: the simulator writes its repository, the emulator runs the program.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::packages;
use crate::process::{Tool, is_on_path};
use crate::workspace;

/// The program, and the Debian package that has it.
pub const EMULATOR: &str = "qemu-system-arm";

/// No device but the program, and a clock of one nanosecond for each instruction.
const PROGRAM_ONLY: [&str; 10] = [
    "-icount",
    "shift=0",
    "-semihosting-config",
    "enable=on,target=native",
    "-monitor",
    "none",
    "-serial",
    "null",
    "-display",
    "none",
];

/// How long the emulator may take; a few seconds are usual.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// How long the simulator may take to be built, cold.
const BUILD_LIMIT: Duration = Duration::from_secs(1_800);

/// Looks for the emulator, and installs it where we may: done before the builds, which take longer.
pub fn is_there() -> Result<(), Failure> {
    is_there_as(EMULATOR, EMULATOR)
}

/// The same for another emulator, and the Debian package that has it.
pub fn is_there_as(program: &str, package: &str) -> Result<(), Failure> {
    if !is_on_path(program) {
        packages::install(&[package])?;
    }
    Tool::new(program).arg("--version").read()?;
    Ok(())
}

/// Lets an example of the integration tests write to a place.
pub fn write_with(example: &str, place: &Path) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Tool::new(cargo)
        .args(["run", "--quiet", "--package", "tuffet-integration", "--example"])
        .arg(example)
        .arg("--")
        .arg(place)
        .folder(&workspace::root()?)
        .limit(BUILD_LIMIT)
        .read()?;
    Ok(())
}

/// Lets an example of the integration tests measure something, with these variables in its environment. Answers its last line, a
/// JSON object.
pub fn print_with(example: &str, variables: &[(&str, &OsStr)]) -> Result<Value, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tool = Tool::new(cargo)
        .args(["run", "--quiet", "--package", "tuffet-integration", "--example"])
        .arg(example)
        .folder(&workspace::root()?)
        .limit(BUILD_LIMIT);
    for (name, value) in variables {
        tool = tool.env(name, value);
    }
    let printed = tool.read()?.output;
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .map_err(|error| Failure::refused(format!("{example} has measured nothing: {error}\n{printed}")))
}

/// Runs a program on a board, in a folder, and answers all that it printed, and whether it ended well.
pub fn run(board: &[&str], program: &Path, folder: &Path) -> Result<(String, bool), Failure> {
    let emulator = Tool::new(EMULATOR).args(board).args(PROGRAM_ONLY);
    let emulator = emulator.arg("-kernel").arg(program).folder(folder).limit(RUN_LIMIT);
    let printed = emulator.capture()?;
    // The program prints by way of the emulator's standard error.
    Ok((printed.output + &printed.errors, printed.status.success()))
}
