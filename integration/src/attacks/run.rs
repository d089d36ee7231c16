//! Runs a row on a device, and says everything that is not as the row has it.

use super::row::{Outcome, Prelude, Row, Taken};
use crate::device::{BOOT_RECORD, DOCUMENT, Device, ROLLOUT, RUNNING_SLOT, SPARE_SLOT, STATE};
use crate::simulator::keys::sha256;
use crate::simulator::{FILES_ROLE, PRODUCT_ROLE, ROLLOUT_ROLE, Simulator, snapshot_key, targets_keys, timestamp_key};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tuffet_boot::{Placed, State};
use tuffet_no_std_client::DeviceState;

/// A version that no row reaches: what is published after an attack is newer than everything in it.
const AFTERWARDS: u64 = 50;

/// What a row got wrong; empty when it holds.
#[derive(Debug, Default)]
pub struct Findings {
    sentences: Vec<String>,
}

impl Findings {
    pub(super) fn note(&mut self, is_right: bool, sentence: impl FnOnce() -> String) {
        if !is_right {
            self.sentences.push(sentence());
        }
    }

    /// The findings, one a line, under the row's name; `None` when there are none.
    #[must_use]
    pub fn report(&self, row: &Row) -> Option<String> {
        (!self.sentences.is_empty())
            .then(|| format!("{} ({}):\n    {}", row.name, row.step, self.sentences.join("\n    ")))
    }
}

/// Runs a row; `expected` is what this kind of device says.
pub fn run<D: Device>(row: &Row, expected: &Outcome, now: u64) -> Findings {
    let mut findings = Findings::default();
    let mut seen = row.seen(now);
    seen.profile = D::PROFILE;
    let mut device = D::factory(&seen);
    device.set_clock(row.clock.afterwards());
    let first = device.update();
    findings.note(first == Outcome::UpToDate, || {
        format!("before the attack the device says {first:?}")
    });
    let seen = match row.prelude {
        Prelude::UpToDate => seen,
        Prelude::FailedTrial | Prelude::OpenTrial => {
            let earlier = Row::earlier(&seen, row.prelude);
            device.serve(&earlier);
            let installed = device.update();
            findings.note(installed == Outcome::Installed, || {
                format!("before the attack it says {installed:?}")
            });
            if row.prelude == Prelude::FailedTrial {
                device.try_out(false);
            }
            earlier
        }
    };
    if let Some((file, edit)) = row.tamper {
        let before = device.files();
        device.tamper(file, &edit);
        findings.note(before != device.files(), || format!("{file} is as it was"));
    }
    device.limit_data(row.data_budget_bytes);
    let (files, boot) = (device.files(), device.boot_state());
    device.take_requests();

    let attacked = row.attacked(&seen);
    device.serve(&attacked);
    device.set_clock(row.clock);
    let outcome = device.update();
    findings.note(outcome == *expected, || {
        format!("it says {outcome:?} instead of {expected:?}")
    });
    compare_way(row, &device, &mut findings);
    let requests = device.take_requests();
    findings.note(D::asks_for(&requests, &row.requests), || {
        format!("it asks for {requests:?} instead of {:?}", row.requests)
    });
    compare_files::<D>(row, &files, &device.files(), &mut findings);
    compare_boot(&outcome, boot, device.boot_state(), &attacked, &mut findings);
    compare_floor(row, &device, &attacked, &mut findings);

    device.set_clock(row.clock.afterwards());
    if outcome == Outcome::Installed {
        device.try_out(true);
    }
    device.limit_data(None);
    device.serve(&healed(row, &row.changed, &seen, &attacked));
    let wanted = if row.recovers { &Outcome::Installed } else { expected };
    let outcome = device.update();
    findings.note(outcome == *wanted, || {
        format!("after the attack it says {outcome:?} instead of {wanted:?}")
    });
    if outcome == Outcome::Installed {
        device.try_out(true);
        let (after, _) = device.boot_state();
        findings.note(matches!(after, State::Confirmed { .. }), || {
            format!("a healthy trial is not confirmed: {after:?}")
        });
    }
    findings
}

fn compare_way<D: Device>(row: &Row, device: &D, findings: &mut Findings) {
    if row.taken.is_none() {
        return;
    }
    let taken = device.taken();
    let wanted = row.taken.clone().map(|wanted| Taken {
        // A small device has no packed image: its full one is a patch from nothing.
        way: if wanted.way == "file" {
            D::FULL.to_owned()
        } else {
            wanted.way
        },
        ..wanted
    });
    findings.note(taken == wanted, || {
        format!("it installs by {taken:?} instead of {wanted:?}")
    });
}

fn compare_files<D: Device>(
    row: &Row,
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
    findings: &mut Findings,
) {
    let names = before.keys().chain(after.keys());
    let changed: BTreeSet<&str> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .filter(|name| after.contains_key(*name) || !D::may_lose(name))
        .map(String::as_str)
        .collect();
    let mut expected: BTreeSet<&str> = row.changed.iter().copied().collect();
    // A damaged copy that is replaced by a sound one is no news to the trusted state.
    let is_repaired = |name: &str| row.tamper.is_some_and(|(tampered, _)| tampered == name);
    let is_metadata = |name: &str| ![DOCUMENT, ROLLOUT, BOOT_RECORD, SPARE_SLOT].contains(&name);
    if expected.iter().any(|name| is_metadata(name) && !is_repaired(name)) {
        expected.insert(STATE);
    }
    // What a device may lose it may also not know any more.
    expected.retain(|name| D::keeps(name) && (after.contains_key(*name) || !D::may_lose(name)));
    findings.note(changed == expected, || {
        format!("at rest it changes {changed:?} instead of {expected:?}")
    });
    findings.note(before.get(RUNNING_SLOT) == after.get(RUNNING_SLOT), || {
        "it changes the running firmware".to_owned()
    });
}

fn compare_floor<D: Device>(row: &Row, device: &D, attacked: &Simulator, findings: &mut Findings) {
    let Some(floor) = row.floor else {
        return;
    };
    let state = device.files().remove(STATE).unwrap_or_default();
    let found = DeviceState::decode(&state)
        .ok()
        .map(|state| state.trusted.floor.as_secs());
    let wanted = Some(floor(attacked));
    findings.note(found == wanted, || {
        format!("its floor is {found:?} instead of {wanted:?}")
    });
}

fn compare_boot(
    outcome: &Outcome,
    (before, counter_before): (State, u32),
    (after, counter_after): (State, u32),
    attacked: &Simulator,
    findings: &mut Findings,
) {
    findings.note(counter_before == counter_after, || {
        format!("the counter goes from {counter_before} to {counter_after}")
    });
    let (confirmed, trial) = match after {
        State::Confirmed { confirmed, .. } => (Some(confirmed), None),
        State::Trial { confirmed, trial } => (Some(confirmed), Some(trial.placed)),
        State::Damaged | State::Unprovisioned => (None, None),
    };
    findings.note(confirmed.is_some() && confirmed == confirmed_of(before), || {
        format!("the boot record says {after:?}")
    });
    let wanted = (*outcome == Outcome::Installed).then(|| sha256(&attacked.release.image));
    let tried = trial.filter(|placed| trial_of(before) != Some(*placed));
    let tried = tried.map(|placed| crate::simulator::keys::hex(&placed.image.digest));
    findings.note(tried == wanted, || {
        format!("it tries out {tried:?} instead of {wanted:?}")
    });
}

fn trial_of(state: State) -> Option<Placed> {
    match state {
        State::Trial { trial, .. } => Some(trial.placed),
        State::Confirmed { .. } | State::Damaged | State::Unprovisioned => None,
    }
}

fn confirmed_of(state: State) -> Option<Placed> {
    match state {
        State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. } => Some(confirmed),
        State::Damaged | State::Unprovisioned => None,
    }
}

/// An honest repository after the attack: newer than it, never below the counter, and following the root and the targets if
/// those were rightly changed. Whoever's keys were stolen has new ones then.
pub(super) fn healed(row: &Row, changed: &[&str], seen: &Simulator, attacked: &Simulator) -> Simulator {
    let mut healed = seen.clone();
    healed.now = attacked.now;
    healed.stage("3.0.0");
    let security_version =
        |repository: &Simulator| repository.release.document["security_version"].as_u64().unwrap_or(0);
    let is_installed = row.expected == Outcome::Installed;
    let at_least = if is_installed {
        security_version(attacked)
    } else {
        security_version(seen)
    };
    healed.release.set_security_version(at_least);
    let now = healed.now;
    for role in [PRODUCT_ROLE, FILES_ROLE, ROLLOUT_ROLE] {
        healed.role(role).revise(AFTERWARDS, now);
    }
    for role in [&mut healed.targets, &mut healed.snapshot, &mut healed.timestamp] {
        role.revise(AFTERWARDS, now);
    }
    if changed.contains(&"root") {
        healed.root = attacked.root.clone();
        healed.publish_root();
        healed.stage_root();
        healed.root.signed["consistent_snapshot"] = json!(true);
        healed.set_root_keys("timestamp", &[timestamp_key()], 1);
        healed.set_root_keys("snapshot", &[snapshot_key()], 1);
        healed.set_root_keys("targets", &targets_keys(), 2);
        healed.publish_root();
    }
    if changed.contains(&"snapshot") {
        // Nor may a role vanish that was listed meanwhile.
        let listed = attacked.snapshot.signed["meta"].as_object();
        for (file, entry) in listed.into_iter().flatten() {
            let meta = &mut healed.snapshot.signed["meta"];
            if meta[file].is_null() {
                meta[file] = entry.clone();
            }
        }
    }
    (row.mend)(&mut healed);
    healed.publish();
    healed
}
