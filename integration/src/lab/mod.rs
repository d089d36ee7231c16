//! The lab: proves a release on a board before the fleet sees it.
//!
//! - A board is a TOML file ([`board`]) and an [`adapter`] with its verbs: flash, reset, power off, power on, serial log. With the
//!   adapter [`command`] each verb is a command line, and a real board needs no code; with the adapter [`emulator`] the board is
//!   the project's own firmware in QEMU.
//! - The lab signs a throw-away repository for the vendor's two firmware files ([`releases`]), makes the factory's flash
//!   ([`factory`]), serves the repository, and puts the board through a [`suite`]. It goes by what the board prints
//!   ([`pattern`]).
//! - A command that hangs is killed with all that it started; the power is on when a run ends, however it ends; one run at a time
//!   has a board ([`lock`]).

pub mod adapter;
pub mod bench;
pub mod board;
pub mod command;
pub mod emulator;
pub mod factory;
pub mod firmware;
pub mod flash_map;
pub mod html;
pub mod junit;
pub mod lock;
mod markup;
pub mod pattern;
pub mod releases;
pub mod report;
pub mod report_file;
pub mod run;
pub mod shell;
pub mod stop;
pub mod suite;
pub mod tools;
pub mod trouble;

use self::board::{AdapterKind, Board};
use self::firmware::Firmware;
use self::releases::Releases;
use self::report::Report;
use self::report_file::ReportFile;
use self::stop::Stop;
use self::suite::{Cuts, Suite};
use self::trouble::Trouble;
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const EXIT_CODES: &str = "Exit codes: 0 all cases passed · 1 a case failed, or a firmware file is not for the board · \
2 usage, a wrong board file, or no such board or suite · 3 a file, a program or a verb of the board said no, or the serial line is \
dead · 5 the lab cannot serve · 6 the board is in use, or the run was interrupted";

/// Proves a release on a board: flashes it, updates it over the network, cuts its power, attacks it.
#[derive(Debug, Parser)]
#[command(name = "tuffet-lab", bin_name = "cargo xtask lab", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Arguments {
    /// Print one JSON object as the last line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks a board file, and whether the programs are there that it needs.
    Check(BoardChoice),
    /// Lists boards and suites.
    List,
    /// Runs a suite on a board.
    Run(RunChoice),
}

#[derive(Debug, clap::Args)]
struct BoardChoice {
    /// The name of a board that comes with the lab, or the path of a board file.
    #[arg(long)]
    board: String,
    /// A placeholder of the board file, in place of what stands in its [values]; may be given more than once.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    values: Vec<(String, String)>,
}

#[derive(Debug, clap::Args)]
struct RunChoice {
    #[command(flatten)]
    board: BoardChoice,
    /// What to put it through.
    #[arg(long, value_enum)]
    suite: Suite,
    /// The old firmware, a plain image; where images are linked for their slots: first that for slot A, then that for slot B. An
    /// emulated board has firmware of its own.
    #[arg(long, value_name = "FILE")]
    old: Vec<PathBuf>,
    /// The new firmware, in the same way.
    #[arg(long, value_name = "FILE")]
    new: Vec<PathBuf>,
    /// What the old firmware says its version is.
    #[arg(long, value_name = "VERSION", default_value = "1.0.0")]
    old_version: String,
    /// What the new firmware says its version is.
    #[arg(long, value_name = "VERSION", default_value = "2.0.0")]
    new_version: String,
    /// How often the suite `power` cuts.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cuts: u32,
    /// Where the instants of the cuts come from; without it another one each time, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Write a report as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a report as one HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Does what the arguments say, and answers the exit code.
#[must_use]
pub fn main() -> u8 {
    // Looked up here, since what was not understood has no fields.
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let (exit_code, object) = match Arguments::try_parse() {
        // Help and version come this way too; they are no failures.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let _ = error.print();
            (2, failure(&error.to_string(), 2))
        }
        Ok(arguments) => match command(&arguments.command) {
            Ok((exit_code, object)) => (exit_code, object),
            Err(trouble) => {
                eprintln!("error: {trouble}");
                let exit_code = trouble.exit_code();
                (exit_code, failure(&trouble.to_string(), exit_code))
            }
        },
    };
    if is_json {
        println!("{object}");
    }
    exit_code
}

fn failure(text: &str, exit_code: u8) -> Value {
    json!({"ok": false, "error": text.trim(), "exit_code": exit_code, "passed": 0, "failed": 0, "skipped": 0})
}

fn command(command: &Command) -> Result<(u8, Value), Trouble> {
    match command {
        Command::Check(choice) => check(choice),
        Command::List => list(),
        Command::Run(choice) => run(choice),
    }
}

fn check(choice: &BoardChoice) -> Result<(u8, Value), Trouble> {
    let board = Board::find(&choice.board, &choice.values)?;
    check_tools(&board)?;
    let sentence = format!(
        "{} is right: {} of {}, {} bytes a slot",
        board.path.display(),
        board.names.hardware,
        board.names.product,
        board.flash.slot_bytes()
    );
    println!("{sentence}");
    Ok((
        0,
        json!({"ok": true, "exit_code": 0, "board": board.name, "message": sentence}),
    ))
}

fn check_tools(board: &Board) -> Result<(), Trouble> {
    match &board.adapter {
        AdapterKind::Command(commands) => commands.check_tools(),
        AdapterKind::Emulator(_) => emulator::check_tools(),
    }
}

fn list() -> Result<(u8, Value), Trouble> {
    let mut boards = Vec::new();
    println!("boards:");
    for name in board::known()? {
        let board = Board::find(&name, &[])?;
        println!("  {name:14} {}", board.description);
        boards.push(json!({"name": name, "description": board.description}));
    }
    if boards.is_empty() {
        println!("  none comes with the lab; name the path of a board file");
    }
    println!("suites:");
    let mut suites = Vec::new();
    for suite in Suite::ALL {
        println!("  {:14} {}", suite.name(), suite.what());
        suites.push(json!({"name": suite.name(), "what": suite.what()}));
    }
    Ok((
        0,
        json!({"ok": true, "exit_code": 0, "boards": boards, "suites": suites}),
    ))
}

fn run(choice: &RunChoice) -> Result<(u8, Value), Trouble> {
    let stop =
        Stop::on_signals().map_err(|error| Trouble::file("listen to signals of", Path::new("this process"), error))?;
    let board = Board::find(&choice.board.board, &choice.board.values)?;
    check_tools(&board)?;
    if choice.old_version == choice.new_version {
        let version = &choice.old_version;
        return Err(Trouble::Usage(format!(
            "both versions are {version}: the lab could not tell them apart"
        )));
    }
    let [old, new] = firmware(&board, choice)?;
    // A report that cannot be written is found before the board is touched.
    let [xml, page] = [&choice.junit, &choice.html].map(|path| path.as_deref().map(ReportFile::prepare).transpose());
    let (xml, page) = (xml?, page?);
    let cuts = Cuts {
        count: choice.cuts,
        seed: choice.seed.unwrap_or_else(random_seed),
    };
    let (report, exit_code) = run::run(&board, choice.suite, Releases::new(&board, old, new), cuts, &stop);
    tell(&report);
    if let Some(file) = xml {
        file.write(&junit::document(&report))?;
    }
    if let Some(file) = page {
        file.write(&html::page(&report))?;
    }
    Ok((exit_code, report.json(exit_code)))
}

/// The vendor's files, or, for an emulated board, the project's own application as two versions.
fn firmware(board: &Board, choice: &RunChoice) -> Result<[Firmware; 2], Trouble> {
    let versions = [&choice.old_version, &choice.new_version];
    let is_own = matches!(board.adapter, AdapterKind::Emulator(_)) && choice.old.is_empty() && choice.new.is_empty();
    if is_own {
        for version in versions {
            Firmware::check_version(version)?;
        }
        let own = emulator::project_firmware(&board.flash)?;
        return Ok(versions.map(|version| emulator::application(&own, &board.flash, version)));
    }
    let old = Firmware::read(board, "--old", &choice.old_version, &choice.old)?;
    let new = Firmware::read(board, "--new", &choice.new_version, &choice.new)?;
    if old.images.iter().any(|image| new.images.contains(image)) {
        let reason = "an image of --old is one of --new, too: a device does not update to what it runs";
        return Err(Trouble::Usage(reason.to_owned()));
    }
    Ok([old, new])
}

fn tell(report: &Report) {
    if !report.cases.is_empty() {
        print!("{}", report.table());
        println!("{}", report.sentence());
    }
    if let Some(trouble) = &report.trouble {
        eprintln!("error: {trouble}");
    }
}

/// A seed that nobody chose; short, so that a person can type it again.
fn random_seed() -> u64 {
    getrandom::u32().map_or_else(|_| releases::now(), u64::from)
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}
