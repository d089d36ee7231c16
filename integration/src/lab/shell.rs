//! Command lines of a board file, as processes: bounded in time, and ended with all that they started.
//!
//! - A line is run by `sh -c` in a process group of its own. When it takes too long, fails, or is not wanted any more, the group
//!   is killed. What a line that succeeded left running, is left alone.
//! - The output goes to a file, not to a pipe: a grandchild that lives on keeps nobody waiting.

use super::stop::{LOOK_EVERY, Stop};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Lines of a failed command's output that are repeated.
const QUOTED_LINES_MAX: usize = 8;
/// What a shell answers for a program that is not there.
const NOT_FOUND: i32 = 127;

/// Why a line did not do its work.
#[derive(Debug)]
pub enum ShellFailure {
    /// It ended with a failure.
    Ended {
        /// How.
        how: String,
        /// Whether the shell did not find a program.
        is_missing: bool,
    },
    /// The run was interrupted.
    Interrupted,
    /// It could not be started or watched.
    NotRun(io::Error),
    /// It was killed because it took too long.
    TimedOut {
        /// The limit that it passed.
        limit: Duration,
    },
}

/// A line that goes on until it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    errors: File,
    /// How it ended, once that was seen. Its number is free from then on, and may be that of a stranger.
    status: Option<ExitStatus>,
}

/// Runs a line to its end.
///
/// # Errors
///
/// When it fails, hangs, or cannot be started, or `stop` is asked meanwhile.
pub fn run(line: &str, folder: &Path, limit: Duration, stop: Option<&Stop>) -> Result<(), ShellFailure> {
    let output = tempfile::tempfile().map_err(ShellFailure::NotRun)?;
    let copy = || output.try_clone().map_err(ShellFailure::NotRun);
    let mut command = shell(line, folder);
    command.stdout(copy()?).stderr(copy()?);
    let mut child = command.spawn().map_err(ShellFailure::NotRun)?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => {
                end(&mut child);
                return Err(ShellFailure::NotRun(error));
            }
        }
        if stop.is_some_and(|stop| stop.check().is_err()) {
            end(&mut child);
            return Err(ShellFailure::Interrupted);
        }
        if started.elapsed() > limit {
            end(&mut child);
            return Err(ShellFailure::TimedOut { limit });
        }
        std::thread::sleep(LOOK_EVERY);
    };
    if status.success() {
        return Ok(());
    }
    end(&mut child);
    Err(ended(status, output))
}

impl Running {
    /// Starts a line whose standard output is read by whoever takes it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(line: &str, folder: &Path) -> Result<Self, ShellFailure> {
        let errors = tempfile::tempfile().map_err(ShellFailure::NotRun)?;
        let mut command = shell(line, folder);
        command
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().map_err(ShellFailure::NotRun)?);
        let child = command.spawn().map_err(ShellFailure::NotRun)?;
        Ok(Self {
            child,
            errors,
            status: None,
        })
    }

    /// Its standard output; once.
    pub fn output(&mut self) -> Option<impl io::Read + Send + 'static> {
        self.child.stdout.take()
    }

    /// How it ended, if it did. What it left running is killed then.
    pub fn ended(&mut self) -> Option<ShellFailure> {
        if self.status.is_none() {
            self.status = Some(self.child.try_wait().ok().flatten()?);
            end(&mut self.child);
        }
        let status = self.status?;
        let errors = self.errors.try_clone().ok()?;
        Some(ended(status, errors))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            end(&mut self.child);
        }
    }
}

impl std::fmt::Display for ShellFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended { how, .. } => f.write_str(how),
            Self::Interrupted => f.write_str("was interrupted"),
            Self::NotRun(error) => write!(f, "could not be run: {error}"),
            Self::TimedOut { limit } => write!(
                f,
                "was killed with all that it started: it took longer than {} s",
                limit.as_secs_f32()
            ),
        }
    }
}

fn shell(line: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(folder)
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// Kills a process with its group, and waits for it. Both may be gone already.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn ended(status: ExitStatus, output: File) -> ShellFailure {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    };
    let quoted = last_lines(output);
    ShellFailure::Ended {
        how: if quoted.is_empty() {
            how
        } else {
            format!("{how}: {quoted}")
        },
        is_missing: status.code() == Some(NOT_FOUND),
    }
}

fn last_lines(mut output: File) -> String {
    let mut bytes = Vec::new();
    let read = output.rewind().and_then(|()| output.read_to_end(&mut bytes));
    if read.is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(QUOTED_LINES_MAX);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_here(line: &str, limit_ms: u64) -> Result<(), ShellFailure> {
        run(line, Path::new("."), Duration::from_millis(limit_ms), None)
    }

    #[test]
    fn failed_line_is_quoted() {
        let failure = run_here("echo why; echo because >&2; exit 3", 5_000).unwrap_err();
        assert_eq!(failure.to_string(), "ended with 3: why / because");
        let missing = run_here("tuffet-no-such-program", 5_000).unwrap_err();
        assert!(
            matches!(missing, ShellFailure::Ended { is_missing: true, .. }),
            "{missing}"
        );
    }

    #[test]
    fn hanging_line_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let line = format!("sleep 600 & echo $! > '{}'; wait", pid_file.display());
        let failure = run_here(&line, 300).unwrap_err();
        assert!(matches!(failure, ShellFailure::TimedOut { .. }), "{failure}");
        let pid = std::fs::read_to_string(&pid_file).unwrap().trim().to_owned();
        assert!(is_gone(&pid), "the child {pid} lives on");
    }

    #[test]
    fn what_a_good_line_left_running_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let line = format!("sleep 600 & echo $! > '{}'", pid_file.display());
        run_here(&line, 5_000).unwrap();
        let pid = std::fs::read_to_string(&pid_file).unwrap().trim().to_owned();
        assert!(!is_gone(&pid));
        run_here(&format!("kill {pid}"), 5_000).unwrap();
    }

    #[test]
    fn what_a_log_left_running_is_killed_when_its_end_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Running::start("sleep 600 & echo $! > pid; exit 4", folder.path()).unwrap();
        let failure = (0..2_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            log.ended()
        });
        assert_eq!(failure.unwrap().to_string(), "ended with 4");
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        assert!(is_gone(pid.trim()), "the child {pid} lives on");
        // The end is seen once, and told as often as somebody asks.
        assert!(log.ended().is_some());
    }

    #[test]
    fn asked_to_stop_is_no_longer_waiting() {
        let stop = Stop::default();
        stop.ask();
        let failure = run("sleep 600", Path::new("."), Duration::from_secs(60), Some(&stop)).unwrap_err();
        assert!(matches!(failure, ShellFailure::Interrupted));
    }

    /// Whether a process is gone, or only waits to be taken note of.
    fn is_gone(pid: &str) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        })
    }
}
