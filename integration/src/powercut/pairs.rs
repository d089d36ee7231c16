//! A part that only boots, cut once in every way, twice in every pair of ways, and often.

use super::boots::{Boots, End, Part, Short};
use super::sweep::mode;
use super::{Depth, RANDOM_CUTS_MIN, SEED, Sweep, Tally};
use crate::life::{Fate, Findings};
use crate::nor::{Random, Tear, Tears};
use std::cell::RefCell;
use tuffet_no_std_client::flash::{Swap, Xip};

/// How far away a random cut is at most, in operations: this, or twice as far, or that twice, or once more.
const FURTHEST_MIN: usize = 8;
const FURTHEST_DOUBLINGS: usize = 4;

/// The scenarios of one strategy: what comes of the trial, with a page that has room and one that is compacted on the way.
fn scenarios<S: Short, const WRITE: usize>() -> Vec<Boots<S>> {
    let fates = [Fate::Confirms, Fate::Fails, Fate::Hangs];
    let of = |fate| [None, Some(1)].map(|left| Boots::new::<WRITE>(fate, left));
    fates.into_iter().flat_map(of).collect()
}

/// Every operation, cut before, inside and after it, on parts with write units of 4, 8, 16 and 32 bytes.
#[must_use]
pub fn once() -> Sweep {
    let (tally, findings) = (Tally::new("a part that only boots, cut once"), Findings::default());
    once_on::<Swap, 4>(&tally, &findings);
    once_on::<Swap, 8>(&tally, &findings);
    once_on::<Swap, 16>(&tally, &findings);
    once_on::<Swap, 32>(&tally, &findings);
    once_on::<Xip, 4>(&tally, &findings);
    once_on::<Xip, 32>(&tally, &findings);
    tally.end(&findings)
}

fn once_on<S: Short, const WRITE: usize>(tally: &Tally, findings: &Findings) {
    for boots in scenarios::<S, WRITE>() {
        let name = format!("{}, write unit {WRITE}", boots.name);
        let journal = findings.look(|| name.clone(), || boots.recorded::<WRITE>(boots.start.clone()));
        for (point, contents) in journal
            .iter()
            .flat_map(|journal| journal.cuts(Tears::EveryUnit { seed: SEED }))
        {
            findings.look(
                || format!("{name}, {point}"),
                || {
                    tally.count(&name, mode(point.cut.tear), true);
                    boots.ends::<WRITE>(contents);
                },
            );
        }
    }
}

/// Every cut, and after it every cut of what follows.
#[must_use]
pub fn twice(depth: Depth) -> Sweep {
    let (tally, findings) = (
        Tally::new("a part that only boots, cut twice: all pairs"),
        Findings::default(),
    );
    twice_on::<Swap>(depth, &tally, &findings);
    twice_on::<Xip>(depth, &tally, &findings);
    tally.end(&findings)
}

fn twice_on<S: Short>(depth: Depth, tally: &Tally, findings: &Findings) {
    // Each cut has a seed of its own, so that two tears of an operation that is done again are not the same.
    let [seed, then_seed] = [SEED, SEED + 1];
    let (first_tears, then_tears) = match depth {
        Depth::Short => (Tears::Between, Tears::Between),
        Depth::Plain => (Tears::Inside { seed }, Tears::Inside { seed: then_seed }),
        Depth::Deep => (Tears::EveryUnit { seed }, Tears::Inside { seed: then_seed }),
    };
    for boots in scenarios::<S, 4>() {
        let Some(journal) = findings.look(|| boots.name.clone(), || boots.recorded::<4>(boots.start.clone())) else {
            continue;
        };
        let firsts: Vec<_> = journal.cuts(first_tears).collect();
        let found = Findings::of_each(&firsts, |(first, contents), findings| {
            let name = || format!("{}, {first}", boots.name);
            let Some(then) = findings.look(name, || boots.recorded::<4>(contents.clone())) else {
                return;
            };
            for (second, contents) in then.cuts(then_tears) {
                findings.look(
                    || format!("{}, {first}, then {second}", boots.name),
                    || {
                        tally.count(&boots.name, mode(second.cut.tear), true);
                        boots.ends::<4>(contents);
                    },
                );
            }
        });
        findings.extend(&found);
    }
}

/// Some cuts at random operations in a row, and then the power stays.
#[must_use]
pub fn often(depth: Depth) -> Sweep {
    let (tally, findings) = (Tally::new("a part that only boots, cut at random"), Findings::default());
    let lives = match depth {
        Depth::Short => 500,
        Depth::Plain => 5_000,
        Depth::Deep => 70_000,
    };
    often_on::<Swap>(lives, &tally, &findings);
    often_on::<Xip>(lives / 10, &tally, &findings);
    let cuts_min = if depth == Depth::Deep {
        RANDOM_CUTS_MIN
    } else {
        lives as usize
    };
    tally.expect(cuts_min, &findings);
    tally.end(&findings)
}

fn often_on<S: Short>(lives: u64, tally: &Tally, findings: &Findings) {
    let all = scenarios::<S, 4>();
    let seeds: Vec<u64> = (1..=lives).collect();
    let found = Findings::of_each(&seeds, |seed, findings| {
        let name = || format!("{}, seed {seed}", S::NAME);
        findings.look(name, || {
            let mut random = Random::new(*seed);
            let boots = &all[random.below(all.len())];
            let flash = RefCell::new(Part::<4>::with_contents(boots.start.clone()));
            for _ in 0..2 + random.below(6) {
                let tear = if random.below(8) == 0 {
                    Tear::Unstable { seed: random.number() }
                } else {
                    Tear::Any { seed: random.number() }
                };
                let furthest = FURTHEST_MIN << random.below(FURTHEST_DOUBLINGS);
                if boots.live_until(&flash, random.below(furthest), tear) {
                    tally.count(&boots.name, mode(tear), true);
                }
            }
            let lived = boots.live(&flash).expect("the power stays");
            // Cuts may use up the boots that a good image has.
            let ends: &[(End, bool)] = match boots.fate {
                Fate::Confirms => &[(End::Runs(1), false), (End::Runs(0), true)],
                Fate::Fails | Fate::Hangs => &[(End::Runs(0), true)],
            };
            let end = (lived.end, lived.has_failed);
            assert!(ends.contains(&end), "{}: another end: {end:?}", boots.name);
        });
    });
    findings.extend(&found);
    tally.note(format!("{}: {lives} lives, seeds 1 to {lives}", S::NAME));
}
