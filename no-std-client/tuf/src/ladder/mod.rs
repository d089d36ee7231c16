//! The trust ladder: `ExpectRoot → ExpectTimestamp → ExpectSnapshot → ExpectTargets → ExpectDelegated → Resolved`.
//!
//! - Each state holds what it may rely on and nothing else. The keys of the newest root stand beside the states that need them.
//! - A step changes the ladder where it stands: a small part has no room for a second one.
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
pub(crate) use targets::{ExpectTargets, ExpectTargetsAgain, Resolved, begin_search, end_search};
pub(crate) use timestamp::ExpectTimestamp;

use crate::{
    names::RoleVersion,
    reading::Reading,
    walk::{Answer, Context},
    whose::{Error, Refused, Rejected, Whose},
};

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
