//! `tuffet-client status`: what is installed, what is trusted, and how long there is support.

use super::Verdict;
use crate::agent::Agent;
use crate::boot::open_records;
use crate::clock;
use crate::device::DeviceFolder;
use crate::error::ClientError;
use crate::report::Report;
use serde_json::{Map, Value, json};
use tuffet_no_std_client::DeviceState;
use tuffet_no_std_client::boot::{Placed, State};

/// Prints the state of the device. Asks nothing of the network.
pub fn command(folder: &DeviceFolder, report: Report) -> Result<Verdict, ClientError> {
    let agent = Agent::look(folder, report)?;
    let state = agent.store.state()?;
    let records = open_records(folder)?;
    let mut sentences = Vec::new();
    let mut object = Map::new();
    object.insert("ok".into(), json!(true));
    let identity = &agent.settings.identity;
    sentences.push(format!(
        "device      {} {} ({})",
        identity.product, identity.hardware, identity.channel
    ));
    object.insert("product".into(), json!(identity.product));
    object.insert("hardware".into(), json!(identity.hardware));
    object.insert("channel".into(), json!(identity.channel));
    if let Some(bytes) = agent.device.data_budget_bytes {
        sentences.push(format!("data budget {bytes} bytes for one update"));
        object.insert("data_budget_bytes".into(), json!(bytes));
    }
    tell_boot(&state, records.state(), &mut sentences, &mut object);
    sentences.push(format!(
        "counter     {} (an image with a lower security version never runs)",
        records.counter()
    ));
    object.insert("counter".into(), json!(records.counter()));
    object.insert("failed".into(), json!(records.failed().len()));
    for failed in records.failed() {
        let digest = tuffet_no_std_client::wire::hex::Hex(&failed.digest).to_string();
        sentences.push(format!(
            "failed      image {} (attempt {}) is not tried again",
            &digest[..12],
            failed.attempt
        ));
    }
    tell_trusted(&state, &mut sentences, &mut object);
    tell_support(&agent, &state, &mut sentences, &mut object);
    report.result(&sentences, object);
    Ok(Verdict::Fine)
}

fn tell_boot(state: &DeviceState, boot: State, sentences: &mut Vec<String>, object: &mut Map<String, Value>) {
    let version = |placed: &Placed| {
        state
            .version_of(&placed.image.digest)
            .map_or_else(|| "unknown".to_owned(), |version| version.to_string())
    };
    match boot {
        State::Confirmed { confirmed, .. } => {
            sentences.push(format!(
                "confirmed   version {} in slot {:?}",
                version(&confirmed),
                confirmed.slot
            ));
            object.insert("confirmed".into(), json!(version(&confirmed)));
        }
        State::Trial { confirmed, trial } => {
            sentences.push(format!(
                "confirmed   version {} in slot {:?}",
                version(&confirmed),
                confirmed.slot
            ));
            sentences.push(format!(
                "on trial    version {} in slot {:?}, {} of {} boots left",
                version(&trial.placed),
                trial.placed.slot,
                trial.attempts_left,
                trial.attempts
            ));
            object.insert("confirmed".into(), json!(version(&confirmed)));
            object.insert("trial".into(), json!(version(&trial.placed)));
            object.insert("attempts_left".into(), json!(trial.attempts_left));
        }
        State::Unprovisioned => sentences.push("boot record empty: not provisioned".to_owned()),
        State::Damaged => sentences.push("boot record damaged: see `tuffet-client boot`".to_owned()),
    }
}

fn tell_trusted(state: &DeviceState, sentences: &mut Vec<String>, object: &mut Map<String, Value>) {
    let trusted = &state.trusted;
    sentences.push(format!(
        "root        version {}, expires {}",
        trusted.root.version, trusted.root.expires
    ));
    object.insert("root_version".into(), json!(trusted.root.version.as_u64()));
    if let Some(timestamp) = &trusted.timestamp {
        let file = &timestamp.file;
        sentences.push(format!(
            "timestamp   version {}, signed {}, expires {}",
            file.version, file.signed_at, file.expires
        ));
        object.insert("timestamp_version".into(), json!(file.version.as_u64()));
        object.insert("timestamp_expires".into(), json!(file.expires.to_string()));
    }
    sentences.push(format!("time floor  {}", trusted.floor));
    object.insert("time_floor".into(), json!(trusted.floor.to_string()));
}

fn tell_support(agent: &Agent, state: &DeviceState, sentences: &mut Vec<String>, object: &mut Map<String, Value>) {
    let Some(document) = agent.document(state) else {
        sentences.push("support     unknown: no release document was seen yet".to_owned());
        return;
    };
    let end = document.support.end;
    let ended = if end < clock::now() {
        " (over: there are no more security updates)"
    } else {
        ""
    };
    sentences.push(format!("support     security updates until {end}{ended}"));
    object.insert("support_end".into(), json!(end.to_string()));
    object.insert("support_ended".into(), json!(end < clock::now()));
    sentences.push(format!("newest seen version {} ({})", document.version, document.class));
    object.insert("newest_seen".into(), json!(document.version.to_string()));
    if let Some(advisory) = document.advisory {
        sentences.push(format!("advisory    {}", advisory.text));
        object.insert("advisory".into(), json!(advisory.text));
    }
}
