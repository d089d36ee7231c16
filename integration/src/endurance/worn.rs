//! What it cost.

use super::MAP;
use crate::device::small::regions;
use crate::nor::{SmallNor, Wear};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fmt;

/// Erases that each page of an nRF51822 endures, by its data sheet.
pub const ERASES_MAX: u32 = 20_000;

/// The wear of a part after something was done many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worn {
    /// What was done.
    pub what: String,
    /// How often.
    pub times: u32,
    /// What each part of the map cost.
    pub regions: Vec<Wear>,
    /// What the whole part cost.
    pub whole: Wear,
    /// Number of the page that was erased most.
    pub page: usize,
}

impl Worn {
    /// What a part went through since it was switched on.
    pub(super) fn of(what: String, times: u32, flash: &RefCell<SmallNor>) -> Self {
        let flash = flash.borrow();
        let tally = flash.tally();
        let erases = tally.erases().iter().enumerate();
        let page = erases.max_by_key(|(page, erases)| (**erases, std::cmp::Reverse(*page)));
        Self {
            what,
            times,
            regions: tally.report(&regions(&MAP)),
            whole: tally.whole(),
            page: page.map_or(0, |(page, _)| page),
        }
    }

    /// What a part of the map cost.
    ///
    /// # Panics
    ///
    /// When the map has none of this name.
    #[must_use]
    pub fn region(&self, name: &str) -> &Wear {
        let found = self.regions.iter().find(|wear| wear.region == name);
        found.expect("the map has a part of this name")
    }

    /// How often it may be done until the page that wears most is worn out.
    #[must_use]
    pub fn times_max(&self) -> u32 {
        let erases = u64::from(self.whole.erases_max.max(1));
        let times = u64::from(ERASES_MAX) * u64::from(self.times) / erases;
        u32::try_from(times).unwrap_or(u32::MAX)
    }

    /// For a machine.
    #[must_use]
    pub fn json(&self) -> Value {
        let region = |wear: &Wear| json!({"region": wear.region, "erases": wear.erases, "erases_max": wear.erases_max, "bytes": wear.bytes_written});
        json!({
            "what": self.what, "times": self.times, "page": self.page, "times_max": self.times_max(),
            "whole": region(&self.whole), "regions": self.regions.iter().map(region).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Worn {
    /// A table: erases each time, in the whole region and of its page that has most.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |count: u32| f64::from(count) / f64::from(self.times.max(1));
        writeln!(f, "{}: {} times\n", self.what, self.times)?;
        writeln!(
            f,
            "| region | erases each time | of its most worn page | that page in all | bytes each time |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: |")?;
        for wear in self.regions.iter().chain([&self.whole]) {
            writeln!(
                f,
                "| {} | {:.2} | {:.3} | {} | {} |",
                wear.region,
                each(wear.erases),
                each(wear.erases_max),
                wear.erases_max,
                wear.bytes_written / self.times.max(1) as usize,
            )?;
        }
        write!(
            f,
            "\nPage {} (at {} KiB) wears most. Of its {ERASES_MAX} erases are {} times.",
            self.page,
            self.page,
            self.times_max()
        )
    }
}
