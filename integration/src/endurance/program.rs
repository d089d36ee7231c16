//! The program `tuffet-endurance`, which `cargo xtask bench wear` runs.

use super::{Cuts, Kind, quiet, slept, updates};
use serde_json::json;

/// Bytes of an image that nearly fills a slot of 95 KiB.
const IMAGE_BYTES: usize = 88 * 1024;
const SMALL_IMAGE_BYTES: usize = 16 * 1024;
const YEARS: u64 = 15;

/// Show what updates, quiet days and many roots wear.
#[derive(Debug, clap::Parser)]
#[command(name = "tuffet-endurance")]
pub struct Arguments {
    /// How many updates, and how many quiet days.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Prints the tables.
pub fn main(arguments: &Arguments) {
    let times = arguments.times;
    let mut all = Vec::new();
    for (image_bytes, kind) in [
        (IMAGE_BYTES, Kind::Delta),
        (IMAGE_BYTES, Kind::Whole),
        (SMALL_IMAGE_BYTES, Kind::Delta),
        (SMALL_IMAGE_BYTES, Kind::Whole),
    ] {
        let worn = updates(times, image_bytes, kind);
        println!("{worn}\n");
        all.push(worn.json());
    }
    let worn = quiet(times);
    println!("{worn}\n");
    all.push(worn.json());
    let mut woken = Vec::new();
    for roots_per_year in [4, 12] {
        for cuts in [Cuts::None, Cuts::BetweenRuns, Cuts::Random { seed: 1 }] {
            let slept = slept(YEARS, roots_per_year, cuts);
            let (roots, runs, cut) = (slept.roots, slept.runs, slept.cuts);
            let counted = runs.map_or_else(String::new, |runs| format!(" in {runs} runs"));
            println!(
                "{YEARS} years asleep, {roots} roots{counted}; the power went {cut} times.\n\n{}\n",
                slept.worn
            );
            woken.push(json!({"roots": roots, "runs": runs, "cuts": cut, "worn": slept.worn.json()}));
        }
    }
    if arguments.json {
        println!("{}", json!({ "ok": true, "worn": all, "slept": woken }));
    }
}
