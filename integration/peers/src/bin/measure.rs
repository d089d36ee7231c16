//! Runs a program and says what it took: `measure PROGRAM [ARGUMENT]...`.
//!
//! One line on standard output: microseconds by the clock, microseconds of processor time, bytes of resident memory at the
//! most, exit code. What the program itself says goes to standard error.
//!
//! It is a process of its own because a child's peak of memory begins with what its parent had: this one has two megabytes.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use tuffet_peers::Failed;
use tuffet_peers::arguments::ended;
use wait4::Wait4 as _;

fn main() -> ExitCode {
    ended(measure())
}

fn measure() -> Result<(), Failed> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: measure PROGRAM [ARGUMENT]...")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(std::io::stderr());
    let started = Instant::now();
    let used = command.spawn()?.wait4()?;
    let wall = started.elapsed().as_micros();
    let code = used.status.code().ok_or("ended by a signal")?;
    let cpu = (used.rusage.utime + used.rusage.stime).as_micros();
    println!("{wall} {cpu} {} {code}", used.rusage.maxrss);
    Ok(())
}
