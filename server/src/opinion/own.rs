use std::convert::Infallible;

use tuffet_tuf::{
    Answer, ClockPolicy, Error, Limits, Rejected, Request, Resolution, Session, TargetName, VerifiedTarget, emit::File,
    first_root, model::Targets,
};
use tuffet_wire::UnixSeconds;

use super::Scope;
use crate::{
    repository::{Published, Source},
    roles::{Kind, TargetsRole, bytes_max},
    storage::StorageError,
};

/// A name that no role signs.
const NO_NAME: &str = "nothing_is_called_like_this";

/// Why a device would not accept a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The verifier says no.
    #[error("{name}: {error}")]
    Verifier {
        /// What was looked for.
        name: String,
        /// The refusal.
        error: Error<Infallible>,
    },
    /// A name leads to another file, or to another signer, than the publisher means.
    #[error("{name} leads elsewhere than it should")]
    LeadsElsewhere {
        /// What was looked for.
        name: String,
    },
    /// A name that devices look up cannot be theirs.
    #[error("{name} is longer than a device can look up")]
    NameTooLong {
        /// The name.
        name: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Walks from the first root to the top-level targets, which sign no name.
pub fn accepts_top(source: &dyn Source, now: UnixSeconds) -> Result<(), Refusal> {
    let (_, found) = begin(source, &Limits::DEFAULT, NO_NAME, now)?;
    leads_nowhere(NO_NAME, found)
}

/// Resolves every name of the repository, for each role from the first root on, as a new device would.
pub fn accepts(source: &dyn Source, published: &Published, scope: Scope<'_>, now: UnixSeconds) -> Result<(), Refusal> {
    accepts_top(source, now)?;
    for (name, file) in &published.delegated {
        let Some(role) = TargetsRole::parse(name) else { continue };
        match accepts_role(source, &role, file, now) {
            Err(Refusal::Verifier {
                error: Error::Rejected(Rejected::Expired { role, .. }),
                ..
            }) if role.as_str() == name && scope.may_be_expired(name) => {}
            answer => answer?,
        }
    }
    Ok(())
}

fn accepts_role(
    source: &dyn Source,
    role: &TargetsRole,
    file: &File<Targets>,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    // Also without a target a role has to be one which devices can walk through.
    let absent = absent_name(role);
    let (mut session, found) = begin(source, &limits(role), &absent, now)?;
    if !file.role.targets.contains_key(&absent) {
        leads_nowhere(&absent, found)?;
    }
    for (name, target) in &file.role.targets {
        let leads_here;
        (session, leads_here) = go_on(source, session, name, |found| {
            found.role().as_str() == role.name()
                && found.length() == target.length
                && *found.digest() == target.hashes.sha256
        })?;
        if !leads_here {
            return Err(Refusal::LeadsElsewhere { name: name.clone() });
        }
    }
    Ok(())
}

fn leads_nowhere(name: &str, found: Option<VerifiedTarget>) -> Result<(), Refusal> {
    match found {
        None => Ok(()),
        Some(_) => Err(Refusal::LeadsElsewhere { name: name.to_owned() }),
    }
}

/// Looks a name up in a new session, from the first root on.
fn begin(
    source: &dyn Source,
    limits: &Limits,
    name: &str,
    now: UnixSeconds,
) -> Result<(Session, Option<VerifiedTarget>), Refusal> {
    let wanted = wanted(name)?;
    let mut root = source.metadata("1.root.json")?.unwrap_or_default();
    let mut trusted = first_root(&mut root.as_slice(), limits).map_err(refused(name))?;
    loop {
        let session = Session::begin(
            &mut root.as_slice(),
            trusted,
            wanted,
            ClockPolicy::Trusted { now },
            limits,
        )
        .map_err(refused(name))?;
        let session = drive(source, session, name)?;
        if !matches!(session.request(), Request::Paused) {
            let found = found(&session);
            return Ok((session, found));
        }
        // As many roots as one run takes: the next run begins with the newest of them.
        trusted = *session.trusted();
        let newest = format!("{}.root.json", trusted.root.version);
        root = source.metadata(&newest)?.unwrap_or_default();
    }
}

/// Looks the next name up in metadata that was verified, by the same checks.
fn go_on(
    source: &dyn Source,
    session: Session,
    name: &str,
    is_right: impl FnOnce(VerifiedTarget) -> bool,
) -> Result<(Session, bool), Refusal> {
    let misused = |misuse| refused(name)(Error::Misuse(misuse));
    let session = session.search(wanted(name)?).map_err(misused)?;
    let session = drive(source, session, name)?;
    let leads_here = found(&session).is_some_and(is_right);
    Ok((session, leads_here))
}

/// Hands a session what it asks for, until it asks for nothing more.
fn drive(source: &dyn Source, mut session: Session, name: &str) -> Result<Session, Refusal> {
    while let Request::Fetch(fetch) = session.request() {
        let step = match source.metadata(&fetch.file.to_string())? {
            Some(bytes) => session.receive(Answer::Present(&mut bytes.as_slice())),
            None => session.receive(Answer::<&[u8]>::Absent),
        };
        session = step.map_err(refused(name))?.session;
    }
    Ok(session)
}

fn found(session: &Session) -> Option<VerifiedTarget> {
    match session.resolution() {
        Some(Resolution::Found(target)) => Some(*target),
        Some(Resolution::NotFound) | None => None,
    }
}

fn wanted(name: &str) -> Result<TargetName, Refusal> {
    TargetName::new(name).ok_or_else(|| Refusal::NameTooLong { name: name.to_owned() })
}

fn refused(name: &str) -> impl FnOnce(Error<Infallible>) -> Refusal {
    let name = name.to_owned();
    move |error| Refusal::Verifier { name, error }
}

/// What the smallest device has, except for the one role that it never reads.
fn limits(role: &TargetsRole) -> Limits {
    let mut limits = Limits::DEFAULT;
    if role.kind() == Kind::Files {
        limits.delegated_bytes_max = u32::try_from(bytes_max::FILES).unwrap_or(u32::MAX);
    }
    limits
}

/// A name of the role's kind that ids cannot make.
fn absent_name(role: &TargetsRole) -> String {
    let pattern = role.patterns().into_iter().next().unwrap_or_default();
    pattern.replace('*', NO_NAME)
}
