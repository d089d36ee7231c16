//! §5.6.7: one delegated role after another, each held against the delegation that led to it in this search.

use super::{
    check_version, present,
    search::{Delegator, Pending, Search, Visit},
    targets::{Top, after_file, next_visit, not_found, read_targets},
};
use crate::{
    error::{Error, Rejected},
    keys,
    limits::Limits,
    names::{FileName, RoleName},
    read::{
        Wanted,
        delegation::{Delegation, DelegationBody, KeysBody},
        read,
        snapshot::{OldFiles, SnapshotBody},
        targets::TargetsContent,
    },
    session::{Answer, Context, Fetch, Ladder, Searching},
    signatures::{Proof, Unverified, Verified},
    state::{DelegatedFacts, FileFacts, Pinned},
    target::Signer,
};
use tuffet_wire::Document;

/// Waits for what it takes to visit a delegated role: the delegation, the role's entry in the snapshot, its file.
#[derive(Debug)]
pub(crate) struct ExpectDelegated {
    top: Top,
    search: Search,
    delegator: Delegator,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// The delegator's file, for the delegation at this position.
    Delegation { position: u16 },
    /// The snapshot, for the version of the role.
    Listing(Delegation),
    /// The role's file.
    Role(Delegation, Pinned),
}

impl ExpectDelegated {
    pub fn new(top: Top, search: Search, pending: Pending) -> Self {
        let Pending { delegator, position } = pending;
        Self {
            top,
            search,
            delegator,
            next: Next::Delegation { position },
        }
    }

    /// Whether the next step needs nothing but this file.
    pub fn waits_for_delegation_in(&self, file: &Pinned) -> bool {
        matches!(self.next, Next::Delegation { .. }) && self.delegator.file.file().pinned() == *file
    }

    pub fn fetch(&self, context: &Context) -> Fetch {
        let (role, pinned) = match &self.next {
            Next::Delegation { .. } => (self.delegator.role, self.delegator.file.file().pinned()),
            Next::Listing(_) => (RoleName::Snapshot, self.top.snapshot.file().pinned()),
            Next::Role(delegation, pinned) => (RoleName::Delegated(delegation.role), *pinned),
        };
        let file = FileName {
            role,
            version: Some(pinned.version),
        };
        Fetch {
            role,
            file,
            bytes_max: bytes_max(&context.limits, role),
            pinned: Some(pinned),
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &mut self,
        context: &mut Context,
        answer: Answer<'_, D>,
    ) -> Result<Ladder, Error<D::Error>> {
        let Fetch {
            role,
            bytes_max,
            pinned,
            ..
        } = self.fetch(context);
        let document = present(answer, role)?;
        let wanted = Wanted {
            role,
            bytes_max,
            pinned,
        };
        match &self.next {
            Next::Delegation { position } => {
                let position = *position;
                self.receive_delegation(context, document, &wanted, position)
            }
            Next::Listing(delegation) => {
                let listed = RoleName::Delegated(delegation.role);
                let pinned = read_listing(document, &wanted, self.top.snapshot.file(), listed)?;
                let delegation = delegation.clone();
                Ok(Ladder::Delegated(self.then(Next::Role(delegation, pinned))))
            }
            Next::Role(delegation, pinned) => {
                let (signer, file, content) =
                    verify_role(context, document, &wanted, &self.delegator, delegation, pinned)?;
                let (top, search) = (self.top.clone(), core::mem::take(&mut self.search));
                Ok(after_file(context, top, search, file, signer, content)?)
            }
        }
    }

    /// The same search, with something else to wait for.
    fn then(&mut self, next: Next) -> Self {
        Self {
            top: self.top.clone(),
            search: core::mem::take(&mut self.search),
            delegator: self.delegator.clone(),
            next,
        }
    }

    #[inline(never)]
    fn receive_delegation<D: Document>(
        &mut self,
        context: &Context,
        document: &mut D,
        wanted: &Wanted,
        position: u16,
    ) -> Result<Ladder, Error<D::Error>> {
        let delegation = read_delegation(document, wanted, self.delegator.file.file(), position)?;
        let visits_max = context.limits.delegations_visited_max;
        match self.search.visit(&delegation.role, visits_max) {
            Visit::Again => Ok(next_visit(self.top.clone(), core::mem::take(&mut self.search))),
            // §5.6.7.1: after too many roles the target counts as not found.
            Visit::TooMany => Ok(not_found(self.top.clone())),
            Visit::First => {
                keys::check_strength(wanted.role, delegation.table())?;
                Ok(Ladder::Delegated(self.then(Next::Listing(delegation))))
            }
        }
    }
}

/// Holds a delegated role's file against the delegation to it.
#[inline(never)]
fn verify_role<D: Document>(
    context: &mut Context,
    document: &mut D,
    wanted: &Wanted,
    delegator: &Delegator,
    delegation: &Delegation,
    pinned: &Pinned,
) -> Result<(Signer, Verified<()>, TargetsContent), Error<D::Error>> {
    let role = wanted.role;
    // §5.6.1, §5.6.2
    let (file, content) = read_targets(document, wanted, &context.wanted)?;
    // §5.6.3
    let claim = Unverified {
        document,
        role,
        file,
        content,
    };
    let verified = claim.verify(Proof::Signatures(&[delegation.authority()]))?;
    // §5.6.4
    check_version(role, pinned.version, verified.file().version)?;
    let facts = DelegatedFacts {
        role: delegation.role,
        file: *verified.file(),
        signers: delegation.authority().id(),
    };
    notice_rotation(context, delegator, &facts);
    // §5.6.5
    context.check_expiry(role, facts.file.expires)?;
    // §5.6.6
    context.remember(|trusted| trusted.remember(facts));
    let (file, content) = verified.split();
    let signer = Signer {
        role,
        delegator: delegator.role,
        signed_at: facts.file.signed_at,
    };
    Ok((signer, file, content))
}

/// The top-level targets gave a role other keys than it had: what the old ones said about the time is forgotten.
///
/// Only targets may do so, whose keys are offline, and only in the search that completes the cycle.
fn notice_rotation(context: &mut Context, delegator: &Delegator, facts: &DelegatedFacts) {
    let before = context.trusted().delegated(&facts.role).map(|before| before.signers);
    if context.searching == Searching::First
        && delegator.role == RoleName::Targets
        && before.is_some_and(|before| before != facts.signers)
    {
        let targets = delegator.file.file();
        let expires = [context.trusted().root.expires, targets.expires];
        context.reset_floor(targets.signed_at, &expires);
    }
}

/// Reads one delegation: who it names, and then their keys, which stand before it in the file.
#[inline(never)]
fn read_delegation<D: Document>(
    document: &mut D,
    wanted: &Wanted,
    known: &FileFacts,
    position: u16,
) -> Result<Delegation, Error<D::Error>> {
    let role = wanted.role;
    let (_, ids) = read(document, wanted, DelegationBody::at(position))?;
    let (file, table) = read(document, wanted, KeysBody::new(&ids.ids))?;
    let content = Delegation::new(ids.role, table, ids.threshold);
    let (_, delegation) = Unverified {
        document,
        role,
        file,
        content,
    }
    .verify(Proof::SameBytes(known))?
    .split();
    Ok(delegation)
}

/// §5.6.1: exactly the version, length and digest that the snapshot gives.
#[inline(never)]
fn read_listing<D: Document>(
    document: &mut D,
    wanted: &Wanted,
    known: &FileFacts,
    listed: RoleName,
) -> Result<Pinned, Error<D::Error>> {
    let role = wanted.role;
    let mut nothing = OldFiles::default();
    let (file, content) = read(document, wanted, SnapshotBody::new(&listed, &mut nothing))?;
    let (_, content) = Unverified {
        document,
        role,
        file,
        content,
    }
    .verify(Proof::SameBytes(known))?
    .split();
    content.found.ok_or(Rejected::NotInSnapshot { role: listed }.into())
}

fn bytes_max(limits: &Limits, role: RoleName) -> u32 {
    match role {
        RoleName::Delegated(_) => limits.delegated_bytes_max,
        RoleName::Root => limits.root_bytes_max,
        RoleName::Snapshot => limits.snapshot_bytes_max,
        RoleName::Targets => limits.targets_bytes_max,
        RoleName::Timestamp => limits.timestamp_bytes_max,
    }
}
