//! §5.6: the top of the delegations, and the end of a search.

use super::{AfterFile, ExpectDelegated, check_version, present};
use crate::{
    names::RoleName,
    read::{
        Received, Wanted,
        targets::{RoleNamesBody, TargetsBody, TargetsContent},
    },
    reading::Reading,
    signatures::{Proof, Unverified, Verified},
    state::{FileFacts, Trusted, replace},
    target::{Resolution, Signer, VerifiedTarget},
    walk::{Answer, Context, Fetch, Ladder, Plan, Rung, Searching},
    whose::{Error, Refused, Whose},
};
use tuffet_wire::Document;

/// Waits for the top-level targets.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTargets<R: Reading> {
    snapshot: Verified<()>,
    listed: R::Listed,
}

/// Waits for the top-level targets that this session verified for an earlier search.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTargetsAgain<R: Reading> {
    before: Verified<()>,
    expected: ExpectTargets<R>,
}

/// The files under which every search of a session goes on.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub snapshot: Verified<()>,
    pub targets: Verified<()>,
}

/// A role whose file is verified.
pub(crate) struct Visited<R: Reading> {
    pub signer: Signer,
    pub file: Verified<()>,
    pub content: TargetsContent<R>,
}

/// The search is over.
#[derive(Clone, Debug)]
pub(crate) struct Resolved<R: Reading> {
    top: Top,
    resolution: Resolution<R>,
}

impl<R: Reading> ExpectTargets<R> {
    pub fn after_snapshot(snapshot: Verified<()>, listed: R::Listed) -> Self {
        Self { snapshot, listed }
    }

    pub fn fetch(&self, plan: &Plan<R>, trusted: &Trusted<R>) -> Fetch {
        let role = RoleName::Targets;
        let trusted = trusted.targets.map(|trusted| trusted.pinned());
        Fetch {
            role,
            file: plan.file_name(role, R::version(&self.listed)),
            bytes_max: plan.limits.targets_bytes_max,
            pinned: R::kept(&self.listed, trusted),
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &self,
        proof: Proof<'_, R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<Visited<R>, Error<D::Error>> {
        let listed = &self.listed;
        let role = Whose::Targets;
        let document = present(context, answer, role)?;
        // §5.6.1, §5.6.2
        let wanted = Wanted {
            role,
            bytes_max: context.limits.targets_bytes_max,
            listed: Some(listed.clone()),
            refusals: &context.refusals,
        };
        let mut received = Received::new(document, wanted);
        let (file, content) = read_targets(&mut received, context.wanted_name())?;
        // §5.6.3
        let verified = Unverified {
            received: &mut received,
            file,
            content,
        }
        .verify(proof)?;
        drop(received);
        // §5.6.4
        check_version(context, role, R::version(listed), verified.file().version)?;
        // §5.6.5
        context.check_expiry(role, verified.file().expires)?;
        // §5.6.6
        let (targets, content) = verified.split();
        context.remember(|trusted| replace(&mut trusted.targets, Some(*targets.file())));
        let signer = Signer {
            role: RoleName::Targets,
            delegator: RoleName::Root,
            signed_at: targets.file().signed_at,
        };
        Ok(Visited {
            signer,
            file: targets,
            content,
        })
    }
}

impl<R: Reading> ExpectTargetsAgain<R> {
    pub fn fetch(&self, plan: &Plan<R>, trusted: &Trusted<R>) -> Fetch {
        self.expected.fetch(plan, trusted)
    }

    pub fn receive<D: Document>(
        &self,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<Visited<R>, Error<D::Error>> {
        let proof = Proof::SameBytes(self.before.file());
        self.expected.receive(proof, context, answer)
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

/// Takes out what a targets file says about a name, and makes sure that it delegates to every role name once.
#[inline(never)]
pub(super) fn read_targets<R: Reading, D: Document>(
    received: &mut Received<'_, R, D>,
    name: &str,
) -> Result<(FileFacts, TargetsContent<R>), Error<D::Error>> {
    let (file, content) = received.read(TargetsBody::<R>::new(name))?;
    let mut more = content.more_names;
    while let Some(start) = more {
        (_, more) = received.read(RoleNamesBody::<R>::from(start))?;
    }
    Ok((file, content))
}

/// §5.6.7: a search begins under the top-level targets, which were waited for.
#[inline(never)]
pub(crate) fn begin_search<R: Reading>(
    context: &mut Context<'_, R>,
    ladder: &mut Ladder<R>,
    visited: &Visited<R>,
) -> Result<(), Refused> {
    expect_delegated(ladder, visited);
    if context.wanted.is_some()
        && visited.content.entry.is_none()
        && let Ladder::Delegated(state) = ladder
        && state.after_file(&context.refusals, visited)? == AfterFile::Waiting
    {
        return Ok(());
    }
    end_search(context, ladder, Some(visited));
    Ok(())
}

#[inline(never)]
fn expect_delegated<R: Reading>(ladder: &mut Ladder<R>, visited: &Visited<R>) {
    let (Ladder::Top(_, Rung::Targets(ExpectTargets { snapshot, .. }))
    | Ladder::TargetsAgain(ExpectTargetsAgain {
        expected: ExpectTargets { snapshot, .. },
        ..
    })) = ladder
    else {
        return;
    };
    let (snapshot, targets) = (snapshot.clone(), visited.file.clone());
    *ladder = Ladder::Delegated(ExpectDelegated::under(Top { snapshot, targets }));
}

/// The end of the search: a verified file lists the name, or none does.
#[inline(never)]
pub(crate) fn end_search<R: Reading>(context: &mut Context<'_, R>, ladder: &mut Ladder<R>, last: Option<&Visited<R>>) {
    let Ladder::Delegated(state) = ladder else {
        return;
    };
    let top = state.top().clone();
    let mut resolution = Resolution::NotFound;
    if let (Some(wanted), Some(last)) = (context.wanted.clone(), last)
        && let Some(entry) = last.content.entry.clone()
    {
        complete_cycle(context, &top, last.file.file());
        resolution = Resolution::Found(VerifiedTarget::new(wanted, entry, last.signer));
    }
    *ladder = Ladder::Resolved(Resolved { top, resolution });
}

/// The first search found its target, so the whole cycle is verified and its signing times have passed.
fn complete_cycle<R: Reading>(context: &mut Context<'_, R>, top: &Top, found_in: &FileFacts) {
    if context.searching != Searching::First {
        return;
    }
    let root = context.trusted().root;
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
    context.raise_floor(&signed_at, &[root.expires, targets.expires, found_in.expires]);
}
