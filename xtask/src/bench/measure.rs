//! `cargo xtask bench measure`: what one program took, for the other benchmarks.
//!
//! - The program runs as a child of a process that does nothing else: a child's peak of memory begins with what its parent
//!   had, so a benchmark that holds images would show its own.
//! - Seconds by the clock are good to a millisecond.
//! - What the program says goes to standard error; the last line on standard output is one JSON object.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};
use wait4::Wait4 as _;

use crate::failure::{Blame, Failure};
use crate::process::Tool;

/// How often a running program is asked whether it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// What the measuring process may take beside the program, before something is wrong with it.
const GRACE: Duration = Duration::from_secs(60);

/// Run a program and say what it took.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// End the program after this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
    /// The program and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM"
    )]
    command: Vec<OsString>,
}

/// What a process took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// By the clock, from its start to its end.
    pub seconds: f64,
    /// Of processors, user and system together.
    pub cpu_seconds: f64,
    /// Resident, at the most.
    pub peak_memory_bytes: u64,
}

/// How a measured program ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// What it took.
    pub cost: Cost,
    /// Its exit code; none if it was ended by a signal.
    pub code: Option<i32>,
    /// Was it ended because it took too long?
    pub is_timed_out: bool,
    /// What it said, on both streams.
    #[serde(skip)]
    pub said: String,
}

/// Runs the program, and prints what it took.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(Failure::new(Blame::Usage, "name a program"));
    };
    let not_run = |error| Failure::file("cannot run", program.as_ref(), &error);
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(std::io::stderr());
    let started = Instant::now();
    let mut child = command.spawn().map_err(not_run)?;
    let limit = Duration::from_secs(arguments.limit);
    let has_ended = within(&child, started, limit).map_err(not_run)?;
    let seconds = started.elapsed().as_secs_f64();
    if !has_ended {
        // It may have ended in this instant; then there is nothing left to kill, and that is fine.
        let _ = child.kill();
    }
    let used = child.wait4().map_err(not_run)?;
    let ended = Ended {
        cost: Cost {
            seconds,
            cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
            peak_memory_bytes: used.rusage.maxrss,
        },
        code: used.status.code(),
        is_timed_out: !has_ended,
        said: String::new(),
    };
    let text = serde_json::to_string(&ended).map_err(|error| Failure::refused(error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// Waits for the end of a child and leaves it to be asked what it took; `false` when the time is over first.
fn within(child: &Child, started: Instant, limit: Duration) -> std::io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_none() {
        if started.elapsed() > limit {
            return Ok(false);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(true)
}

/// A program of ours that has `bench measure`.
#[derive(Debug)]
pub struct Gauge {
    /// The program.
    pub program: PathBuf,
}

impl Gauge {
    /// Runs a command line and says what it took, however it ends.
    pub fn run(&self, command: &[OsString], limit: Duration) -> Result<Ended, Failure> {
        let tool = Tool::new(&self.program).args(["bench", "measure", "--limit"]);
        let tool = tool.arg(limit.as_secs().to_string()).arg("--").args(command);
        let printed = tool.limit(limit + GRACE).capture()?;
        parse(&printed.output, printed.errors.clone()).ok_or_else(|| {
            let text = format!("`bench measure` did not run a program: {}", printed.errors.trim());
            Failure::new(Blame::Storage, text)
        })
    }
}

/// Reads the last line of `bench measure`.
fn parse(output: &str, said: String) -> Option<Ended> {
    let ended: Ended = serde_json::from_str(output.lines().last()?).ok()?;
    Some(Ended { said, ..ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_read_and_anything_else_is_not_a_measurement() {
        let line =
            r#"{"cost":{"seconds":1.5,"cpu_seconds":2.0,"peak_memory_bytes":2097152},"code":1,"is_timed_out":false}"#;
        let ended = parse(&format!("before\n{line}\n"), "refused".to_owned()).unwrap();
        assert_eq!((ended.cost.seconds, ended.cost.cpu_seconds), (1.5, 2.0));
        assert_eq!(ended.cost.peak_memory_bytes, 2 << 20);
        assert_eq!(
            (ended.code, ended.is_timed_out, ended.said.as_str()),
            (Some(1), false, "refused")
        );
        for wrong in ["", "{}", r#"{"ok":false,"error":"cannot run"}"#] {
            assert_eq!(parse(wrong, String::new()), None, "{wrong}");
        }
    }

    #[test]
    fn end_of_a_child_is_seen_and_a_late_one_too() {
        let mut late = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!within(&late, Instant::now(), Duration::from_millis(20)).unwrap());
        late.kill().unwrap();
        assert!(within(&late, Instant::now(), Duration::from_secs(20)).unwrap());
        // It is still there to be asked.
        assert!(late.wait4().unwrap().rusage.maxrss > 0);
    }
}
