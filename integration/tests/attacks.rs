//! The attack table, on the update machine in memory and on the client over HTTP.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::attacks::{Outcome, Row, Runs, run, table};
use tuffet_integration::device::{Device, Memory, Process, client_binary};

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

#[test]
fn every_row_holds_in_memory() {
    let rows: Vec<Row> = table().into_iter().filter(|row| row.runs == Runs::Everywhere).collect();
    let reports: Vec<String> = rows
        .iter()
        .filter_map(|row| report::<Memory>(row, &row.expected, MEMORY_NOW))
        .collect();
    assert_holds(rows.len(), &reports);
}

#[test]
fn every_row_holds_on_the_client_over_http() {
    // The client reads the real clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let _ = client_binary();
    let rows = table();
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let expected: &Outcome = row.expected_over_http.as_ref().unwrap_or(&row.expected);
                    reports.lock().unwrap().extend(report::<Process>(row, expected, now));
                }
            });
        }
    });
    assert_holds(rows.len(), &reports.into_inner().unwrap());
}
