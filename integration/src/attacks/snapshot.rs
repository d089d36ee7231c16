//! Attacks with the snapshot role: which versions belong together.

use super::row::{Outcome, Row};
use super::{AT_PRODUCT, AT_SNAPSHOT, DOCUMENT, IMAGE, INSTALLED};
use crate::simulator::role::{Role, pin};
use crate::simulator::{Simulator, timestamp_key};
use crate::site::Fault;
use serde_json::{Value, json};

const SNAPSHOT: &str = "metadata/2.snapshot.json";

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = versions();
    rows.extend(lists());
    rows.extend(long_lists());
    rows.extend(bytes());
    rows
}

/// Publishes after a change to what the snapshot lists; the timestamp pins the changed snapshot.
fn with_meta(repository: &mut Simulator, change: impl FnOnce(&mut Value)) {
    repository.publish();
    change(&mut repository.snapshot.signed["meta"]);
    repository.publish_snapshot();
}

/// Publishes version 2 of the top-level targets.
fn targets_twice(repository: &mut Simulator) {
    repository.targets.revise(2, repository.now);
    repository.publish();
}

/// The snapshot with another version, rightly signed.
fn of_version(snapshot: &Role, version: u64) -> Role {
    let mut other = snapshot.clone();
    other.signed["version"] = json!(version);
    other
}

fn versions() -> Vec<Row> {
    vec![
        Row::new("snapshot_mix_and_match", "TUF 5.5.2", |repository| {
            // Rightly signed too, of the right version and length, with another product role: not the one of this timestamp.
            repository.publish();
            let product = format!("{}.json", repository.names.product);
            repository.snapshot.signed["meta"][product]["hashes"]["sha256"] = json!("ab".repeat(32));
            repository.site.put(SNAPSHOT, repository.snapshot.file());
        })
        .refused("WrongDigest", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_of_yesterday", "TUF 5.5.2", |repository| {
            repository.publish();
            let old = Simulator::healthy(repository.now);
            repository.site.put(SNAPSHOT, old.snapshot.file());
        })
        // It has the same length: only versions differ, and they have as many digits.
        .refused("WrongDigest", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_version_differs", "TUF 5.5.4", |repository| {
            repository.publish();
            let other = of_version(&repository.snapshot, 3).file();
            repository.timestamp.signed["meta"]["snapshot.json"] = pin(2, &other);
            repository.site.put(SNAPSHOT, other);
            repository.publish_timestamp();
        })
        .refused("WrongVersion", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_expired", "TUF 5.5.6", |repository| {
            repository.snapshot.expire(repository.now);
            repository.publish();
        })
        .refused("Expired", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_signed_by_the_timestamp_key", "TUF 5.5.3", |repository| {
            repository.snapshot.sign_with([&timestamp_key()]);
            repository.publish();
        })
        .refused("TooFewSignatures", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_signed_by_nobody", "TUF 5.5.3", |repository| {
            repository.snapshot.sign_with([]);
            repository.publish();
        })
        .refused("TooFewSignatures", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_is_a_targets_file", "TUF 4.4", |repository| {
            repository.snapshot.signed["_type"] = json!("targets");
            repository.publish();
        })
        .refused("Malformed", AT_SNAPSHOT, &["timestamp"]),
    ]
}

fn lists() -> Vec<Row> {
    vec![
        Row::new("snapshot_drops_a_role", "TUF 5.5.5", |repository| {
            with_meta(repository, |meta| remove(meta, "lamp_files.json"));
        })
        .refused("RoleVanished", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_drops_the_product", "TUF 5.5.5", |repository| {
            with_meta(repository, |meta| remove(meta, "lamp.json"));
        })
        .refused("RoleVanished", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_drops_the_targets", "TUF 5.5.5", |repository| {
            with_meta(repository, |meta| remove(meta, "targets.json"));
        })
        .refused("RoleVanished", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_targets_version_rollback", "TUF 5.5.5", |repository| {
            let old = Simulator::healthy(repository.now);
            repository.targets = old.targets;
            repository.publish();
        })
        .before(targets_twice)
        .refused("Rollback", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_product_version_rollback", "TUF 5.5.5", |repository| {
            let old = Simulator::healthy(repository.now);
            repository.release = old.release;
            repository.role("lamp").revise(1, old.now);
            repository.publish();
        })
        .before(|repository| {
            repository.stage("1.0.0");
            repository.publish();
        })
        .refused("Rollback", &["2.root", "timestamp", "3.snapshot"], &["timestamp"]),
        Row::new("snapshot_files_version_rollback", "TUF 5.5.5", |repository| {
            // A role that this device never reads.
            repository.role("lamp_files").signed["version"] = json!(1);
            repository.publish();
        })
        .before(|repository| {
            repository.stage("1.0.0");
            repository.publish();
        })
        .refused("Rollback", &["2.root", "timestamp", "3.snapshot"], &["timestamp"]),
    ]
}

/// A device with little memory compares old and new snapshot in portions, and reads the new one once for each; these
/// attacks are in the last portion. The lenient reading has room for all of them at once.
fn long_lists() -> Vec<Row> {
    let twice = &["2.root", "timestamp", "2.snapshot", "2.snapshot"];
    vec![
        Row::new("snapshot_drops_the_last_of_many", "TUF 5.5.5", |repository| {
            with_meta(repository, |meta| remove(meta, LAST_OF_MANY));
        })
        .before(many_roles)
        .refused("RoleVanished", twice, &["timestamp"])
        .lenient_refuses("RoleVanished", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_rolls_back_the_last_of_many", "TUF 5.5.5", |repository| {
            with_meta(repository, |meta| meta[LAST_OF_MANY] = pin(1, b""));
        })
        .before(many_roles)
        .refused("Rollback", twice, &["timestamp"])
        .lenient_refuses("Rollback", AT_SNAPSHOT, &["timestamp"]),
        Row::new("healthy_long_snapshot", "TUF 5.5.5", Simulator::publish)
            .before(many_roles)
            .expects(
                Outcome::Installed,
                &[twice, &["2.lamp", DOCUMENT, IMAGE][..]].concat(),
                INSTALLED,
            )
            .lenient_accepts_after(AT_PRODUCT, &[]),
    ]
}

const LAST_OF_MANY: &str = "zone_21.json";

/// The snapshot of a repository with many products, as long as a small device reads it.
fn many_roles(repository: &mut Simulator) {
    for number in 0..22 {
        repository.snapshot.signed["meta"][format!("zone_{number:02}.json")] = pin(2, b"");
    }
    repository.publish_snapshot();
}

fn bytes() -> Vec<Row> {
    vec![
        Row::new("snapshot_absent", "TUF 5.5.1", |repository| {
            repository.publish();
            repository.site.remove(SNAPSHOT);
        })
        .refused("Absent", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_truncated", "TUF 5.5.2", |repository| {
            repository.publish();
            repository.site.edit(SNAPSHOT, |bytes| bytes.truncate(bytes.len() / 2));
        })
        .refused("WrongLength", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_extended", "TUF 5.5.2", |repository| {
            repository.publish();
            repository.site.edit(SNAPSHOT, |bytes| bytes.push(b' '));
        })
        .refused("WrongLength", AT_SNAPSHOT, &["timestamp"]),
        Row::new("snapshot_endless", "TUF 5.5.1", |repository| {
            repository.publish();
            repository.site.fault(SNAPSHOT, Fault::EndlessBody);
        })
        .refused("TooLong", AT_SNAPSHOT, &["timestamp"])
        .over_http(Outcome::Transport),
        Row::new("snapshot_longer_than_the_limit", "limits: snapshot", |repository| {
            // Rightly signed and pinned, with too many roles.
            with_meta(repository, |meta| {
                for number in 0..100 {
                    meta[format!("role_{number}.json")] = pin(1, b"");
                }
            });
        })
        .refused("TooLong", AT_SNAPSHOT, &["timestamp"])
        .over_http(Outcome::Transport)
        .lenient_accepts_after(AT_PRODUCT, &["snapshot", "lamp"]),
    ]
}

fn remove(meta: &mut Value, file: &str) {
    if let Some(meta) = meta.as_object_mut() {
        meta.remove(file);
    }
}
