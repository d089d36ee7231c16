//! `cargo xtask bench`: figures, each made by a command that anybody can run again.

mod decoder;
pub mod emulator;
mod stack;
mod verify;
mod verify_small;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use serde_json::{Value, json};
use tuffet_server::{
    delta::{self, Profile},
    release::packed_bytes,
};

use crate::failure::{Blame, Failure, conclude};
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
    /// Flash, RAM and instructions of the patch decoder for each pair in a folder, on emulated microcontrollers.
    Decoder(decoder::Arguments),
    /// Bytes of the full image and of patches for each pair in a folder, as `cargo xtask corpus` makes it.
    Delta(Delta),
    /// Stack and instructions of each phase of a small device, on an emulated microcontroller.
    Stack(stack::Arguments),
    /// Time and memory of a fresh client, beside other TUF clients, and of large targets roles.
    Verify(verify::Arguments),
    /// Flash, RAM and instructions of the metadata verifier alone, on an emulated microcontroller.
    VerifySmall(verify_small::Arguments),
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
        Command::Decoder(arguments) => decoder::run(arguments),
        Command::Delta(arguments) => run_delta(arguments),
        Command::Stack(arguments) => stack::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::VerifySmall(arguments) => verify_small::run(arguments),
    }
}

fn run_delta(arguments: &Delta) -> Result<(), Failure> {
    let measured = Measured::in_folder(&arguments.dir)?;
    print!("{}", table(&measured.rows));
    println!(
        "Files as sent, in bytes: a patch with header and chain, the full image as a release packs it (zstd).\n\
         `% full` is of that; seconds are for all five."
    );
    conclude(Ok(()), arguments.json.then(|| measured.json()))
}

/// What was measured in a folder.
struct Measured {
    rows: Vec<Row>,
    /// Names of the pairs that are too large.
    left_out: Vec<String>,
}

impl Measured {
    fn in_folder(dir: &Path) -> Result<Self, Failure> {
        let (mut rows, mut left_out) = (Vec::new(), Vec::new());
        for (name, old, new) in pairs_in(dir)? {
            if size(&old)?.max(size(&new)?) > IMAGE_BYTES_MAX {
                eprintln!("{name} is left out: an image of it has more than {IMAGE_BYTES_MAX} bytes");
                left_out.push(name);
                continue;
            }
            eprintln!("… {name}");
            rows.push(Row::measure(name, &read(&old)?, &read(&new)?)?);
        }
        Ok(Self { rows, left_out })
    }

    fn json(&self) -> Value {
        let pairs: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "pairs": pairs, "left_out": self.left_out })
    }
}

/// What one pair takes on the wire.
struct Row {
    name: String,
    new_bytes: usize,
    /// The full image, as a release packs it.
    full: u64,
    /// The small profile's patch from nothing: the full image for a device without zstd.
    nothing: u64,
    small: u64,
    standard: u64,
    large: u64,
    seconds: f64,
}

impl Row {
    fn measure(name: String, old: &[u8], new: &[u8]) -> Result<Self, Failure> {
        let started = Instant::now();
        let patch = |old: Option<&[u8]>, profile| {
            let encoded = delta::encode(old, new, profile);
            let encoded = encoded.map_err(|error| Failure::refused(format!("{name}: no patch was made: {error}")))?;
            Ok::<_, Failure>(encoded.bytes.len() as u64)
        };
        let full = packed_bytes(new);
        Ok(Self {
            new_bytes: new.len(),
            full: full.map_err(|error| Failure::new(Blame::Storage, format!("{name} was not packed: {error}")))?,
            nothing: patch(None, Profile::Small)?,
            small: patch(Some(old), Profile::Small)?,
            standard: patch(Some(old), Profile::Standard)?,
            large: patch(Some(old), Profile::Large)?,
            name,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Of the full image, in percent.
    fn percent(&self, bytes: u64) -> f64 {
        // Enough digits for any file that is measured here.
        100.0 * bytes as f64 / self.full as f64
    }

    fn json(&self) -> Value {
        let percent = |bytes| (self.percent(bytes) * 100.0).round() / 100.0;
        json!({
            "name": self.name, "new_bytes": self.new_bytes, "full": self.full,
            "small_from_nothing": self.nothing, "small": self.small, "standard": self.standard, "large": self.large,
            "percent_of_full": {
                "small_from_nothing": percent(self.nothing), "small": percent(self.small),
                "standard": percent(self.standard), "large": percent(self.large),
            },
            "seconds": self.seconds,
        })
    }
}

fn table(rows: &[Row]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[
        ("pair", Align::Left),
        right("new"),
        right("full"),
        right("from nothing"),
        right("% full"),
        right("small"),
        right("% full"),
        right("standard"),
        right("% full"),
        right("large"),
        right("% full"),
        right("seconds"),
    ]);
    for row in rows {
        let mut cells = vec![row.name.clone(), row.new_bytes.to_string(), row.full.to_string()];
        for bytes in [row.nothing, row.small, row.standard, row.large] {
            cells.extend([bytes.to_string(), format!("{:.1}", row.percent(bytes))]);
        }
        cells.push(format!("{:.2}", row.seconds));
        table.row(cells);
    }
    table
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
    fn a_pair_is_measured_a_large_one_left_out_and_a_folder_without_one_named() {
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
        let large = folder.path().join("large");
        std::fs::create_dir(&large).unwrap();
        std::fs::write(large.join("old.bin"), b"").unwrap();
        let file = std::fs::File::create(large.join("new.bin")).unwrap();
        file.set_len(IMAGE_BYTES_MAX + 1).unwrap();

        let measured = Measured::in_folder(folder.path()).unwrap();
        let [row] = &measured.rows[..] else {
            panic!("{} rows", measured.rows.len());
        };
        assert!(row.small < row.full && row.small < row.nothing && row.nothing < new.len() as u64);
        assert_eq!(row.full, packed_bytes(&new).unwrap());
        let json = measured.json();
        assert_eq!(json["left_out"], json!(["large"]));
        assert_eq!(
            (&json["pairs"][0]["name"], &json["pairs"][0]["full"]),
            (&json!("pair"), &json!(row.full))
        );
    }

    #[test]
    fn table_of_large_pairs_fits_a_wide_terminal() {
        let row = Row {
            name: "upy-esp8266".to_owned(),
            new_bytes: 27_236_288,
            full: 10_000_000,
            nothing: 11_500_000,
            small: 1_000_000,
            standard: 999_999,
            large: 50_000,
            seconds: 1234.5,
        };
        assert_eq!(row.json()["percent_of_full"]["small"], 10.0);
        assert_eq!(row.json()["percent_of_full"]["small_from_nothing"], 115.0);
        let text = table(&[row]).to_string();
        assert!(text.lines().all(|line| line.chars().count() < 140), "{text}");
        let cells: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        let expected = "upy-esp8266 27236288 10000000 11500000 115.0 1000000 10.0 999999 10.0 50000 0.5 1234.50";
        assert_eq!(cells.join(" "), expected);
    }
}
