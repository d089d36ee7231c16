//! §5.4: which snapshot is the newest.

use super::present;
use crate::{
    names::{FileName, RoleName},
    read::{Received, Wanted, root::RootKeys, timestamp::TimestampBody},
    reading::Reading,
    signatures::{Proof, Unverified, Verified},
    state::{TimestampFacts, replace},
    walk::{Answer, Context, Fetch, Plan},
    whose::{Error, Refused, Rejected, Whose},
};
use tuffet_wire::Document;

/// Waits for the timestamp.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTimestamp;

impl ExpectTimestamp {
    pub fn fetch<R: Reading>(&self, plan: &Plan<R>) -> Fetch {
        let role = RoleName::Timestamp;
        let file = FileName { role, version: None };
        Fetch {
            role,
            file,
            bytes_max: plan.limits.timestamp_bytes_max,
            pinned: None,
        }
    }

    /// Gives what it says of the snapshot.
    #[inline(never)]
    pub fn receive<R: Reading, D: Document>(
        &self,
        keys: &RootKeys<R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<R::Listed, Error<D::Error>> {
        let role = Whose::Timestamp;
        let document = present(context, answer, role)?;
        let wanted = Wanted::unlisted(&context.refusals, role, context.limits.timestamp_bytes_max);
        let mut received = Received::new(document, wanted);
        let (file, content) = received.read(TimestampBody::<R>::default())?;
        // §5.4.2
        let offered = Unverified {
            received: &mut received,
            file,
            content,
        };
        let offered = offered.verify(Proof::Signatures(&[keys.timestamp()]))?;
        drop(received);
        let is_newer = is_newer(context, &offered)?;
        // The same version is nothing new: the one already trusted stays, whatever the other one says.
        let expires = match &context.trusted().timestamp {
            Some(known) if !is_newer => known.file.expires,
            _ => offered.file().expires,
        };
        // §5.4.4
        context.check_expiry(role, expires)?;
        // §5.4.5
        if is_newer {
            remember(context, &offered);
        }
        let known = context.trusted().timestamp.as_ref();
        let listed = known.map_or(offered.content(), |known| &known.snapshot).clone();
        Ok(listed)
    }
}

#[inline(never)]
fn remember<R: Reading>(context: &mut Context<'_, R>, new: &Verified<R::Listed>) {
    let new = TimestampFacts {
        file: *new.file(),
        snapshot: new.content().clone(),
    };
    context.remember(|trusted| replace(&mut trusted.timestamp, Some(new)));
}

/// §5.4.3: whether it is a newer one; never an older timestamp or snapshot than before.
#[inline(never)]
fn is_newer<R: Reading>(context: &Context<'_, R>, offered: &Verified<R::Listed>) -> Result<bool, Refused> {
    let Some(old) = &context.trusted().timestamp else {
        return Ok(true);
    };
    let rollback = |role, trusted, offered| {
        let rejected = Rejected::Rollback { role, trusted, offered };
        Err(context.refusals.refuse(rejected))
    };
    let (trusted, new) = (old.file.version, offered.file().version);
    if new < trusted {
        return rollback(Whose::Timestamp, trusted, new);
    }
    if new == trusted {
        return Ok(false);
    }
    let (trusted, new) = (R::version(&old.snapshot), R::version(offered.content()));
    if new < trusted {
        return rollback(Whose::Snapshot, trusted, new);
    }
    Ok(true)
}
