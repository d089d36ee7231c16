//! What Tuffet's strict verifier takes of one repository: `tuffet-growth DIR TARGET`.
//!
//! - The files stay on disk and are read in pieces of 4 KiB, as a device reads its flash.
//! - One verification is the whole cycle: first root, timestamp, snapshot, targets, and the entry of the target.
//! - It is repeated for half a second, five times at least. One line on standard output: nanoseconds by the clock and of
//!   processor time for one verification (medians), bytes of the targets file, and how many times it was read from end to end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tuffet_peers::Failed;
use tuffet_peers::arguments::ended;
use tuffet_peers::cpu;
use tuffet_peers::cycle::resolve;
use tuffet_peers::pieces::Pieces;
use tuffet_tuf::RoleName;
use tuffet_wire::Document as _;

const REPEATED_FOR: Duration = Duration::from_millis(500);
const REPEATED_MIN: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ended(match &arguments[..] {
        [dir, target] => grow(Path::new(dir), target),
        _ => Err("usage: tuffet-growth DIR TARGET".into()),
    })
}

fn grow(dir: &Path, target: &str) -> Result<(), Failed> {
    let root = std::fs::read(dir.join("root.json"))?;
    let metadata = dir.join("metadata");
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    let (mut length, mut read) = (0, 0);
    while walls.len() < REPEATED_MIN || begun.elapsed() < REPEATED_FOR {
        let (started, cpu_before) = (Instant::now(), cpu());
        (length, read) = verify(&root, &metadata, target)?;
        walls.push(started.elapsed());
        cpus.push(cpu().saturating_sub(cpu_before));
    }
    let passes = read.checked_div(length).unwrap_or(0);
    println!(
        "{} {} {length} {passes}",
        median(walls).as_nanos(),
        median(cpus).as_nanos()
    );
    Ok(())
}

/// One verification; answers the length of the targets file, and how many bytes of it were read in all.
fn verify(root: &[u8], metadata: &Path, target: &str) -> Result<(u64, u64), Failed> {
    let mut of_targets = (0, 0);
    resolve(
        root,
        target,
        |wanted| Ok(Pieces::open(&path(metadata, &wanted.file))?),
        |name, file: &mut Pieces| {
            if name.role == RoleName::Targets {
                of_targets = (u64::from(file.length()), file.read);
            }
            Ok(())
        },
    )?;
    Ok(of_targets)
}

fn path(metadata: &Path, name: &impl std::fmt::Display) -> PathBuf {
    metadata.join(name.to_string())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
