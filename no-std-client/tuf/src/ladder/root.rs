//! §5.3: from the root that is trusted to the newest one, one version at a time.

use super::{ExpectTimestamp, Needed, Which, check_version, verify_known};
use crate::{
    error, keys,
    limits::Limits,
    names::RoleVersion,
    read::{
        Received, Wanted,
        root::{RootBody, RootKeys},
    },
    reading::{Reading, Strict},
    signatures::{self, Claim, Proof, Verified},
    state::{Trusted, TrustedState, replace},
    walk::{Answer, Context},
    whose::{Error, Refusals, Refused, Whose},
};
use tuffet_wire::Document;

/// Waits for the root after the trusted one.
#[derive(Clone, Debug)]
pub(crate) struct ExpectRoot {
    next: RoleVersion,
    files_left: u32,
}

/// What comes after a root.
#[derive(Clone, Debug)]
pub(crate) enum AfterRoot {
    Root(ExpectRoot),
    Timestamp(ExpectTimestamp),
    Paused,
}

/// §5.2: the kept root must be the one that is remembered; only its bytes count, its expiry is checked after the walk. Its keys
/// are put where they stay, and count if this says so.
#[inline(never)]
pub(crate) fn begin<R: Reading, D: Document>(
    context: &mut Context<'_, R>,
    keys: &mut RootKeys<R>,
    document: &mut D,
) -> Result<AfterRoot, Error<D::Error>> {
    let (role, known) = (Whose::Root, &context.trusted().root);
    let mut claim = Claim::none();
    let kept = verify_known(context, document, role, known, &mut claim, &mut RootBody::new(keys));
    let kept = kept.map_err(|error| match error {
        Error::Refused(_) => Error::DamagedStore { role },
        Error::DamagedStore { .. } | Error::Misuse(_) | Error::Storage(_) | Error::UnstableDocument { .. } => error,
    })?;
    if kept.file() != known {
        return Err(Error::DamagedStore { role });
    }
    let files_left = context.limits.root_files_per_run_max;
    Ok(next_root(context, kept, keys, files_left)?)
}

/// The first root of a device, at provisioning: it has to be signed by its own keys. Its expiry is not looked at, because
/// a device may lie in a box for long; the newer roots that it leads to count.
///
/// This is for the strict reading with ed25519; [`Session::first_root`](crate::Session::first_root) is for all.
pub fn first_root<D: Document>(document: &mut D, limits: &Limits) -> Result<TrustedState, error::Error<D::Error>> {
    first_root_in::<Strict, D>(document, limits)
}

/// The same in any reading.
#[inline(never)]
pub(crate) fn first_root_in<R: Reading, D: Document>(
    document: &mut D,
    limits: &Limits,
) -> Result<Trusted<R>, error::Error<D::Error>> {
    let refusals = Refusals::default();
    read_first::<R, D>(document, limits, &refusals).map_err(|error| error.named(&refusals, None))
}

#[inline(never)]
fn read_first<R: Reading, D: Document>(
    document: &mut D,
    limits: &Limits,
    refusals: &Refusals,
) -> Result<Trusted<R>, Error<D::Error>> {
    let (mut claim, mut own) = (Claim::none(), RootKeys::none());
    let mut received = read_root::<R, D>(document, limits, refusals, &mut claim, &mut own)?;
    let first = signatures::prove(&mut received, &claim, Proof::Signatures(&[own.root()]))?;
    Ok(TrustedState::of_root(*first.file()))
}

/// A root that nothing is known about: its keys, none of which is weak.
#[inline(never)]
fn read_root<'d, R: Reading, D: Document>(
    document: &'d mut D,
    limits: &Limits,
    refusals: &'d Refusals,
    claim: &mut Claim,
    own: &mut RootKeys<R>,
) -> Result<Received<'d, R, D>, Error<D::Error>> {
    let role = Whose::Root;
    let wanted = Wanted {
        role,
        bytes_max: limits.root_bytes_max,
        listed: None,
        refusals,
    };
    let mut received = Received::new(document, wanted);
    received.read(claim, &mut RootBody::new(own))?;
    keys::check_strength(refusals, role, own.table())?;
    Ok(received)
}

impl ExpectRoot {
    pub fn needs<R: Reading>(&self) -> Needed<'_, R> {
        Needed::of_top(Whose::Root, Which::Version(self.next))
    }

    /// Puts the keys of an accepted root in the place of those that it was verified with.
    #[inline(never)]
    pub fn receive<R: Reading, D: Document>(
        &self,
        keys: &mut RootKeys<R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<AfterRoot, Error<D::Error>> {
        match answer {
            // §5.3.3: no newer root.
            Answer::Absent => Ok(end_of_walk(context, keys)?),
            Answer::Present(document) => {
                let (mut claim, mut own) = (Claim::none(), RootKeys::none());
                let new = self.verify(keys, &mut own, context, document, &mut claim)?;
                accept(context, keys, new, &own);
                keys.replace_with(&own);
                Ok(next_root(context, new, keys, self.files_left.saturating_sub(1))?)
            }
        }
    }

    /// §5.3.4, §5.3.5: signed by the keys of the trusted root and by its own, and exactly one version newer.
    #[inline(never)]
    fn verify<'c, R: Reading, D: Document>(
        &self,
        keys: &RootKeys<R>,
        own: &mut RootKeys<R>,
        context: &Context<'_, R>,
        document: &mut D,
        claim: &'c mut Claim,
    ) -> Result<&'c Verified, Error<D::Error>> {
        let mut received = read_root(document, &context.limits, &context.refusals, claim, own)?;
        let proof = Proof::Signatures(&[keys.root(), own.root()]);
        let new = signatures::prove(&mut received, claim, proof)?;
        check_version(context, Whose::Root, self.next, new.file().version)?;
        Ok(new)
    }
}

/// §5.3.7, §5.3.8, §5.3.11: the new root is trusted, and what keys signed that it replaces is forgotten.
#[inline(never)]
fn accept<R: Reading>(context: &mut Context<'_, R>, old: &RootKeys<R>, new: &Verified, keys: &RootKeys<R>) {
    let file = new.file();
    let online_replaced = !keys.timestamp().same_keys(old.timestamp()) || !keys.snapshot().same_keys(old.snapshot());
    context.remember(|trusted| {
        if online_replaced {
            trusted.timestamp = None;
            trusted.snapshot = None;
        }
        replace(&mut trusted.root, *file)
    });
    if online_replaced || !keys.targets().same_keys(old.targets()) {
        context.reset_floor(file.signed_at, &[file.expires]);
    }
}

/// §5.3.2: ask for one more, unless this run has walked far enough.
fn next_root<R: Reading>(
    context: &mut Context<'_, R>,
    trusted: &Verified,
    keys: &RootKeys<R>,
    files_left: u32,
) -> Result<AfterRoot, Refused> {
    match trusted.file().version.next() {
        None => end_of_walk(context, keys),
        Some(_) if files_left == 0 => Ok(AfterRoot::Paused),
        Some(next) => Ok(AfterRoot::Root(ExpectRoot { next, files_left })),
    }
}

/// §5.3.10: the newest root must be valid.
fn end_of_walk<R: Reading>(context: &mut Context<'_, R>, keys: &RootKeys<R>) -> Result<AfterRoot, Refused> {
    context.check_expiry(Whose::Root, context.trusted().root.expires)?;
    // §5.3.11
    context.has_consistent_snapshot = keys.has_consistent_snapshot;
    Ok(AfterRoot::Timestamp(ExpectTimestamp))
}
