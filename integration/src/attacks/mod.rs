//! The attack table: what is served, and exactly what a device makes of it.
//!
//! - A row names the attack `<role>_<fault>`, the rule that stands against it, the exact refusal, every request that the
//!   device makes, and every file at rest that changes. The tests run each row on the update machine in memory and on
//!   the client over HTTP.
//! - A table that refuses everything proves nothing: the first rows install, and so does every device after its attack
//!   has ended.
//! - An attack that changes nothing proves nothing either: a test compares what each row serves with an honest release.

mod delegate;
mod follow;
mod form;
mod image;
mod page;
mod patch;
mod product;
mod release;
mod rollout;
mod root;
mod row;
mod run;
mod snapshot;
mod store;
mod targets;
mod thief;
mod time;
mod timestamp;

pub use follow::{Followed, Verdict, follow, is_in_memory, is_over_http};
pub use page::page;
pub use row::{Clock, Edit, Outcome, Prelude, Row, Runs, Taken};
pub use run::{Findings, run};

use crate::simulator::Simulator;
use crate::simulator::release::POINTER;

/// The label of the release document.
const DOCUMENT: &str = POINTER;
/// The label of the image file of release 2.0.0.
const IMAGE: &str = "lamp_2.0.0_c3.zst";

/// The requests of a cycle that ends at the file it is named after. Files that did not change are not asked for.
const AT_ROOT: &[&str] = &["2.root"];
const AT_TIMESTAMP: &[&str] = &["2.root", "timestamp"];
const AT_SNAPSHOT: &[&str] = &["2.root", "timestamp", "2.snapshot"];
const AT_TARGETS: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.targets"];
const AT_PRODUCT: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.lamp"];
const AT_DOCUMENT: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.lamp", DOCUMENT];
const AT_IMAGE: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.lamp", DOCUMENT, IMAGE];
/// The requests of a cycle that installs.
const TO_IMAGE: &[&str] = AT_IMAGE;

/// The files at rest that change before a slot is touched.
const BEFORE_SLOT: &[&str] = &["timestamp", "snapshot", "lamp", "document"];
/// The files at rest that change when a release is installed; and when its image turns out, in the slot, to be wrong.
const INSTALLED: &[&str] = &["timestamp", "snapshot", "lamp", "document", "boot record", "spare slot"];

/// All rows.
#[must_use]
pub fn table() -> Vec<Row> {
    let mut rows = healthy();
    for more in [
        root::rows(),
        timestamp::rows(),
        snapshot::rows(),
        targets::rows(),
        delegate::rows(),
        product::rows(),
        form::rows(),
        release::rows(),
        rollout::rows(),
        image::rows(),
        patch::rows(),
        store::rows(),
        thief::rows(),
        time::rows(),
    ] {
        rows.extend(more);
    }
    rows
}

/// No attack: these rows show that the harness can install.
fn healthy() -> Vec<Row> {
    vec![
        Row::new("healthy_release", "TUF 5", Simulator::publish).expects(Outcome::Installed, TO_IMAGE, INSTALLED),
        Row::new("healthy_without_news", "TUF 5.4.3.1", |repository| {
            repository.site = Simulator::healthy(repository.now).site
        })
        .expects(Outcome::UpToDate, AT_TIMESTAMP, &[]),
        Row::new("healthy_signed_again", "TUF 5", |repository| {
            // The online keys did their daily work; nothing was released.
            let now = repository.now;
            *repository = Simulator::healthy(now);
            repository.revise();
            repository.publish();
        })
        .expects(Outcome::UpToDate, AT_SNAPSHOT, &["timestamp", "snapshot"]),
    ]
}

#[cfg(test)]
mod tests;
