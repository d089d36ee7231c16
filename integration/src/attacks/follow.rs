//! The rows about metadata, on devices that follow the metadata and nothing else: the verifier itself, in each of its
//! readings.
//!
//! - What such a device says follows from what a whole device says: whoever installs, waits or has nothing new has found
//!   the pointer; a refusal is the same refusal.
//! - Where the lenient reading says something else, the row says so. No row is left out.

use super::row::{Outcome, Prelude, Row, Runs};
use super::run::{Findings, healed};
use crate::device::{BOOT_RECORD, DOCUMENT, Follower, ROLLOUT, ReadAs, SPARE_SLOT, STATE};
use crate::simulator::release::{POINTER, ROLLOUT as ROLLOUT_TARGET};
use crate::simulator::{ROLLOUT_ROLE, Simulator};
use std::collections::{BTreeMap, BTreeSet};
use tuffet_no_std_client::tuf::Rejected;

/// What following the metadata down to the pointer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted role lists the pointer.
    Found,
    /// No role that is trusted for the pointer lists it.
    NotFound,
    /// Refused, with the stable name of the refusal.
    Refused(String),
    /// The transport gave up: nothing was judged.
    Transport,
}

/// A verdict, and how a device comes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// What it says.
    pub verdict: Verdict,
    /// Every request for metadata, in order, as labels.
    pub requests: Vec<&'static str>,
    /// Every metadata file at rest that is another one afterwards.
    pub changed: Vec<&'static str>,
}

impl Followed {
    /// A verdict with its requests and changes, of which only those of metadata count.
    #[must_use]
    pub fn new(verdict: Verdict, requests: &[&'static str], changed: &[&'static str]) -> Self {
        Self {
            verdict,
            requests: requests.iter().copied().filter(|label| is_metadata(label)).collect(),
            changed: changed.iter().copied().filter(|file| is_role(file)).collect(),
        }
    }
}

impl Followed {
    /// Whether a top-level role is refused: then nothing has to be looked up to see it.
    fn ends_at_the_top(&self) -> bool {
        let last = self
            .requests
            .last()
            .map_or("", |label| label.split_once('.').map_or(*label, |(_, role)| role));
        let is_top_level = ["root", "snapshot", "targets", "timestamp"].contains(&last);
        is_top_level && self.verdict != Verdict::Found && !self.changed.contains(&last)
    }
}

/// The rules that are about metadata alone.
const RULES: [&str; 4] = [
    "TUF",
    "design 3: lifetimes",
    "design 3: wire form",
    "design 4: no trusted clock",
];

/// The step that fetches what the metadata leads to.
const OF_TARGETS: &str = "TUF 5.7";

impl Row {
    /// Whether the row is about metadata: by its rule, or because it is refused by the verifier of metadata.
    #[must_use]
    pub fn is_about_metadata(&self) -> bool {
        let is_by_rule = RULES.iter().any(|rule| self.step.starts_with(rule)) && !self.step.starts_with(OF_TARGETS);
        let is_refused = matches!(&self.expected, Outcome::Refused(name) if is_refusal_of_metadata(name));
        // The checksum of the state is the shell's.
        let is_of_the_state = self.tamper.is_some_and(|(file, _)| file == STATE);
        (is_by_rule || is_refused) && !is_of_the_state
    }

    /// What a device that follows the metadata makes of it, in a reading.
    #[must_use]
    pub fn followed(&self, reading: ReadAs) -> Followed {
        match (&self.lenient, reading) {
            (Some(lenient), ReadAs::Lenient) => lenient.clone(),
            _ => Followed::new(verdict_of(&self.expected), &self.requests, &self.changed),
        }
    }

    /// Whether the search for the rollout is a part of it.
    fn has_rollout(&self) -> bool {
        self.requests.iter().any(|label| label.ends_with(ROLLOUT_ROLE))
    }
}

fn verdict_of(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::NoRelease => Verdict::NotFound,
        Outcome::Transport => Verdict::Transport,
        // A whole device has a word of its own for a kept file that is needed and gone.
        Outcome::Refused(name) if name == "KeptFileLost" => Verdict::Refused("DamagedStore".to_owned()),
        Outcome::Refused(name) if is_refusal_of_metadata(name) => Verdict::Refused(name.clone()),
        Outcome::Installed | Outcome::Refused(_) | Outcome::UpToDate | Outcome::Waiting(_) => Verdict::Found,
    }
}

/// Whether this is the name of a [`Rejected`].
fn is_refusal_of_metadata(name: &str) -> bool {
    const NAMES: [&str; 15] = [
        "Absent",
        "DuplicateDelegation",
        "DuplicateSignature",
        "Expired",
        "LimitExceeded",
        "Malformed",
        "NotInSnapshot",
        "RoleVanished",
        "Rollback",
        "TooFewSignatures",
        "TooLong",
        "WeakKey",
        "WrongDigest",
        "WrongLength",
        "WrongVersion",
    ];
    NAMES.contains(&name)
}

/// Whether a label is one of metadata: a role, mostly with a version before it.
fn is_metadata(label: &str) -> bool {
    label
        .split_once('.')
        .is_none_or(|(version, _)| version.parse::<u64>().is_ok())
}

fn is_role(file: &str) -> bool {
    ![DOCUMENT, ROLLOUT, BOOT_RECORD, SPARE_SLOT, STATE].contains(&file)
}

/// Runs a row on a follower.
pub fn follow<F: Follower>(row: &Row, now: u64) -> Findings {
    let mut findings = Findings::default();
    let expected = row.followed(F::READS);
    let (mut device, seen) = before_the_attack::<F>(row, now, &mut findings);
    let before = device.files();
    device.take_requests();

    let attacked = row.attacked(&seen);
    device.serve(&attacked);
    device.set_clock(row.clock);
    let names: &[&str] = if F::REFRESHES && expected.ends_at_the_top() {
        &[]
    } else if row.has_rollout() {
        &[POINTER, ROLLOUT_TARGET]
    } else {
        &[POINTER]
    };
    let verdict = device.follow(names);
    findings.note(F::says(&verdict, &expected.verdict), || {
        format!("it says {verdict:?} instead of {:?}", expected.verdict)
    });
    if let (Some(flaw), ReadAs::Strict, Some(Rejected::Malformed { what, .. })) =
        (row.flaw, F::READS, device.rejected())
    {
        findings.note(what == flaw, || {
            format!("what is wrong is {what:?} instead of {flaw:?}")
        });
    }
    let mut requests = device.take_requests();
    requests.retain(|label| is_metadata(label));
    findings.note(F::asks_for(&requests, &expected.requests), || {
        format!("it asks for {requests:?} instead of {:?}", expected.requests)
    });
    compare::<F>(row, &expected, &before, &device.files(), &mut findings);
    if let (Some(floor), Some(found)) = (row.floor, device.floor()) {
        let wanted = floor(&attacked);
        findings.note(found == wanted, || format!("its floor is {found} instead of {wanted}"));
    }

    device.set_clock(row.clock.afterwards());
    device.serve(&healed(row, &expected.changed, &seen, &attacked));
    let wanted = if row.recovers {
        &Verdict::Found
    } else {
        &expected.verdict
    };
    let verdict = device.follow(&[POINTER]);
    findings.note(F::says(&verdict, wanted), || {
        format!("after the attack it says {verdict:?} instead of {wanted:?}")
    });
    findings
}

/// A device that has seen what a row has before its attack.
fn before_the_attack<F: Follower>(row: &Row, now: u64, findings: &mut Findings) -> (F, Simulator) {
    let seen = row.seen(now);
    let mut device = F::trusting(&seen);
    device.set_clock(row.clock.afterwards());
    let mut note = |verdict: Verdict| {
        findings.note(F::says(&verdict, &Verdict::Found), || {
            format!("before the attack it says {verdict:?}")
        });
    };
    note(device.follow(&[POINTER]));
    let seen = match row.prelude {
        Prelude::UpToDate => seen,
        Prelude::FailedTrial | Prelude::OpenTrial => {
            let earlier = Row::earlier(&seen, row.prelude);
            device.serve(&earlier);
            note(device.follow(&[POINTER]));
            earlier
        }
    };
    if let Some((file, edit)) = row.tamper {
        device.tamper(file, &edit);
    }
    (device, seen)
}

fn compare<F: Follower>(
    row: &Row,
    expected: &Followed,
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
    findings: &mut Findings,
) {
    let names = before.keys().chain(after.keys());
    let changed: BTreeSet<&str> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .filter(|name| after.contains_key(*name) || !F::may_lose(name))
        .map(String::as_str)
        .collect();
    let mut wanted: BTreeSet<&str> = expected.changed.iter().copied().collect();
    // A damaged copy that is replaced by a sound one is no news to the trusted state.
    let is_news = |name: &&&str| row.tamper.is_none_or(|(tampered, _)| tampered != **name);
    if wanted.iter().find(is_news).is_some() {
        wanted.insert(STATE);
    }
    if let Some((tampered, _)) = row.tamper
        && !F::REPAIRS
        && before.get(tampered) == after.get(tampered)
    {
        wanted.remove(tampered);
    }
    findings.note(changed == wanted, || {
        format!("at rest it changes {changed:?} instead of {wanted:?}")
    });
}

/// Whether a row exists for a follower in memory, which has no HTTP.
#[must_use]
pub fn is_in_memory(row: &Row) -> bool {
    row.is_about_metadata() && row.runs != Runs::OverHttp
}

/// Whether a row exists for a follower over HTTP, which reads the real clock.
#[must_use]
pub fn is_over_http(row: &Row) -> bool {
    row.is_about_metadata() && row.clock == super::row::Clock::Right
}
