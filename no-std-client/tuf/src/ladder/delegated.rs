//! §5.6.7: one delegated role after another, each held against the delegation that led to it in this search.

use super::{
    check_version, present,
    search::{Delegator, Pending, Search, Visit},
    targets::{Top, Visited, read_targets},
};
use crate::{
    keys,
    limits::Limits,
    names::{DelegatedName, RoleName},
    read::{
        Received, Wanted,
        delegation::{Delegation, DelegationBody, DelegationHead, KeysBody, RoleKeyIds, RoleKeys},
        snapshot::{OldFiles, SnapshotBody},
    },
    reading::Reading,
    signatures::{Proof, Unverified, Verified},
    state::{DelegatedFacts, FileFacts, Pinned, Trusted},
    target::Signer,
    walk::{Answer, Context, Fetch, Plan, Searching},
    whose::{Error, Refusals, Refused, Rejected, Whose},
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
    /// The role's file; first the snapshot, for what it says of that.
    Role(Delegation<R>, Option<R::Listed>),
}

impl<R: Reading> ExpectDelegated<R> {
    /// A search under these files, which has nothing to visit yet.
    pub fn under(top: Top) -> Self {
        let delegator = Delegator {
            role: RoleName::Targets,
            file: top.targets.clone(),
        };
        Self {
            top,
            search: Search::default(),
            delegator,
            next: Next::Delegation { position: 0 },
        }
    }

    /// The files under which it searches.
    pub fn top(&self) -> &Top {
        &self.top
    }

    /// Whether the next step needs nothing but this file.
    pub fn waits_for_delegation_in(&self, file: &Pinned) -> bool {
        matches!(self.next, Next::Delegation { .. }) && self.delegator.file.file().pinned() == *file
    }

    pub fn fetch(&self, plan: &Plan<R>, trusted: &Trusted<R>) -> Fetch {
        let (role, version, pinned) = match &self.next {
            Next::Delegation { .. } => {
                let pinned = self.delegator.file.file().pinned();
                (self.delegator.role, pinned.version, Some(pinned))
            }
            Next::Role(_, None) => {
                let pinned = self.top.snapshot.file().pinned();
                (RoleName::Snapshot, pinned.version, Some(pinned))
            }
            Next::Role(delegation, Some(listed)) => {
                let trusted = trusted.delegated(&delegation.role);
                let trusted = trusted.map(|trusted| trusted.file.pinned());
                let role = RoleName::Delegated(delegation.role);
                (role, R::version(listed), R::kept(listed, trusted))
            }
        };
        Fetch {
            role,
            file: plan.file_name(role, version),
            bytes_max: bytes_max(&plan.limits, role),
            pinned,
        }
    }

    /// The delegated role that a refusal is about.
    pub fn refused(&self) -> Option<&DelegatedName> {
        match (&self.next, &self.delegator.role) {
            (Next::Role(delegation, _), _) => Some(&delegation.role),
            (Next::Delegation { .. }, RoleName::Delegated(name)) => Some(name),
            (Next::Delegation { .. }, _) => None,
        }
    }

    /// Goes on where it stands; gives the file of a role once it is verified.
    #[inline(never)]
    pub fn receive<D: Document>(
        &mut self,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<Progress<R>, Error<D::Error>> {
        let Self {
            top, delegator, next, ..
        } = self;
        match next {
            Next::Delegation { position } => {
                let position = *position;
                let document = present(context, answer, Whose::of(&delegator.role))?;
                self.receive_delegation(context, document, position)
            }
            Next::Role(delegation, listed @ None) => {
                let document = present(context, answer, Whose::Snapshot)?;
                *listed = Some(read_listing(context, document, top.snapshot.file(), delegation)?);
                Ok(Progress::Waiting)
            }
            Next::Role(delegation, Some(listed)) => {
                let document = present(context, answer, Whose::Delegated)?;
                let visited = verify_role(context, document, delegator, delegation, listed)?;
                Ok(Progress::Visited(visited))
            }
        }
    }

    #[inline(never)]
    fn receive_delegation<D: Document>(
        &mut self,
        context: &Context<'_, R>,
        document: &mut D,
        position: u16,
    ) -> Result<Progress<R>, Error<D::Error>> {
        let mut table = RoleKeys::<R>::default();
        let found = read_delegation(context, document, &self.delegator, position, &mut table)?;
        let DelegationHead { role, threshold } = found.content();
        let visits_max = context.limits.delegations_visited_max;
        match self.search.visit(role, visits_max) {
            Visit::Again => Ok(self.next_visit()),
            // §5.6.7.1: after too many roles the target counts as not found.
            Visit::TooMany => Ok(Progress::NotFound),
            Visit::First => {
                keys::check_strength(&context.refusals, Whose::of(&self.delegator.role), &table)?;
                self.expect_role(*role, &table, *threshold);
                Ok(Progress::Waiting)
            }
        }
    }

    #[inline(never)]
    fn expect_role(&mut self, role: DelegatedName, table: &RoleKeys<R>, threshold: u16) {
        self.next = Next::Role(Delegation::new(role, table.clone(), threshold), None);
    }

    /// §5.6.7: a verified file lists the name, or its delegations are visited, or those still pending.
    pub fn after_file(&mut self, refusals: &Refusals, visited: &Visited<R>) -> Result<AfterFile, Refused> {
        if visited.content.entry.is_some() {
            return Ok(AfterFile::SearchIsOver);
        }
        self.search.descend(refusals, visited)?;
        Ok(match self.next_visit() {
            Progress::NotFound => AfterFile::SearchIsOver,
            Progress::Waiting | Progress::Visited(_) => AfterFile::Waiting,
        })
    }

    /// The next delegation, or the end of the search.
    fn next_visit(&mut self) -> Progress<R> {
        let Some(Pending { delegator, position }) = self.search.next() else {
            return Progress::NotFound;
        };
        self.delegator = delegator;
        self.next = Next::Delegation { position };
        Progress::Waiting
    }
}

/// What follows a delegated role's file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum AfterFile {
    /// Something else is waited for.
    Waiting,
    /// It lists the name, or nothing is left to visit.
    SearchIsOver,
}

/// What a step of a search came to.
pub(crate) enum Progress<R: Reading> {
    /// Something else is waited for.
    Waiting,
    /// A delegated role's file is verified.
    Visited(Visited<R>),
    /// Nothing is left to visit.
    NotFound,
}

/// Holds a delegated role's file against the delegation to it.
#[inline(never)]
fn verify_role<R: Reading, D: Document>(
    context: &mut Context<'_, R>,
    document: &mut D,
    delegator: &Delegator,
    delegation: &Delegation<R>,
    listed: &R::Listed,
) -> Result<Visited<R>, Error<D::Error>> {
    let role = Whose::Delegated;
    // §5.6.1, §5.6.2
    let wanted = Wanted {
        role,
        bytes_max: context.limits.delegated_bytes_max,
        listed: Some(listed.clone()),
        refusals: &context.refusals,
    };
    let mut received = Received::new(document, wanted);
    let (file, content) = read_targets(&mut received, context.wanted_name())?;
    // §5.6.3
    let claim = Unverified {
        received: &mut received,
        file,
        content,
    };
    let verified = claim.verify(Proof::Signatures(&[delegation.authority()]))?;
    drop(received);
    // §5.6.4
    check_version(context, role, R::version(listed), verified.file().version)?;
    accept_role(context, delegator, delegation, verified.file())?;
    let (file, content) = verified.split();
    let signer = Signer {
        role: RoleName::Delegated(delegation.role),
        delegator: delegator.role,
        signed_at: file.file().signed_at,
    };
    Ok(Visited { signer, file, content })
}

/// A verified file is remembered, if it is valid.
#[inline(never)]
fn accept_role<R: Reading>(
    context: &mut Context<'_, R>,
    delegator: &Delegator,
    delegation: &Delegation<R>,
    file: &FileFacts,
) -> Result<(), Refused> {
    let facts = DelegatedFacts {
        role: delegation.role,
        file: *file,
        signers: delegation.authority().id(),
    };
    notice_rotation(context, delegator, &facts);
    // §5.6.5
    context.check_expiry(Whose::Delegated, facts.file.expires)?;
    // §5.6.6
    context.remember(|trusted| trusted.remember(&facts));
    Ok(())
}

/// The top-level targets gave a role other keys than it had: what the old ones said about the time is forgotten.
///
/// Only targets may do so, whose keys are offline, and only in the search that completes the cycle.
fn notice_rotation<R: Reading>(context: &mut Context<'_, R>, delegator: &Delegator, facts: &DelegatedFacts) {
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

/// Reads one delegation: who it names, and then their keys, which stand before it in the file, into `table`.
#[inline(never)]
fn read_delegation<R: Reading, D: Document>(
    context: &Context<'_, R>,
    document: &mut D,
    delegator: &Delegator,
    position: u16,
    table: &mut RoleKeys<R>,
) -> Result<Verified<DelegationHead>, Error<D::Error>> {
    let (role, known) = (delegator.role, delegator.file.file());
    let wanted = Wanted::<R>::exactly(
        &context.refusals,
        Whose::of(&role),
        bytes_max(&context.limits, role),
        known.pinned(),
    );
    let mut received = Received::new(document, wanted);
    let mut ids = RoleKeyIds::<R>::default();
    let (_, content) = received.read(DelegationBody::<R>::at(position, &mut ids))?;
    let (file, ()) = received.read(KeysBody::<R>::new(&ids, table))?;
    Unverified {
        received: &mut received,
        file,
        content,
    }
    .verify(Proof::SameBytes(known))
}

/// §5.6.1: what the snapshot says of a delegated role's file.
#[inline(never)]
fn read_listing<R: Reading, D: Document>(
    context: &Context<'_, R>,
    document: &mut D,
    known: &FileFacts,
    delegation: &Delegation<R>,
) -> Result<R::Listed, Error<D::Error>> {
    let role = RoleName::Delegated(delegation.role);
    let bytes_max = context.limits.snapshot_bytes_max;
    let wanted = Wanted::<R>::exactly(&context.refusals, Whose::Snapshot, bytes_max, known.pinned());
    let mut nothing = OldFiles::default();
    let mut received = Received::new(document, wanted);
    let (file, content) = received.read(SnapshotBody::<R>::new(&role, &mut nothing))?;
    let (_, content) = Unverified {
        received: &mut received,
        file,
        content,
    }
    .verify(Proof::SameBytes(known))?
    .split();
    content.found.ok_or_else(|| {
        let role = Whose::Delegated;
        context.refusals.refuse(Rejected::NotInSnapshot { role }).into()
    })
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
