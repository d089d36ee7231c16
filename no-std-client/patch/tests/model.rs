//! Some hundred cases of the model in every test, and as many as anybody wants on demand:
//!
//! ```sh
//! TUFFET_CASES=1000000 cargo test -p tuffet-patch --test model -- --ignored --nocapture
//! ```
//!
//! - `TUFFET_SEED` says from which case on; a case that fails prints its number, and is run alone with that and `TUFFET_CASES=1`.
//! - The profile `dev` optimizes this crate and lets every sum that leaves its type panic, which is what is wanted here.

#[path = "support/model/mod.rs"]
mod model;

use model::{Figures, Random};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

/// Bytes of a script; what is missing reads as zero.
const SCRIPT_BYTES: usize = 320;

/// The slowest case, and its number.
#[derive(Default, Debug)]
struct Slowest {
    case: u64,
    took: Duration,
}

fn script(case: u64) -> Vec<u8> {
    let mut random = Random(case.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66);
    random.bytes(SCRIPT_BYTES)
}

fn cases(first: u64, count: u64) -> (Figures, Slowest) {
    let mut figures = Figures::default();
    let mut slowest = Slowest::default();
    for case in first..first + count {
        let begun = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| model::either(&script(case)))) {
            Ok(more) => figures.add(more),
            Err(panic) => {
                println!("case {case} failed: TUFFET_SEED={case} TUFFET_CASES=1 runs it alone");
                resume_unwind(panic);
            }
        }
        let took = begun.elapsed();
        if took > slowest.took {
            slowest = Slowest { case, took };
        }
    }
    (figures, slowest)
}

#[test]
fn model_holds() {
    let (figures, _) = cases(0, 600);
    println!("{figures:?}");
    assert!(figures.refused > 0 && figures.resumed > 0 && figures.refused < figures.decoded);
}

/// Cases that failed once.
#[test]
fn what_failed_once_holds() {
    // Bulk: a copy began in the first bytes of what was at hand of the old image, and the word that changed in front of it was read as 0.
    cases(140_216, 1);
}

#[test]
#[ignore = "takes as long as one likes; part of `cargo xtask test --deep`"]
fn model_holds_in_many_cases() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = (
        number("TUFFET_SEED").unwrap_or(0),
        number("TUFFET_CASES").unwrap_or(20_000),
    );
    let begun = Instant::now();
    let mut figures = Figures::default();
    let mut slowest = Slowest::default();
    for from in (first..first + count).step_by(10_000) {
        let to = (first + count).min(from + 10_000);
        let (more, slow) = cases(from, to - from);
        figures.add(more);
        if slow.took > slowest.took {
            slowest = slow;
        }
        let Slowest { case, took } = slowest;
        let (done, elapsed) = (to - first, begun.elapsed());
        println!("{done} cases from {first} on in {elapsed:.0?}: {figures:?}; slowest {case} with {took:.0?}");
    }
}
