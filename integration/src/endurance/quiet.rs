//! Days on which nothing happens.

use super::updates::{pass_a_day, sign_again};
use super::{NOW, Part, Worn};
use crate::device::small::Network;
use crate::simulator::Simulator;
use crate::simulator::release::firmware_of;
use tuffet_no_std_client::Outcome;

const IMAGE_BYTES: usize = 8 * 1024;
/// Days from one snapshot to the next: it expires after seven.
const SNAPSHOT_DAYS: u32 = 5;

/// So many days with a full cycle each: every day the timestamp is signed again, and every fifth day the snapshot, as its server does. Peeks
/// between them write nothing.
///
/// # Panics
///
/// When a cycle finds something.
#[must_use]
pub fn quiet(days: u32) -> Worn {
    let mut repository = Simulator::healthy_with(NOW, |release| release.carry(firmware_of("1.0.0", IMAGE_BYTES)));
    let mut part = Part::provisioned(&repository);
    for day in 1..=days {
        pass_a_day(&mut repository);
        if day % SNAPSHOT_DAYS == 0 {
            // Roles of targets expire much later; whether they are signed again, too, costs two records of the state.
            sign_again(&mut repository);
            repository.revise();
            repository.publish();
        } else {
            repository
                .timestamp
                .revise(repository.timestamp.version() + 1, repository.now);
            repository.publish_timestamp();
        }
        part.set_clock(repository.now);
        let outcome = part.cycle(&mut Network::to(repository.site.clone()));
        assert_eq!(outcome, Ok(Outcome::UpToDate), "day {day}");
    }
    Worn::of(
        "day with one cycle that finds nothing new".to_owned(),
        days,
        part.flash(),
    )
}
