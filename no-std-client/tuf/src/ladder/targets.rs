//! §5.6: the top of the delegations, and the end of a search.

use super::{AfterFile, ExpectDelegated, Needed, Which, present, verify_listed};
use crate::{
    read::{
        root::RootKeys,
        targets::{TargetsBody, TargetsContent},
    },
    reading::Reading,
    signatures::{Claim, Claimed, Proof, Verified},
    state::{FileFacts, Trusted, replace},
    target::{Resolution, VerifiedTarget},
    walk::{Answer, Context, Searching},
    whose::{Error, Refused, Whose},
};
use tuffet_wire::Document;

/// Waits for the top-level targets.
#[derive(Clone, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct ExpectTargets<R: Reading> {
    pub listed: R::Listed,
    pub snapshot: Verified,
}

/// The files under which every search of a session goes on.
#[derive(Clone, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct Top {
    pub targets: Verified,
    pub snapshot: Verified,
}

/// How far a search under them is.
#[derive(Clone, Debug)]
pub(crate) enum Stage<R: Reading> {
    /// It waits for the top-level targets, which this session verified for an earlier search.
    Targets,
    Delegated(ExpectDelegated<R>),
    Resolved(Resolution<R>),
}

impl<R: Reading> ExpectTargets<R> {
    pub fn needs<'a>(&'a self, trusted: &'a Trusted<R>) -> Needed<'a, R> {
        Needed::of_top(Whose::Targets, Which::Listed(&self.listed, trusted.targets.as_ref()))
    }

    pub fn receive<'c, D: Document>(
        &self,
        keys: &RootKeys<R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
        claim: &'c mut Claim,
        content: &mut Claimed<TargetsContent<R>>,
    ) -> Result<&'c Verified, Error<D::Error>> {
        let proof = Proof::Signatures(&[keys.targets()]);
        receive(context, answer, &self.listed, proof, claim, content)
    }
}

impl Top {
    /// The file of the top-level targets once more.
    pub fn needs<R: Reading>(&self) -> Needed<'_, R> {
        Needed::of_top(Whose::Targets, Which::Known(self.targets.file()))
    }

    pub fn receive_targets<'c, R: Reading, D: Document>(
        &self,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
        claim: &'c mut Claim,
        content: &mut Claimed<TargetsContent<R>>,
    ) -> Result<&'c Verified, Error<D::Error>> {
        let known = self.targets.file();
        let listed = R::exactly(known.pinned());
        receive(context, answer, &listed, Proof::SameBytes(known), claim, content)
    }
}

#[inline(never)]
fn receive<'c, R: Reading, D: Document>(
    context: &mut Context<'_, R>,
    answer: Answer<'_, D>,
    listed: &R::Listed,
    proof: Proof<'_, R>,
    claim: &'c mut Claim,
    content: &mut Claimed<TargetsContent<R>>,
) -> Result<&'c Verified, Error<D::Error>> {
    let role = Whose::Targets;
    let document = present(context, answer, role)?;
    // §5.6.1 to §5.6.4
    let mut body = TargetsBody::new(context.wanted_name(), content);
    let verified = verify_listed(context, document, role, listed, claim, &mut body, proof)?;
    // §5.6.5
    context.check_expiry(role, verified.file().expires)?;
    // §5.6.6
    context.remember(|trusted| replace(&mut trusted.targets, Some(*verified.file())));
    Ok(verified)
}

/// §5.6.7: a search begins under the top-level targets.
#[inline(never)]
pub(crate) fn begin_search<R: Reading>(
    context: &mut Context<'_, R>,
    top: &Top,
    stage: &mut Stage<R>,
    content: &TargetsContent<R>,
) -> Result<(), Refused> {
    expect_delegated(top, stage);
    if context.wanted.is_some()
        && content.entry.is_none()
        && let Stage::Delegated(state) = stage
        && state.after_file(&context.refusals, &top.targets, content)? == AfterFile::Waiting
    {
        return Ok(());
    }
    end_search(context, top, stage, Some((&top.targets, content)));
    Ok(())
}

#[inline(never)]
fn expect_delegated<R: Reading>(top: &Top, stage: &mut Stage<R>) {
    *stage = Stage::Delegated(ExpectDelegated::under(top));
}

/// The end of the search: a verified file lists the name, or none does.
#[inline(never)]
pub(crate) fn end_search<R: Reading>(
    context: &mut Context<'_, R>,
    top: &Top,
    stage: &mut Stage<R>,
    last: Option<(&Verified, &TargetsContent<R>)>,
) {
    let mut resolution = Resolution::NotFound;
    if let (Some(wanted), Some((file, content)), Stage::Delegated(state)) = (&context.wanted, last, &*stage)
        && let Some(entry) = &content.entry
    {
        let (role, delegator) = state.signer();
        resolution = Resolution::Found(VerifiedTarget {
            name: wanted.clone(),
            length: entry.length,
            digests: entry.digests.clone(),
            custom: entry.custom,
            role: *role,
            delegator: *delegator,
            signed_at: file.file().signed_at,
        });
        complete_cycle(context, top, file.file());
    }
    *stage = Stage::Resolved(resolution);
}

/// The first search found its target, so the whole cycle is verified and its signing times have passed.
fn complete_cycle<R: Reading>(context: &mut Context<'_, R>, top: &Top, found_in: &FileFacts) {
    if context.searching != Searching::First {
        return;
    }
    let root = &context.trusted().root;
    let timestamp = context
        .trusted()
        .timestamp
        .as_ref()
        .map(|timestamp| timestamp.file.signed_at);
    let (snapshot, targets) = (top.snapshot.file(), top.targets.file());
    let signed_at = [
        root.signed_at,
        timestamp.unwrap_or_default(),
        snapshot.signed_at,
        targets.signed_at,
        found_in.signed_at,
    ];
    let expires = [root.expires, targets.expires, found_in.expires];
    context.raise_floor(&signed_at, &expires);
}
