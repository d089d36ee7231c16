//! The command line by which public test suites drive a TUF client, over the client's reading of other people's
//! repositories.
//!
//! ```text
//! tuf-conformance-client --metadata-dir DIR init ROOT_FILE
//! tuf-conformance-client --metadata-url URL --metadata-dir DIR refresh
//! tuf-conformance-client --metadata-url URL --metadata-dir DIR --target-name NAME… --target-dir DIR --target-base-url URL download
//! ```
//!
//! Exit code 0 is success and 1 everything else.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tuffet_client::clock;
use tuffet_client::foreign::Foreign;
use tuffet_client::transport::Transport;
use tuffet_no_std_client::tuf::ClockPolicy;

/// A TUF client for public test suites.
#[derive(Debug, Parser)]
struct Arguments {
    /// Holds the metadata that is trusted.
    #[arg(long, global = true, value_name = "DIR")]
    metadata_dir: Option<PathBuf>,
    /// Where the repository's metadata is: an address, or a folder.
    #[arg(long, global = true, value_name = "URL")]
    metadata_url: Option<String>,
    /// A target to download; may be given several times.
    #[arg(long, global = true, value_name = "NAME")]
    target_name: Vec<String>,
    /// Where downloaded targets go.
    #[arg(long, global = true, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Where the repository's targets are: an address, or a folder.
    #[arg(long, global = true, value_name = "URL")]
    target_base_url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trust this root.
    Init {
        /// The root file.
        root: PathBuf,
    },
    /// Bring the top-level roles up to date.
    Refresh,
    /// Bring the top-level roles up to date and download targets.
    Download,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // That it cannot be said changes nothing about the exit code.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let folder = needed(&arguments.metadata_dir, "--metadata-dir")?;
    if let Command::Init { root } = &arguments.command {
        let root = std::fs::read(root).map_err(|error| format!("cannot read {}: {error}", root.display()))?;
        return Ok(Foreign::init(folder, &root)?);
    }
    let foreign = Foreign::at(folder);
    let metadata = Transport::open(needed(&arguments.metadata_url, "--metadata-url")?)?;
    let clock = ClockPolicy::Trusted { now: clock::now() };
    if matches!(arguments.command, Command::Refresh) {
        foreign.refresh(&metadata, clock)?;
        return Ok(());
    }
    let place = needed(&arguments.target_dir, "--target-dir")?;
    let targets = Transport::open(needed(&arguments.target_base_url, "--target-base-url")?)?;
    if arguments.target_name.is_empty() {
        return Err("--target-name is needed".into());
    }
    let mut refreshed = foreign.refresh(&metadata, clock)?;
    for name in &arguments.target_name {
        let target = refreshed.find(name)?;
        refreshed.download(&target, &targets, place)?;
    }
    Ok(())
}

fn needed<'a, T>(value: &'a Option<T>, name: &str) -> Result<&'a T, String> {
    value.as_ref().ok_or_else(|| format!("{name} is needed"))
}
