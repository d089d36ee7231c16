//! Running other programs: bounded in time, with an answer that says what to do when one is missing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::failure::{Blame, Failure};

/// How often a running program is asked whether it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long an ended program's output may still be silent before it counts as all there is.
const GRANDCHILD_GRACE: Duration = Duration::from_millis(500);

/// Lines of a failed program's output that its failure repeats.
const QUOTED_LINES_MAX: usize = 12;

/// A program to run, with its time limit.
#[derive(Debug)]
pub struct Tool {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    folder: Option<PathBuf>,
    limit: Duration,
    label: Option<String>,
}

/// What a captured program printed, and how it ended.
#[derive(Debug)]
pub struct Printed {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

/// Why a program gave no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum ToolFailure {
    /// It ran and said no.
    Failed {
        /// The command line.
        line: String,
        /// The end of what it printed.
        quoted: String,
    },
    /// There is no such program on this machine.
    Missing {
        /// The program.
        program: String,
    },
    /// It could not be started or watched.
    NotRun {
        /// The command line.
        line: String,
        /// Why.
        error: std::io::Error,
    },
    /// It was ended because it took too long.
    TimedOut {
        /// The command line.
        line: String,
        /// The limit that it passed.
        limit: Duration,
    },
}

impl Tool {
    /// A program, found on the `PATH` unless `program` is a path; ten minutes at most.
    pub fn new(program: impl AsRef<OsStr>) -> Tool {
        Tool {
            program: program.as_ref().to_os_string(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            limit: Duration::from_secs(600),
            label: None,
        }
    }

    /// Adds arguments.
    pub fn args<Argument: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = Argument>) -> Tool {
        self.arguments
            .extend(arguments.into_iter().map(|argument| argument.as_ref().to_os_string()));
        self
    }

    /// Adds one argument.
    pub fn arg(self, argument: impl AsRef<OsStr>) -> Tool {
        self.args([argument])
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Tool {
        self.environment
            .push((name.into(), Some(value.as_ref().to_os_string())));
        self
    }

    /// Takes an environment variable away.
    pub fn env_remove(mut self, name: &str) -> Tool {
        self.environment.push((name.into(), None));
        self
    }

    /// Runs it in this folder.
    pub fn folder(mut self, folder: &Path) -> Tool {
        self.folder = Some(folder.to_path_buf());
        self
    }

    /// Ends it after this time.
    pub fn limit(mut self, limit: Duration) -> Tool {
        self.limit = limit;
        self
    }

    /// Puts this in front of each line that [`tee`](Self::tee) shows, to tell apart what runs at once.
    pub fn labelled(mut self, label: &str) -> Tool {
        self.label = Some(label.to_owned());
        self
    }

    /// The command line as a person would type it (arguments with blanks are quoted).
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        let quoted = words.map(|word| {
            let word = word.to_string_lossy();
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Runs it with its output captured; anything but success is a failure that quotes the end of the output.
    pub fn read(&self) -> Result<Printed, ToolFailure> {
        let printed = self.capture()?;
        if printed.status.success() {
            return Ok(printed);
        }
        let all = format!("{}\n{}", printed.output.trim_end(), printed.errors.trim_end());
        Err(ToolFailure::Failed {
            line: self.line(),
            quoted: last_lines(&all),
        })
    }

    /// Runs it with its output captured, however it ends.
    ///
    /// The output goes through files, not pipes: a grandchild that survives the time limit cannot keep us waiting.
    pub fn capture(&self) -> Result<Printed, ToolFailure> {
        let files = tempfile::tempfile().and_then(|output| Ok((output, tempfile::tempfile()?)));
        let (mut output, mut errors) = files.map_err(|error| self.not_run(error))?;
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(output.try_clone().map_err(|error| self.not_run(error))?);
        command.stderr(errors.try_clone().map_err(|error| self.not_run(error))?);
        let status = self.wait(command)?;
        let output = read_from_start(&mut output).map_err(|error| self.not_run(error))?;
        let errors = read_from_start(&mut errors).map_err(|error| self.not_run(error))?;
        Ok(Printed { status, output, errors })
    }

    /// Runs it with our own terminal, so that a person sees it work. `true` when it succeeded.
    pub fn show(&self) -> Result<bool, ToolFailure> {
        Ok(self.show_code()? == Some(0))
    }

    /// Runs it with our own terminal, and answers its exit code; a program ended by a signal has none.
    pub fn show_code(&self) -> Result<Option<i32>, ToolFailure> {
        let mut command = self.command();
        command.stdin(Stdio::null());
        Ok(self.wait(command)?.code())
    }

    /// Runs it with its output both shown (on standard error) and captured, however it ends.
    pub fn tee(&self) -> Result<Printed, ToolFailure> {
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if std::io::stderr().is_terminal() {
            // It would see a pipe and print in one color.
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut child = self.spawn(command)?;
        let label = self
            .label
            .as_ref()
            .map_or_else(String::new, |label| format!("{label}: "));
        let output = child.stdout.take().map(|from| echo(from, label.clone()));
        let errors = child.stderr.take().map(|from| echo(from, label));
        let status = self.wait_for(child)?;
        let read = |echo: Option<Receiver<String>>| echo.map_or_else(String::new, |echo| rest(&echo));
        Ok(Printed {
            status,
            output: read(output),
            errors: read(errors),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn wait(&self, command: Command) -> Result<ExitStatus, ToolFailure> {
        self.wait_for(self.spawn(command)?)
    }

    fn spawn(&self, mut command: Command) -> Result<Child, ToolFailure> {
        command.spawn().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return ToolFailure::Missing {
                    program: self.program.to_string_lossy().into_owned(),
                };
            }
            self.not_run(error)
        })
    }

    fn wait_for(&self, mut child: Child) -> Result<ExitStatus, ToolFailure> {
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(|error| self.not_run(error))? {
                return Ok(status);
            }
            if started.elapsed() > self.limit {
                // It may have ended in this instant; then there is nothing left to kill, and that is fine.
                let _ = child.kill();
                child.wait().map_err(|error| self.not_run(error))?;
                return Err(ToolFailure::TimedOut {
                    line: self.line(),
                    limit: self.limit,
                });
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn not_run(&self, error: std::io::Error) -> ToolFailure {
        ToolFailure::NotRun {
            line: self.line(),
            error,
        }
    }
}

impl std::fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ToolFailure::Failed { line, quoted } => write!(f, "`{line}` failed:\n{quoted}"),
            ToolFailure::Missing { program } => {
                write!(f, "`{program}` is not on this machine")?;
                debian_package(program).map_or(Ok(()), |package| write!(f, " (Debian's package {package} has it)"))
            }
            ToolFailure::NotRun { line, error } => write!(f, "cannot run `{line}`: {error}"),
            ToolFailure::TimedOut { line, limit } => {
                write!(f, "`{line}` was ended: it took longer than {} s", limit.as_secs())
            }
        }
    }
}

impl std::error::Error for ToolFailure {}

impl From<ToolFailure> for Failure {
    fn from(failure: ToolFailure) -> Failure {
        Failure::new(Blame::Storage, failure.to_string())
    }
}

/// Is there a program of this name on the `PATH`?
pub fn is_on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Which package to install for a program that we call.
fn debian_package(program: &str) -> Option<&'static str> {
    Some(match program {
        "git" => "git",
        "mksquashfs" => "squashfs-tools",
        "npm" => "npm",
        "python3" => "python3-venv and python3-pip",
        "qemu-system-arm" => "qemu-system-arm",
        "qemu-system-riscv32" => "qemu-system-misc",
        _ => return None,
    })
}

/// Shows what a program prints, each line behind a label, and passes it on as it was.
fn echo(from: impl Read + Send + 'static, label: String) -> Receiver<String> {
    let (to, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            eprint!("{label}{text}");
            // Nobody listens any more when the program was ended.
            let _ = to.send(text);
            line.clear();
        }
    });
    receiver
}

/// What an ended program had printed. A grandchild that lives on keeps the pipe open, and is not waited for.
fn rest(echo: &Receiver<String>) -> String {
    let mut text = String::new();
    while let Ok(line) = echo.recv_timeout(GRANDCHILD_GRACE) {
        text.push_str(&line);
    }
    text
}

fn read_from_start(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(QUOTED_LINES_MAX);
    lines
        .iter()
        .skip(skipped)
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_program_is_named() {
        let failure = Tool::new("tuffet-no-such-program").read().unwrap_err();
        assert!(matches!(&failure, ToolFailure::Missing { program } if program == "tuffet-no-such-program"));
    }

    #[test]
    fn output_and_errors_are_told_apart() {
        let printed = Tool::new("sh")
            .args(["-c", "echo out; echo err >&2; exit 3"])
            .capture()
            .unwrap();
        assert_eq!((printed.output.as_str(), printed.errors.as_str()), ("out\n", "err\n"));
        assert_eq!(printed.status.code(), Some(3));
    }

    #[test]
    fn teed_output_is_whole_however_it_ends() {
        let printed = Tool::new("sh")
            .args(["-c", "echo a; echo b >&2; printf c; exit 3"])
            .labelled("only shown")
            .tee()
            .unwrap();
        assert_eq!((printed.output.as_str(), printed.errors.as_str()), ("a\nc", "b\n"));
        assert_eq!(printed.status.code(), Some(3));
    }

    #[test]
    fn grandchild_that_lives_on_is_not_waited_for() {
        let started = Instant::now();
        let printed = Tool::new("sh").args(["-c", "echo a; sleep 20 & exit 0"]).tee().unwrap();
        assert_eq!(printed.output, "a\n");
        assert!(started.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn failed_program_is_quoted() {
        let failure = Tool::new("sh").args(["-c", "echo why; exit 1"]).read().unwrap_err();
        assert!(failure.to_string().contains("  why"), "{failure}");
    }

    #[test]
    fn endless_program_is_ended() {
        let failure = Tool::new("sleep")
            .arg("60")
            .limit(Duration::from_millis(50))
            .read()
            .unwrap_err();
        assert!(matches!(failure, ToolFailure::TimedOut { .. }), "{failure}");
    }
}
