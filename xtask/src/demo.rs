//! `cargo xtask demo`: the main job by itself, with nothing set up before.
//!
//! - It runs the commands that a vendor, an operator and a device run, as processes, over real HTTP on the loopback.
//! - Where there is an emulator and a compiler for it, a board with the real firmware of small devices is among the devices.
//! - Everything happens in a new folder, which is removed at the end unless `--keep` names one.
//! - A step is written down when it has happened and its outcome was looked at; the first that fails ends the demo.

mod bench;
mod device;
mod emulated;
mod firmware;
mod line;
mod steps;

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use crate::failure::{Failure, conclude};
use crate::table::{Align, Table};
use bench::Bench;

/// Run the main job from keys to an attack refused.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Work in this new folder and keep it, to look around afterwards.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Do not fetch real firmware; generate some.
    #[arg(long)]
    offline: bool,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// What a step achieved.
pub struct Done {
    /// One line: what was seen.
    pub seen: String,
    /// Bytes of bodies which the device received for it; `None` where no device was involved.
    pub wire_bytes: Option<u64>,
    /// What the delta saved by which the device updated, if it did.
    pub saving: Option<Saving>,
}

/// Two ways to one image.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Saving {
    /// Bytes of the delta.
    pub delta_bytes: u64,
    /// Bytes of the full image, as the device would download it.
    pub full_bytes: u64,
}

impl fmt::Display for Saving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Saving {
            delta_bytes,
            full_bytes,
        } = *self;
        let tenths = (delta_bytes * 1_000).checked_div(full_bytes).unwrap_or(0);
        write!(
            f,
            "by a delta of {delta_bytes} bytes instead of {full_bytes} ({}.{} %)",
            tenths / 10,
            tenths % 10
        )
    }
}

impl Done {
    /// A step without network.
    pub fn new(seen: impl Into<String>) -> Done {
        Done {
            seen: seen.into(),
            wire_bytes: None,
            saving: None,
        }
    }
}

/// A step that was tried.
struct Tried {
    name: String,
    seconds: f64,
    outcome: Result<Done, Failure>,
}

/// The steps that were tried, in order.
#[derive(Default)]
pub struct Protocol {
    tried: Vec<Tried>,
}

impl Protocol {
    /// Runs a step, writes down what came of it, and stops the demo when it failed.
    pub fn step(&mut self, name: &str, step: impl FnOnce() -> Result<Done, Failure>) -> Result<(), Failed> {
        eprintln!("… {name}");
        let started = Instant::now();
        let outcome = step();
        let failed = outcome.is_err();
        self.tried.push(Tried {
            name: name.to_owned(),
            seconds: started.elapsed().as_secs_f64(),
            outcome,
        });
        if failed { Err(Failed) } else { Ok(()) }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            ("step", Align::Left),
            ("result", Align::Left),
            ("wire bytes", Align::Right),
            ("seconds", Align::Right),
        ]);
        for tried in &self.tried {
            let (result, bytes) = match &tried.outcome {
                Ok(done) => (
                    done.seen.clone(),
                    done.wire_bytes.map_or_else(String::new, |bytes| bytes.to_string()),
                ),
                Err(_) => ("FAILED".to_owned(), String::new()),
            };
            table.row([tried.name.clone(), result, bytes, format!("{:.2}", tried.seconds)]);
        }
        table
    }

    fn json(&self) -> serde_json::Value {
        let steps: Vec<_> = self
            .tried
            .iter()
            .map(|tried| {
                let done = tried.outcome.as_ref().ok();
                let saving = done.and_then(|done| done.saving);
                json!({
                    "name": tried.name,
                    "ok": tried.outcome.is_ok(),
                    "seconds": (tried.seconds * 1000.0).round() / 1000.0,
                    "bytes": done.and_then(|done| done.wire_bytes).unwrap_or(0),
                    "delta_bytes": saving.map(|saving| saving.delta_bytes),
                    "full_bytes": saving.map(|saving| saving.full_bytes),
                    "seen": tried.outcome.as_ref().map_or_else(ToString::to_string, |done| done.seen.clone()),
                })
            })
            .collect();
        json!({ "steps": steps })
    }
}

/// A step failed; the protocol says why.
#[derive(Debug)]
pub struct Failed;

/// Runs the demo.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut bench = Bench::new(arguments.keep.as_deref())?;
    let mut protocol = Protocol::default();
    let mut all = Vec::new();
    let fetched = protocol.step("fetch firmware", || {
        all = firmware::obtain(&bench, arguments.offline)?;
        let descriptions: Vec<_> = all.iter().map(|firmware| firmware.description.as_str()).collect();
        Ok(Done::new(descriptions.join("; ")))
    });
    let mut boards = None;
    let built = fetched.and_then(|()| {
        protocol.step("firmware of the emulated board", || {
            let (done, found) = emulated::obtain(&mut bench)?;
            boards = found;
            Ok(done)
        })
    });
    // How it went is in the protocol; a failed step only ends the sequence early.
    let _ = built.and_then(|()| steps::run(&bench, &all, boards.as_ref(), &mut protocol));
    println!("{}", protocol.table());
    if let Some(kept) = &arguments.keep {
        println!("kept in {}", kept.display());
    }
    let report = arguments.json.then(|| protocol.json());
    let verdict = match protocol.tried.pop().map(|tried| (tried.name, tried.outcome)) {
        Some((name, Err(failure))) => Err(Failure::refused(format!("the demo stopped at `{name}`: {failure}"))),
        Some((_, Ok(_))) => Ok(()),
        None => Err(Failure::refused("the demo did nothing")),
    };
    conclude(verdict, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_is_told_with_both_sides_and_their_share() {
        let saving = |delta_bytes, full_bytes| {
            Saving {
                delta_bytes,
                full_bytes,
            }
            .to_string()
        };
        assert_eq!(
            saving(1_234, 10_000),
            "by a delta of 1234 bytes instead of 10000 (12.3 %)"
        );
        assert_eq!(saving(7, 7), "by a delta of 7 bytes instead of 7 (100.0 %)");
        assert_eq!(saving(7, 0), "by a delta of 7 bytes instead of 0 (0.0 %)");
    }
}
