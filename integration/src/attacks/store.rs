//! Attacks on what the device keeps: files that were edited, cut short, or exchanged.
//!
//! The trusted state pins every other file. A kept file that is not the pinned one is fetched again, verified, and kept. A
//! trusted state that is not whole stops the device, for without it nothing would hold the versions up.

use super::row::{Outcome, Row};
use super::{AT_TIMESTAMP, DOCUMENT, IMAGE, INSTALLED, TO_IMAGE};
use crate::simulator::Simulator;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = states();
    rows.extend(roots());
    rows.extend(copies());
    rows.extend(rollbacks());
    rows.extend(documents());
    rows
}

/// Nothing new is served.
fn no_news(repository: &mut Simulator) {
    repository.site = Simulator::healthy(repository.now).site;
}

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

fn cut(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 2);
}

fn states() -> Vec<Row> {
    let damaged = |name, edit| {
        Row::new(name, "design 4: unknown or torn is never guessed", Simulator::publish)
            .tamper("state", edit)
            .refused("DamagedStore", &[], &[])
            .for_good()
    };
    vec![
        // A bit of a digest: everything else about the record makes sense.
        damaged("store_state_edited", |bytes| bytes[40] ^= 1),
        damaged("store_state_truncated", cut),
        damaged("store_state_emptied", Vec::clear),
        damaged("store_state_extended", |bytes| bytes.push(0)),
    ]
}

fn roots() -> Vec<Row> {
    let requests: Vec<&'static str> = [&["1.root"], TO_IMAGE].concat();
    let changed: Vec<&'static str> = [&["root"], INSTALLED].concat();
    let fetched_again = |name, edit| {
        Row::new(name, "design 5: a file not kept is fetched again", Simulator::publish)
            .tamper("root", edit)
            .expects(Outcome::Installed, &requests, &changed)
    };
    vec![
        fetched_again("store_root_edited", |bytes| flip(bytes)),
        fetched_again("store_root_truncated", cut),
        fetched_again("store_root_emptied", Vec::clear),
        fetched_again("store_root_of_a_thief", |bytes| {
            let mut thief = Simulator::healthy(1_700_000_000);
            thief
                .root
                .sign_with(&["thief 1", "thief 2"].map(crate::simulator::keys::Key::of));
            *bytes = thief.root.file();
        }),
        Row::new(
            "store_root_edited_and_not_served",
            "design 5: must match its kept digest",
            |repository| {
                repository.publish();
                repository.site.remove("metadata/1.root.json");
            },
        )
        .tamper("root", |bytes| flip(bytes))
        .refused("NoRoot", &["1.root"], &[]),
        Row::new(
            "store_root_edited_and_served_so",
            "design 5: must match its kept digest",
            |repository| {
                repository.publish();
                repository.site.edit("metadata/1.root.json", |bytes| flip(bytes));
            },
        )
        .tamper("root", |bytes| flip(bytes))
        .refused("NoRoot", &["1.root"], &[]),
    ]
}

fn copies() -> Vec<Row> {
    vec![
        Row::new(
            "store_timestamp_edited",
            "the state holds what counts of it",
            Simulator::publish,
        )
        .tamper("timestamp", |bytes| flip(bytes))
        .expects(Outcome::Installed, TO_IMAGE, INSTALLED),
        Row::new(
            "store_snapshot_edited",
            "TUF 5.5.5 needs the old one",
            Simulator::publish,
        )
        .tamper("snapshot", |bytes| flip(bytes))
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "timestamp",
                "1.snapshot",
                "2.snapshot",
                "2.lamp",
                DOCUMENT,
                IMAGE,
            ],
            INSTALLED,
        ),
        Row::new(
            "store_snapshot_edited_and_not_served",
            "TUF 5.5.5 needs the old one",
            |repository| {
                repository.publish();
                repository.site.remove("metadata/1.snapshot.json");
            },
        )
        .tamper("snapshot", |bytes| flip(bytes))
        .refused("KeptFileLost", &["2.root", "timestamp", "1.snapshot"], &["timestamp"]),
        Row::new(
            "store_targets_edited",
            "design 5: a file not kept is fetched again",
            Simulator::publish,
        )
        .tamper("targets", |bytes| flip(bytes))
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "timestamp",
                "2.snapshot",
                "1.targets",
                "2.lamp",
                DOCUMENT,
                IMAGE,
            ],
            &[&["targets"], INSTALLED].concat(),
        ),
        Row::new(
            "store_product_edited",
            "design 5: a file not kept is fetched again",
            no_news,
        )
        .tamper("lamp", |bytes| flip(bytes))
        .expects(Outcome::UpToDate, &[AT_TIMESTAMP, &["1.lamp"]].concat(), &["lamp"]),
    ]
}

fn rollbacks() -> Vec<Row> {
    vec![
        // A store that lost a copy remembers its version.
        Row::new(
            "store_timestamp_cut_and_rolled_back",
            "TUF 5.4.3.1: by the state, not by the copy",
            |repository| {
                repository.site = Simulator::healthy(repository.now).site;
            },
        )
        .before(|repository| {
            repository.timestamp.revise(2, repository.now);
            repository.publish_timestamp();
        })
        .tamper("timestamp", Vec::clear)
        .refused("Rollback", AT_TIMESTAMP, &[]),
        Row::new(
            "store_snapshot_cut_and_rolled_back",
            "TUF 5.5.5: by the old one, fetched again",
            |repository| {
                let old = Simulator::healthy(repository.now);
                repository.release = old.release;
                repository.role("lamp").revise(1, old.now);
                repository.publish();
            },
        )
        .before(|repository| {
            repository.stage("1.0.0");
            repository.publish();
        })
        .tamper("snapshot", cut)
        .refused(
            "Rollback",
            &["2.root", "timestamp", "2.snapshot", "3.snapshot"],
            &["timestamp", "snapshot"],
        ),
    ]
}

fn documents() -> Vec<Row> {
    vec![
        Row::new(
            "store_document_edited",
            "design 5: used only after its hash matches",
            no_news,
        )
        .tamper("document", |bytes| flip(bytes))
        .expects(Outcome::UpToDate, &[AT_TIMESTAMP, &[DOCUMENT]].concat(), &["document"]),
        Row::new(
            "store_document_truncated",
            "design 5: used only after its hash matches",
            no_news,
        )
        .tamper("document", cut)
        .expects(Outcome::UpToDate, &[AT_TIMESTAMP, &[DOCUMENT]].concat(), &["document"]),
    ]
}
