//! What measurements on an emulated microcontroller share: the simulator writes its repository, the emulator runs the program.

use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::Tool;
use crate::workspace;

const EMULATOR: &str = "qemu-system-arm";

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

/// Looks for the emulator: done before the builds, which take longer than to install it.
pub fn is_there() -> Result<(), Failure> {
    Tool::new(EMULATOR).arg("--version").read()?;
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

/// Runs a program on a board, in a folder, and answers all that it printed, and whether it ended well.
pub fn run(board: &[&str], program: &Path, folder: &Path) -> Result<(String, bool), Failure> {
    let emulator = Tool::new(EMULATOR).args(board).args(PROGRAM_ONLY);
    let emulator = emulator.arg("-kernel").arg(program).folder(folder).limit(RUN_LIMIT);
    let printed = emulator.capture()?;
    // The program prints by way of the emulator's standard error.
    Ok((printed.output + &printed.errors, printed.status.success()))
}
