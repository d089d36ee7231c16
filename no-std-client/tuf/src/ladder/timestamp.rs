//! §5.4: which snapshot is the newest.

use super::present;
use crate::{
    error::{Error, Rejected},
    names::{FileName, RoleName},
    read::{Received, Wanted, root::RootKeys, timestamp::TimestampBody},
    reading::Reading,
    session::{Answer, Context, Fetch},
    signatures::{Proof, Unverified, Verified},
    state::{TimestampFacts, replace},
};
use tuffet_wire::Document;

/// Waits for the timestamp.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTimestamp;

impl ExpectTimestamp {
    pub fn fetch<R: Reading>(&self, context: &Context<R>) -> Fetch {
        let role = RoleName::Timestamp;
        let file = FileName { role, version: None };
        Fetch {
            role,
            file,
            bytes_max: context.limits.timestamp_bytes_max,
            pinned: None,
        }
    }

    /// Gives what it says of the snapshot.
    #[inline(never)]
    pub fn receive<R: Reading, D: Document>(
        &self,
        keys: &RootKeys<R>,
        context: &mut Context<R>,
        answer: Answer<'_, D>,
    ) -> Result<R::Listed, Error<D::Error>> {
        let role = RoleName::Timestamp;
        let document = present(answer, role)?;
        let wanted = Wanted::unlisted(role, context.limits.timestamp_bytes_max);
        let mut received = Received::open(document, &wanted)?;
        let (file, content) = received.read(TimestampBody::<R>::default())?;
        // §5.4.2
        let offered = Unverified {
            received: &mut received,
            file,
            content,
        };
        let offered = offered.verify(Proof::Signatures(&[keys.timestamp()]))?;
        let newest = newest(context, &offered)?;
        // §5.4.4
        context.check_expiry(role, newest.file.expires)?;
        // §5.4.5
        let listed = newest.snapshot.clone();
        context.remember(|trusted| replace(&mut trusted.timestamp, Some(newest)));
        Ok(listed)
    }
}

/// §5.4.3: never an older timestamp or snapshot than before. The same version is nothing new: the one already trusted
/// stays, whatever the other one says.
fn newest<R: Reading>(context: &Context<R>, offered: &Verified<R::Listed>) -> Result<TimestampFacts<R>, Rejected> {
    let new = TimestampFacts {
        file: *offered.file(),
        snapshot: offered.content().clone(),
    };
    let Some(old) = &context.trusted().timestamp else {
        return Ok(new);
    };
    let rollback = |role, trusted, offered| Err(Rejected::Rollback { role, trusted, offered });
    if new.file.version < old.file.version {
        return rollback(RoleName::Timestamp, old.file.version, new.file.version);
    }
    if new.file.version == old.file.version {
        return Ok(old.clone());
    }
    let (trusted, offered) = (R::version(&old.snapshot), R::version(&new.snapshot));
    if offered < trusted {
        return rollback(RoleName::Snapshot, trusted, offered);
    }
    Ok(new)
}
