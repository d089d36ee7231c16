//! §5.6.7: the order in which delegated roles are visited for one name.

use crate::{
    error::Limit,
    limits::{DELEGATIONS_MAX, DELEGATORS_MAX},
    list::List as _,
    names::RoleName,
    read::targets::{TargetsContent, name_id},
    reading::Reading,
    signatures::Verified,
    whose::{Refusals, Refused, Rejected, Whose},
};

/// A verified file that delegates.
#[derive(Clone, Debug)]
pub(crate) struct Delegator {
    pub role: RoleName,
    pub file: Verified,
}

/// A search in pre-order, without recursion: what is still to be visited, and what was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search<R: Reading> {
    /// Files with unvisited delegations, the outermost first.
    delegators: R::List<Delegator, DELEGATORS_MAX>,
    /// Their unvisited delegations, the next one last.
    pending: R::List<(u8, u16), DELEGATIONS_MAX>,
    /// Short stand-ins for the names of the visited roles. If two names shared one, the second would be skipped.
    visited: R::List<[u8; 8], DELEGATIONS_MAX>,
}

impl<R: Reading> Search<R> {
    /// Adds the delegations of a file that does not list the name, before all that were pending.
    ///
    /// After a terminating delegation nothing else is looked at, not even what outer roles still had to offer.
    pub fn descend(
        &mut self,
        refusals: &Refusals,
        role: &RoleName,
        file: &Verified,
        content: &TargetsContent<R>,
    ) -> Result<(), Refused> {
        if content.is_terminated {
            self.pending.truncate(0);
        }
        self.forget_finished_delegators();
        if content.matches.is_empty() {
            return Ok(());
        }
        let index = u8::try_from(self.delegators.len()).unwrap_or(u8::MAX);
        let full = |limit| {
            let role = Whose::of(role);
            refusals.refuse(Rejected::LimitExceeded { role, limit })
        };
        self.delegators
            .try_push(Delegator {
                role: *role,
                file: file.clone(),
            })
            .map_err(|_| full(Limit::Delegators))?;
        for position in content.matches.iter().rev() {
            self.pending
                .try_push((index, *position))
                .map_err(|_| full(Limit::Delegations))?;
        }
        Ok(())
    }

    /// The next delegation to visit: the file it stands in, and where.
    pub fn next(&mut self) -> Option<(&Delegator, u16)> {
        let (index, position) = self.pending.pop()?;
        Some((self.delegators.get(usize::from(index))?, position))
    }

    /// Notes a visit, unless there were `visits_max` already.
    pub fn visit(&mut self, role: &RoleName, visits_max: u32) -> Visit {
        let id = name_id(role.as_str());
        if self.visited.contains(&id) {
            return Visit::Again;
        }
        let visits = u32::try_from(self.visited.len()).unwrap_or(u32::MAX);
        if visits >= visits_max || self.visited.try_push(id).is_err() {
            return Visit::TooMany;
        }
        Visit::First
    }

    fn forget_finished_delegators(&mut self) {
        let needed = self
            .pending
            .last()
            .map_or(0, |(index, _)| usize::from(*index).saturating_add(1));
        self.delegators.truncate(needed);
    }
}

/// What a visit is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// The role was visited before in this search.
    Again,
    /// The first one to this role.
    First,
    /// One more than a search may make.
    TooMany,
}
