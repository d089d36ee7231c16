//! `cargo xtask core-tests`: the tests of the cores on emulated parts, RISC-V and Arm.
//!
//! - The program is `integration/boards/core-tests`: the very files that `cargo test` runs on the host, and a heap for them.
//! - Each part runs it in an emulator, prints a line for each test, and ends with a line as the test runner of the host has it.
//! - What is missing (a compiler for the part, its emulator) is installed where we may.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::bare_metal::toolchain::{Library, Source, Toolchain};
use crate::bare_metal::{self, CORTEX_M3, RISCV32};
use crate::bench::emulator;
use crate::failure::{Failure, conclude};
use crate::process::Tool;
use crate::test::counts::Counts;

/// What cargo calls the program.
const PROGRAM: &str = "tuffet-core-tests";

/// How long a part may take; one or two minutes are usual on a busy machine.
const RUN_LIMIT: Duration = Duration::from_secs(900);

/// What runs the program.
struct Part {
    target: &'static str,
    /// The emulator, and the Debian package that has it.
    emulator: (&'static str, &'static str),
    /// What it is told in front of the program.
    board: &'static [&'static str],
}

const PARTS: [Part; 2] = [
    Part {
        target: RISCV32,
        emulator: ("qemu-system-riscv32", "qemu-system-misc"),
        // In place of the firmware that comes with the emulator.
        board: &["-machine", "virt", "-m", "256M", "-bios"],
    },
    Part {
        target: CORTEX_M3,
        emulator: (emulator::EMULATOR, emulator::EMULATOR),
        board: &[
            "-machine",
            "mps2-an385",
            "-semihosting-config",
            "enable=on,target=native",
            "-kernel",
        ],
    },
];

/// Run the tests of the cores on emulated parts.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which compiler to use; without it, the first that this machine has or can get.
    #[arg(long, value_enum)]
    toolchain: Option<Source>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// A compiler for each part; their emulators are there.
pub struct Tools([Toolchain; PARTS.len()]);

/// Builds and runs.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tools = find_tools(arguments.toolchain)?;
    let (is_well, counts) = run_with(&tools)?;
    let verdict = if is_well {
        Ok(())
    } else {
        Err(Failure::refused("a test of the cores fails on an emulated part"))
    };
    let report = json!({"passed": counts.passed, "failed": counts.failed});
    conclude(verdict, arguments.json.then_some(report))
}

/// What is needed beside the source. A failure is the machine's, and not the cores'.
pub fn find_tools(wanted: Option<Source>) -> Result<Tools, Failure> {
    let [riscv, arm] = &PARTS;
    let tools_of = |part: &Part| {
        let (program, package) = part.emulator;
        emulator::is_there_as(program, package)?;
        bare_metal::chosen_for(wanted, part.target)
    };
    Ok(Tools([tools_of(riscv)?, tools_of(arm)?]))
}

/// Builds for all parts, then runs all: whether all is well, and how many tests there were.
pub fn run_with(Tools(tools): &Tools) -> Result<(bool, Counts), Failure> {
    let mut programs: Vec<(&Part, PathBuf)> = Vec::new();
    for (part, toolchain) in PARTS.iter().zip(tools) {
        let packages = ["--package", PROGRAM];
        let folder = bare_metal::build_boards_with(toolchain, Library::CoreAndAlloc, part.target, packages)?;
        programs.push((part, folder.join(PROGRAM)));
    }
    let (mut is_well, mut counts) = (true, Counts::default());
    for (part, program) in programs {
        let (emulator, _) = part.emulator;
        let run = Tool::new(emulator).args(part.board).arg(program);
        let run = run.args(["-monitor", "none", "-display", "none", "-serial", "stdio"]);
        let printed = run.limit(RUN_LIMIT).tee()?;
        let of_part = Counts::read(&printed.output);
        // A part that ran no test has not shown anything.
        is_well &= printed.status.success() && of_part.passed > 0;
        counts = counts.plus(of_part);
    }
    Ok((is_well, counts))
}
