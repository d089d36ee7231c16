//! `cargo xtask bench verify`: what it takes to verify, beside other TUF clients.
//!
//! - The job: a client that has nothing but the first root refreshes, and downloads one verified target of 200 KiB from a
//!   repository of 1,000 targets, over HTTP on loopback and from files. What is measured is the whole process.
//! - Each client has to take the honest repository and to refuse five forged ones before any is timed: one that verifies
//!   nothing cannot win.
//! - The clients run by turns, so that a busy machine is busy for all of them; of each the median counts.
//! - The strict verifier alone then reads roles of up to 100,000 targets.
//!
//! The programs stand in `integration/peers`, a workspace of its own.

mod clients;
mod growth;
mod measured;
mod programs;
mod server;

use serde_json::Value;
use std::path::PathBuf;

use self::clients::{Client, Repositories, TARGETS};
use self::growth::Growth;
use self::measured::Measured;
use self::programs::{Programs, Sample};
use super::read;
use crate::failure::{Blame, Failure, conclude};

/// Measure what it takes to verify.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How often each client runs.
    #[arg(long, default_value_t = 21, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Our std client, called as the conformance suite of TUF calls one; without it, the one in this workspace is built.
    #[arg(long, value_name = "PROGRAM")]
    client: Option<PathBuf>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds, proves, runs and prints.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let programs = Programs::build()?;
    let folder = tempfile::Builder::new().prefix("tuffet-verify-").tempdir();
    let folder = folder.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
    let repositories = Repositories::write(&programs, &folder.path().join("served"))?;
    let (clients, absent) = Client::all(&programs, arguments.client.as_deref());
    for client in &clients {
        eprintln!("… {client}: what is honest and what is forged");
        client.prove(&programs, &repositories)?;
    }
    let rows = by_turns(&programs, &repositories, &clients, arguments.runs)?;
    eprintln!("… growth");
    let growth = Growth::measure(&programs, &folder.path().join("growth"))?;

    print!("{}", measured::table(&rows));
    for absent in &absent {
        println!("{} is absent: {}", absent.name, absent.reason);
    }
    println!(
        "Medians of {} runs by turns: a fresh client verifies one target of 200 KiB among {TARGETS}; whole processes.\n\
         CPU is user and system. `× ours` is of the strict session from the same place.\n",
        arguments.runs
    );
    print!("{}\n{}", growth.table(), growth.pass_table());
    println!(
        "The strict session alone, inside one process: first root to the entry of one target, files read in pieces of 4 KiB."
    );
    conclude(
        Ok(()),
        arguments
            .json
            .then(|| report(arguments.runs, measured::json(&rows, &absent), &growth)),
    )
}

fn report(runs: u32, mut report: Value, growth: &Growth) -> Value {
    report["runs"] = runs.into();
    report["growth"] = growth.json();
    report
}

/// A B C A B C …, with a program that does nothing as the first.
fn by_turns(
    programs: &Programs,
    repositories: &Repositories,
    clients: &[Client],
    runs: u32,
) -> Result<Vec<Measured>, Failure> {
    let mut nothing = Vec::new();
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); clients.len()];
    for run in 1..=runs {
        eprintln!("… run {run} of {runs}");
        nothing.push(programs.measure(&["true".into()], None)?.sample);
        for (client, samples) in clients.iter().zip(&mut samples) {
            samples.push(client.run(programs, repositories)?);
        }
    }
    let of_clients = clients.iter().zip(&samples);
    let of_clients = of_clients.map(|(client, samples)| Measured::of(client, samples));
    let nothing = Measured::named("(a program that does nothing)", "", &nothing);
    Ok([nothing].into_iter().chain(of_clients).collect())
}
