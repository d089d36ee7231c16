//! What came of a run: for people a table, for machines one object.

use super::bench::{Line, Speaker};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The board.
    pub board: String,
    /// Its description.
    pub description: String,
    /// The suite.
    pub suite: &'static str,
    /// When it began, in UTC.
    pub began: String,
    /// The old and the new version.
    pub versions: [String; 2],
    /// Where the instants of cuts came from.
    pub seed: Option<u64>,
    /// The cases, in their order.
    pub cases: Vec<Tried>,
    /// What ended it early.
    pub trouble: Option<String>,
}

/// A case that had its turn.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What it shows.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub seconds: f64,
    /// What was said and done meanwhile.
    pub log: Vec<Line>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed; what was seen.
    Passed(String),
    /// It failed; why.
    Failed(String),
    /// It was not run; why.
    Skipped(String),
}

/// How many cases there are of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That passed.
    pub passed: usize,
    /// That failed.
    pub failed: usize,
    /// That were not run.
    pub skipped: usize,
}

impl Verdict {
    /// In one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// What was seen, or the reason.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Passed(text) | Self::Failed(text) | Self::Skipped(text) => text,
        }
    }
}

impl Report {
    /// How many cases there are of each verdict.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |word: &str| self.cases.iter().filter(|case| case.verdict.word() == word).count();
        Counts {
            passed: count("passed"),
            failed: count("failed"),
            skipped: count("skipped"),
        }
    }

    /// Whether every case passed, and there was one.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.trouble.is_none() && self.counts().passed == self.cases.len() && !self.cases.is_empty()
    }

    /// How long all cases took.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.cases.iter().map(|case| case.seconds).sum()
    }

    /// The sentence at the end.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts();
        format!(
            "{} on {}: {passed} passed, {failed} failed, {skipped} skipped in {:.1} s",
            self.suite,
            self.board,
            self.seconds()
        )
    }

    /// A table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let widest = self
            .cases
            .iter()
            .map(|case| case.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(4);
        let mut table = format!("{:widest$}  verdict  seconds  seen\n", "case");
        let _ = writeln!(table, "{}  -------  -------  ----", "-".repeat(widest));
        for case in &self.cases {
            let _ = writeln!(
                table,
                "{:widest$}  {:7}  {:>7.1}  {}",
                case.name,
                case.verdict.word(),
                case.seconds,
                case.verdict.text()
            );
        }
        if let Some(seed) = self.seed {
            let _ = writeln!(table, "seed of the cuts: {seed}");
        }
        table
    }

    /// One object for machines.
    #[must_use]
    pub fn json(&self, exit_code: u8) -> Value {
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts();
        let [old, new] = &self.versions;
        let cases: Vec<Value> = self.cases.iter().map(Tried::json).collect();
        json!({
            "ok": exit_code == 0,
            "exit_code": exit_code,
            "board": self.board,
            "description": self.description,
            "suite": self.suite,
            "began": self.began,
            "seconds": rounded(self.seconds()),
            "old": old,
            "new": new,
            "seed": self.seed,
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "error": self.trouble,
            "cases": cases,
        })
    }
}

impl Tried {
    fn json(&self) -> Value {
        let log: Vec<String> = self.log.iter().map(ToString::to_string).collect();
        json!({
            "name": self.name,
            "verdict": self.verdict.word(),
            "seen": self.verdict.text(),
            "seconds": rounded(self.seconds),
            "log": log,
        })
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.speaker {
            Speaker::Board => write!(f, "{:9.3}  {}", self.at_s, self.text),
            Speaker::Lab => write!(f, "{:9.3}  -- {} --", self.at_s, self.text),
        }
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}
