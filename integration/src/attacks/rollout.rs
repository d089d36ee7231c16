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
const EVERY_DEVICE: u64 = 1_000_000;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = waits();
    rows.extend(installs());
    rows.extend(refusals());
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
        .expects(
            waiting("RolloutMissing"),
            AT_ROLLOUT_ROLE,
            &["timestamp", "snapshot", "lamp", "document", "lamp_rollout"],
        ),
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
        Row::new("rollout_expired", "design 3: expired means wait", |repository| {
            repository.release.require_rollout(14);
            let digest = sha256(&repository.document_bytes());
            repository.stage_rollout(Some(rollout(&digest, "active", &open(repository))));
            let now = repository.now;
            repository.role(ROLLOUT_ROLE).expire(now);
            repository.publish();
        })
        .expects(waiting("RolloutExpired"), AT_ROLLOUT_ROLE, BEFORE_ROLLOUT),
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
                repository.release.make_security();
                repository.release.document["released"] = json!(utc(repository.now - 15 * DAY_S));
                rolled_out(repository, "paused", &open(repository));
            },
        )
        .expects(Outcome::Installed, &requests, &installed),
    ]
}

fn refusals() -> Vec<Row> {
    vec![
        Row::new("rollout_signed_by_a_stranger", "TUF 5.6.3", |repository| {
            repository.role(ROLLOUT_ROLE).sign_with([&Key::of("thief 1")]);
            rolled_out(repository, "active", &open(repository));
        })
        .refused("TooFewSignatures", AT_ROLLOUT_ROLE, BEFORE_ROLLOUT),
        Row::new("rollout_edited", "TUF 5.7.2", |repository| {
            rolled_out(repository, "active", &open(repository));
            let bytes = repository.rollout.as_ref().map(writing::wire).unwrap_or_default();
            repository
                .site
                .edit(&target_path(ROLLOUT, &bytes), |bytes| bytes[30] ^= 1);
        })
        .refused(
            "DocumentDigest",
            AT_ROLLOUT,
            &["timestamp", "snapshot", "lamp", "document", "lamp_rollout"],
        ),
        Row::new("rollout_shares_fall", "design 3: rollout file", |repository| {
            let waves = [(repository.now - 2 * DAY_S, EVERY_DEVICE), (repository.now - DAY_S, 1)];
            rolled_out(repository, "active", &waves);
        })
        .refused(
            "DocumentMalformed",
            AT_ROLLOUT,
            &["timestamp", "snapshot", "lamp", "document", "lamp_rollout"],
        ),
        Row::new("rollout_of_an_unknown_state", "design 3: rollout file", |repository| {
            rolled_out(repository, "faster", &open(repository));
        })
        .refused(
            "DocumentMalformed",
            AT_ROLLOUT,
            &["timestamp", "snapshot", "lamp", "document", "lamp_rollout"],
        ),
    ]
}
