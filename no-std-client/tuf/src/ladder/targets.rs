//! §5.6: the top of the delegations, and the end of a search.

use super::{AfterFile, ExpectDelegated, Needed, present, verify_listed};
use crate::{
    names::RoleName,
    read::targets::{TargetsBody, TargetsContent},
    reading::Reading,
    signatures::{Claim, Claimed, Proof, Verified},
    state::{FileFacts, Trusted, replace},
    target::{Resolution, VerifiedTarget},
    walk::{Answer, Context, Ladder, Rung, Searching},
    whose::{Error, Refused, Whose},
};
use tuffet_wire::Document;

/// Waits for the top-level targets.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTargets<R: Reading> {
    pub snapshot: Verified,
    pub listed: R::Listed,
}

/// Waits for the top-level targets that this session verified for an earlier search.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTargetsAgain<R: Reading> {
    before: Verified,
    expected: ExpectTargets<R>,
}

/// The files under which every search of a session goes on.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub snapshot: Verified,
    pub targets: Verified,
}

/// The search is over.
#[derive(Clone, Debug)]
pub(crate) struct Resolved<R: Reading> {
    top: Top,
    resolution: Resolution<R>,
}

impl<R: Reading> ExpectTargets<R> {
    pub fn needs(&self, trusted: &Trusted<R>) -> Needed<'_> {
        let trusted = trusted.targets.as_ref().map(|trusted| trusted.pinned());
        Needed {
            role: &RoleName::Targets,
            version: Some(R::version(&self.listed)),
            pinned: R::kept(&self.listed, trusted),
        }
    }

    #[inline(never)]
    pub fn receive<'c, D: Document>(
        &self,
        proof: Proof<'_, R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
        claim: &'c mut Claim,
        content: &mut Claimed<TargetsContent<R>>,
    ) -> Result<&'c Verified, Error<D::Error>> {
        let role = Whose::Targets;
        let document = present(context, answer, role)?;
        // §5.6.1 to §5.6.4
        let mut body = TargetsBody::new(context.wanted_name(), content);
        let verified = verify_listed(context, document, role, &self.listed, claim, &mut body, proof)?;
        // §5.6.5
        context.check_expiry(role, verified.file().expires)?;
        // §5.6.6
        context.remember(|trusted| replace(&mut trusted.targets, Some(*verified.file())));
        Ok(verified)
    }
}

impl<R: Reading> ExpectTargetsAgain<R> {
    pub fn needs(&self, trusted: &Trusted<R>) -> Needed<'_> {
        self.expected.needs(trusted)
    }

    pub fn receive<'c, D: Document>(
        &self,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
        claim: &'c mut Claim,
        content: &mut Claimed<TargetsContent<R>>,
    ) -> Result<&'c Verified, Error<D::Error>> {
        let proof = Proof::SameBytes(self.before.file());
        self.expected.receive(proof, context, answer, claim, content)
    }
}

impl<R: Reading> Resolved<R> {
    pub fn resolution(&self) -> &Resolution<R> {
        &self.resolution
    }

    #[inline(never)]
    pub fn search(&self) -> ExpectTargetsAgain<R> {
        let Top { snapshot, targets } = self.top.clone();
        let listed = R::exactly(targets.file().pinned());
        ExpectTargetsAgain {
            before: targets,
            expected: ExpectTargets { snapshot, listed },
        }
    }
}

/// §5.6.7: a search begins under the top-level targets, which were waited for.
#[inline(never)]
pub(crate) fn begin_search<R: Reading>(
    context: &mut Context<'_, R>,
    ladder: &mut Ladder<R>,
    file: &Verified,
    content: &TargetsContent<R>,
) -> Result<(), Refused> {
    expect_delegated(ladder, file);
    if context.wanted.is_some()
        && content.entry.is_none()
        && let Ladder::Delegated(state) = ladder
        && state.after_file(&context.refusals, file, content)? == AfterFile::Waiting
    {
        return Ok(());
    }
    end_search(context, ladder, Some((file, content)));
    Ok(())
}

#[inline(never)]
fn expect_delegated<R: Reading>(ladder: &mut Ladder<R>, file: &Verified) {
    let (Ladder::Top(_, Rung::Targets(ExpectTargets { snapshot, .. }))
    | Ladder::TargetsAgain(ExpectTargetsAgain {
        expected: ExpectTargets { snapshot, .. },
        ..
    })) = ladder
    else {
        return;
    };
    let (snapshot, targets) = (snapshot.clone(), file.clone());
    *ladder = Ladder::Delegated(ExpectDelegated::under(Top { snapshot, targets }));
}

/// The end of the search: a verified file lists the name, or none does.
#[inline(never)]
pub(crate) fn end_search<R: Reading>(
    context: &mut Context<'_, R>,
    ladder: &mut Ladder<R>,
    last: Option<(&Verified, &TargetsContent<R>)>,
) {
    let Ladder::Delegated(state) = ladder else {
        return;
    };
    let top = state.top().clone();
    let mut resolution = Resolution::NotFound;
    if let (Some(wanted), Some((file, content))) = (&context.wanted, last)
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
        complete_cycle(context, &top, file.file());
    }
    *ladder = Ladder::Resolved(Resolved { top, resolution });
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
