//! §5.6: the top of the delegations, and the end of a search.

use super::{
    ExpectDelegated, check_version, present,
    search::{Delegator, Search},
};
use crate::{
    error::{Error, Rejected},
    names::RoleName,
    read::{
        Received, Wanted,
        root::RootKeys,
        targets::{RoleNamesBody, TargetsBody, TargetsContent},
    },
    reading::Reading,
    session::{Answer, Context, Fetch, Ladder, Searching},
    signatures::{Proof, Unverified, Verified},
    state::{FileFacts, replace},
    target::{Resolution, Signer, VerifiedTarget},
};
use tuffet_wire::Document;

/// Waits for the top-level targets.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTargets<R: Reading> {
    proven: Proven<R>,
    snapshot: Verified<()>,
    listed: R::Listed,
}

/// What the targets file is held against.
#[derive(Clone, Debug)]
enum Proven<R: Reading> {
    /// The keys of the root.
    ByRoot(RootKeys<R>),
    /// The bytes that this session verified for an earlier search.
    Before(Verified<()>),
}

/// The files under which every search of a session goes on.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub snapshot: Verified<()>,
    pub targets: Verified<()>,
}

/// The search is over.
#[derive(Clone, Debug)]
pub(crate) struct Resolved<R: Reading> {
    top: Top,
    resolution: Resolution<R>,
}

impl<R: Reading> ExpectTargets<R> {
    pub fn after_snapshot(keys: RootKeys<R>, snapshot: Verified<()>, listed: R::Listed) -> Self {
        Self {
            proven: Proven::ByRoot(keys),
            snapshot,
            listed,
        }
    }

    pub fn fetch(&self, context: &Context<R>) -> Fetch {
        let role = RoleName::Targets;
        let trusted = context.trusted().targets.map(|trusted| trusted.pinned());
        Fetch {
            role,
            file: context.file_name(role, R::version(&self.listed)),
            bytes_max: context.limits.targets_bytes_max,
            pinned: R::kept(&self.listed, trusted),
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &self,
        context: &mut Context<R>,
        answer: Answer<'_, D>,
    ) -> Result<Ladder<R>, Error<D::Error>> {
        let Self {
            proven,
            snapshot,
            listed,
        } = self;
        let role = RoleName::Targets;
        let document = present(answer, role)?;
        // §5.6.1, §5.6.2
        let wanted = Wanted {
            role,
            bytes_max: context.limits.targets_bytes_max,
            listed: Some(listed.clone()),
        };
        let mut received = Received::open(document, &wanted)?;
        let (file, content) = read_targets(&mut received, context.wanted_name())?;
        // §5.6.3
        let claim = Unverified {
            received: &mut received,
            file,
            content,
        };
        let verified = match proven {
            Proven::ByRoot(keys) => claim.verify(Proof::Signatures(&[keys.targets()]))?,
            Proven::Before(before) => claim.verify(Proof::SameBytes(before.file()))?,
        };
        // §5.6.4
        check_version(role, R::version(listed), verified.file().version)?;
        // §5.6.5
        context.check_expiry(role, verified.file().expires)?;
        // §5.6.6
        let (targets, content) = verified.split();
        context.remember(|trusted| replace(&mut trusted.targets, Some(*targets.file())));
        let top = Top {
            snapshot: snapshot.clone(),
            targets,
        };
        let signer = Signer {
            role,
            delegator: RoleName::Root,
            signed_at: file.signed_at,
        };
        let targets = top.targets.clone();
        Ok(after_file(context, top, Search::default(), targets, signer, content)?)
    }
}

impl<R: Reading> Resolved<R> {
    pub fn resolution(&self) -> &Resolution<R> {
        &self.resolution
    }

    #[inline(never)]
    pub fn search(self) -> ExpectTargets<R> {
        let Top { snapshot, targets } = self.top;
        let listed = R::exactly(targets.file().pinned());
        ExpectTargets {
            proven: Proven::Before(targets),
            snapshot,
            listed,
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

/// §5.6.7: a verified file lists the name, or its delegations are visited, or those still pending.
#[inline(never)]
pub(super) fn after_file<R: Reading>(
    context: &mut Context<R>,
    top: Top,
    mut search: Search<R>,
    file: Verified<()>,
    signer: Signer,
    content: TargetsContent<R>,
) -> Result<Ladder<R>, Rejected> {
    let Some(wanted) = context.wanted.clone() else {
        return Ok(not_found(top));
    };
    if let Some(entry) = content.entry {
        complete_cycle(context, &top, file.file());
        let found = VerifiedTarget::new(wanted, entry, signer);
        return Ok(Ladder::Resolved(Resolved {
            top,
            resolution: Resolution::Found(found),
        }));
    }
    search.descend(
        Delegator {
            role: signer.role,
            file,
        },
        &content,
    )?;
    Ok(next_visit(top, search))
}

/// The next delegation, or the end of the search.
pub(super) fn next_visit<R: Reading>(top: Top, mut search: Search<R>) -> Ladder<R> {
    match search.next() {
        Some(pending) => Ladder::Delegated(ExpectDelegated::new(top, search, pending)),
        None => not_found(top),
    }
}

pub(super) fn not_found<R: Reading>(top: Top) -> Ladder<R> {
    Ladder::Resolved(Resolved {
        top,
        resolution: Resolution::NotFound,
    })
}

/// The first search found its target, so the whole cycle is verified and its signing times have passed.
fn complete_cycle<R: Reading>(context: &mut Context<R>, top: &Top, found_in: &FileFacts) {
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
