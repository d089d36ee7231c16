//! Every operation of a whole device, cut everywhere: once, and then once more.

use super::sweep::mode;
use super::{Depth, SEED, Sweep, Tally};
use crate::device::small::Layout;
use crate::life::{Findings, Recorded, Recovered, Scenario, recovered};
use crate::nor::{Cut, Random, Tear, Tears};
use std::sync::{Mutex, PoisonError};

/// Boots after the last cut, in the longest scenario: one in which the update begins again, three trials, the revert.
const BOOTS_MAX: usize = 6;
/// Cycles after the last cut: one that ends with an error where a scenario grants it, one that installs, one that finds
/// nothing more to do.
const CYCLES_MAX: usize = 3;
/// Erases of a unit after a cut, over those of the whole life without a cut.
const EXTRA_ERASES_MAX: u32 = 2;

/// An operation of a scenario.
pub struct Place<'r, S> {
    recorded: &'r Recorded<S>,
    operation: usize,
    depth: Depth,
}

/// Lives through scenarios without a cut.
#[must_use]
pub fn record<S: Layout>(scenarios: Vec<Scenario<S>>) -> Vec<Recorded<S>> {
    scenarios.into_iter().map(Recorded::new).collect()
}

/// Every operation of these scenarios.
#[must_use]
pub fn places<S: Layout>(all: &[Recorded<S>], depth: Depth) -> Vec<Place<'_, S>> {
    let of = |recorded| {
        (0..Recorded::<S>::operations(recorded)).map(move |operation| Place {
            recorded,
            operation,
            depth,
        })
    };
    all.iter().flat_map(of).collect()
}

impl<S: Layout> Place<'_, S> {
    /// In which part of the map it is.
    #[must_use]
    pub fn region(&self) -> &'static str {
        self.recorded.region(self.operation)
    }

    fn scenario(&self) -> &'static str {
        self.recorded.scenario().name
    }

    /// Records are torn at every unit; so are files in the scenarios that differ in their files. What else is large and checked
    /// by a digest is torn at three units.
    fn tears(&self) -> Tears {
        let is_about_files = ["full", "delta", "long logs"].contains(&self.scenario());
        match self.region() {
            "checkpoint A" | "checkpoint B" | "slot A" | "slot B" | "running place" | "staged place" => {
                Tears::Inside { seed: SEED }
            }
            "boot record" | "trusted state" | "journal" => Tears::EveryUnit { seed: SEED },
            _ if is_about_files || self.depth == Depth::Deep => Tears::EveryUnit { seed: SEED },
            _ => Tears::Inside { seed: SEED },
        }
    }

    /// Whether the life after this cut is lived to its end, too. What is not is looked at when the power comes, and boots.
    fn is_lived(&self, index: usize, tear: Tear) -> bool {
        let is_saving = self.region().starts_with("checkpoint");
        if self.depth == Depth::Deep || (tear == Tear::Before && !is_saving) {
            return true;
        }
        let stride = match self.region() {
            "boot record" | "journal" => 1,
            // A decoder is saved by a hundred operations that are alike.
            "checkpoint A" | "checkpoint B" => return index == self.operation % 12,
            "slot A" | "slot B" | "running place" | "staged place" => 3,
            "trusted state" => 37,
            _ => 11,
        };
        index % stride == self.operation % stride
    }
}

/// The most that any life after a cut took.
#[derive(Default, Debug)]
struct Most {
    boots: usize,
    cycles: usize,
    extra_erases: u32,
}

impl Most {
    fn take<S>(&mut self, recorded: &Recorded<S>, recovered: &Recovered) {
        self.boots = self.boots.max(recovered.spent.boots);
        self.cycles = self.cycles.max(recovered.spent.cycles);
        let extra = recovered.erases.iter().zip(recorded.tally.erases());
        let extra = extra.map(|(after, whole)| after.saturating_sub(*whole)).max();
        self.extra_erases = self.extra_erases.max(extra.unwrap_or(0));
        let (boots, cycles) = (recovered.spent.boots, recovered.spent.cycles);
        assert!(self.boots <= BOOTS_MAX, "{boots} boots after the cut");
        assert!(self.cycles <= CYCLES_MAX, "{cycles} cycles after the cut");
        assert!(
            self.extra_erases <= EXTRA_ERASES_MAX,
            "a unit is erased {extra:?} times more than without a cut"
        );
    }
}

/// Each of these operations, cut before it, inside it in every way, and after it.
#[must_use]
pub fn cut_once<S: Layout>(name: &'static str, places: &[Place<'_, S>]) -> Sweep {
    let (tally, most) = (Tally::new(name), Mutex::new(Most::default()));
    let findings = Findings::of_each(places, |place, findings| {
        let Place {
            recorded, operation, ..
        } = place;
        let cuts = recorded.cuts(*operation..operation + 1, place.tears());
        for (index, (point, contents)) in cuts.enumerate() {
            let name = || format!("{} ({}), {point}", place.scenario(), place.region());
            let is_lived = place.is_lived(index, point.cut.tear);
            findings.look(name, || {
                tally.count(place.scenario(), mode(point.cut.tear), is_lived);
                let mut life = recorded.after_cut(&point, contents);
                if is_lived {
                    life.settle().expect("the power stays");
                    let recovered = recovered(&mut life);
                    let mut most = most.lock().unwrap_or_else(PoisonError::into_inner);
                    most.take(recorded, &recovered);
                } else {
                    life.starts();
                }
            });
        }
    });
    let Most {
        boots,
        cycles,
        extra_erases,
    } = most.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.note(format!(
        "{} operations; most after a cut: {boots} boots, {cycles} cycles, {extra_erases} more erases of a unit",
        places.len()
    ));
    tally.end(&findings)
}

/// A second cut somewhere in the life after the first one.
#[must_use]
pub fn cut_twice<S: Layout>(name: &'static str, places: &[Place<'_, S>]) -> Sweep {
    let tally = Tally::new(name);
    let findings = Findings::of_each(places, |place, findings| {
        let Place {
            recorded,
            operation,
            depth,
        } = place;
        let mut random = Random::new(SEED ^ *operation as u64);
        for _ in 0..if *depth == Depth::Deep { 8 } else { 1 } {
            let mut after = recorded.cuts(*operation..operation + 1, Tears::Inside { seed: random.number() });
            let between = || recorded.cuts(*operation..operation + 1, Tears::Between).next();
            let first = after.nth(random.below(3)).or_else(|| after.next()).or_else(between);
            let (point, contents) = first.expect("an operation can be cut before it");
            let second = Cut {
                operation: random.below(recorded.operations() - operation + 40),
                tear: Tear::Any { seed: random.number() },
            };
            let name = || format!("{}, {point}, then {second:?}", place.scenario());
            findings.look(name, || {
                let mut life = recorded.after_cut(&point, contents);
                life.cut_at(second);
                let is_cut = life.survives_until_cut().is_err();
                life.settle().expect("the power stays");
                let mode = if is_cut { "two cuts" } else { "the second came too late" };
                tally.count(place.scenario(), mode, true);
            });
        }
    });
    tally.note(format!("seed {SEED:#x}"));
    tally.end(&findings)
}
