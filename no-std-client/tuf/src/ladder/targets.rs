//! §5.6: the top of the delegations, and the end of a search.

use super::{
    ExpectDelegated, check_version, present,
    search::{Delegator, Search},
};
use crate::{
    error::{Error, Rejected},
    names::{FileName, RoleName, TargetName},
    read::{
        Wanted, read,
        root::RootKeys,
        targets::{RoleNamesBody, TargetsBody, TargetsContent},
    },
    session::{Answer, Context, Fetch, Ladder, Searching},
    signatures::{Proof, Unverified, Verified},
    state::{FileFacts, Pinned},
    target::{Resolution, Signer, VerifiedTarget},
};
use tuffet_wire::Document;

/// Waits for the top-level targets.
#[derive(Debug)]
pub(crate) struct ExpectTargets {
    proven: Proven,
    snapshot: Verified<()>,
    pinned: Pinned,
}

/// What the targets file is held against.
#[derive(Debug)]
enum Proven {
    /// The keys of the root.
    ByRoot(RootKeys),
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
#[derive(Debug)]
pub(crate) struct Resolved {
    top: Top,
    resolution: Resolution,
}

impl ExpectTargets {
    pub fn after_snapshot(keys: RootKeys, snapshot: Verified<()>, pinned: Pinned) -> Self {
        Self {
            proven: Proven::ByRoot(keys),
            snapshot,
            pinned,
        }
    }

    pub fn fetch(&self, context: &Context) -> Fetch {
        let role = RoleName::Targets;
        let file = FileName {
            role,
            version: Some(self.pinned.version),
        };
        Fetch {
            role,
            file,
            bytes_max: context.limits.targets_bytes_max,
            pinned: Some(self.pinned),
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &self,
        context: &mut Context,
        answer: Answer<'_, D>,
    ) -> Result<Ladder, Error<D::Error>> {
        let Self {
            proven,
            snapshot,
            pinned,
        } = self;
        let pinned = *pinned;
        let role = RoleName::Targets;
        let document = present(answer, role)?;
        // §5.6.1, §5.6.2
        let wanted = Wanted {
            role,
            bytes_max: context.limits.targets_bytes_max,
            pinned: Some(pinned),
        };
        let (file, content) = read_targets(document, &wanted, &context.wanted)?;
        // §5.6.3
        let claim = Unverified {
            document,
            role,
            file,
            content,
        };
        let verified = match proven {
            Proven::ByRoot(keys) => claim.verify(Proof::Signatures(&[keys.targets()]))?,
            Proven::Before(before) => claim.verify(Proof::SameBytes(before.file()))?,
        };
        // §5.6.4
        check_version(role, pinned.version, verified.file().version)?;
        // §5.6.5
        context.check_expiry(role, verified.file().expires)?;
        // §5.6.6
        let (targets, content) = verified.split();
        context.remember(|trusted| trusted.targets = Some(*targets.file()));
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

impl Resolved {
    pub fn resolution(&self) -> &Resolution {
        &self.resolution
    }

    #[inline(never)]
    pub fn search(self) -> ExpectTargets {
        let Top { snapshot, targets } = self.top;
        let pinned = targets.file().pinned();
        ExpectTargets {
            proven: Proven::Before(targets),
            snapshot,
            pinned,
        }
    }
}

/// Takes out what a targets file says about a name, and makes sure that it delegates to every role name once.
#[inline(never)]
pub(super) fn read_targets<D: Document>(
    document: &mut D,
    wanted: &Wanted,
    name: &TargetName,
) -> Result<(FileFacts, TargetsContent), Error<D::Error>> {
    let (file, content) = read(document, wanted, TargetsBody::new(name))?;
    let mut more = content.more_names;
    while let Some(start) = more {
        (_, more) = read(document, wanted, RoleNamesBody::from(start))?;
    }
    Ok((file, content))
}

/// §5.6.7: a verified file lists the name, or its delegations are visited, or those still pending.
#[inline(never)]
pub(super) fn after_file(
    context: &mut Context,
    top: Top,
    mut search: Search,
    file: Verified<()>,
    signer: Signer,
    content: TargetsContent,
) -> Result<Ladder, Rejected> {
    if let Some(entry) = content.entry {
        complete_cycle(context, &top, file.file());
        let found = VerifiedTarget::new(context.wanted, entry, signer);
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
pub(super) fn next_visit(top: Top, mut search: Search) -> Ladder {
    match search.next() {
        Some(pending) => Ladder::Delegated(ExpectDelegated::new(top, search, pending)),
        None => not_found(top),
    }
}

pub(super) fn not_found(top: Top) -> Ladder {
    Ladder::Resolved(Resolved {
        top,
        resolution: Resolution::NotFound,
    })
}

/// The first search found its target, so the whole cycle is verified and its signing times have passed.
fn complete_cycle(context: &mut Context, top: &Top, found_in: &FileFacts) {
    if context.searching != Searching::First {
        return;
    }
    let root = context.trusted().root;
    let timestamp = context.trusted().timestamp.map(|timestamp| timestamp.file.signed_at);
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
