//! The program `tuffet-powercut`, which `cargo xtask powercut` runs.

use super::{Depth, SHORT, SWEEPS, Sweep, Tally};
use crate::life::Findings;
use serde_json::json;

/// Cut the power of simulated devices everywhere.
#[derive(Debug, clap::Parser)]
#[command(name = "tuffet-powercut")]
pub struct Arguments {
    /// Everything, and many more random cuts.
    #[arg(long)]
    deep: bool,
    /// Only what finds the known bugs of others in seconds, and no more after the first sweep that found something.
    #[arg(long, conflicts_with = "deep")]
    short: bool,
    /// Only this sweep; may be given more than once.
    #[arg(long, value_name = "SWEEP", value_parser = clap::builder::PossibleValuesParser::new(SWEEPS.iter().map(|(name, _)| *name)))]
    only: Vec<String>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Runs the sweeps, and says whether everything held.
#[must_use]
pub fn main(arguments: &Arguments) -> bool {
    // A finding is told in its sweep; the text of its panic beside it would only drown it.
    std::panic::set_hook(Box::new(|_| ()));
    let depth = match (arguments.short, arguments.deep) {
        (true, _) => Depth::Short,
        (false, true) => Depth::Deep,
        (false, false) => Depth::Plain,
    };
    let chosen = |name: &str| {
        let is_named = arguments.only.iter().any(|only| only == name);
        is_named || (arguments.only.is_empty() && (depth != Depth::Short || SHORT.contains(&name)))
    };
    let mut sweeps: Vec<Sweep> = Vec::new();
    for (name, run) in SWEEPS.iter().filter(|(name, _)| chosen(name)) {
        eprintln!("{name} ...");
        let findings = Findings::default();
        let whole = findings.look(|| (*name).to_owned(), || run(depth));
        // What breaks outside of a life is a finding, too.
        let sweep = whole.unwrap_or_else(|| Tally::new(name).end(&findings));
        println!("{}\n", sweep.table());
        let has_found = !sweep.findings.is_empty();
        sweeps.push(sweep);
        if has_found && depth == Depth::Short {
            break;
        }
    }
    let found: usize = sweeps.iter().map(|sweep| sweep.findings.len()).sum();
    let tried: usize = sweeps.iter().map(|sweep| sweep.sum().tried).sum();
    let lived: usize = sweeps.iter().map(|sweep| sweep.sum().lived).sum();
    println!("{tried} tried, {lived} of them lived to the end, {found} findings");
    let is_well = found == 0 && tried > 0;
    if arguments.json {
        let sweeps: Vec<_> = sweeps.iter().map(Sweep::json).collect();
        let object = json!({ "ok": is_well, "tried": tried, "lived": lived, "findings": found, "sweeps": sweeps });
        println!("{object}");
    }
    is_well
}
