//! `cargo xtask bench delta`: what patches take, ours and other people's, on pairs of images.
//!
//! - Each patch is made and applied by processes of their own, and what comes out is compared with the image.
//! - What is not measured is printed with its reason: nothing goes missing in silence.
//! - With `--peers` everything is of one run on one machine: bytes, seconds, memory, and the ratios between them.

pub mod job;
mod markdown;
pub mod ours;
pub mod pairs;
mod peers;
mod ratios;
mod report;
mod row;
mod tables;
mod tools;

use std::path::PathBuf;

use self::markdown::Paper;
use self::pairs::Pair;
use self::report::Report;
use self::row::{Bench, Row};
use self::tools::Tools;
use super::measure::Gauge;
use crate::failure::{Blame, Failure, conclude};

/// Measure patches.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Holds `NAME/old.bin` and `NAME/new.bin`.
    dir: PathBuf,
    /// Only this pair; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Beside the tools of other projects, by pip and apt-get; takes some minutes for each large pair.
    #[arg(long)]
    peers: bool,
    /// Write the tables into this paper, between its two marks.
    #[arg(long, value_name = "FILE", requires = "peers")]
    markdown: Option<PathBuf>,
    /// The program whose `delta encode` and `delta apply` are measured; without it, this workspace's is built in release.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Measures and prints. What can be wrong with the arguments is found before the work is done.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let pairs = Pair::in_folder(&arguments.dir, &arguments.only)?;
    let paper = arguments.markdown.as_deref().map(Paper::read).transpose()?;
    let tools = arguments.peers.then(Tools::obtain).transpose()?;
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => ours::build()?,
    };
    let folder = tempfile::Builder::new().prefix("tuffet-delta-").tempdir();
    let folder = folder.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
    let bench = Bench {
        gauge: Gauge { program },
        tools,
        folder: folder.path().to_path_buf(),
    };
    let floors = bench.floors()?;
    let rows = pairs.into_iter().map(|pair| Row::measure(pair, &bench));
    let report = Report {
        rows: rows.collect::<Result<_, _>>()?,
        versions: bench.tools.map(|tools| tools.versions),
        floors,
    };
    for section in report.sections() {
        println!("{section}");
    }
    if let Some(paper) = paper {
        paper.write(&report)?;
    }
    conclude(Ok(()), arguments.json.then(|| report.json()))
}
