//! What a thief gains with stolen keys, and what not: each line of the design's list is a drill here, and each pair of keys
//! that could be worth more than its parts.
//!
//! - For each of them the strongest thing that he reaches, and the next stronger one, which is refused.
//! - A thief who also holds the online keys (timestamp and snapshot) can publish anything else that he can sign. Without
//!   them he can sign and not publish: what the snapshot pins is another file.

use super::row::{Clock, Outcome, Row};
use super::{
    AT_DOCUMENT, AT_PRODUCT, AT_ROOT, AT_SNAPSHOT, AT_TARGETS, AT_TIMESTAMP, DOCUMENT, IMAGE, INSTALLED, TO_IMAGE,
};
use crate::simulator::keys::{Key, sha256};
use crate::simulator::release::{OTHER_PRODUCT, POINTER, ROLLOUT, rollout};
use crate::simulator::role::key_table;
use crate::simulator::time::{DAY_S, utc};
use crate::simulator::{
    PRODUCT_ROLE, Simulator, product_keys, rollout_key, root_keys, snapshot_key, targets_keys, timestamp_key,
};
use serde_json::json;

/// What a device trusts anew when a role below the snapshot is refused.
const BEFORE_TARGETS: &[&str] = &["timestamp", "snapshot"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = of_one_online_key();
    rows.extend(of_online_keys());
    rows.extend(of_online_keys_alone());
    rows.extend(of_online_and_rollout_keys());
    rows.extend(of_some_product_keys());
    rows.extend(of_product_keys());
    rows.extend(of_targets_keys());
    rows.extend(of_some_root_keys());
    rows.push(of_root_keys());
    rows
}

/// The thief's own keys, two of them.
fn own() -> [Key; 2] {
    ["thief 1", "thief 2"].map(Key::of)
}

/// The thief delegates the product to himself, with targets that these keys sign.
fn take_the_product(repository: &mut Simulator, signers: &[Key]) {
    let now = repository.now;
    for key in own() {
        repository.targets.signed["delegations"]["keys"][key.id()] = key.object();
    }
    repository.delegation(PRODUCT_ROLE)["keyids"] = json!(own().map(|key| key.id()));
    repository.targets.revise(2, now);
    repository.targets.sign_with(signers);
    repository.role(PRODUCT_ROLE).sign_with(&own());
    repository.publish();
}

/// The thief gives every role to himself, with a root that the stolen root keys sign.
fn take_the_root(repository: &mut Simulator) {
    repository.stage_root();
    repository.root.signed["keys"] = key_table(&own());
    for role in ["root", "targets", "snapshot", "timestamp"] {
        repository.set_root_keys(role, &own(), 2);
    }
    let [one, two, _] = root_keys();
    repository.root.sign_with([&one, &two, &own()[0], &own()[1]]);
    repository.publish_root();
    repository.timestamp.sign_with(&own());
    repository.snapshot.sign_with(&own());
    take_the_product(repository, &own());
}

fn of_one_online_key() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_the_timestamp_key_freezes",
            "design 3: lifetimes: a freeze up to the snapshot's expiry",
            |repository| {
                let now = repository.now;
                *repository = Simulator::healthy(now);
                repository.timestamp.revise(2, now);
                repository.publish_timestamp();
            },
        )
        .expects(Outcome::UpToDate, AT_TIMESTAMP, &["timestamp"]),
        Row::new(
            "thief_of_the_timestamp_key_cannot_write_a_snapshot",
            "design 3: lifetimes",
            |repository| {
                repository.snapshot.sign_with([&timestamp_key()]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_SNAPSHOT, &["timestamp"]),
        Row::new(
            "thief_of_the_snapshot_key_cannot_publish",
            "design 3: lifetimes",
            |repository| {
                repository.publish();
                repository.snapshot.signed["meta"]["lamp.json"]["version"] = json!(9);
                repository
                    .site
                    .put("metadata/2.snapshot.json", repository.snapshot.file());
            },
        )
        .refused("WrongDigest", AT_SNAPSHOT, &["timestamp"]),
    ]
}

fn of_online_keys() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_online_keys_freezes",
            "design 3: lifetimes: a freeze up to the product role's expiry",
            |repository| {
                // Everything looks fresh, and nothing is new.
                let now = repository.now;
                *repository = Simulator::healthy(now);
                repository.revise();
                repository.publish();
            },
        )
        .expects(Outcome::UpToDate, AT_SNAPSHOT, &["timestamp", "snapshot"]),
        Row::new(
            "thief_of_online_keys_freezes_no_longer",
            "design 3: lifetimes: a freeze up to the product role's expiry",
            |repository| {
                *repository = Simulator::healthy(repository.now);
                repository.now += 180 * DAY_S;
                repository.revise();
                repository.publish();
            },
        )
        .clock(Clock::MuchLater)
        .refused("Expired", AT_SNAPSHOT, BEFORE_TARGETS),
    ]
}

/// They say what is newest, never what is genuine.
fn of_online_keys_alone() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_online_keys_cannot_release",
            "design 3: lifetimes",
            |repository| {
                repository
                    .role(PRODUCT_ROLE)
                    .sign_with(&[timestamp_key(), snapshot_key()]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_online_keys_cannot_delegate",
            "design 3: lifetimes",
            |repository| {
                take_the_product(repository, &[timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", AT_TARGETS, BEFORE_TARGETS),
        Row::new(
            "thief_of_online_keys_cannot_go_back",
            "design 3: lifetimes",
            |repository| {
                let old = Simulator::healthy(repository.now);
                repository.release = old.release;
                repository.role(PRODUCT_ROLE).revise(1, old.now);
                repository.publish();
            },
        )
        .before(|repository| {
            repository.stage("1.0.0");
            repository.publish();
        })
        .refused("Rollback", &["2.root", "timestamp", "3.snapshot"], &["timestamp"]),
        Row::new(
            "thief_of_online_keys_cannot_hide_the_product",
            "design 3: lifetimes",
            |repository| {
                repository.publish();
                if let Some(meta) = repository.snapshot.signed["meta"].as_object_mut() {
                    meta.remove("lamp.json");
                }
                repository.publish_snapshot();
            },
        )
        .refused("RoleVanished", AT_SNAPSHOT, &["timestamp"]),
    ]
}

/// Publishes a release for which the vendor wants this rollout, with the one that the thief signs in its place.
fn roll_out(repository: &mut Simulator, state: &str) {
    repository.release.require_rollout(14);
    let digest = sha256(&repository.document_bytes());
    let everybody = [(repository.now - DAY_S, 1_000_000)];
    repository.stage_rollout(Some(rollout(&digest, state, &everybody)));
    repository.publish();
}

fn of_online_and_rollout_keys() -> Vec<Row> {
    let requests = [AT_DOCUMENT, &["2.lamp_rollout", ROLLOUT]].concat();
    let changed = &["timestamp", "snapshot", "lamp", "document", "lamp_rollout", "rollout"];
    let requests_then = [&requests[..], &[IMAGE]].concat();
    let changed_then = [changed, &["boot record", "spare slot"][..]].concat();
    vec![
        Row::new(
            "thief_of_online_and_rollout_keys_hurries",
            "design 3: lifetimes: speed",
            |repository| roll_out(repository, "active"),
        )
        .expects(Outcome::Installed, &requests_then, &changed_then),
        Row::new(
            "thief_of_online_and_rollout_keys_delays",
            "design 3: lifetimes: delay",
            |repository| roll_out(repository, "paused"),
        )
        .expects(Outcome::Waiting("RolloutPaused".to_owned()), &requests, changed),
        Row::new(
            "thief_of_online_and_rollout_keys_cannot_delay_a_security_release_for_long",
            "design 3: lifetimes: delay, at most wait_max_days",
            |repository| roll_out(repository, "paused"),
        )
        .release(|repository| {
            repository.release.make_security();
            repository.release.document["released"] = json!(utc(repository.now - 15 * DAY_S));
        })
        .expects(Outcome::Installed, &requests_then, &changed_then),
        Row::new(
            "thief_of_online_and_rollout_keys_cannot_release",
            "design 3: lifetimes",
            |repository| {
                let keys = [rollout_key("lamp"), timestamp_key(), snapshot_key()];
                repository.role(PRODUCT_ROLE).sign_with(&keys);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_the_rollout_key_cannot_release",
            "design 3: lifetimes",
            |repository| {
                repository
                    .role(PRODUCT_ROLE)
                    .sign_with(&[rollout_key("lamp"), timestamp_key()]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_the_rollout_key_cannot_publish",
            "design 3: lifetimes",
            |repository| {
                // Rightly signed, and not what the snapshot pins: it counts as missing.
                roll_out(repository, "paused");
                let role = repository.role("lamp_rollout");
                role.signed["targets"] = json!({});
                let file = role.file();
                repository.site.put("metadata/2.lamp_rollout.json", file);
            },
        )
        .expects(
            Outcome::Waiting("RolloutMissing".to_owned()),
            &[AT_DOCUMENT, &["2.lamp_rollout"]].concat(),
            &["timestamp", "snapshot", "lamp", "document"],
        ),
    ]
}

/// One of the two that have to sign.
fn of_some_product_keys() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_one_product_key_and_online_keys_cannot_release",
            "design 3: lifetimes: nothing",
            |repository| {
                let [author, _] = product_keys("lamp");
                let keys = [author, timestamp_key(), snapshot_key()];
                repository.role(PRODUCT_ROLE).sign_with(&keys);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_one_product_key_and_online_keys_cannot_delegate",
            "design 3: lifetimes: nothing",
            |repository| {
                let [author, _] = product_keys("lamp");
                take_the_product(repository, &[author, timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", AT_TARGETS, BEFORE_TARGETS),
        Row::new(
            "thief_of_one_product_key_and_rollout_key_cannot_release",
            "design 3: lifetimes: nothing",
            |repository| {
                let [_, operator] = product_keys("lamp");
                repository.role(PRODUCT_ROLE).sign_with(&[
                    operator,
                    rollout_key("lamp"),
                    timestamp_key(),
                    snapshot_key(),
                ]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_one_key_of_each_product_cannot_release",
            "design 3: lifetimes: nothing",
            |repository| {
                let ([author, _], [_, operator]) = (product_keys("lamp"), product_keys(OTHER_PRODUCT));
                repository.role(PRODUCT_ROLE).sign_with(&[author, operator]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
    ]
}

fn of_product_keys() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_product_keys_releases",
            "design 3: lifetimes: any image of that product",
            |repository| {
                repository.publish();
            },
        )
        .release(|repository| repository.release.carry(vec![0xee; 4_096]))
        .expects(Outcome::Installed, TO_IMAGE, INSTALLED),
        Row::new(
            "thief_of_product_keys_cannot_publish",
            "design 3: lifetimes",
            |repository| {
                // Without the online keys he signs what no snapshot pins.
                repository.publish();
                let role = repository.role(PRODUCT_ROLE);
                role.signed["targets"][POINTER]["hashes"]["sha256"] = json!("ab".repeat(32));
                let file = role.file();
                repository.site.put("metadata/2.lamp.json", file);
            },
        )
        .refused("WrongDigest", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_product_and_online_keys_cannot_delegate",
            "design 3: lifetimes",
            |repository| {
                let [author, operator] = product_keys("lamp");
                take_the_product(repository, &[author, operator, timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", AT_TARGETS, BEFORE_TARGETS),
        Row::new(
            "thief_of_another_products_and_online_keys_cannot_release",
            "design 3: lifetimes: any image of that product",
            |repository| {
                let [author, operator] = product_keys(OTHER_PRODUCT);
                let keys = [author, operator, timestamp_key(), snapshot_key()];
                repository.role(PRODUCT_ROLE).sign_with(&keys);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_TARGETS),
        Row::new(
            "thief_of_product_keys_cannot_go_below_the_counter",
            "design 4: counter",
            |repository| {
                repository.release.set_security_version(0);
                repository.release.document["rollback"] = json!(true);
                repository.publish();
            },
        )
        .refused(
            "BelowCounter",
            AT_DOCUMENT,
            &["timestamp", "snapshot", "lamp", "document"],
        ),
    ]
}

fn of_targets_keys() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_targets_keys_releases",
            "design 3: lifetimes: any product",
            |repository| {
                take_the_product(repository, &targets_keys());
            },
        )
        .expects(
            Outcome::Installed,
            &[AT_TARGETS, &["2.lamp", DOCUMENT, IMAGE]].concat(),
            &[&["targets"], INSTALLED].concat(),
        ),
        Row::new(
            "thief_of_targets_keys_cannot_publish",
            "design 3: lifetimes",
            |repository| {
                // Of the same length as the honest file, so that only the digest tells them apart.
                repository.targets.revise(2, repository.now);
                repository.publish();
                repository.delegation(PRODUCT_ROLE)["threshold"] = json!(1);
                let file = repository.targets.file();
                repository.site.put("metadata/2.targets.json", file);
            },
        )
        .refused("WrongDigest", AT_TARGETS, BEFORE_TARGETS),
        Row::new(
            "thief_of_one_targets_key_and_online_keys_cannot_delegate",
            "design 3: lifetimes",
            |repository| {
                let [one, _] = targets_keys();
                take_the_product(repository, &[one, timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", AT_TARGETS, BEFORE_TARGETS),
        Row::new("thief_of_targets_keys_cannot_write_a_root", "TUF 5.3.4", |repository| {
            let [one, two] = targets_keys();
            write_a_root(repository, &[one, two]);
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new(
            "thief_of_targets_and_online_keys_cannot_write_a_root",
            "TUF 5.3.4",
            |repository| {
                let [one, two] = targets_keys();
                write_a_root(repository, &[one, two, timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", AT_ROOT, &[]),
    ]
}

/// The thief writes a root with his own keys for root, signed by them and by these stolen ones.
fn write_a_root(repository: &mut Simulator, stolen: &[Key]) {
    repository.stage_root();
    repository.set_root_keys("root", &own(), 2);
    repository.root.sign_with(stolen.iter().chain(&own()));
    repository.publish_root();
    repository.publish();
}

/// One of the two that have to sign.
fn of_some_root_keys() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_one_root_key_and_online_keys_cannot_write_a_root",
            "design 3: lifetimes",
            |repository| {
                let [one, ..] = root_keys();
                write_a_root(repository, &[one, timestamp_key(), snapshot_key(), rollout_key("lamp")]);
            },
        )
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new(
            "thief_of_one_root_key_and_targets_keys_cannot_write_a_root",
            "design 3: lifetimes",
            |repository| {
                let ([_, _, three], [one, two]) = (root_keys(), targets_keys());
                write_a_root(repository, &[three, one, two, timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new(
            "thief_of_one_root_key_and_online_keys_cannot_end_a_threshold",
            "design 3: lifetimes",
            |repository| {
                // The new root would need one signature only; the old one asks for two.
                let [one, ..] = root_keys();
                repository.stage_root();
                repository.root.signed["roles"]["root"]["threshold"] = json!(1);
                repository.root.sign_with([&one]);
                repository.publish_root();
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_ROOT, &[]),
    ]
}

fn of_root_keys() -> Row {
    Row::new(
        "thief_of_root_keys_owns_everything",
        "design 3: lifetimes: everything",
        take_the_root,
    )
    .expects(
        Outcome::Installed,
        &[
            "2.root",
            "3.root",
            "timestamp",
            "2.snapshot",
            "2.targets",
            "2.lamp",
            POINTER,
            IMAGE,
        ],
        &[&["root", "targets"], INSTALLED].concat(),
    )
}
