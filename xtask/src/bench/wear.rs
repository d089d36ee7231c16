//! `cargo xtask bench wear`: what updates, quiet days and years of roots wear of a small device's flash.
//!
//! The program `tuffet-endurance` lives through them on the flash model, with the map of a micro:bit. The same calls give the same
//! figures, on any machine.

use std::time::Duration;

use crate::failure::Failure;
use crate::powercut::built;
use crate::process::Tool;
use crate::workspace;

const PROGRAM: &str = "tuffet-endurance";

/// A cold build of it takes longer than the program.
const LIMIT: Duration = Duration::from_secs(3_600);

/// Count the erases of a small device's flash.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many updates of each kind, and how many quiet days.
    #[arg(long, default_value_t = 1_000)]
    times: u32,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds the program, and runs it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = workspace::root()?;
    let program = built(PROGRAM, &root, &workspace::target_dir(&root))?;
    let mut tool = Tool::new(program)
        .args(["--times", &arguments.times.to_string()])
        .limit(LIMIT);
    if arguments.json {
        tool = tool.arg("--json");
    }
    if tool.show()? {
        Ok(())
    } else {
        Err(Failure::refused(
            "an update, a day or a root was not lived through; see above",
        ))
    }
}
