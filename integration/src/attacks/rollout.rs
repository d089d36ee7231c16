//! Attacks with rollouts: speed, delay, and nothing more.

use super::row::{Outcome, Row};
use super::{AT_DOCUMENT, DOCUMENT, IMAGE};
use crate::simulator::keys::{Key, sha256};
use crate::simulator::release::{ROLLOUT, rollout};
use crate::simulator::time::{DAY_S, utc};
use crate::simulator::{ROLLOUT_ROLE, Simulator, target_path, writing};
use serde_json::json;

/// Every request of a cycle that looks at the rollout.
const AT_ROLLOUT: &[&str] = &[
    "2.root",
    "timestamp",
    "2.snapshot",
    "2.lamp",
    DOCUMENT,
    "2.lamp_rollout",
    ROLLOUT,
];
const AT_ROLLOUT_ROLE: &[&str] = &[
    "2.root",
    "timestamp",
    "2.snapshot",
    "2.lamp",
    DOCUMENT,
    "2.lamp_rollout",
];
/// What a device trusts anew when the rollout role is refused.
const BEFORE_ROLLOUT: &[&str] = &["timestamp", "snapshot", "lamp", "document"];
const WITH_ROLLOUT: &[&str] = &["timestamp", "snapshot", "lamp", "document", "lamp_rollout", "rollout"];
const WITH_ROLLOUT_ROLE: &[&str] = &["timestamp", "snapshot", "lamp", "document", "lamp_rollout"];
const EVERY_DEVICE: u64 = 1_000_000;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = waits();
    rows.extend(installs());
    rows.extend(unusable());
    rows
}

/// Publishes a release that needs a rollout, with this state and these waves.
fn rolled_out(repository: &mut Simulator, state: &str, waves: &[(u64, u64)]) {
    repository.release.require_rollout(14);
    let digest = sha256(&repository.document_bytes());
    repository.stage_rollout(Some(rollout(&digest, state, waves)));
    repository.publish();
}

/// A wave that opened yesterday for every device.
fn open(repository: &Simulator) -> [(u64, u64); 1] {
    [(repository.now - DAY_S, EVERY_DEVICE)]
}

fn waiting(reason: &str) -> Outcome {
    Outcome::Waiting(reason.to_owned())
}

fn waits() -> Vec<Row> {
    vec![
        Row::new("rollout_missing", "design 3: missing means wait", |repository| {
            repository.release.require_rollout(14);
            repository.stage_rollout(None);
            repository.publish();
        })
        .expects(waiting("RolloutMissing"), AT_ROLLOUT_ROLE, WITH_ROLLOUT_ROLE),
        Row::new("rollout_paused", "design 3: paused means wait", |repository| {
            rolled_out(repository, "paused", &open(repository));
        })
        .expects(waiting("RolloutPaused"), AT_ROLLOUT, WITH_ROLLOUT),
        Row::new(
            "rollout_for_another_release",
            "design 3: the rollout names a digest",
            |repository| {
                repository.release.require_rollout(14);
                repository.stage_rollout(Some(rollout(&"ab".repeat(32), "active", &open(repository))));
                repository.publish();
            },
        )
        .expects(waiting("RolloutForAnotherRelease"), AT_ROLLOUT, WITH_ROLLOUT),
        Row::new("rollout_expired", "design 3: expired means wait", expired).expects(
            waiting("RolloutExpired"),
            AT_ROLLOUT_ROLE,
            BEFORE_ROLLOUT,
        ),
        Row::new(
            "rollout_wave_is_not_open",
            "design 3: waves run on signed time",
            |repository| {
                rolled_out(repository, "active", &[(repository.now + DAY_S, EVERY_DEVICE)]);
            },
        )
        .expects(waiting("NotInWaveYet"), AT_ROLLOUT, WITH_ROLLOUT),
        Row::new("rollout_wave_of_nobody", "design 3: buckets", |repository| {
            rolled_out(repository, "active", &[(repository.now - DAY_S, 0)]);
        })
        .expects(waiting("NotInWaveYet"), AT_ROLLOUT, WITH_ROLLOUT),
        Row::new(
            "rollout_rule_unknown",
            "design 3: an unknown rule waits",
            |repository| {
                repository.release.document["rollout"] = json!({"rule": "staged"});
                repository.publish();
            },
        )
        .expects(waiting("UnknownRule"), AT_DOCUMENT, BEFORE_ROLLOUT),
        Row::new(
            "rollout_paused_security_release",
            "design 3: wait_max_days is not over",
            |repository| {
                repository.release.make_security();
                rolled_out(repository, "paused", &open(repository));
            },
        )
        .expects(waiting("RolloutPaused"), AT_ROLLOUT, WITH_ROLLOUT),
    ]
}

fn installs() -> Vec<Row> {
    let installed: Vec<&'static str> = [WITH_ROLLOUT, &["boot record", "spare slot"]].concat();
    let requests: Vec<&'static str> = [AT_ROLLOUT, &[IMAGE]].concat();
    vec![
        Row::new("rollout_open", "design 3: buckets", |repository| {
            rolled_out(repository, "active", &open(repository));
        })
        .expects(Outcome::Installed, &requests, &installed),
        Row::new(
            "rollout_paused_for_too_long",
            "design 3: a security release waits at most so long",
            |repository| {
                rolled_out(repository, "paused", &open(repository));
            },
        )
        .release(overdue)
        .expects(Outcome::Installed, &requests, &installed),
        Row::new(
            "rollout_expired_for_too_long",
            "design 3: a security release waits at most so long",
            expired,
        )
        .release(overdue)
        .expects(
            Outcome::Installed,
            &then(AT_ROLLOUT_ROLE, &[IMAGE]),
            &then(BEFORE_ROLLOUT, &["boot record", "spare slot"]),
        ),
    ]
}

/// The name of a fault while a release waits for it, its name when a security release has waited long enough, the fault,
/// and the requests and files at rest of the first.
type Unusable = (
    &'static str,
    &'static str,
    fn(&mut Simulator),
    &'static [&'static str],
    &'static [&'static str],
);

/// Rollouts that cannot be used: with each, a release waits; and a security release that waited long enough is installed.
/// So whoever holds the rollout key can delay, and no more.
fn unusable() -> Vec<Row> {
    let faults: [Unusable; 6] = [
        (
            "rollout_missing_file",
            "rollout_missing_file_for_too_long",
            lost,
            AT_ROLLOUT,
            WITH_ROLLOUT_ROLE,
        ),
        (
            "rollout_edited",
            "rollout_edited_for_too_long",
            edited,
            AT_ROLLOUT,
            WITH_ROLLOUT_ROLE,
        ),
        (
            "rollout_too_long",
            "rollout_too_long_for_too_long",
            overlong,
            AT_ROLLOUT_ROLE,
            WITH_ROLLOUT_ROLE,
        ),
        (
            "rollout_shares_fall",
            "rollout_shares_fall_for_too_long",
            falling,
            AT_ROLLOUT,
            WITH_ROLLOUT,
        ),
        (
            "rollout_of_a_strange_state",
            "rollout_of_a_strange_state_for_too_long",
            strange,
            AT_ROLLOUT,
            WITH_ROLLOUT,
        ),
        (
            "rollout_signed_by_a_stranger",
            "rollout_signed_by_a_stranger_for_too_long",
            stolen,
            AT_ROLLOUT_ROLE,
            BEFORE_ROLLOUT,
        ),
    ];
    let mut rows = Vec::new();
    for (waits, is_over, attack, requests, changed) in faults {
        let (requests_then, changed_then) = (then(requests, &[IMAGE]), then(changed, &["boot record", "spare slot"]));
        rows.push(
            Row::new(waits, "design 3: what cannot be used counts as missing", attack).expects(
                waiting("RolloutMissing"),
                requests,
                changed,
            ),
        );
        rows.push(
            Row::new(is_over, "design 3: a security release waits at most so long", attack)
                .release(overdue)
                .expects(Outcome::Installed, &requests_then, &changed_then),
        );
    }
    rows
}

/// A security release that is older than a rollout may make it wait.
fn overdue(repository: &mut Simulator) {
    repository.release.make_security();
    repository.release.document["released"] = json!(utc(repository.now - 15 * DAY_S));
}

fn expired(repository: &mut Simulator) {
    let now = repository.now;
    rolled_out(repository, "active", &open(repository));
    repository.role(ROLLOUT_ROLE).expire(now);
    repository.publish();
}

/// The path of the rollout file that is served.
fn served(repository: &Simulator) -> String {
    target_path(
        ROLLOUT,
        &repository.rollout.as_ref().map(writing::wire).unwrap_or_default(),
    )
}

fn lost(repository: &mut Simulator) {
    rolled_out(repository, "active", &open(repository));
    repository.site.remove(&served(repository));
}

fn edited(repository: &mut Simulator) {
    rolled_out(repository, "active", &open(repository));
    repository.site.edit(&served(repository), |bytes| bytes[30] ^= 1);
}

fn overlong(repository: &mut Simulator) {
    rolled_out(repository, "active", &open(repository));
    repository.role(ROLLOUT_ROLE).signed["targets"][ROLLOUT]["length"] = json!(1_000_000_000);
    repository.publish_roles();
}

fn falling(repository: &mut Simulator) {
    let waves = [(repository.now - 2 * DAY_S, EVERY_DEVICE), (repository.now - DAY_S, 1)];
    rolled_out(repository, "active", &waves);
}

fn strange(repository: &mut Simulator) {
    rolled_out(repository, "faster", &open(repository));
}

fn stolen(repository: &mut Simulator) {
    repository.role(ROLLOUT_ROLE).sign_with([&Key::of("thief 1")]);
    rolled_out(repository, "active", &open(repository));
}

/// A list that goes on.
fn then(list: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [list, more].concat()
}
