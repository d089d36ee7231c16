//! §5.6.7: one delegated role after another, each held against the delegation that led to it in this search.

use super::{
    Needed, Which, present,
    search::{Delegator, Search, Visit},
    targets::Top,
    verify_known, verify_listed,
};
use crate::{
    error::Misuse,
    keys,
    names::{DelegatedName, RoleName},
    read::{
        delegation::{Delegation, DelegationBody},
        meta::{MetaBody, MetaContent},
        targets::{TargetsBody, TargetsContent},
    },
    reading::Reading,
    signatures::{Claim, Claimed, Proof, Verified},
    state::{FileFacts, Pinned, SignersId, Trusted},
    walk::{Answer, Context, Searching},
    whose::{Error, Refusals, Refused, Rejected, Whose},
};
use tuffet_wire::Document;

/// Waits for what it takes to visit a delegated role: the delegation, the role's entry in the snapshot, its file.
#[derive(Clone, Debug)]
pub(crate) struct ExpectDelegated<R: Reading> {
    search: Search<R>,
    delegator: Delegator,
    /// The delegation to the role at hand; before the first visit that is root's to the top-level targets.
    delegation: Claimed<Delegation<R>>,
    next: Next<R>,
}

#[derive(Clone, Debug)]
enum Next<R: Reading> {
    /// The delegator's file, for the delegation at this position.
    Delegation { position: u16 },
    /// The snapshot, for what it says of the role's file.
    Listing,
    /// The role's file.
    Role(R::Listed),
}

impl<R: Reading> ExpectDelegated<R> {
    /// A search under these files, which has nothing to visit yet.
    pub fn under(top: &Top) -> Self {
        let delegator = Delegator {
            role: RoleName::Root,
            file: top.targets.clone(),
        };
        Self {
            search: Search::default(),
            delegator,
            delegation: Delegation::of_targets(),
            next: Next::Delegation { position: 0 },
        }
    }

    /// Whose file was verified last, and who delegated to that role.
    pub fn signer(&self) -> (&RoleName, &RoleName) {
        (&self.delegation().role, &self.delegator.role)
    }

    /// Its delegator's file is verified.
    fn delegation(&self) -> &Delegation<R> {
        self.delegation.content(&self.delegator.file)
    }

    /// Whether the next step needs nothing but this file.
    pub fn waits_for_delegation_in(&self, file: &Pinned) -> bool {
        matches!(self.next, Next::Delegation { .. }) && self.delegator.file.file().pinned() == *file
    }

    pub fn needs<'a>(&'a self, top: &'a Top, trusted: &'a Trusted<R>) -> Needed<'a, R> {
        let (role, which) = match &self.next {
            Next::Delegation { .. } => (&self.delegator.role, Which::Known(self.delegator.file.file())),
            Next::Listing => return Needed::of_top(Whose::Snapshot, Which::Known(top.snapshot.file())),
            Next::Role(listed) => {
                let role = &self.delegation().role;
                let trusted = trusted.delegated(role.as_str());
                (role, Which::Listed(listed, trusted.map(|trusted| &trusted.file)))
            }
        };
        Needed {
            role: Whose::of(role),
            delegated: role.delegated(),
            which,
        }
    }

    /// The delegated role that a refusal is about.
    pub fn refused(&self) -> Option<&DelegatedName> {
        let role = match &self.next {
            Next::Delegation { .. } => &self.delegator.role,
            Next::Listing | Next::Role(_) => &self.delegation().role,
        };
        role.delegated()
    }

    /// Goes on where it stands; gives the file of a role once it is verified.
    #[inline(never)]
    pub fn receive<'c, D: Document>(
        &mut self,
        top: &Top,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
        claim: &'c mut Claim,
        content: &mut Claimed<TargetsContent<R>>,
    ) -> Result<Progress<'c>, Error<D::Error>> {
        match self.next {
            Next::Delegation { position } => {
                let document = present(context, answer, Whose::of(&self.delegator.role))?;
                self.receive_delegation(context, document, position, claim)
            }
            Next::Listing => {
                let document = present(context, answer, Whose::Snapshot)?;
                self.receive_listing(&top.snapshot, context, document, claim)
            }
            Next::Role(_) => {
                let document = present(context, answer, Whose::Delegated)?;
                Ok(Progress::Visited(self.receive_role(context, document, claim, content)?))
            }
        }
    }

    /// Reads one delegation into its place: whom it names, and then their keys.
    #[inline(never)]
    fn receive_delegation<D: Document>(
        &mut self,
        context: &Context<'_, R>,
        document: &mut D,
        position: u16,
        claim: &mut Claim,
    ) -> Result<Progress<'static>, Error<D::Error>> {
        let role = Whose::of(&self.delegator.role);
        let known = self.delegator.file.file();
        let mut body = DelegationBody::at(position, &mut self.delegation);
        let file = verify_known(context, document, role, known, claim, &mut body)?;
        let delegation = self.delegation.content(file);
        match self
            .search
            .visit(&delegation.role, context.limits.delegations_visited_max)
        {
            Visit::Again => Ok(self.next_visit()),
            // §5.6.7.1: after too many roles the target counts as not found.
            Visit::TooMany => Ok(Progress::NotFound),
            Visit::First => {
                keys::check_strength(&context.refusals, role, delegation.table())?;
                self.next = Next::Listing;
                Ok(Progress::Waiting)
            }
        }
    }

    /// §5.6.1: what the snapshot says of a delegated role's file.
    #[inline(never)]
    fn receive_listing<D: Document>(
        &mut self,
        snapshot: &Verified,
        context: &Context<'_, R>,
        document: &mut D,
        claim: &mut Claim,
    ) -> Result<Progress<'static>, Error<D::Error>> {
        let mut content = MetaContent::<R>::claimed();
        let role = &self.delegation().role;
        let mut body = MetaBody::snapshot(role.as_str(), None, &mut content);
        let file = verify_known(context, document, Whose::Snapshot, snapshot.file(), claim, &mut body)?;
        let Some(listed) = &content.content(file).found else {
            let role = Whose::Delegated;
            return Err(context.refusals.refuse(Rejected::NotInSnapshot { role }).into());
        };
        self.next = Next::Role(listed.clone());
        Ok(Progress::Waiting)
    }

    /// Holds a delegated role's file against the delegation to it.
    #[inline(never)]
    fn receive_role<'c, D: Document>(
        &self,
        context: &mut Context<'_, R>,
        document: &mut D,
        claim: &'c mut Claim,
        content: &mut Claimed<TargetsContent<R>>,
    ) -> Result<&'c Verified, Error<D::Error>> {
        let (Next::Role(listed), RoleName::Delegated(role)) = (&self.next, &self.delegation().role) else {
            return Err(Misuse::NothingRequested.into());
        };
        // §5.6.1 to §5.6.4
        let mut body = TargetsBody::new(context.wanted_name(), content);
        let proof = Proof::Signatures(&[self.delegation().authority()]);
        let verified = verify_listed(context, document, Whose::Delegated, listed, claim, &mut body, proof)?;
        self.accept(context, role, verified.file())?;
        Ok(verified)
    }

    /// A verified file is remembered, if it is valid.
    #[inline(never)]
    fn accept(&self, context: &mut Context<'_, R>, role: &DelegatedName, file: &FileFacts) -> Result<(), Refused> {
        let signers = self.delegation().authority().id();
        notice_rotation(context, &self.delegator, role, signers);
        // §5.6.5
        context.check_expiry(Whose::Delegated, file.expires)?;
        // §5.6.6
        context.remember(|trusted| trusted.remember(role, file, signers));
        Ok(())
    }

    /// §5.6.7: a verified file lists the name, or its delegations are visited, or those still pending.
    pub fn after_file(
        &mut self,
        refusals: &Refusals,
        file: &Verified,
        content: &TargetsContent<R>,
    ) -> Result<AfterFile, Refused> {
        if content.entry.is_some() {
            return Ok(AfterFile::SearchIsOver);
        }
        let role = &self.delegation.content(&self.delegator.file).role;
        self.search.descend(refusals, role, file, content)?;
        Ok(match self.next_visit() {
            Progress::NotFound => AfterFile::SearchIsOver,
            Progress::Waiting | Progress::Visited(_) => AfterFile::Waiting,
        })
    }

    /// The next delegation, or the end of the search.
    fn next_visit(&mut self) -> Progress<'static> {
        let Some((delegator, position)) = self.search.next() else {
            return Progress::NotFound;
        };
        self.delegator = delegator.clone();
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
pub(crate) enum Progress<'c> {
    /// Something else is waited for.
    Waiting,
    /// A delegated role's file is verified.
    Visited(&'c Verified),
    /// Nothing is left to visit.
    NotFound,
}

/// The top-level targets gave a role other keys than it had: what the old ones said about the time is forgotten.
///
/// Only targets may do so, whose keys are offline, and only in the search that completes the cycle.
fn notice_rotation<R: Reading>(
    context: &mut Context<'_, R>,
    delegator: &Delegator,
    role: &DelegatedName,
    signers: SignersId,
) {
    let before = context.trusted().delegated(role.as_str());
    if context.searching == Searching::First
        && delegator.role == RoleName::Targets
        && before.is_some_and(|before| before.signers != signers)
    {
        let targets = delegator.file.file();
        let expires = [context.trusted().root.expires, targets.expires];
        context.reset_floor(targets.signed_at, &expires);
    }
}
