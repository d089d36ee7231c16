use std::convert::Infallible;

use tuffet_tuf::{
    Answer, Error, Limits, Rejected, Request, Resolution, Session, TargetName, VerifiedTarget, emit::File, first_root,
    model::Targets,
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
    match resolve(source, &TargetsRole::top(), NO_NAME, now)? {
        None => Ok(()),
        Some(_) => Err(Refusal::LeadsElsewhere {
            name: NO_NAME.to_owned(),
        }),
    }
}

/// Resolves every name of the repository from the first root on, each as a new device would.
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
    for (name, target) in &file.role.targets {
        let found = resolve(source, role, name, now)?;
        let leads_here = found.is_some_and(|found| {
            found.role().as_str() == role.name()
                && found.length() == target.length
                && *found.digest() == target.hashes.sha256
        });
        if !leads_here {
            return Err(Refusal::LeadsElsewhere { name: name.clone() });
        }
    }
    // Also without a target a role has to be one which devices can walk through.
    let absent = absent_name(role);
    if !file.role.targets.contains_key(&absent) && resolve(source, role, &absent, now)?.is_some() {
        return Err(Refusal::LeadsElsewhere { name: absent });
    }
    Ok(())
}

/// Looks one name up in a new session.
fn resolve(
    source: &dyn Source,
    role: &TargetsRole,
    name: &str,
    now: UnixSeconds,
) -> Result<Option<VerifiedTarget>, Refusal> {
    let refused = |error| Refusal::Verifier {
        name: name.to_owned(),
        error,
    };
    let wanted = TargetName::new(name).ok_or_else(|| Refusal::NameTooLong { name: name.to_owned() })?;
    let limits = limits(role);
    let mut root = source.metadata("1.root.json")?.unwrap_or_default();
    let trusted = first_root(&mut root.as_slice(), &limits).map_err(refused)?;
    let mut session = Session::begin(&mut root.as_slice(), trusted, wanted, now, &limits).map_err(refused)?;
    loop {
        let fetch = match session.request() {
            Request::Fetch(fetch) => fetch,
            Request::Resolved => break,
            // As many roots as one run takes: the next run begins with the newest of them.
            Request::Paused => {
                let trusted = *session.trusted();
                root = source
                    .metadata(&format!("{}.root.json", trusted.root.version))?
                    .unwrap_or_default();
                session = Session::begin(&mut root.as_slice(), trusted, wanted, now, &limits).map_err(refused)?;
                continue;
            }
        };
        let step = match source.metadata(&fetch.file.to_string())? {
            Some(bytes) => session.receive(Answer::Present(&mut bytes.as_slice())),
            None => session.receive(Answer::<&[u8]>::Absent),
        };
        session = step.map_err(refused)?.session;
    }
    Ok(match session.resolution() {
        Some(Resolution::Found(target)) => Some(*target),
        Some(Resolution::NotFound) | None => None,
    })
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
