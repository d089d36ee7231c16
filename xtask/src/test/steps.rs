//! The steps of `cargo xtask test`, one entry each.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{Tool, ToolFailure, is_on_path};
use crate::test::counts::Counts;
use crate::test::{Outcome, Reason};
use crate::{bare_metal, board, core_tests, fuzz, tidy, workspace};

/// Where the steps run.
pub struct Bench {
    /// The folder of the root `Cargo.toml`.
    pub root: PathBuf,
}

/// One step.
pub struct Step {
    /// Its name, for `--only` and the table.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// Only with `--deep`?
    pub deep: bool,
    /// Runs it.
    pub run: fn(&Bench) -> Outcome,
}

const fn step(name: &'static str, what: &'static str, run: fn(&Bench) -> Outcome) -> Step {
    Step {
        name,
        what,
        deep: false,
        run,
    }
}

const fn deep(name: &'static str, what: &'static str, run: fn(&Bench) -> Outcome) -> Step {
    Step {
        name,
        what,
        deep: true,
        run,
    }
}

/// All steps, cheap ones first.
pub const STEPS: &[Step] = &[
    step("format", "the code is formatted", format),
    step("tidy", "the house rules that a machine can check", |_| {
        in_process(tidy::check_tree())
    }),
    step(
        "lock-file",
        "the committed lock file is the one that is used",
        lock_file,
    ),
    step("clippy", "no warnings, in any target", clippy),
    step(
        "clippy-cores",
        "no warnings in the cores without features",
        clippy_cores,
    ),
    step(
        "tests",
        "unit, property and integration tests, and the arrows of the house",
        tests,
    ),
    step(
        "doc-tests",
        "the examples in the docs, and the forgeries that must not compile",
        doc_tests,
    ),
    step("docs", "the docs build without warnings", docs),
    step("bare-metal", "the cores build and link without a heap", |_| {
        in_process(bare_metal::check())
    }),
    step(
        "core-tests",
        "the tests of the cores on emulated parts, RISC-V and Arm",
        core_tests,
    ),
    step(
        "board",
        "the real bootloader and application on an emulated board, over Ethernet",
        emulated_board,
    ),
    step("msrv", "the oldest compiler that is promised builds everything", msrv),
    step(
        "mutants",
        "known bugs, put into a copy of the tree, are found by the power cuts",
        mutants,
    ),
    step(
        "python-tuf",
        "the reference client of TUF takes our repositories",
        python_tuf,
    ),
    step(
        "differential",
        "random repositories: our verifier, tough and python-tuf agree, or it is known why not",
        differential,
    ),
    step(
        "demo",
        "the main job from keys to an attack refused, by the real programs",
        demo,
    ),
    deep("many-cases", "property tests with forty times the cases", many_cases),
    deep(
        "patch-model",
        "a hundred thousand pairs of images, each patched and attacked",
        patch_model,
    ),
    deep(
        "differential-deep",
        "the same with many more repositories",
        differential_deep,
    ),
    deep(
        "board-deep",
        "every row of the attack table on the emulated board, and hundreds of kills",
        emulated_board_deep,
    ),
    deep("fuzz", "a minute of fuzzing for every target", |_| {
        in_process(fuzz::each(60))
    }),
];

/// One run of cargo may build everything from nothing on two busy processors.
const CARGO_LIMIT: Duration = Duration::from_secs(3600);

/// Packages that must be clean without any feature too: a workspace build turns on what the tests need.
const CORES: &[&str] = &[
    "tuffet-boot",
    "tuffet-ed25519",
    "tuffet-no-std-client",
    "tuffet-patch",
    "tuffet-release",
    "tuffet-tuf",
    "tuffet-wire",
];

fn format(bench: &Bench) -> Outcome {
    if let Some(skipped) = component("fmt", "rustfmt") {
        return skipped;
    }
    let workspace = show(bench.cargo().args(["fmt", "--all", "--check"]));
    if workspace != Outcome::Passed(Counts::default()) {
        return workspace;
    }
    for beside in ["boards", "peers"] {
        let manifest = bench.root.join("integration").join(beside).join("Cargo.toml");
        let formatted = show(
            bench
                .cargo()
                .args(["fmt", "--all", "--check", "--manifest-path"])
                .arg(manifest),
        );
        if formatted != Outcome::Passed(Counts::default()) {
            return formatted;
        }
    }
    workspace
}

/// A build that had to change the lock file used other versions than those that were committed.
fn lock_file(bench: &Bench) -> Outcome {
    if !std::env::var("CI").is_ok_and(|value| value == "true") {
        return pointless("only CI has a clean tree to compare with");
    }
    show(
        Tool::new("git")
            .args(["diff", "--exit-code", "--stat", "HEAD", "--", "Cargo.lock"])
            .folder(&bench.root),
    )
}

fn clippy(bench: &Bench) -> Outcome {
    component("clippy", "clippy").unwrap_or_else(|| {
        show(
            bench
                .cargo()
                .args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]),
        )
    })
}

fn clippy_cores(bench: &Bench) -> Outcome {
    component("clippy", "clippy").unwrap_or_else(|| {
        let packages = CORES.iter().flat_map(|core| ["--package", core]);
        let clippy = bench
            .cargo()
            .args(["clippy", "--lib", "--no-default-features"])
            .args(packages);
        show(clippy.args(["--", "--deny", "warnings"]))
    })
}

fn tests(bench: &Bench) -> Outcome {
    let arguments: &[&str] = if is_on_path("cargo-nextest") {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]
    };
    let tests = with_programs(bench, |cargo| cargo.args(arguments));
    tests.map_or_else(|failure| failed(&failure.to_string()), counted)
}

/// Cargo with the programs at hand that some tests run as devices and vendors: built once, and not by each test.
fn with_programs(bench: &Bench, arguments: impl FnOnce(Tool) -> Tool) -> Result<Tool, Failure> {
    let programs = workspace::build_programs()?;
    Ok(arguments(bench.cargo().env("TUFFET_PROGRAMS", programs)))
}

/// The files of the integration tests in which some need an emulated board; what takes long is begun first.
const BOARD_TESTS: &[&str] = &[
    "attacks",
    "microbit_power",
    "board_power",
    "lab",
    "board_swap",
    "board",
    "board_external",
    "board_recovery",
    "microbit",
    "microbit_phases",
    "microbit_attacks",
    "microbit_session",
];
/// How many of them run at once. An emulator has one processor, and many tests have one emulator.
const BOARDS_AT_ONCE: usize = 2;
/// Those of them which do more if they are asked to.
const BOARD_TESTS_DEEP: &[&str] = &["attacks", "board_power", "microbit_attacks", "microbit_power"];

fn emulated_board(bench: &Bench) -> Outcome {
    on_board(bench, BOARD_TESTS, |cargo| cargo)
}

fn emulated_board_deep(bench: &Bench) -> Outcome {
    on_board(bench, BOARD_TESTS_DEEP, |cargo| cargo.env("TUFFET_DEEP", "1"))
}

/// The firmware is built first. A machine that has neither emulator nor compiler, and cannot get them, says why.
fn on_board(bench: &Bench, tests: &[&str], adjusted: impl Fn(Tool) -> Tool + Sync) -> Outcome {
    let compiler = match board::find_tools(None) {
        Ok(compiler) => compiler,
        Err(failure) => return lacking(&failure.to_string()),
    };
    let firmware = match board::build_with(&compiler) {
        Ok(built) => built.folder,
        Err(failure) => return failed(&failure.to_string()),
    };
    let programs = match workspace::build_programs() {
        Ok(programs) => programs,
        Err(failure) => return failed(&failure.to_string()),
    };
    let cargo = || bench.cargo().args(["test", "--workspace"]);
    let all = tests.iter().flat_map(|test| ["--test", test]);
    let built = show(cargo().args(all).arg("--no-run"));
    if built != Outcome::Passed(Counts::default()) {
        return built;
    }
    at_once(tests, BOARDS_AT_ONCE, |test| {
        // What was run of rows and kills is part of what is shown. What is within a test does several things at once by itself.
        let cargo = cargo().args(["--test", test, "--", "--ignored", "--nocapture", "--test-threads=1"]);
        let cargo = cargo.env("TUFFET_PROGRAMS", &programs).env("TUFFET_BOARDS", &firmware);
        counted(adjusted(cargo).labelled(test))
    })
}

/// Runs all of these, so many at a time, and answers what came of all together.
fn at_once<T: Sync>(all: &[T], count: usize, run: impl Fn(&T) -> Outcome + Sync) -> Outcome {
    let next = AtomicUsize::new(0);
    let lane = || {
        let mut outcomes = Vec::new();
        while let Some(item) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            outcomes.push(run(item));
        }
        outcomes
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..count).map(|_| scope.spawn(lane)).collect();
        let ended = lanes.into_iter().flat_map(|lane| {
            let ended = lane.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        ended.fold(Outcome::Passed(Counts::default()), together)
    })
}

/// Two outcomes as one: well is what is well in both, and what did not run hides behind nothing that did.
fn together(one: Outcome, other: Outcome) -> Outcome {
    match (one, other) {
        (Outcome::Passed(one), Outcome::Passed(other)) => Outcome::Passed(one.plus(other)),
        (Outcome::Failed(one), Outcome::Passed(other) | Outcome::Failed(other))
        | (Outcome::Passed(one), Outcome::Failed(other)) => Outcome::Failed(one.plus(other)),
        (Outcome::Failed(counts), Outcome::Skipped(_)) | (Outcome::Skipped(_), Outcome::Failed(counts)) => {
            Outcome::Failed(counts)
        }
        (skipped @ Outcome::Skipped(_), _) | (_, skipped @ Outcome::Skipped(_)) => skipped,
    }
}

/// As on the board: what is missing is the machine's, and what does not build is the cores'.
fn core_tests(_: &Bench) -> Outcome {
    let tools = match core_tests::find_tools(None) {
        Ok(tools) => tools,
        Err(failure) => return lacking(&failure.to_string()),
    };
    match core_tests::run_with(&tools) {
        Ok((true, counts)) => Outcome::Passed(counts),
        Ok((false, counts)) => Outcome::Failed(counts),
        Err(failure) => failed(&failure.to_string()),
    }
}

fn doc_tests(bench: &Bench) -> Outcome {
    counted(bench.cargo().args(["test", "--workspace", "--doc", "--no-fail-fast"]))
}

fn docs(bench: &Bench) -> Outcome {
    show(
        bench
            .cargo()
            .args(["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}

/// The compiler in use is the promised one, or one beside it is.
fn msrv(bench: &Bench) -> Outcome {
    let promised = env!("CARGO_PKG_RUST_VERSION");
    let version = match bench.tool("rustc").arg("--version").read() {
        Ok(printed) => printed.output,
        Err(failure) => return failed(&failure.to_string()),
    };
    let running = version.split_whitespace().nth(1).unwrap_or_default();
    if running == promised || running.starts_with(&format!("{promised}.")) {
        eprintln!("rustc {running} is the promised {promised}: the other steps have built everything with it");
        return Outcome::Passed(Counts::default());
    }
    let toolchains = bench.tool("rustup").args(["toolchain", "list"]).read();
    let beside = toolchains.is_ok_and(|list| list.output.lines().any(|line| line.starts_with(promised)));
    if !beside {
        return pointless(&format!(
            "this is rustc {running}, and {promised} is not installed beside it"
        ));
    }
    show(
        bench
            .tool("rustup")
            .args(["run", promised, "cargo", "check", "--workspace", "--all-targets"]),
    )
}

fn python_tuf(bench: &Bench) -> Outcome {
    let test = with_programs(bench, |cargo| with_python_tuf(cargo, "python_tuf"));
    test.map_or_else(|failure| failed(&failure.to_string()), of_python)
}

fn differential(bench: &Bench) -> Outcome {
    of_python(with_python_tuf(bench.cargo(), "differential"))
}

fn differential_deep(bench: &Bench) -> Outcome {
    let test = with_python_tuf(bench.cargo(), "differential");
    of_python(test.env("TUFFET_DIFFERENTIAL_CASES", "5000"))
}

/// In the profile `dev`, where every sum that leaves its type is a panic.
fn patch_model(bench: &Bench) -> Outcome {
    let test = [
        "test",
        "-p",
        "tuffet-patch",
        "--test",
        "model",
        "--",
        "--ignored",
        "--nocapture",
    ];
    counted(bench.cargo().args(test).env("TUFFET_CASES", "100000"))
}

/// A test that runs python-tuf, with the features of the whole workspace, so that nothing is compiled anew for it.
fn with_python_tuf(cargo: Tool, test: &str) -> Tool {
    cargo.args(["test", "--workspace", "--test", test, "--", "--ignored", "--nocapture"])
}

fn of_python(test: Tool) -> Outcome {
    if is_on_path("python3") {
        counted(test)
    } else {
        lacking("python3 with venv and pip")
    }
}

/// This program, as its own process: its table is part of the output, its failure is not ours.
/// By way of cargo: the steps before may have built this very program anew, and then the file that runs here is gone.
fn demo(bench: &Bench) -> Outcome {
    show(bench.cargo().args(["xtask", "demo"]))
}

/// As its own process, for the same reason.
fn mutants(bench: &Bench) -> Outcome {
    show(bench.cargo().args(["xtask", "powercut", "--mutants"]))
}

fn many_cases(bench: &Bench) -> Outcome {
    counted(
        bench
            .cargo()
            .args(["test", "--workspace", "--release", "--no-fail-fast"])
            .env("PROPTEST_CASES", "10000"),
    )
}

impl Bench {
    fn tool(&self, program: &str) -> Tool {
        Tool::new(program).folder(&self.root).limit(CARGO_LIMIT)
    }

    fn cargo(&self) -> Tool {
        self.tool("cargo")
    }
}

/// A part of the toolchain that cargo runs: installed by rustup where it is missing, and named where it cannot be.
fn component(subcommand: &str, name: &str) -> Option<Outcome> {
    let is_there = || Tool::new("cargo").args([subcommand, "--version"]).read().is_ok();
    if is_there() {
        return None;
    }
    eprintln!("rustup component add {name}");
    let added = Tool::new("rustup").args(["component", "add", name]).read();
    if added.is_ok() && is_there() {
        return None;
    }
    Some(lacking(&format!(
        "{name}: `rustup component add {name}`, or Debian's package of that name"
    )))
}

fn show(tool: Tool) -> Outcome {
    outcome(tool.tee().map(|printed| (printed.status.success(), Counts::default())))
}

/// A test runner; a run that executed no test at all has not shown anything.
fn counted(tool: Tool) -> Outcome {
    outcome(tool.tee().map(|printed| {
        let counts = Counts::read(&printed.output).plus(Counts::read(&printed.errors));
        (printed.status.success() && counts.passed > 0, counts)
    }))
}

fn outcome(run: Result<(bool, Counts), ToolFailure>) -> Outcome {
    match run {
        Ok((true, counts)) => Outcome::Passed(counts),
        Ok((false, counts)) => Outcome::Failed(counts),
        Err(ToolFailure::Missing { program }) => lacking(&format!("`{program}`")),
        Err(failure) => failed(&failure.to_string()),
    }
}

fn in_process(result: Result<(), Failure>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(Counts::default()),
        Err(failure) => failed(&failure.to_string()),
    }
}

fn failed(why: &str) -> Outcome {
    eprintln!("{why}");
    Outcome::Failed(Counts::default())
}

fn lacking(what: &str) -> Outcome {
    Outcome::Skipped(Reason::Lacking(format!("needs {what}")))
}

fn pointless(why: &str) -> Outcome {
    Outcome::Skipped(Reason::Pointless(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_without_a_test_is_a_failure() {
        let none = Tool::new("echo").arg("test result: ok. 0 passed; 0 failed; 0 ignored;");
        assert_eq!(counted(none), Outcome::Failed(Counts::default()));
        let one = Tool::new("echo").arg("test result: ok. 1 passed; 0 failed; 0 ignored;");
        assert_eq!(
            counted(one),
            Outcome::Passed(Counts {
                passed: 1,
                ..Counts::default()
            })
        );
    }

    #[test]
    fn what_runs_at_once_runs_all_and_is_well_only_if_all_is() {
        let counts = |passed, failed| Counts {
            passed,
            failed,
            skipped: 0,
        };
        let passes = |passed: &u64| Outcome::Passed(counts(*passed, 0));
        assert_eq!(at_once(&[1, 2, 3], 2, passes), passes(&6));
        let second_fails = |passed: &u64| match *passed {
            2 => Outcome::Failed(counts(0, 1)),
            _ => passes(passed),
        };
        assert_eq!(at_once(&[1, 2, 3], 2, second_fails), Outcome::Failed(counts(4, 1)));
        let last_lacks = |passed: &u64| {
            if *passed == 3 {
                lacking("a tool")
            } else {
                passes(passed)
            }
        };
        assert_eq!(at_once(&[1, 2, 3], 2, last_lacks), lacking("a tool"));
        assert_eq!(
            together(lacking("a tool"), Outcome::Failed(counts(1, 1))),
            Outcome::Failed(counts(1, 1))
        );
    }

    #[test]
    fn missing_tool_is_a_skip_with_its_name() {
        let skipped = show(Tool::new("tuffet-no-such-program"));
        assert_eq!(skipped, lacking("`tuffet-no-such-program`"));
    }

    /// An ignored test that no step names is never run.
    #[test]
    fn every_test_that_needs_a_board_is_in_its_step() {
        let folder = workspace::root().unwrap().join("integration/tests");
        let needs_board = |path: &std::path::Path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.contains("--only board\"]")
        };
        let mut found = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let files = if path.is_dir() {
                let inside = std::fs::read_dir(&path).unwrap();
                inside.map(|entry| entry.unwrap().path()).collect()
            } else {
                vec![path.clone()]
            };
            if files.iter().any(|file| needs_board(file)) {
                found.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
            }
        }
        let named = BOARD_TESTS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(found, named);
    }

    #[test]
    fn names_are_unique() {
        for step in STEPS {
            assert_eq!(
                STEPS.iter().filter(|other| other.name == step.name).count(),
                1,
                "{}",
                step.name
            );
        }
    }
}
