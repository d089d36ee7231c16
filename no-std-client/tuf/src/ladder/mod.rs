//! The trust ladder: `ExpectRoot → ExpectTimestamp → ExpectSnapshot → ExpectTargets → ExpectDelegated → Resolved`.
//!
//! - Each state holds what it may rely on and nothing else. The keys of the newest root stand beside the states that need them.
//! - A step changes the ladder where it stands: a small part has no room for a second one. What it reads is written where it is
//!   looked at, and handed on by reference.
//! - A state that refuses is gone, and with it everything that was not stored.
//! - The steps are not inlined into each other (`#[inline(never)]`): a small part has flash for one copy of each, and stack
//!   for one of them at a time.

mod delegated;
mod root;
mod search;
mod snapshot;
mod targets;
mod timestamp;

pub(crate) use delegated::{AfterFile, ExpectDelegated, Progress};
pub use root::first_root;
pub(crate) use root::{AfterRoot, ExpectRoot, begin, first_root_in};
pub(crate) use snapshot::ExpectSnapshot;
pub(crate) use targets::{ExpectTargets, Stage, Top, begin_search, end_search};
pub(crate) use timestamp::ExpectTimestamp;

use crate::{
    names::{DelegatedName, RoleVersion},
    read::{Body, Wanted},
    reading::Reading,
    signatures::{self, Claim, Proof, Verified},
    state::{FileFacts, Pinned},
    walk::{Answer, Context},
    whose::{Error, Refused, Rejected, Whose},
};
use tuffet_wire::Document;

/// The file that a state waits for.
pub(crate) struct Needed<'a, R: Reading> {
    pub role: Whose,
    /// The name of a delegated role.
    pub delegated: Option<&'a DelegatedName>,
    pub which: Which<'a, R>,
}

impl<'a, R: Reading> Needed<'a, R> {
    /// A file of one of the roles that every repository has.
    fn of_top(role: Whose, which: Which<'a, R>) -> Self {
        Self {
            role,
            delegated: None,
            which,
        }
    }
}

/// Which version of a role's file.
pub(crate) enum Which<'a, R: Reading> {
    /// What is served now, under a name that carries no version.
    Newest,
    Version(RoleVersion),
    /// Exactly this one, which was verified before.
    Known(&'a FileFacts),
    /// The one that a verified file lists; beside it what was trusted until now.
    Listed(&'a R::Listed, Option<&'a FileFacts>),
}

impl<R: Reading> Which<'_, R> {
    /// The version that its name carries.
    pub fn version(&self) -> Option<RoleVersion> {
        match self {
            Self::Newest => None,
            Self::Version(version) => Some(*version),
            Self::Known(file) => Some(file.version),
            Self::Listed(listed, _) => Some(R::version(listed)),
        }
    }

    /// Its bytes, if they are known.
    #[inline(never)]
    pub fn pinned(&self) -> Option<Pinned> {
        match self {
            Self::Newest | Self::Version(_) => None,
            Self::Known(file) => Some(file.pinned()),
            Self::Listed(listed, trusted) => R::kept(listed, trusted.map(FileFacts::pinned)),
        }
    }
}

/// The file, which has to be there.
fn present<'a, R: Reading, D, E>(
    context: &Context<'_, R>,
    answer: Answer<'a, D>,
    role: Whose,
) -> Result<&'a mut D, Error<E>> {
    match answer {
        Answer::Absent => Err(context.refusals.refuse(Rejected::Absent { role }).into()),
        Answer::Present(document) => Ok(document),
    }
}

/// Reads a file that a verified one lists, and holds it against its proof and the version that is listed.
#[inline(never)]
fn verify_listed<'c, R: Reading, D: Document>(
    context: &Context<'_, R>,
    document: &mut D,
    role: Whose,
    listed: &R::Listed,
    claim: &'c mut Claim,
    body: &mut dyn Body,
    proof: Proof<'_, R>,
) -> Result<&'c Verified, Error<D::Error>> {
    let wanted = Wanted {
        role,
        bytes_max: context.limits.bytes_max(role),
        listed: Some(listed),
        refusals: &context.refusals,
    };
    let verified = signatures::verify(document, wanted, claim, body, proof)?;
    check_version(context, role, R::version(listed), verified.file().version)?;
    Ok(verified)
}

/// Reads a file that was verified before.
#[inline(never)]
fn verify_known<'c, R: Reading, D: Document>(
    context: &Context<'_, R>,
    document: &mut D,
    role: Whose,
    known: &FileFacts,
    claim: &'c mut Claim,
    body: &mut dyn Body,
) -> Result<&'c Verified, Error<D::Error>> {
    let listed = R::exactly(known.pinned());
    verify_listed(context, document, role, &listed, claim, body, Proof::SameBytes(known))
}

/// §5.3.5, §5.5.4, §5.6.4: exactly the version asked for.
#[inline(never)]
fn check_version<R: Reading>(
    context: &Context<'_, R>,
    role: Whose,
    expected: RoleVersion,
    offered: RoleVersion,
) -> Result<(), Refused> {
    if offered == expected {
        return Ok(());
    }
    Err(context.refusals.refuse(Rejected::WrongVersion {
        role,
        expected,
        offered,
    }))
}
