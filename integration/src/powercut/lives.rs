//! Long lives with many random cuts.

use super::{Depth, Sweep, Tally};
use crate::device::small::Layout;
use crate::life::{Fate, Findings, Life, Rest, lifetime};
use crate::nor::{Cut, Random, Tear};

/// Cuts while one release is offered, less one.
const CUTS_MAX: usize = 16;
/// Cuts in a life, on average; a run with fewer does not count.
const CUTS_MIN: usize = 25;
/// How far away a cut is at most, in operations: this, or twice as far, or that twice.
const FURTHEST_MIN: usize = 16;
const FURTHEST_DOUBLINGS: usize = 7;

/// After each cut everything holds, and when the power stays the newest image is confirmed, or its trials were used up.
#[must_use]
pub fn with_random_cuts<S: Layout>(name: &'static str, lives: u64) -> Sweep {
    let (scenario, offers) = lifetime::<S>();
    let tally = Tally::new(name);
    let seeds: Vec<u64> = (1..=lives).collect();
    let findings = Findings::of_each(&seeds, |seed, findings| {
        let name = || format!("seed {seed}");
        findings.look(name, || {
            let mut random = Random::new(*seed);
            let mut life = Life::new(&scenario, scenario.start.clone());
            for (offered, repository) in offers.iter().enumerate() {
                life.serve(repository);
                for _ in 0..random.below(CUTS_MAX) {
                    life.power_on();
                    // Most come soon: each boot has its operations, and few have as many as an update.
                    let furthest = FURTHEST_MIN << random.below(FURTHEST_DOUBLINGS);
                    life.cut_at(Cut {
                        operation: random.below(furthest),
                        tear: Tear::Any { seed: random.number() },
                    });
                    if life.survives_until_cut().is_err() {
                        tally.count("lifetime", "cut somewhere", true);
                    }
                }
                let rest = life.rest().expect("the power stays");
                life.power_on();
                let newest = &scenario.firmware[offered + 1];
                match rest {
                    Rest::UpToDate => {
                        assert_eq!(newest.fate, Fate::Confirms, "{offered}");
                        assert_eq!(life.confirmed().digest, newest.digest, "{offered}");
                    }
                    Rest::FailedBefore => assert!(life.moment().has_failed(&newest.digest), "{offered}"),
                }
            }
        });
    });
    tally.expect(lives as usize * CUTS_MIN, &findings);
    tally.note(format!("{lives} lives, seeds 1 to {lives}"));
    tally.end(&findings)
}

/// How many lives.
#[must_use]
pub const fn lives(depth: Depth) -> u64 {
    match depth {
        Depth::Short => 0,
        Depth::Plain => 40,
        // A hundred thousand cuts at least.
        Depth::Deep => 4_000,
    }
}

const _: () = assert!(lives(Depth::Deep) as usize * CUTS_MIN >= super::RANDOM_CUTS_MIN);
