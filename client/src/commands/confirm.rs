//! `tuffet-client confirm`: the self test of a new firmware.

use super::Verdict;
use crate::agent::Agent;
use crate::boot::{boot_error, open_records};
use crate::device::DeviceFolder;
use crate::error::ClientError;
use crate::health;
use crate::report::Report;
use serde_json::{Map, json};
use tuffet_no_std_client::boot::{State, Trial};

/// Runs the health check of an open trial. Healthy: the image is confirmed, and the anti-rollback counter with it. Not
/// healthy: the trial has failed, its digest is remembered, and the next boot runs the confirmed image.
pub fn command(folder: &DeviceFolder, report: Report) -> Result<Verdict, ClientError> {
    let (agent, _lock) = Agent::open(folder, report)?;
    let sentence = match self_test(&agent)? {
        SelfTest::Confirmed { version } => ("confirmed", format!("healthy: version {version} is confirmed")),
        SelfTest::NoTrial => ("no-trial", "there is no trial to confirm".to_owned()),
        SelfTest::NotBooted => ("reboot-due", NOT_BOOTED.to_owned()),
    };
    let mut object = Map::new();
    object.insert("ok".into(), json!(true));
    object.insert("outcome".into(), json!(sentence.0));
    object.insert("message".into(), json!(sentence.1));
    report.result(&[sentence.1], object);
    Ok(Verdict::Fine)
}

/// What is said of an image that waits for its first boot.
pub const NOT_BOOTED: &str = "a new image is installed and was not booted yet; reboot to try it";

/// How a self test that did not fail ended.
pub enum SelfTest {
    /// The trial is confirmed.
    Confirmed {
        /// The version that is confirmed.
        version: String,
    },
    /// Nothing was on trial.
    NoTrial,
    /// The image on trial never ran: what runs now says nothing about it.
    NotBooted,
}

/// Runs the health check if a trial is open, and records its verdict. A failed check is an error.
pub fn self_test(agent: &Agent) -> Result<SelfTest, ClientError> {
    let mut records = open_records(&agent.folder)?;
    let State::Trial { trial, .. } = records.state() else {
        return Ok(SelfTest::NoTrial);
    };
    if trial.attempts_left == trial.attempts {
        return Ok(SelfTest::NotBooted);
    }
    let on_boot_record = |error| boot_error(&agent.folder, error);
    match check(agent, &trial) {
        Ok(()) => {
            let confirmed = records.confirm().map_err(on_boot_record)?;
            let version = agent.store.state()?.version_of(&confirmed.image.digest);
            Ok(SelfTest::Confirmed {
                version: version.map_or_else(|| "?".to_owned(), |version| version.to_string()),
            })
        }
        Err(failed) => {
            records.fail().map_err(on_boot_record)?;
            Err(failed)
        }
    }
}

fn check(agent: &Agent, trial: &Trial) -> Result<(), ClientError> {
    let settings = &agent.settings.trial;
    health::check(
        &settings.health_check,
        settings.health_check_timeout_s,
        &agent.folder.slot(trial.placed.slot),
    )
}
