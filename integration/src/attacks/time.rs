//! Attacks on time: keys that sign with a time of the far future, and clocks that are wrong or not there.
//!
//! The floor comes from signed times only, and stays below the earliest expiry of root, targets and product role. So a key
//! that lies about the time costs one root with other online keys, and a clock that lies costs nothing once it is right.

use super::row::{Clock, Outcome, Row};
use super::{AT_ROOT, AT_TIMESTAMP, DOCUMENT, IMAGE, INSTALLED, TO_IMAGE};
use crate::simulator::keys::{Key, sha256};
use crate::simulator::release::{ROLLOUT, rollout};
use crate::simulator::role::{Role, key_table, role_keys};
use crate::simulator::time::{DAY_S, utc};
use crate::simulator::{FILES_ROLE, PRODUCT_ROLE, ROLLOUT_ROLE, Simulator, product_keys};
use serde_json::json;

const RULE: &str = "design 4: no trusted clock";
/// The first second of the year 2100.
const YEAR_2100: u64 = 4_102_444_800;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = far_futures();
    rows.extend(resets());
    rows.extend(clocks());
    rows
}

/// Signed ten years from now, and valid for a year more.
fn date_ahead(role: &mut Role, now: u64) {
    role.signed["x-tuffet-signed-at"] = json!(utc(now + 3_650 * DAY_S));
    role.signed["expires"] = json!(utc(now + 4_015 * DAY_S));
}

/// A second before something that the healthy repository signed yesterday expires.
fn before_expiry(repository: &Simulator, lifetime_days: u64) -> u64 {
    repository.now - DAY_S + lifetime_days * DAY_S - 1
}

fn newest(repository: &Simulator) -> u64 {
    repository.now
}

/// The root takes the timestamp key away from the thief.
fn with_new_timestamp_key(repository: &mut Simulator) {
    let key = [Key::of("new timestamp")];
    repository.stage_root();
    repository.set_root_keys("timestamp", &key, 1);
    repository.publish_root();
    repository.timestamp.sign_with(&key);
}

/// The device took what the thief signed; honest files look expired then, until a root mends it.
fn far_futures() -> Vec<Row> {
    let row = |name, before, floor| {
        Row::new(name, RULE, Simulator::publish)
            .before(before)
            .refused("Expired", AT_TIMESTAMP, &[])
            .floor(floor)
            .mended_by(with_new_timestamp_key)
    };
    vec![
        row("timestamp_signed_at_far_future", date_timestamp_ahead, |repository| {
            before_expiry(repository, 180)
        }),
        row(
            "snapshot_signed_at_far_future",
            |repository| {
                outlive_the_floor(repository);
                date_ahead(&mut repository.snapshot, repository.now);
                repository.publish_snapshot();
            },
            |repository| before_expiry(repository, 180),
        ),
        row(
            "targets_signed_at_far_future",
            |repository| {
                outlive_the_floor(repository);
                date_ahead(&mut repository.targets, repository.now);
                repository.publish_roles();
            },
            |repository| before_expiry(repository, 180),
        ),
        row("product_signed_at_far_future", date_product_ahead, |repository| {
            before_expiry(repository, 365)
        }),
        Row::new("rollout_never_raises_floor", RULE, |repository| {
            let now = repository.now;
            repository.release.require_rollout(14);
            let digest = sha256(&repository.document_bytes());
            repository.stage_rollout(Some(rollout(&digest, "active", &[(now - DAY_S, 1_000_000)])));
            date_ahead(repository.role(ROLLOUT_ROLE), now);
            repository.publish();
        })
        .clock(Clock::None)
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "timestamp",
                "2.snapshot",
                "2.lamp",
                DOCUMENT,
                "2.lamp_rollout",
                ROLLOUT,
                IMAGE,
            ],
            &[
                "timestamp",
                "snapshot",
                "lamp",
                "document",
                "lamp_rollout",
                "rollout",
                "boot record",
                "spare slot",
            ],
        )
        .floor(newest),
    ]
}

fn date_timestamp_ahead(repository: &mut Simulator) {
    outlive_the_floor(repository);
    date_ahead(&mut repository.timestamp, repository.now);
    repository.publish_snapshot();
}

/// The online files of the thief are valid for long, or a device would stop before it can be seen what follows.
fn outlive_the_floor(repository: &mut Simulator) {
    for role in [&mut repository.timestamp, &mut repository.snapshot] {
        role.signed["expires"] = json!(utc(repository.now + 4_015 * DAY_S));
    }
}

fn date_product_ahead(repository: &mut Simulator) {
    outlive_the_floor(repository);
    let now = repository.now;
    date_ahead(repository.role(PRODUCT_ROLE), now);
    repository.publish_roles();
}

/// An offline key takes a lying one away, and with it what it said about the time.
fn resets() -> Vec<Row> {
    vec![
        Row::new("floor_reset_by_rotation", RULE, |repository| {
            with_new_timestamp_key(repository);
            repository.publish();
        })
        .before(date_timestamp_ahead)
        .clock(Clock::None)
        .expects(
            Outcome::Installed,
            &["2.root", "3.root", "timestamp", "2.snapshot", "2.lamp", DOCUMENT, IMAGE],
            &[
                "root",
                "timestamp",
                "snapshot",
                "lamp",
                "document",
                "boot record",
                "spare slot",
            ],
        )
        .floor(newest),
        Row::new("floor_reset_by_new_product_keys", RULE, |repository| {
            let now = repository.now;
            let new = ["new author", "new operator"].map(Key::of);
            repository.targets.revise(2, now);
            let listed = repository.targets.signed["delegations"]["keys"].as_object_mut();
            listed.into_iter().for_each(|keys| {
                for key in product_keys(PRODUCT_ROLE) {
                    keys.remove(&key.id());
                }
                keys.extend(key_table(&new).as_object().cloned().unwrap_or_default());
            });
            for name in [PRODUCT_ROLE, FILES_ROLE] {
                repository.delegation(name)["keyids"] = role_keys(&new, 2)["keyids"].clone();
                repository.role(name).sign_with(&new);
            }
            // The way to the targets has to be open for the floor that the thief left.
            for role in [&mut repository.timestamp, &mut repository.snapshot] {
                role.signed["expires"] = json!(utc(now + 400 * DAY_S));
            }
            repository.publish();
        })
        .before(date_product_ahead)
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "timestamp",
                "2.snapshot",
                "2.targets",
                "2.lamp",
                DOCUMENT,
                IMAGE,
            ],
            &[
                "timestamp",
                "snapshot",
                "targets",
                "lamp",
                "document",
                "boot record",
                "spare slot",
            ],
        )
        .floor(newest),
    ]
}

fn clocks() -> Vec<Row> {
    vec![
        Row::new("local_clock_2100_locks_nobody_out", RULE, Simulator::publish)
            .clock(Clock::Wrong(YEAR_2100))
            .refused("Expired", AT_ROOT, &[])
            .floor(|repository| repository.now - DAY_S),
        // Whoever signs for so long gets a complete cycle at that time, and even then it is not remembered.
        Row::new("local_clock_2100_not_persisted", RULE, |repository| {
            outlive_2100(repository);
            repository.publish();
        })
        .before(|repository| {
            outlive_2100(repository);
            repository.publish_root();
            repository.publish();
        })
        .clock(Clock::Wrong(YEAR_2100))
        .expects(Outcome::Installed, TO_IMAGE, INSTALLED)
        .floor(newest),
        Row::new("local_clock_1970_held_up_by_the_floor", RULE, |repository| {
            expire_timestamp(repository);
        })
        .before(signed_again_now)
        .clock(Clock::Wrong(0))
        .refused("Expired", AT_TIMESTAMP, &[])
        .floor(newest),
        Row::new("no_clock_and_expired_before_the_floor", RULE, expire_timestamp)
            .before(signed_again_now)
            .clock(Clock::None)
            .refused("Expired", AT_TIMESTAMP, &[])
            .floor(newest),
        // A freeze that nobody notices: nothing that was signed shows that the hour has passed.
        Row::new("no_clock_and_expired_after_the_floor", RULE, |repository| {
            *repository = Simulator::healthy(repository.now);
            repository.timestamp.revise(2, repository.now - DAY_S);
            repository.timestamp.expire(repository.now);
            repository.publish_timestamp();
        })
        .clock(Clock::None)
        .expects(Outcome::UpToDate, AT_TIMESTAMP, &["timestamp"])
        .floor(|repository| repository.now - DAY_S),
    ]
}

fn outlive_2100(repository: &mut Simulator) {
    let top_level = [
        &mut repository.root,
        &mut repository.timestamp,
        &mut repository.snapshot,
        &mut repository.targets,
    ];
    for role in top_level.into_iter().chain(repository.delegated.values_mut()) {
        role.signed["expires"] = json!(utc(YEAR_2100 + 3_650 * DAY_S));
    }
}

/// Signed again, today.
fn signed_again_now(repository: &mut Simulator) {
    repository.revise();
    repository.publish();
}

/// The timestamp of the new release was valid until an hour ago.
fn expire_timestamp(repository: &mut Simulator) {
    repository.timestamp.expire(repository.now);
    repository.publish();
}
