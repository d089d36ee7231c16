//! `cargo xtask core-tests`: the tests of the cores on emulated parts, RISC-V and Arm.
//!
//! - The program is `integration/boards/core-tests`: the very files that `cargo test` runs on the host, and a heap for them.
//! - Each part runs it in an emulator, prints a line for each test, and ends with a line as the test runner of the host has it.
//! - An emulator keeps one processor busy, so the parts run at once, the first already while the second is built. Each line says which part it is of.
//! - What is missing (a compiler for the part, its emulator) is installed where we may.

use std::path::{Path, PathBuf};
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

/// Builds and runs for all parts: whether all is well, and how many tests there were. A part that fails does not stop the other.
pub fn run_with(Tools(tools): &Tools) -> Result<(bool, Counts), Failure> {
    std::thread::scope(|scope| {
        let build_and_begin = |(part, toolchain)| {
            let program = build(part, toolchain)?;
            Ok(scope.spawn(move || run_on(part, &program)))
        };
        let begun: Vec<Result<_, Failure>> = PARTS.iter().zip(tools).map(build_and_begin).collect();
        let ended = begun.into_iter().map(|part| {
            let run = part?.join();
            run.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // All have ended before the failure of one is answered.
        of_all(ended.collect())
    })
}

fn build(part: &Part, toolchain: &Toolchain) -> Result<PathBuf, Failure> {
    let packages = ["--package", PROGRAM];
    let folder = bare_metal::build_boards_with(toolchain, Library::CoreAndAlloc, part.target, packages)?;
    Ok(folder.join(PROGRAM))
}

/// Whether all is well there, and its tests.
fn run_on(part: &Part, program: &Path) -> Result<(bool, Counts), Failure> {
    let (emulator, _) = part.emulator;
    let run = Tool::new(emulator).args(part.board).arg(program);
    let run = run.args(["-monitor", "none", "-display", "none", "-serial", "stdio"]);
    let printed = run.limit(RUN_LIMIT).labelled(part.target).tee()?;
    let counts = Counts::read(&printed.output);
    // A part that ran no test has not shown anything.
    Ok((printed.status.success() && counts.passed > 0, counts))
}

/// What came of each part, as one. The first failure is answered, and the others are told.
fn of_all(parts: Vec<Result<(bool, Counts), Failure>>) -> Result<(bool, Counts), Failure> {
    let (mut is_well, mut counts) = (true, Counts::default());
    let mut first = None;
    for part in parts {
        match part {
            Ok((is_part_well, of_part)) => {
                is_well &= is_part_well;
                counts = counts.plus(of_part);
            }
            Err(failure) if first.is_none() => first = Some(failure),
            Err(failure) => eprintln!("{failure}"),
        }
    }
    first.map_or(Ok((is_well, counts)), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_that_fails_fails_all_and_the_tests_of_both_count() {
        let counts = |passed, failed| Counts {
            passed,
            failed,
            skipped: 0,
        };
        let (good, bad) = (|| Ok((true, counts(3, 0))), || Ok((false, counts(1, 2))));
        assert_eq!(of_all(vec![good(), good()]).unwrap(), (true, counts(6, 0)));
        assert_eq!(of_all(vec![bad(), good()]).unwrap(), (false, counts(4, 2)));
        assert!(of_all(vec![good(), Err(Failure::refused("no program"))]).is_err());
    }
}
