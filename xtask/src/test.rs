//! `cargo xtask test`: everything that CI checks, in one command and one table.
//!
//! - A step is one entry of [`steps::STEPS`]: its name, what it needs, what it runs.
//! - All steps run, also after one has failed: one run tells everything that is wrong.
//! - A step that cannot run here says why. With `CI=true`, what this machine lacks and could have is a failure.

pub mod counts;
mod steps;

use std::fmt;
use std::time::Instant;

use serde_json::json;

use crate::failure::{Failure, conclude};
use crate::table::{Align, Table};
use crate::test::counts::Counts;
use crate::test::steps::{Bench, STEPS, Step};
use crate::workspace;

/// Run everything that CI checks.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also what takes longer than a change can wait for: many more random cases, and fuzzing.
    #[arg(long)]
    deep: bool,
    /// Only this step; may be given more than once. A wrong name lists them all.
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// How a step ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It ran, and all was well.
    Passed(Counts),
    /// It ran, and something was not.
    Failed(Counts),
    /// It did not run.
    Skipped(Reason),
}

/// Why a step did not run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// This machine lacks something that it could have.
    Lacking(String),
    /// It has no meaning here.
    Pointless(String),
}

struct Row {
    step: &'static Step,
    outcome: Outcome,
    seconds: f64,
}

/// Runs the steps, prints the table, and a closing line with all counts.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let steps = chosen(&arguments.only, arguments.deep)?;
    let bench = Bench {
        root: workspace::root()?,
    };
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut rows = Vec::new();
    for step in steps {
        eprintln!("\n=== {}: {}", step.name, step.what);
        let started = Instant::now();
        let outcome = strictly((step.run)(&bench), is_ci);
        eprintln!("=== {}: {outcome}", step.name);
        rows.push(Row {
            step,
            outcome,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    print!("\n{}", table(&rows));
    let total = rows
        .iter()
        .map(|row| row.outcome.counts())
        .fold(Counts::default(), Counts::plus);
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    );
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row.outcome.is_failure())
        .map(|row| row.step.name)
        .collect();
    let verdict = if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::refused(format!("failed: {}", failed.join(", "))))
    };
    conclude(verdict, arguments.json.then(|| report(&rows, &total)))
}

/// Where nobody looks, a step that silently stays away is a hole.
fn strictly(outcome: Outcome, is_ci: bool) -> Outcome {
    if is_ci && let Outcome::Skipped(Reason::Lacking(what)) = &outcome {
        eprintln!("this machine lacks something, and CI must not: {what}");
        return Outcome::Failed(Counts::default());
    }
    outcome
}

fn chosen(only: &[String], deep: bool) -> Result<Vec<&'static Step>, Failure> {
    if only.is_empty() {
        return Ok(STEPS.iter().filter(|step| deep || !step.deep).collect());
    }
    let find = |name: &String| {
        STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
            let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            Failure::new(
                crate::failure::Blame::Usage,
                format!("there is no step `{name}`; there are {}", names.join(", ")),
            )
        })
    };
    only.iter().map(find).collect()
}

fn table(rows: &[Row]) -> Table {
    let columns = [
        ("step", Align::Left),
        ("result", Align::Left),
        ("tests", Align::Right),
        ("seconds", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        let tests = row.outcome.tests().map_or(String::new(), |tests| tests.to_string());
        let note = match &row.outcome {
            Outcome::Passed(_) | Outcome::Failed(_) => String::new(),
            Outcome::Skipped(Reason::Lacking(why) | Reason::Pointless(why)) => why.clone(),
        };
        let result = row.outcome.in_one_word().to_owned();
        table.row([
            row.step.name.to_owned(),
            result,
            tests,
            format!("{:.1}", row.seconds),
            note,
        ]);
    }
    table
}

fn report(rows: &[Row], total: &Counts) -> serde_json::Value {
    let steps: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.step.name, "result": row.outcome.in_one_word(), "seconds": row.seconds,
                "tests": row.outcome.tests(),
            })
        })
        .collect();
    json!({
        "steps": steps,
        "passed": total.passed, "failed": total.failed, "skipped": total.skipped,
    })
}

impl Outcome {
    fn is_failure(&self) -> bool {
        matches!(self, Outcome::Failed(_))
    }

    fn in_one_word(&self) -> &'static str {
        match self {
            Outcome::Passed(_) => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped(_) => "skipped",
        }
    }

    /// How many tests a test runner said that it ran; `None` for a step that is itself the test.
    fn tests(&self) -> Option<u64> {
        match self {
            Outcome::Passed(counts) | Outcome::Failed(counts) => {
                (*counts != Counts::default()).then(|| counts.passed + counts.failed)
            }
            Outcome::Skipped(_) => None,
        }
    }

    /// What the step adds to the closing line: its runner's counts, and one for the step when it says more than they do.
    fn counts(&self) -> Counts {
        let one = Counts::default();
        match self {
            Outcome::Passed(counts) if *counts == one => Counts { passed: 1, ..one },
            Outcome::Failed(counts) if counts.failed == 0 => Counts { failed: 1, ..*counts },
            Outcome::Passed(counts) | Outcome::Failed(counts) => *counts,
            Outcome::Skipped(_) => Counts { skipped: 1, ..one },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Passed(_) | Outcome::Failed(_) => f.write_str(self.in_one_word()),
            Outcome::Skipped(Reason::Lacking(why) | Reason::Pointless(why)) => write!(f, "skipped: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking() -> Outcome {
        Outcome::Skipped(Reason::Lacking("python3".into()))
    }

    #[test]
    fn skip_of_what_could_run_fails_ci_and_only_ci() {
        assert!(!strictly(lacking(), false).is_failure());
        assert!(strictly(lacking(), true).is_failure());
        let pointless = Outcome::Skipped(Reason::Pointless("a newer compiler".into()));
        assert!(!strictly(pointless, true).is_failure());
    }

    #[test]
    fn every_step_counts_at_least_once() {
        let none = Counts::default();
        assert_eq!(Outcome::Passed(none).counts(), Counts { passed: 1, ..none });
        assert_eq!(Outcome::Failed(none).counts(), Counts { failed: 1, ..none });
        assert_eq!(lacking().counts(), Counts { skipped: 1, ..none });
        let broken_build = Counts { passed: 5, ..none };
        assert_eq!(
            Outcome::Failed(broken_build).counts(),
            Counts {
                passed: 5,
                failed: 1,
                ..none
            }
        );
        let two_tests = Counts {
            passed: 5,
            failed: 2,
            ..none
        };
        assert_eq!(Outcome::Failed(two_tests).counts(), two_tests);
    }

    #[test]
    fn deep_steps_run_only_when_asked_for() {
        assert!(chosen(&[], false).unwrap().iter().all(|step| !step.deep));
        assert_eq!(chosen(&[], true).unwrap().len(), STEPS.len());
        assert!(chosen(&["no-such-step".into()], false).is_err());
    }
}
