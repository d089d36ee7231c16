//! `cargo xtask bench growth`: what patches take as images grow, from 20 KB to 1 GiB.
//!
//! The images are the beginnings of one pair. Behind its end the pair comes again, each time with another number added to
//! every byte, so that nothing is found in an earlier copy.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tuffet_server::delta::{Effort, Profile};

use crate::bench::delta::job::{Files, Outcome, in_json};
use crate::bench::delta::ours;
use crate::bench::delta::pairs::Pair;
use crate::bench::measure::Gauge;
use crate::failure::{Blame, Failure, conclude};
use crate::table::{Align, Table};

/// Lengths of the images.
const SIZES: [u64; 6] = [20_000, 200_000, 2_000_000, 20_000_000, 200_000_000, 1 << 30];

/// Longest image that is also tried with the profiles of microcontrollers.
const SMALL_BYTES_MAX: u64 = 2_000_000;

/// Measure patches as images grow.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Holds `NAME/old.bin` and `NAME/new.bin`.
    dir: PathBuf,
    /// The pair that is grown: a large one.
    #[arg(long, value_name = "NAME", default_value = "rootfs-raw")]
    pair: String,
    /// No longer images than this; the shortest have 20000 bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(SIZES[0]..))]
    bytes_max: u64,
    /// The program whose `delta encode` and `delta apply` are measured; without it, this workspace's is built in release.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// One patch.
struct Row {
    bytes: u64,
    profile: Profile,
    outcome: Outcome,
}

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let pairs = Pair::in_folder(&arguments.dir, std::slice::from_ref(&arguments.pair))?;
    for pair in &pairs {
        let grown = grown_bytes_max(pair);
        if SIZES
            .iter()
            .any(|bytes| (grown + 1..=arguments.bytes_max).contains(bytes))
        {
            let shorter = match grown >= SIZES[0] {
                true => format!("say --bytes-max {grown}, or "),
                false => String::new(),
            };
            let text = format!(
                "the pair {} grows to {grown} bytes at most; {shorter}take a longer one with --pair",
                pair.name
            );
            return Err(Failure::new(Blame::Usage, text));
        }
    }
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => ours::build()?,
    };
    let gauge = Gauge { program };
    let folder = tempfile::Builder::new().prefix("tuffet-growth-").tempdir();
    let folder = folder.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
    let files = Files {
        old: folder.path().join("old"),
        new: folder.path().join("new"),
        patch: folder.path().join("patch"),
        out: folder.path().join("out"),
    };
    let mut rows = Vec::new();
    for pair in &pairs {
        for bytes in SIZES.into_iter().filter(|bytes| *bytes <= arguments.bytes_max) {
            grow(&pair.old, &files.old, bytes)?;
            grow(&pair.new, &files.new, bytes)?;
            for profile in Profile::ALL {
                if profile != Profile::Large && bytes > SMALL_BYTES_MAX {
                    continue;
                }
                let outcome = ours::measure(&gauge, &files, (profile, Effort::Quick), bytes)?;
                eprintln!("… {bytes} bytes, {profile}");
                rows.push(Row {
                    bytes,
                    profile,
                    outcome,
                });
            }
        }
    }
    println!("{}", table(&rows));
    println!(
        "Seconds by the clock, and the most memory that was resident, of one process that encodes and one that applies."
    );
    let failed = rows.iter().find_map(|row| row.outcome.as_ref().err());
    let verdict = failed.map_or(Ok(()), |reason| Err(Failure::refused(reason.to_string())));
    conclude(verdict, arguments.json.then(|| report(&rows)))
}

/// How long both images can be: with each number added to their bytes once.
fn grown_bytes_max(pair: &Pair) -> u64 {
    pair.old_bytes.min(pair.new_bytes) * 256
}

/// Writes the first bytes of an image, or more than it has.
fn grow(image: &Path, to: &Path, bytes: u64) -> Result<(), Failure> {
    let image = std::fs::read(image).map_err(|error| Failure::file("cannot read", image, &error))?;
    let written = File::create(to).and_then(|file| {
        let mut file = BufWriter::new(file);
        let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
        for copy in 0..=u8::MAX {
            let count = left.min(image.len());
            let piece: Vec<u8> = image[..count].iter().map(|byte| byte.wrapping_add(copy)).collect();
            file.write_all(&piece)?;
            left -= count;
            if left == 0 {
                break;
            }
        }
        file.flush()
    });
    written.map_err(|error| Failure::file("cannot write", to, &error))
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("image", Align::Right),
        ("profile", Align::Left),
        ("patch", Align::Right),
        ("encode, s", Align::Right),
        ("MiB", Align::Right),
        ("apply, s", Align::Right),
        ("MiB", Align::Right),
        ("MB/s", Align::Right),
    ]);
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    for row in rows {
        let start = [row.bytes.to_string(), row.profile.to_string()];
        let rest = match &row.outcome {
            Ok(done) => [
                done.bytes.to_string(),
                format!("{:.2}", done.encode.seconds),
                mebibytes(done.encode.peak_memory_bytes),
                format!("{:.2}", done.apply.seconds),
                mebibytes(done.apply.peak_memory_bytes),
                format!("{:.1}", row.bytes as f64 / 1e6 / done.apply.seconds),
            ],
            Err(reason) => [reason.in_short(), "-", "-", "-", "-", "-"].map(str::to_owned),
        };
        table.row(start.into_iter().chain(rest));
    }
    table
}

fn report(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "image_bytes": row.bytes, "profile": row.profile.to_string(), "outcome": in_json(&row.outcome),
        })
    };
    json!({ "rows": rows.iter().map(row).collect::<Vec<Value>>() })
}

#[cfg(test)]
mod tests {
    use super::grow;

    #[test]
    fn image_grows_behind_its_end_with_other_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (image, to) = (folder.path().join("image"), folder.path().join("to"));
        std::fs::write(&image, [1, 2, 255]).unwrap();
        let grown = |bytes| {
            grow(&image, &to, bytes).unwrap();
            std::fs::read(&to).unwrap()
        };
        assert_eq!(grown(2), [1, 2]);
        assert_eq!(grown(8), [1, 2, 255, 2, 3, 0, 3, 4]);
    }
}
