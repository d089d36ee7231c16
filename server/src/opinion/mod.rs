//! Two verifiers that share no code look at everything before it is public.
//!
//! - The first is the verifier which runs on the devices, used as a device uses it: from the first root on.
//! - The second is another project's TUF client (feature `second-opinion`, on by default).
//! - Both see the candidate: what a client would see once it is written, before a byte of it is.

mod own;
pub use own::Refusal;

#[cfg(feature = "second-opinion")]
mod second;

use tuffet_wire::UnixSeconds;

use crate::repository::{Published, Source};

/// A verifier does not accept a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Dissent {
    /// The verifier of the devices.
    #[error("devices would refuse this repository: {0}; nothing was published")]
    Own(#[from] Refusal),
    /// The other project's client.
    #[error("the second verifier refuses this repository ({why}); nothing was published")]
    Second {
        /// In that client's words.
        why: String,
    },
}

/// What has to be good.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// Everything. The files with these names are read.
    All(&'a [String]),
    /// What is new. A role beside it may have expired: one forgotten product must not hold back the others' updates.
    Change {
        /// Roles with a new file.
        roles: &'a [String],
        /// Names of new target files, which are read.
        names: &'a [String],
    },
}

impl<'a> Scope<'a> {
    /// Names of the files to read.
    pub fn names(self) -> &'a [String] {
        match self {
            Self::All(names) | Self::Change { names, .. } => names,
        }
    }

    /// Whether this role may have expired.
    fn may_be_expired(self, role: &str) -> bool {
        match self {
            Self::All(_) => false,
            Self::Change { roles, .. } => !roles.iter().any(|new| new == role),
        }
    }
}

/// Our own verifier accepts the chain from the first root to the top-level targets.
pub(crate) fn top(source: &dyn Source, now: UnixSeconds) -> Result<(), Dissent> {
    Ok(own::accepts_top(source, now)?)
}

/// Both verifiers accept the repository, and resolve and read what the scope says.
pub(crate) fn both<S>(source: &S, published: &Published, scope: Scope<'_>, now: UnixSeconds) -> Result<(), Dissent>
where
    S: Source + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    own::accepts(source, published, scope, now)?;
    #[cfg(feature = "second-opinion")]
    second::accepts(source, published, scope, now)?;
    Ok(())
}

/// The second verifier alone, which [`both`] asks only when the first agrees.
#[cfg(all(test, feature = "second-opinion"))]
pub(crate) use second::accepts as second_alone;

/// Without the second verifier the first stands for it, so that the same tests run.
#[cfg(all(test, not(feature = "second-opinion")))]
pub(crate) fn second_alone<S>(
    source: &S,
    published: &Published,
    scope: Scope<'_>,
    now: UnixSeconds,
) -> Result<(), Dissent>
where
    S: Source + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    both(source, published, scope, now)
}
