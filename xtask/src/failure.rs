//! Why a command failed, and the exit code that says so.
//!
//! A failure is text for a person: what went wrong, and what to do about it. The code groups failures by who
//! must act, so that a script need not read the text. With `--json` a failure is an object too: `ok`, `error`, `exit_code`,
//! and what the command has to report in spite of it.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

/// The table of exit codes, as `--help` prints it.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 refused or a check failed, 2 wrong usage, 3 file or process trouble,
            4 key or passphrase, 5 network, 6 not in the state for it";

/// Who must act on a failure.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Blame {
    /// A check said no, or a verifier refused.
    Refused = 1,
    /// The arguments do not make sense together.
    Usage = 2,
    /// A file could not be read or written, or a tool could not be run.
    Storage = 3,
    /// A key is missing or wrong, or its passphrase is.
    Key = 4,
    /// A registry or a server did not answer as needed.
    Network = 5,
    /// The thing is not set up for this, or already is.
    WrongState = 6,
}

/// Ends a command that has something to report in JSON whether it failed or not: prints it, or sends it with the failure.
pub fn conclude(outcome: Result<(), Failure>, report: Option<Value>) -> Result<(), Failure> {
    let Some(mut report) = report else {
        return outcome;
    };
    match outcome {
        Ok(()) => {
            report["ok"] = true.into();
            println!("{report}");
            Ok(())
        }
        Err(failure) => Err(Failure { report, ..failure }),
    }
}

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    blame: Blame,
    text: String,
    /// What the command found out, as one JSON object.
    report: Value,
}

impl Failure {
    /// A failure with the given exit code; `text` is one or two sentences: what happened, what to do.
    pub fn new(blame: Blame, text: impl Into<String>) -> Failure {
        Failure {
            blame,
            text: text.into(),
            report: json!({}),
        }
    }

    /// A check said no.
    pub fn refused(text: impl Into<String>) -> Failure {
        Failure::new(Blame::Refused, text)
    }

    /// A file operation failed: `doing` is what was attempted ("cannot write").
    pub fn file(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::new(Blame::Storage, format!("{doing} {}: {error}", path.display()))
    }

    /// Another program of ours failed and has said why; its exit code is passed on.
    pub fn passed_on(code: Option<i32>, text: impl Into<String>) -> Failure {
        let blames = [
            Blame::Refused,
            Blame::Usage,
            Blame::Storage,
            Blame::Key,
            Blame::Network,
            Blame::WrongState,
        ];
        let same = blames.into_iter().find(|blame| code == Some(*blame as i32));
        Failure::new(same.unwrap_or(Blame::Storage), text)
    }

    /// The object that `--json` prints.
    pub fn json(&self) -> Value {
        let mut object = self.report.clone();
        object["ok"] = false.into();
        object["error"] = self.text.as_str().into();
        object["exit_code"] = (self.blame as u8).into();
        object
    }

    /// The code with which the process ends.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.blame as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_an_object_and_keeps_what_is_reported() {
        let failure = Failure::new(Blame::Usage, "wrong");
        assert_eq!(failure.json(), json!({ "ok": false, "error": "wrong", "exit_code": 2 }));
        let failure = conclude(Err(failure), Some(json!({ "findings": [1] }))).unwrap_err();
        let expected = json!({ "ok": false, "error": "wrong", "exit_code": 2, "findings": [1] });
        assert_eq!(failure.json(), expected);
    }
}
