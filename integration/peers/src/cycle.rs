//! One update cycle of Tuffet's strict verifier; where files come from and go to is the caller's.

use crate::Failed;
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_tuf::{
    Answer, ClockPolicy, Error, Fetch, FileName, Limits, Request, Resolution, Session, TargetName, VerifiedTarget,
    first_root,
};
use tuffet_wire::{Document, UnixSeconds};

/// As much as python-tuf reads by default, and of targets 64 MiB: the large role of the growth table.
pub const LIMITS: Limits = Limits {
    root_bytes_max: 512_000,
    timestamp_bytes_max: 16_384,
    snapshot_bytes_max: 2_000_000,
    targets_bytes_max: 64 * 1024 * 1024,
    delegated_bytes_max: 5_000_000,
    ..Limits::DEFAULT
};

/// From the first root to the verified entry of one target.
///
/// `fetch` answers with a file or says that there is none; `keep` is shown every file that a device has to store.
pub fn resolve<D: Document>(
    root: &[u8],
    target: &str,
    mut fetch: impl FnMut(&Fetch) -> Result<Option<D>, Failed>,
    mut keep: impl FnMut(&FileName, &mut D) -> Result<(), Failed>,
) -> Result<VerifiedTarget, Failed>
where
    Error<D::Error>: Into<Failed>,
{
    let wanted = TargetName::new(target).ok_or("not a name of a target")?;
    let now = UnixSeconds::new(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let mut root = root;
    let trusted = first_root(&mut root, &LIMITS)?;
    let mut session = Session::begin(&mut root, trusted, wanted, ClockPolicy::Trusted { now }, &LIMITS)?;
    while let Request::Fetch(wanted) = session.request() {
        let mut file = fetch(&wanted)?;
        let answer = file.as_mut().map_or(Answer::Absent, Answer::Present);
        let step = session.receive(answer).map_err(Into::into)?;
        if let (Some(_), Some(file)) = (&step.store, &mut file) {
            keep(&wanted.file, file)?;
        }
        session = step.session;
    }
    match session.resolution() {
        Some(Resolution::Found(target)) => Ok(*target),
        Some(Resolution::NotFound) | None => Err("no trusted role lists the target".into()),
    }
}
