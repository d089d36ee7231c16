//! Our own verifier, in this process.
//!
//! A session type that reads other spellings is one more value of [`Reading`] and one more arm in the two functions
//! [`first_root`] and [`begin`]; all else here asks and stores as any shell does.

use crate::case::{Answer, Case, Client, Files, Verdict};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::simulator::keys::hex;
use tuffet_tuf::{
    Answer as Answered, Error, Fetch, Limits, Request, Resolution, Session, Step, Store, TargetName, TrustedState,
};
use tuffet_wire::UnixSeconds;

/// How a session reads files.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Only compact canonical JSON.
    Strict,
}

/// The client.
pub struct Ours {
    reading: Reading,
}

/// What it keeps of a case.
struct Kept {
    trusted: TrustedState,
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

fn first_root(reading: Reading, mut root: &[u8]) -> Result<TrustedState, Refusal> {
    match reading {
        Reading::Strict => tuffet_tuf::first_root(&mut root, &LIMITS),
    }
}

fn begin(reading: Reading, mut root: &[u8], trusted: TrustedState, name: TargetName) -> Result<Session, Refusal> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    match reading {
        Reading::Strict => Session::begin(&mut root, trusted, name, UnixSeconds::new(now), &LIMITS),
    }
}

impl Ours {
    /// With this reading.
    pub fn new(reading: Reading) -> Self {
        Self { reading }
    }

    /// Looks for every name: in the session that found or did not find the last one, or in a new one after a refusal.
    fn update(&self, kept: &mut Kept, served: &Files, names: &[String]) -> Vec<Verdict> {
        let mut session = None;
        let mut verdicts = Vec::new();
        for name in names {
            let mut file = "root.json".to_owned();
            let found = self.search(&mut session, kept, served, name, &mut file);
            verdicts.push(match found {
                Ok(Some(Resolution::Found(target))) => Verdict::Found {
                    sha256: hex(target.digest()),
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
        session: &mut Option<Session>,
        kept: &mut Kept,
        served: &Files,
        name: &str,
        file: &mut String,
    ) -> Result<Option<Resolution>, Refusal> {
        let name = TargetName::new(name).expect("names of cases are short");
        let root = kept.files.get("root").cloned().unwrap_or_default();
        let mut at = match session.take() {
            Some(resolved) => resolved.search(name)?,
            None => begin(self.reading, &root, kept.trusted, name)?,
        };
        while let Request::Fetch(fetch) = at.request() {
            *file = fetch.file.to_string();
            at = step(at, &fetch, kept, served)?;
        }
        let resolution = at.resolution().copied();
        *session = resolution.is_some().then_some(at);
        Ok(resolution)
    }
}

/// Fetches one file, or takes the kept copy, and writes down what the session says.
fn step(session: Session, fetch: &Fetch, kept: &mut Kept, served: &Files) -> Result<Session, Refusal> {
    let role = fetch.role.as_str().to_owned();
    let copy = kept.files.get(&role).filter(|copy| {
        let is_same = |pinned: tuffet_tuf::Pinned| pinned.matches(&mut copy.as_slice());
        fetch.pinned.is_some_and(|pinned| is_same(pinned) == Ok(true))
    });
    let Some(bytes) = copy.or_else(|| served.get(&fetch.file.to_string())).cloned() else {
        return Ok(session.receive(Answered::<&[u8]>::Absent)?.session);
    };
    let Step { session, store } = session.receive(Answered::Present(&mut bytes.as_slice()))?;
    if let Some(Store { .. }) = store {
        kept.files.insert(role, bytes);
        kept.trusted = *session.trusted();
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

impl Client for Ours {
    fn name(&self) -> &'static str {
        match self.reading {
            Reading::Strict => "strict",
        }
    }

    fn live(&mut self, case: &Case) -> Vec<Answer> {
        let answer = |verdicts| Answer {
            verdicts,
            roles: Vec::new(),
        };
        match first_root(self.reading, &case.first_root) {
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
