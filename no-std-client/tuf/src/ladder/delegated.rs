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
    names::RoleName,
    read::{
        Received, Wanted,
        delegation::{Delegation, DelegationBody, KeysBody},
        snapshot::{OldFiles, SnapshotBody},
        targets::TargetsContent,
    },
    reading::Reading,
    session::{Answer, Context, Fetch, Ladder, Searching},
    signatures::{Proof, Unverified, Verified},
    state::{DelegatedFacts, FileFacts, Pinned},
    target::Signer,
};
use tuffet_wire::Document;

/// Waits for what it takes to visit a delegated role: the delegation, the role's entry in the snapshot, its file.
#[derive(Clone, Debug)]
pub(crate) struct ExpectDelegated<R: Reading> {
    top: Top,
    search: Search<R>,
    delegator: Delegator,
    next: Next<R>,
}

#[derive(Clone, Debug)]
enum Next<R: Reading> {
    /// The delegator's file, for the delegation at this position.
    Delegation { position: u16 },
    /// The snapshot, for the version of the role.
    Listing(Delegation<R>),
    /// The role's file.
    Role(Delegation<R>, R::Listed),
}

impl<R: Reading> ExpectDelegated<R> {
    pub fn new(top: Top, search: Search<R>, pending: Pending) -> Self {
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

    pub fn fetch(&self, context: &Context<R>) -> Fetch {
        let (role, version, pinned) = match &self.next {
            Next::Delegation { .. } => {
                let pinned = self.delegator.file.file().pinned();
                (self.delegator.role, pinned.version, Some(pinned))
            }
            Next::Listing(_) => {
                let pinned = self.top.snapshot.file().pinned();
                (RoleName::Snapshot, pinned.version, Some(pinned))
            }
            Next::Role(delegation, listed) => {
                let trusted = context.trusted().delegated(&delegation.role);
                let trusted = trusted.map(|trusted| trusted.file.pinned());
                let role = RoleName::Delegated(delegation.role);
                (role, R::version(listed), R::kept(listed, trusted))
            }
        };
        Fetch {
            role,
            file: context.file_name(role, version),
            bytes_max: bytes_max(&context.limits, role),
            pinned,
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &mut self,
        context: &mut Context<R>,
        answer: Answer<'_, D>,
    ) -> Result<Ladder<R>, Error<D::Error>> {
        match &self.next {
            Next::Delegation { position } => {
                let position = *position;
                let document = present(answer, self.delegator.role)?;
                self.receive_delegation(context, document, position)
            }
            Next::Listing(delegation) => {
                let document = present(answer, RoleName::Snapshot)?;
                let listed = read_listing(context, document, self.top.snapshot.file(), delegation)?;
                let delegation = delegation.clone();
                Ok(Ladder::Delegated(self.then(Next::Role(delegation, listed))))
            }
            Next::Role(delegation, listed) => {
                let document = present(answer, RoleName::Delegated(delegation.role))?;
                let Visited { signer, file, content } =
                    verify_role(context, document, &self.delegator, delegation, listed)?;
                let (top, search) = (self.top.clone(), core::mem::take(&mut self.search));
                Ok(after_file(context, top, search, file, signer, content)?)
            }
        }
    }

    /// The same search, with something else to wait for.
    fn then(&mut self, next: Next<R>) -> Self {
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
        context: &Context<R>,
        document: &mut D,
        position: u16,
    ) -> Result<Ladder<R>, Error<D::Error>> {
        let delegation = read_delegation(context, document, &self.delegator, position)?;
        let visits_max = context.limits.delegations_visited_max;
        match self.search.visit(&delegation.role, visits_max) {
            Visit::Again => Ok(next_visit(self.top.clone(), core::mem::take(&mut self.search))),
            // §5.6.7.1: after too many roles the target counts as not found.
            Visit::TooMany => Ok(not_found(self.top.clone())),
            Visit::First => {
                keys::check_strength(self.delegator.role, delegation.table())?;
                Ok(Ladder::Delegated(self.then(Next::Listing(delegation))))
            }
        }
    }
}

/// A delegated role whose file is verified.
struct Visited<R: Reading> {
    signer: Signer,
    file: Verified<()>,
    content: TargetsContent<R>,
}

/// Holds a delegated role's file against the delegation to it.
#[inline(never)]
fn verify_role<R: Reading, D: Document>(
    context: &mut Context<R>,
    document: &mut D,
    delegator: &Delegator,
    delegation: &Delegation<R>,
    listed: &R::Listed,
) -> Result<Visited<R>, Error<D::Error>> {
    let role = RoleName::Delegated(delegation.role);
    // §5.6.1, §5.6.2
    let wanted = Wanted {
        role,
        bytes_max: context.limits.delegated_bytes_max,
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
    let verified = claim.verify(Proof::Signatures(&[delegation.authority()]))?;
    // §5.6.4
    check_version(role, R::version(listed), verified.file().version)?;
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
    Ok(Visited { signer, file, content })
}

/// The top-level targets gave a role other keys than it had: what the old ones said about the time is forgotten.
///
/// Only targets may do so, whose keys are offline, and only in the search that completes the cycle.
fn notice_rotation<R: Reading>(context: &mut Context<R>, delegator: &Delegator, facts: &DelegatedFacts) {
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
fn read_delegation<R: Reading, D: Document>(
    context: &Context<R>,
    document: &mut D,
    delegator: &Delegator,
    position: u16,
) -> Result<Delegation<R>, Error<D::Error>> {
    let (role, known) = (delegator.role, delegator.file.file());
    let wanted = Wanted::<R>::exactly(role, bytes_max(&context.limits, role), known.pinned());
    let mut received = Received::open(document, &wanted)?;
    let (_, ids) = received.read(DelegationBody::<R>::at(position))?;
    let (file, table) = received.read(KeysBody::<R>::new(&ids.ids))?;
    let content = Delegation::new(ids.role, table, ids.threshold);
    let (_, delegation) = Unverified {
        received: &mut received,
        file,
        content,
    }
    .verify(Proof::SameBytes(known))?
    .split();
    Ok(delegation)
}

/// §5.6.1: what the snapshot says of a delegated role's file.
#[inline(never)]
fn read_listing<R: Reading, D: Document>(
    context: &Context<R>,
    document: &mut D,
    known: &FileFacts,
    delegation: &Delegation<R>,
) -> Result<R::Listed, Error<D::Error>> {
    let role = RoleName::Delegated(delegation.role);
    let bytes_max = context.limits.snapshot_bytes_max;
    let wanted = Wanted::<R>::exactly(RoleName::Snapshot, bytes_max, known.pinned());
    let mut nothing = OldFiles::default();
    let mut received = Received::open(document, &wanted)?;
    let (file, content) = received.read(SnapshotBody::<R>::new(&role, &mut nothing))?;
    let (_, content) = Unverified {
        received: &mut received,
        file,
        content,
    }
    .verify(Proof::SameBytes(known))?
    .split();
    content.found.ok_or(Rejected::NotInSnapshot { role }.into())
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
