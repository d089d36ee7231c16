//! The attack table, on the update machine in memory, on the client over HTTP, and on the driver of small devices; and its
//! rows about metadata on the verifier alone, in each reading.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::attacks::{
    Clock, Findings, Outcome, Prelude, Row, Runs, follow, is_in_memory, is_over_http, page, run, table,
};
use tuffet_integration::board::Built;
use tuffet_integration::device::{
    Core, Device, Follower, Foreign, Memory, OnBoard, OnMicrobit, Process, RUNNING_SLOT, Small, client_binary,
    conformance_client,
};
use tuffet_no_std_client::flash::{Swap, Xip};
use tuffet_no_std_client::tuf::{Every, Lenient, Strict};

/// Any time will do: nothing in the update machine reads a clock.
const MEMORY_NOW: u64 = 1_800_000_000;

/// Runs a row; a panic of the harness is a finding of that row, and the others still run.
fn report(row: &Row, work: impl FnOnce() -> Findings) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| work().report(row)))
        .unwrap_or_else(|_| Some(format!("{} ({}): the harness panicked, see above", row.name, row.step)))
}

/// Fails with everything that any row found.
fn assert_holds(device: &str, ran: usize, reports: &[String]) {
    assert!(
        reports.is_empty(),
        "{} of {ran} rows do not hold:\n{}",
        reports.len(),
        reports.join("\n")
    );
    println!("{ran} rows hold {device}");
}

fn run_all<D: Device>(device: &str, rows: &[&Row], expected: impl Fn(&Row) -> &Outcome + Sync, now: u64) {
    each_row(device, rows, |row| run::<D>(row, expected(row), now));
}

fn follow_all<F: Follower>(device: &str, rows: &[&Row], now: u64) {
    each_row(device, rows, |row| follow::<F>(row, now));
}

/// Works on three threads at once: most of the time a row waits for a process or a disk.
fn each_row(device: &str, rows: &[&Row], work: impl Fn(&Row) -> Findings + Sync) {
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = report(row, || work(row));
                    reports.lock().unwrap().extend(found);
                }
            });
        }
    });
    assert_holds(device, rows.len(), &reports.into_inner().unwrap());
}

#[test]
fn every_row_holds_in_memory() {
    let all = table();
    let rows: Vec<&Row> = all
        .iter()
        .filter(|row| [Runs::Everywhere, Runs::KeepingFiles].contains(&row.runs))
        .collect();
    run_all::<Memory>("in memory", &rows, |row| &row.expected, MEMORY_NOW);
}

#[test]
fn every_row_holds_on_a_small_device() {
    let all = table();
    let is_for_small = |row: &&Row| {
        [Runs::Everywhere, Runs::Streaming].contains(&row.runs)
            && row.tamper.is_none_or(|(file, _)| Small::<Xip>::keeps(file))
    };
    let (rows, others): (Vec<&Row>, Vec<&Row>) = all.iter().partition(is_for_small);
    for row in others {
        let reason = match (row.runs, row.tamper) {
            (Runs::OverHttp, _) => "its fault is one of HTTP",
            (Runs::KeepingFiles, _) => "its fault is in the packed image, or found in the whole file",
            (Runs::Everywhere | Runs::Streaming, _) => "the file that it edits is not kept there",
        };
        println!("{} is not for small devices: {reason}", row.name);
    }
    run_all::<Small>("on a small device", &rows, |row| &row.expected, MEMORY_NOW);
}

/// Of how many rows one is run on the board, if nobody asks for more: a row takes seconds.
const BOARD_SAMPLE: usize = 20;
/// The same for the board that exchanges its images.
const SWAP_SAMPLE: usize = 2 * BOARD_SAMPLE;
/// The same for the board `microbit`, whose line is slow.
const MICROBIT_SAMPLE: usize = 24;

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn every_row_holds_on_the_emulated_board() {
    run_on_the_board::<Xip>("on the emulated board", 0, BOARD_SAMPLE);
}

/// Other rows than on the other board, if nobody asks for all.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn every_row_holds_on_the_emulated_board_that_exchanges_its_images() {
    // Halfway between those of the other one.
    let first = BOARD_SAMPLE / 2;
    run_on_the_board::<Swap>("on the emulated board that exchanges its images", first, SWAP_SAMPLE);
}

/// The rows that a small device can have, with faults of HTTP, which the board has too, as [`sampled`] says.
fn run_on_the_board<S: Built>(device: &str, first: usize, sample: usize) {
    let all = table();
    // A bootloader does not start a slot that was edited: what the update would say is never asked.
    let is_started = |row: &Row| {
        let is_fine = |(file, _)| OnBoard::<S>::keeps(file) && file != RUNNING_SLOT;
        row.tamper.is_none_or(is_fine)
    };
    let (rows, others): (Vec<&Row>, Vec<&Row>) = all
        .iter()
        .partition(|row| row.runs != Runs::KeepingFiles && is_started(row));
    for row in others {
        let reason = match row.tamper {
            Some((RUNNING_SLOT, _)) => "its bootloader does not start what was edited",
            Some(_) => "the file that it edits is not kept there",
            None => "its fault is in the packed image, or found in the whole file",
        };
        println!("{} is not for the board: {reason}", row.name);
    }
    let sample = sampled(&rows, first, sample);
    each_row(device, &sample, |row| {
        OnBoard::<S>::begin_firmware();
        let expected = row.expected_over_http.as_ref().filter(|_| row.runs == Runs::OverHttp);
        run::<OnBoard<S>>(row, expected.unwrap_or(&row.expected), MEMORY_NOW)
    });
}

/// What a row is not for on the board `microbit`, if it is not.
fn is_not_for_microbit(row: &Row) -> Option<&'static str> {
    let edited = row.tamper.map(|(file, _)| file);
    match (row.runs, edited) {
        (Runs::OverHttp, _) => Some("its fault is one of HTTP"),
        (Runs::KeepingFiles, _) => Some("its fault is in the packed image, or found in the whole file"),
        (_, Some(RUNNING_SLOT)) => Some("its bootloader does not start what was edited"),
        (_, Some(file)) if !OnMicrobit::keeps(file) => Some("the file that it edits is not kept there"),
        (Runs::Everywhere | Runs::Streaming, _) if row.prelude == Prelude::OpenTrial => {
            Some("it does not look for an update before the boot that tries one")
        }
        (Runs::Everywhere | Runs::Streaming, _) => None,
    }
}

/// The rows that a device without a clock can have: which those are the same driver says, on the flash model.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn every_row_holds_on_the_board_microbit() {
    let all = table();
    let (mut rows, mut needs_clock) = (Vec::new(), Vec::new());
    for row in &all {
        if let Some(reason) = is_not_for_microbit(row) {
            println!("{} is not for microbit: {reason}", row.name);
        } else {
            rows.push(row);
        }
    }
    let sample = sampled(&rows, 0, MICROBIT_SAMPLE);
    let (sample, others): (Vec<&Row>, Vec<&Row>) = sample.into_iter().partition(|row| {
        let without = Row {
            clock: Clock::None,
            ..(*row).clone()
        };
        row.clock == Clock::None || run::<Small>(&without, &row.expected, MEMORY_NOW).report(row).is_none()
    });
    needs_clock.extend(others.iter().map(|row| row.name));
    println!("{} rows need a clock: {}", needs_clock.len(), needs_clock.join(", "));
    each_row("on the board microbit", &sample, |row| {
        OnMicrobit::begin_firmware();
        run::<OnMicrobit>(row, &row.expected, MEMORY_NOW)
    });
}

/// All rows if `TUFFET_DEEP` is set, those that `TUFFET_ROWS` names (with commas between them), or one of so many, from this one on.
fn sampled<'r>(rows: &[&'r Row], first: usize, sample: usize) -> Vec<&'r Row> {
    let named = std::env::var("TUFFET_ROWS").ok();
    let sample: Vec<&Row> = match (named, std::env::var_os("TUFFET_DEEP")) {
        (Some(named), _) => {
            let is_named = |row: &&Row| named.split(',').any(|name| name == row.name);
            rows.iter().copied().filter(is_named).collect()
        }
        (None, Some(_)) => rows.to_vec(),
        (None, None) => rows.iter().copied().skip(first).step_by(sample).collect(),
    };
    assert!(!sample.is_empty(), "TUFFET_ROWS names no row that the board can have");
    println!("{} of {} rows on the board", sample.len(), rows.len());
    sample
}

#[test]
fn every_row_holds_on_the_client_over_http() {
    let now = real_now();
    let _ = client_binary();
    let all = table();
    let (rows, others): (Vec<&Row>, Vec<&Row>) = all
        .iter()
        .filter(|row| row.runs != Runs::Streaming)
        .partition(|row| row.clock == Clock::Right);
    for row in others {
        println!("{} is not for the client, which reads the real clock", row.name);
    }
    run_all::<Process>(
        "on the client over HTTP",
        &rows,
        |row| row.expected_over_http.as_ref().unwrap_or(&row.expected),
        now,
    );
}

/// The client reads the real clock.
fn real_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Fewest rows that name a step of the TUF specification.
const TUF_ROWS_MIN: usize = 60;

/// The rows about metadata, on the verifier alone.
fn on_the_verifier<F: Follower>(device: &str) {
    let all = table();
    let metadata = || all.iter().filter(|row| row.is_about_metadata());
    let tuf = metadata().filter(|row| row.step.starts_with("TUF")).count();
    println!(
        "{} rows are about metadata, {tuf} of them name a step",
        metadata().count()
    );
    assert!(tuf >= TUF_ROWS_MIN, "{tuf} rows name a step");
    let (rows, others): (Vec<&Row>, Vec<&Row>) = metadata().partition(|row| is_in_memory(row));
    for row in others {
        println!("{} is not for the verifier alone: its fault is one of HTTP", row.name);
    }
    follow_all::<F>(device, &rows, MEMORY_NOW);
}

#[test]
fn every_row_about_metadata_holds_in_the_strict_reading() {
    on_the_verifier::<Core<Strict>>("in the strict reading");
}

#[test]
fn every_row_about_metadata_holds_in_the_strict_reading_with_every_algorithm() {
    on_the_verifier::<Core<Strict<Every>>>("in the strict reading with every algorithm");
}

#[test]
fn every_row_about_metadata_holds_in_the_lenient_reading() {
    on_the_verifier::<Core<Lenient>>("in the lenient reading");
}

#[test]
fn every_row_about_metadata_holds_for_the_client_of_other_repositories() {
    let now = real_now();
    let _ = conformance_client();
    let all = table();
    let metadata = all.iter().filter(|row| row.is_about_metadata());
    let (rows, others): (Vec<&Row>, Vec<&Row>) = metadata.partition(|row| is_over_http(row));
    for row in others {
        println!("{} is not for the client, which reads the real clock", row.name);
    }
    follow_all::<Foreign>("for the client of other repositories over HTTP", &rows, now);
}

/// Writes the page of the table again.
const WRITE_PAGE: &str = "cargo run -q -p tuffet-integration --example attacks_page > docs/attacks.md";

#[test]
fn page_of_the_table_is_what_the_table_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attacks.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/attacks.md is not what the table says; write it again: {WRITE_PAGE}"
    );
}
