//! The attack table, on the update machine in memory, on the client over HTTP, and on the driver of small devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::attacks::{Outcome, Row, Runs, run, table};
use tuffet_integration::device::{Device, Memory, Process, Small, client_binary};

/// Any time will do: nothing in the update machine reads a clock.
const MEMORY_NOW: u64 = 1_800_000_000;

/// Runs a row; a panic of the harness is a finding of that row, and the others still run.
fn report<D: Device>(row: &Row, expected: &Outcome, now: u64) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| run::<D>(row, expected, now).report(row)))
        .unwrap_or_else(|_| Some(format!("{} ({}): the harness panicked, see above", row.name, row.step)))
}

/// Fails with everything that any row found.
fn assert_holds(ran: usize, reports: &[String]) {
    assert!(
        reports.is_empty(),
        "{} of {ran} rows do not hold:\n{}",
        reports.len(),
        reports.join("\n")
    );
    println!("{ran} rows hold");
}

/// Runs rows on three threads at once: most of the time a row waits for a process or a disk.
fn run_all<D: Device>(rows: &[&Row], expected: impl Fn(&Row) -> &Outcome + Sync, now: u64) {
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    reports.lock().unwrap().extend(report::<D>(row, expected(row), now));
                }
            });
        }
    });
    assert_holds(rows.len(), &reports.into_inner().unwrap());
}

#[test]
fn every_row_holds_in_memory() {
    let all = table();
    let rows: Vec<&Row> = all
        .iter()
        .filter(|row| [Runs::Everywhere, Runs::KeepingFiles].contains(&row.runs))
        .collect();
    run_all::<Memory>(&rows, |row| &row.expected, MEMORY_NOW);
}

#[test]
fn every_row_holds_on_a_small_device() {
    let all = table();
    let is_for_small = |row: &&Row| {
        [Runs::Everywhere, Runs::Streaming].contains(&row.runs) && row.tamper.is_none_or(|(file, _)| Small::keeps(file))
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
    run_all::<Small>(&rows, |row| &row.expected, MEMORY_NOW);
}

#[test]
fn every_row_holds_on_the_client_over_http() {
    // The client reads the real clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let _ = client_binary();
    let all = table();
    let rows: Vec<&Row> = all.iter().filter(|row| row.runs != Runs::Streaming).collect();
    run_all::<Process>(
        &rows,
        |row| row.expected_over_http.as_ref().unwrap_or(&row.expected),
        now,
    );
}
