//! Our own verifier, in this process, in both readings.

use crate::case::{Answer, Case, Client, Files, Verdict};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::simulator::keys::hex;
use tuffet_tuf::{
    Answer as Answered, ClockPolicy, Error, Fetch, Lenient, Limits, Reading, Request, Resolution, Session, Step, Store,
    Strict, TargetName, Trusted, VerifiedTarget,
};
use tuffet_wire::UnixSeconds;

/// What the harness has to know of a reading.
pub trait Tried: Reading {
    /// What its client is called.
    const NAME: &'static str;

    /// A name to look up.
    fn wanted(name: &str) -> Self::TargetName;

    /// The digest by which a target is known.
    fn sha256(target: &VerifiedTarget<Self>) -> String;
}

impl Tried for Strict {
    const NAME: &'static str = "strict";

    fn wanted(name: &str) -> TargetName {
        TargetName::new(name).expect("names of cases are short")
    }

    fn sha256(target: &VerifiedTarget) -> String {
        hex(target.digest())
    }
}

impl Tried for Lenient {
    const NAME: &'static str = "lenient";

    fn wanted(name: &str) -> String {
        name.to_owned()
    }

    fn sha256(target: &VerifiedTarget<Self>) -> String {
        target
            .digests()
            .sha256
            .as_ref()
            .map(|digest| hex(digest))
            .unwrap_or_default()
    }
}

/// The client.
pub struct Ours<R>(R);

/// What it keeps of a case.
struct Kept<R: Reading> {
    trusted: Trusted<R>,
    files: BTreeMap<String, Vec<u8>>,
}

type Refusal = Error<Infallible>;

/// As long as python-tuf reads: the limits of small devices are tested elsewhere.
const LIMITS: Limits = Limits {
    root_bytes_max: 512_000,
    timestamp_bytes_max: 16_384,
    snapshot_bytes_max: 2_000_000,
    targets_bytes_max: 5_000_000,
    delegated_bytes_max: 5_000_000,
    root_files_per_run_max: 256,
    delegations_visited_max: 16,
};

fn clock() -> ClockPolicy {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ClockPolicy::Trusted {
        now: UnixSeconds::new(since_1970.as_secs()),
    }
}

impl<R: Tried> Ours<R> {
    /// The client of this reading.
    pub fn new() -> Self {
        Self(R::default())
    }

    /// Looks for every name: in the session that found or did not find the last one, or in a new one after a refusal.
    fn update(&self, kept: &mut Kept<R>, served: &Files, names: &[String]) -> Vec<Verdict> {
        let mut session = None;
        let mut verdicts = Vec::new();
        for name in names {
            let mut file = "root.json".to_owned();
            let found = self.search(&mut session, kept, served, name, &mut file);
            verdicts.push(match found {
                Ok(Some(Resolution::Found(target))) => Verdict::Found {
                    sha256: R::sha256(&target),
                },
                Ok(Some(Resolution::NotFound)) => Verdict::NotFound,
                Ok(None) => refused(&file, "Paused"),
                Err(refusal) => refused(&file, &words(&refusal)),
            });
        }
        verdicts
    }

    fn search(
        &self,
        session: &mut Option<Session<R>>,
        kept: &mut Kept<R>,
        served: &Files,
        name: &str,
        file: &mut String,
    ) -> Result<Option<Resolution<R>>, Refusal> {
        let name = R::wanted(name);
        let root = kept.files.get("root").cloned().unwrap_or_default();
        let mut at = match session.take() {
            Some(resolved) => resolved.search(name)?,
            None => Session::begin(&mut root.as_slice(), kept.trusted.clone(), name, clock(), &LIMITS)?,
        };
        while let Request::Fetch(fetch) = at.request() {
            *file = fetch.file.to_string();
            at = step(at, &fetch, kept, served)?;
        }
        let resolution = at.resolution().cloned();
        *session = resolution.is_some().then_some(at);
        Ok(resolution)
    }
}

/// Fetches one file, or takes the kept copy, and writes down what the session says.
fn step<R: Tried>(
    session: Session<R>,
    fetch: &Fetch,
    kept: &mut Kept<R>,
    served: &Files,
) -> Result<Session<R>, Refusal> {
    let role = fetch.file.role.as_str().to_owned();
    let copy = kept.files.get(&role).filter(|copy| {
        let is_same = |pinned: tuffet_tuf::Pinned| pinned.matches(&mut copy.as_slice());
        fetch.pinned.is_some_and(|pinned| is_same(pinned) == Ok(true))
    });
    let Some(bytes) = copy.or_else(|| served.get(&fetch.file.to_string())).cloned() else {
        return Ok(session.receive(Answered::<&[u8]>::Absent)?.session);
    };
    let Step { session, store } = session.receive(Answered::Present(&mut bytes.as_slice()))?;
    if let Some(Store) = store {
        kept.files.insert(role, bytes);
        kept.trusted = session.trusted().clone();
    }
    Ok(session)
}

fn refused(file: &str, why: &str) -> Verdict {
    Verdict::Refused {
        file: file.to_owned(),
        why: why.to_owned(),
    }
}

/// The refusal with its fields.
fn words(refusal: &Refusal) -> String {
    match refusal {
        Error::Rejected(rejected) => format!("{rejected:?}"),
        Error::DamagedStore { .. } | Error::Misuse(_) | Error::Storage(_) | Error::UnstableDocument { .. } | _ => {
            format!("{refusal:?}")
        }
    }
}

impl<R: Tried> Client for Ours<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn live(&mut self, case: &Case) -> Vec<Answer> {
        let answer = |verdicts| Answer {
            verdicts,
            roles: Vec::new(),
        };
        match Session::<R>::first_root(&mut case.first_root.as_slice(), &LIMITS) {
            Ok(trusted) => {
                let files = [("root".to_owned(), case.first_root.clone())].into();
                let mut kept = Kept { trusted, files };
                let lives = case.states.iter();
                lives
                    .map(|state| answer(self.update(&mut kept, &state.files, &case.names)))
                    .collect()
            }
            Err(refusal) => {
                let verdict = refused("root.json", &words(&refusal));
                vec![answer(vec![verdict; case.names.len()]); case.states.len()]
            }
        }
    }
}
