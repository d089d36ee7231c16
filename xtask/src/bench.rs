//! `cargo xtask bench`: figures, each made by a command that anybody can run again.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use serde_json::{Value, json};
use tuffet_server::delta::{self, Profile};

use crate::failure::{Blame, Failure};
use crate::table::{Align, Table};

/// Above this size an image is left out: the suffix array of a pair takes some forty bytes of memory for each of its bytes.
const IMAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Measure something.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Patch bytes of each pair in a folder, as `cargo xtask corpus` makes it.
    Delta(Delta),
}

#[derive(Debug, clap::Args)]
struct Delta {
    /// Holds `NAME/old.bin` and `NAME/new.bin`.
    dir: PathBuf,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Runs one of the benchmarks.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Delta(arguments) => run_delta(arguments),
    }
}

fn run_delta(arguments: &Delta) -> Result<(), Failure> {
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[
        ("pair", Align::Left),
        right("new"),
        right("small"),
        right("standard"),
        right("large"),
        right("small, from nothing"),
        right("seconds"),
    ]);
    let mut pairs = Vec::new();
    for (name, old, new) in pairs_in(&arguments.dir)? {
        let bytes = [&old, &new]
            .into_iter()
            .map(|path| size(path))
            .collect::<Result<Vec<_>, _>>()?;
        if bytes.iter().any(|bytes| *bytes > IMAGE_BYTES_MAX) {
            eprintln!("{name} is left out: an image of it has more than {IMAGE_BYTES_MAX} bytes");
            continue;
        }
        eprintln!("… {name}");
        let row = measure(&read(&old)?, &read(&new)?)?;
        table.row([
            name.clone(),
            row.new_bytes.to_string(),
            row.small.to_string(),
            row.standard.to_string(),
            row.large.to_string(),
            row.nothing.to_string(),
            format!("{:.2}", row.seconds),
        ]);
        pairs.push(row.json(&name));
    }
    println!("{table}Patch files as sent, in bytes: header and chain included. Seconds are for all four patches.");
    if arguments.json {
        println!("{}", json!({ "ok": true, "pairs": pairs }));
    }
    Ok(())
}

/// Patch bytes of one pair.
struct Row {
    new_bytes: usize,
    small: usize,
    standard: usize,
    large: usize,
    nothing: usize,
    seconds: f64,
}

impl Row {
    fn json(&self, name: &str) -> Value {
        json!({
            "name": name, "new_bytes": self.new_bytes, "small": self.small, "standard": self.standard,
            "large": self.large, "small_from_nothing": self.nothing, "seconds": self.seconds,
        })
    }
}

fn measure(old: &[u8], new: &[u8]) -> Result<Row, Failure> {
    let started = Instant::now();
    let patch = |old: Option<&[u8]>, profile| {
        let encoded = delta::encode(old, new, profile);
        let encoded = encoded.map_err(|error| Failure::refused(format!("no patch was made: {error:?}")))?;
        Ok::<_, Failure>(encoded.bytes.len())
    };
    Ok(Row {
        new_bytes: new.len(),
        small: patch(Some(old), Profile::Small)?,
        standard: patch(Some(old), Profile::Standard)?,
        large: patch(Some(old), Profile::Large)?,
        nothing: patch(None, Profile::Small)?,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The pairs in a folder, by name; none is a mistake of the caller.
fn pairs_in(dir: &Path) -> Result<Vec<(String, PathBuf, PathBuf)>, Failure> {
    let not_read = |error| Failure::file("cannot read", dir, &error);
    let mut pairs = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(not_read)? {
        let folder = entry.map_err(not_read)?.path();
        let (old, new) = (folder.join("old.bin"), folder.join("new.bin"));
        if let Some(name) = folder.file_name().filter(|_| old.is_file() && new.is_file()) {
            pairs.push((name.to_string_lossy().into_owned(), old, new));
        }
    }
    pairs.sort();
    if pairs.is_empty() {
        let text = format!(
            "{} holds no NAME/old.bin with a NAME/new.bin; `cargo xtask corpus DIR` makes some",
            dir.display()
        );
        return Err(Failure::new(Blame::Usage, text));
    }
    Ok(pairs)
}

fn size(path: &Path) -> Result<u64, Failure> {
    Ok(std::fs::metadata(path)
        .map_err(|error| Failure::file("cannot read", path, &error))?
        .len())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_measured_and_a_folder_without_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let failure = pairs_in(folder.path()).unwrap_err();
        assert!(failure.to_string().contains("holds no"), "{failure}");
        let old: Vec<u8> = (0..9_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut new = old.clone();
        new.rotate_left(100);
        let pair = folder.path().join("pair");
        std::fs::create_dir(&pair).unwrap();
        std::fs::write(pair.join("old.bin"), &old).unwrap();
        std::fs::write(pair.join("new.bin"), &new).unwrap();
        assert_eq!(pairs_in(folder.path()).unwrap().len(), 1);
        let row = measure(&old, &new).unwrap();
        assert!(
            row.small < row.nothing && row.nothing < new.len(),
            "{} {}",
            row.small,
            row.nothing
        );
    }
}
