//! A scenario without a cut, and from it every life with one.

use super::{Life, Moment, Scenario, Spent};
use crate::device::small::{Arrival, Layout, range, regions};
use crate::nor::{CutPoint, Journal, Kind, Tally, Tears};
use std::ops::Range;
use std::sync::Arc;

/// A scenario with every flash operation of a life without a cut.
pub struct Recorded<S> {
    scenario: Scenario<S>,
    journal: Journal,
    /// What held before each operation, and at the end.
    moments: Vec<Arc<Moment>>,
    /// What it cost.
    pub tally: Tally,
    /// What it spent.
    pub spent: Spent,
    /// When which bytes of patches came.
    pub arrivals: Vec<Arrival>,
}

/// What the life after a cut came to.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// What it spent.
    pub spent: Spent,
    /// The erases of each erase unit, without those before the cut.
    pub erases: Vec<u32>,
    /// Bytes of patches that came after the cut.
    pub patch_bytes: usize,
}

impl<S: Layout> Recorded<S> {
    /// Lives through a scenario.
    ///
    /// # Panics
    ///
    /// When it does not end as it must.
    #[must_use]
    pub fn new(scenario: Scenario<S>) -> Self {
        let mut life = Life::new(&scenario, scenario.start.clone());
        life.device().flash().borrow_mut().record();
        for repository in &scenario.stages {
            life.stage(repository).expect("the power stays");
        }
        life.settle().expect("the power stays");
        let (spent, arrivals) = (life.spent(), life.take_arrivals());
        let mut journal = life.device().flash().borrow_mut().take_journal();
        let tally = life.device().flash().borrow().tally().clone();
        let moments = moments(&scenario, &mut journal);
        Self {
            journal,
            moments,
            tally,
            spent,
            arrivals,
            scenario,
        }
    }

    /// The scenario.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario<S> {
        &self.scenario
    }

    /// The scenario, without what was recorded of it.
    #[must_use]
    pub fn into_scenario(self) -> Scenario<S> {
        self.scenario
    }

    /// Number of flash operations.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.journal.operations().len()
    }

    /// In which part of the map an operation is.
    ///
    /// # Panics
    ///
    /// When it is in none: nothing else may be touched.
    #[must_use]
    pub fn region(&self, operation: usize) -> &'static str {
        let offset = self.journal.operations()[operation].offset;
        let regions = regions(&self.scenario.map);
        let found = regions.iter().find(|region| region.bytes.contains(&offset));
        found.expect("every operation is in a part of the map").name
    }

    /// Whether an operation is an erase.
    #[must_use]
    pub fn is_erase(&self, operation: usize) -> bool {
        self.journal.operations()[operation].kind == Kind::Erase
    }

    /// The operations in a part of the map.
    pub fn operations_in<'r>(&'r self, part: &'r str) -> impl Iterator<Item = usize> + 'r {
        (0..self.operations()).filter(move |operation| self.region(*operation).starts_with(part))
    }

    /// Every cut of these operations, with what it leaves.
    pub fn cuts(&self, operations: Range<usize>, tears: Tears) -> impl Iterator<Item = (CutPoint, Vec<u8>)> {
        self.journal.cuts_in(operations, tears)
    }

    /// The device after a cut. Boot record and trusted state are those before or those after the operation.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    #[must_use]
    pub fn after_cut(&self, point: &CutPoint, contents: Vec<u8>) -> Life<'_, S> {
        let life = Life::new(&self.scenario, contents);
        let operation = point.cut.operation;
        let (before, after) = (&self.moments[operation], &self.moments[operation + 1]);
        assert!(
            life.moment() == &**before || life.moment() == &**after,
            "neither what was before nor what was to be after: {:?}",
            life.moment()
        );
        life
    }

    /// Lives on after a cut, to the end of the scenario.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    #[must_use]
    pub fn recovered(&self, point: &CutPoint, contents: Vec<u8>) -> Recovered {
        let mut life = self.after_cut(point, contents);
        life.settle().expect("the power stays");
        recovered(&mut life)
    }
}

/// What lives without a cut cost each part of the map, as a table.
#[must_use]
pub fn wear_table<S: Layout>(recorded: &[&Recorded<S>]) -> String {
    use std::fmt::Write as _;
    let mut table = "| region |".to_owned();
    for life in recorded {
        let _ = write!(
            table,
            " {0}: erases (most of a unit) | {0}: bytes |",
            life.scenario.name
        );
    }
    table += "\n| --- |";
    table += &" ---: | ---: |".repeat(recorded.len());
    let regions = recorded.first().map_or(Vec::new(), |life| regions(&life.scenario.map));
    for region in regions {
        let _ = write!(table, "\n| {} |", region.name);
        for life in recorded {
            let wear = life.tally.of(&region);
            let _ = write!(
                table,
                " {} ({}) | {} |",
                wear.erases, wear.erases_max, wear.bytes_written
            );
        }
    }
    table += "\n| the whole part |";
    for life in recorded {
        let wear = life.tally.whole();
        let _ = write!(
            table,
            " {} ({}) | {} |",
            wear.erases, wear.erases_max, wear.bytes_written
        );
    }
    table + "\n"
}

/// What a life came to.
pub fn recovered<S: Layout>(life: &mut Life<'_, S>) -> Recovered {
    let arrivals = life.take_arrivals();
    Recovered {
        spent: life.spent(),
        erases: life.device().flash().borrow().tally().erases().to_vec(),
        patch_bytes: arrivals.iter().map(|arrival| arrival.bytes).sum(),
    }
}

/// What holds between any two operations. It is read again only where it may have changed.
fn moments<S: Layout>(scenario: &Scenario<S>, journal: &mut Journal) -> Vec<Arc<Moment>> {
    let at_rest = [range(scenario.map.boot_record), range(scenario.map.state)];
    let offsets: Vec<usize> = journal.operations().iter().map(|operation| operation.offset).collect();
    let mut at = |operation| {
        let contents = journal.contents_before(operation).to_vec();
        Arc::new(Life::new(scenario, contents).moment().clone())
    };
    let mut moments = vec![at(0)];
    for (operation, offset) in offsets.iter().enumerate() {
        let is_at_rest = at_rest.iter().any(|range| range.contains(offset));
        let last = Arc::clone(&moments[operation]);
        moments.push(if is_at_rest { at(operation + 1) } else { last });
    }
    moments
}
