//! One module per command; what they share.

pub mod boot;
pub mod check;
pub mod confirm;
pub mod install;
pub mod provision;
pub mod run;
pub mod status;

use crate::agent::{Agent, Update};
use crate::error::ClientError;
use crate::install::Arrived;
use crate::transport::Transport;
use serde_json::{Map, Value, json};
use tuffet_no_std_client::release::{Release, ReleaseDocument};
use tuffet_no_std_client::{Considered, Decided, DeviceState, Failure, Way};

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done, nothing to do, or waiting.
    Fine,
    /// The newest release must not be installed here.
    Refused,
}

/// The exit code of a verdict.
#[must_use]
pub const fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fine => 0,
        Verdict::Refused => 1,
    }
}

/// A result for people and for machines.
pub struct Told {
    /// Sentences.
    pub sentences: Vec<String>,
    /// The object.
    pub object: Map<String, Value>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Told {
    /// Whether an image was installed, so that a reboot is due.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        self.object.get("outcome").is_some_and(|outcome| outcome == "installed")
    }
}

/// Adds what the network cost.
#[must_use]
pub fn with_cost(mut object: Map<String, Value>, transport: &Transport) -> Map<String, Value> {
    object.insert("bytes".into(), json!(transport.received_bytes()));
    object.insert("requests".into(), json!(transport.requests()));
    object
}

/// Puts a decision into words. `outcome` is a stable word: `no-release`, `refused`, `up-to-date`, `waiting`, `available`.
pub fn tell(agent: &Agent, update: &Update<'_>) -> Result<Told, ClientError> {
    let considered = update.considered().ok_or(Failure::Misuse)?;
    let mut sentence = decision_sentence(considered);
    let mut object = Map::new();
    let outcome = match &considered.decided {
        Decided::Install => {
            if let Some(plan) = considered.plan() {
                object.insert("version".into(), json!(plan.version.to_string()));
            }
            if let Some((way, file)) = update.shortest_way() {
                sentence = format!("{sentence} {} ({} bytes)", by(way), file.length);
                object.insert("download_bytes".into(), json!(file.length));
                object.insert("way".into(), json!(word(way)));
            }
            "available"
        }
        Decided::MoreRoots => "more-roots",
        Decided::NoRelease => "no-release",
        Decided::Refuse(refusal) => {
            object.insert("name".into(), json!(refusal.name()));
            "refused"
        }
        Decided::UpToDate => "up-to-date",
        Decided::Wait(reason) => {
            object.insert("name".into(), json!(reason.name()));
            "waiting"
        }
    };
    let verdict = if outcome == "refused" {
        Verdict::Refused
    } else {
        Verdict::Fine
    };
    object.insert("ok".into(), json!(verdict == Verdict::Fine));
    object.insert("outcome".into(), json!(outcome));
    object.insert("message".into(), json!(sentence));
    let mut sentences = vec![sentence];
    if let Some(release) = &considered.release {
        tell_release(agent, update.state(), release, &mut sentences, &mut object);
    }
    Ok(Told {
        sentences,
        object,
        verdict,
    })
}

/// How an image came: `way` is `delta`, `file` or `whole`; `fell_back` names what was wrong with a delta that was given up.
pub fn tell_way(arrived: &Arrived, object: &mut Map<String, Value>) {
    object.insert("way".into(), json!(word(arrived.way)));
    let fault = arrived.fell_back.map(|fell_back| fell_back.fault.name());
    object.insert("fell_back".into(), json!(fault));
}

/// The stable word for a way.
const fn word(way: Way) -> &'static str {
    match way {
        Way::Delta => "delta",
        Way::File => "file",
        Way::Whole => "whole",
    }
}

/// A way in a sentence.
#[must_use]
pub const fn by(way: Way) -> &'static str {
    match way {
        Way::Delta => "by a delta",
        Way::File => "from the full image",
        Way::Whole => "by a patch from nothing",
    }
}

/// A decision as a sentence.
#[must_use]
pub fn decision_sentence(considered: &Considered) -> String {
    match &considered.decided {
        Decided::Install => match considered.plan() {
            Some(plan) => format!("version {} can be installed", plan.version),
            None => "there is something to install".to_owned(),
        },
        Decided::MoreRoots => "the chain of roots goes on; run again".to_owned(),
        Decided::NoRelease => "the repository has no release for this device yet".to_owned(),
        Decided::Refuse(refusal) => format!("the newest release is refused: {refusal}"),
        Decided::UpToDate => "the newest release runs already".to_owned(),
        Decided::Wait(reason) => format!("the newest release has to wait: {reason}"),
    }
}

/// Support end and advisory of a release.
fn tell_release(
    agent: &Agent,
    state: &DeviceState,
    release: &Release,
    sentences: &mut Vec<String>,
    object: &mut Map<String, Value>,
) {
    sentences.push(format!(
        "  release {}, class {}, security version {}",
        release.version,
        release.class.as_str(),
        release.security_version
    ));
    sentences.push(format!("  security support until {}", release.support.end));
    object.insert("release".into(), json!(release.version.to_string()));
    object.insert("class".into(), json!(release.class.as_str()));
    object.insert("support_end".into(), json!(release.support.end.to_string()));
    if let Some(advisory) = agent.document(state).and_then(|document| document.advisory) {
        sentences.push(format!("  advisory: {}", advisory.text));
        if !advisory.cves.is_empty() {
            sentences.push(format!("  fixes: {}", advisory.cves.join(", ")));
        }
        object.insert("advisory".into(), json!(advisory.text));
    }
}

impl Agent {
    /// The release document that was verified last, for its texts. An edited copy is none.
    #[must_use]
    pub fn document(&self, state: &DeviceState) -> Option<ReleaseDocument> {
        let digest = &state.release.document()?.pointer.release;
        let bytes = self.kept_document(digest).ok()??;
        ReleaseDocument::parse(&bytes).ok()
    }
}
