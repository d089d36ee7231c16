//! The time floor: what a thief gains who signs with a time of the far future, and what it takes to be rid of it.
//!
//! The floor comes from signed times only. It stays below the earliest expiry of root, targets and product role; so with it a
//! stolen key costs one root with other online keys, and no visit to any device.

use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::attacks::Outcome;
use tuffet_integration::device::{Device, Memory, Process};
use tuffet_integration::simulator::keys::{Key, sha256};
use tuffet_integration::simulator::release::rollout;
use tuffet_integration::simulator::role::Role;
use tuffet_integration::simulator::time::{DAY_S, utc};
use tuffet_integration::simulator::{PRODUCT_ROLE, ROLLOUT_ROLE, Simulator};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Signed ten years from now, and valid for a year more.
fn date_ahead(role: &mut Role, now: u64) {
    role.signed["x-tuffet-signed-at"] = utc(now + 3_650 * DAY_S).into();
    role.signed["expires"] = utc(now + 4_015 * DAY_S).into();
}

/// Release 2.0.0 as a thief publishes it, after this change.
fn published(repository: &mut Simulator, change: impl FnOnce(&mut Simulator)) {
    repository.stage("2.0.0");
    change(repository);
    repository.publish();
}

/// The next honest release; with it, if asked for, a root that takes the online key away from the thief.
fn honest_again(repository: &mut Simulator, with_new_key: bool) {
    let now = repository.now;
    repository.stage("3.0.0");
    if with_new_key {
        let key = [Key::of("new timestamp")];
        repository.stage_root();
        repository.set_root_keys("timestamp", &key, 1);
        repository.publish_root();
        repository.timestamp.sign_with(&key);
    }
    repository.role(ROLLOUT_ROLE).sign_at(now);
    repository.publish();
}

fn install<D: Device>(device: &mut D, repository: &Simulator) {
    device.serve(repository);
    assert_eq!(device.update(), Outcome::Installed);
    device.try_out(true);
}

/// The thief's release is taken; then honest files look expired, until a root takes the stolen key away.
fn costs_one_root<D: Device>(thief: impl FnOnce(&mut Simulator)) {
    let mut repository = Simulator::healthy(now());
    let mut device = D::factory(&repository);
    published(&mut repository, thief);
    install(&mut device, &repository);
    honest_again(&mut repository, false);
    device.serve(&repository);
    assert_eq!(device.update(), Outcome::Refused("Expired".to_owned()));
    honest_again(&mut repository, true);
    install(&mut device, &repository);
}

fn costs_nothing<D: Device>(thief: impl FnOnce(&mut Simulator)) {
    let mut repository = Simulator::healthy(now());
    let mut device = D::factory(&repository);
    published(&mut repository, thief);
    install(&mut device, &repository);
    honest_again(&mut repository, false);
    install(&mut device, &repository);
}

fn thief_of_the_timestamp_key(repository: &mut Simulator) {
    date_ahead(&mut repository.timestamp, repository.now);
}

fn thief_of_the_product_keys(repository: &mut Simulator) {
    let now = repository.now;
    date_ahead(repository.role(PRODUCT_ROLE), now);
}

fn thief_of_the_rollout_key(repository: &mut Simulator) {
    let now = repository.now;
    repository.release.require_rollout(14);
    let digest = sha256(&repository.document_bytes());
    repository.stage_rollout(Some(rollout(&digest, "active", &[(now - DAY_S, 1_000_000)])));
    date_ahead(repository.role(ROLLOUT_ROLE), now);
}

/// The floor that the thief left behind is below every file with an offline key: what outlives the product role is taken.
fn stays_below_offline_files<D: Device>() {
    let mut repository = Simulator::healthy(now());
    let mut device = D::factory(&repository);
    published(&mut repository, thief_of_the_timestamp_key);
    install(&mut device, &repository);
    repository.stage("3.0.0");
    let product_expires = repository.role(PRODUCT_ROLE).signed["expires"].clone();
    for role in [&mut repository.timestamp, &mut repository.snapshot] {
        role.signed["expires"] = product_expires.clone();
    }
    repository.publish();
    install(&mut device, &repository);
}

#[test]
fn timestamp_of_the_far_future_leaves_offline_files_valid() {
    stays_below_offline_files::<Memory>();
    stays_below_offline_files::<Process>();
}

#[test]
fn timestamp_of_the_far_future_costs_one_root() {
    costs_one_root::<Memory>(thief_of_the_timestamp_key);
    costs_one_root::<Process>(thief_of_the_timestamp_key);
}

#[test]
fn product_role_of_the_far_future_costs_one_root() {
    costs_one_root::<Memory>(thief_of_the_product_keys);
    costs_one_root::<Process>(thief_of_the_product_keys);
}

#[test]
fn rollout_role_of_the_far_future_costs_nothing() {
    costs_nothing::<Memory>(thief_of_the_rollout_key);
    costs_nothing::<Process>(thief_of_the_rollout_key);
}
