//! What one sweep tried, and what it found.

use crate::life::Findings;
use crate::nor::Tear;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How much is tried.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What finds the known bugs of others in seconds.
    Short,
    /// What a change waits for.
    Plain,
    /// Everything.
    Deep,
}

/// Cuts, flips or faults that were tried.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// How many.
    pub tried: usize,
    /// After how many of them the device lived on until there was nothing more to do. The others were looked at when the
    /// power came, and booted.
    pub lived: usize,
}

/// One sweep.
pub struct Sweep {
    /// What it is about.
    pub name: &'static str,
    /// By scenario, and by how the operation ended.
    pub tried: BTreeMap<(String, &'static str), Tried>,
    /// What does not hold.
    pub findings: Vec<String>,
    /// What else is worth to know.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// A sweep on its way.
pub struct Tally {
    name: &'static str,
    tried: Mutex<BTreeMap<(String, &'static str), Tried>>,
    notes: Mutex<Vec<String>>,
    began: Instant,
}

impl Tally {
    /// Nothing was tried yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            tried: Mutex::default(),
            notes: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// Counts one.
    pub fn count(&self, scenario: &str, mode: &'static str, lived: bool) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = tried.entry((scenario.to_owned(), mode)).or_default();
        tried.tried += 1;
        tried.lived += usize::from(lived);
    }

    /// Notes something.
    pub fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// A sweep that tried fewer than so many has not shown what it says.
    pub fn expect(&self, tried_min: usize, findings: &Findings) {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let tried: usize = tried.values().map(|tried| tried.tried).sum();
        let too_few = || assert!(tried >= tried_min, "only {tried} of {tried_min} were tried");
        findings.look(|| self.name.to_owned(), too_few);
    }

    /// The sweep is over.
    #[must_use]
    pub fn end(self, findings: &Findings) -> Sweep {
        Sweep {
            name: self.name,
            tried: self.tried.into_inner().unwrap_or_else(PoisonError::into_inner),
            findings: findings.take(),
            notes: self.notes.into_inner().unwrap_or_else(PoisonError::into_inner),
            seconds: self.began.elapsed().as_secs_f64(),
        }
    }
}

impl Sweep {
    /// All that was tried.
    #[must_use]
    pub fn sum(&self) -> Tried {
        let mut sum = Tried::default();
        for tried in self.tried.values() {
            sum.tried += tried.tried;
            sum.lived += tried.lived;
        }
        sum
    }

    /// Fails with everything that was found.
    ///
    /// # Panics
    ///
    /// When anything was.
    pub fn assert_none(&self) {
        assert!(
            self.findings.is_empty(),
            "what must hold does not:\n{}",
            self.findings.join("\n")
        );
        println!("{}", self.table());
    }

    /// What was tried, as a table: a row for each scenario, a column for each mode.
    #[must_use]
    pub fn table(&self) -> String {
        let mut modes: Vec<&str> = self.tried.keys().map(|(_, mode)| *mode).collect();
        modes.sort_unstable();
        modes.dedup();
        let mut table = format!("{} ({:.0} s)\n\n| |", self.name, self.seconds);
        for mode in &modes {
            let _ = write!(table, " {mode} |");
        }
        let _ = write!(
            table,
            " together | lived to the end |\n| --- |{}",
            " ---: |".repeat(modes.len() + 2)
        );
        let mut scenarios: Vec<&str> = self.tried.keys().map(|(scenario, _)| scenario.as_str()).collect();
        scenarios.dedup();
        for scenario in scenarios {
            let of = |mode: &&str| {
                self.tried
                    .get(&(scenario.to_owned(), *mode))
                    .copied()
                    .unwrap_or_default()
            };
            let _ = write!(table, "\n| {scenario} |");
            for mode in &modes {
                let _ = write!(table, " {} |", of(mode).tried);
            }
            let sum = |part: fn(Tried) -> usize| modes.iter().map(|mode| part(of(mode))).sum::<usize>();
            let _ = write!(table, " {} | {} |", sum(|tried| tried.tried), sum(|tried| tried.lived));
        }
        table.push('\n');
        for note in &self.notes {
            let _ = write!(table, "\n- {note}");
        }
        for finding in &self.findings {
            let _ = write!(table, "\nFOUND {finding}");
        }
        table
    }

    /// The same for a machine.
    #[must_use]
    pub fn json(&self) -> Value {
        let tried: Vec<Value> = self
            .tried
            .iter()
            .map(|((scenario, mode), tried)| {
                json!({ "scenario": scenario, "mode": mode, "tried": tried.tried, "lived": tried.lived })
            })
            .collect();
        json!({
            "name": self.name,
            "tried": tried,
            "notes": self.notes,
            "findings": self.findings,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

/// How an operation ended, in a word or two.
#[must_use]
pub const fn mode(tear: Tear) -> &'static str {
    match tear {
        Tear::Before => "before",
        Tear::After => "after",
        Tear::Programmed { .. } => "some units",
        Tear::Programming { .. } => "in a unit",
        Tear::ErasedHead { .. } | Tear::ErasedTail { .. } => "half erased",
        Tear::Bits { .. } => "random bits",
        Tear::Unstable { .. } => "unstable",
        Tear::Any { .. } => "any",
    }
}
