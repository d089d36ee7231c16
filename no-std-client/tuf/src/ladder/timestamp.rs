//! §5.4: which snapshot is the newest.

use super::{ExpectSnapshot, present};
use crate::{
    error::{Error, Rejected},
    names::{FileName, RoleName},
    read::{Wanted, read, root::RootKeys, timestamp::TimestampBody},
    session::{Answer, Context, Fetch, Ladder},
    signatures::{Proof, Unverified, Verified},
    state::{Pinned, TimestampFacts},
};
use tuffet_wire::Document;

/// Waits for the timestamp.
#[derive(Debug)]
pub(crate) struct ExpectTimestamp {
    keys: RootKeys,
}

impl ExpectTimestamp {
    pub fn new(keys: RootKeys) -> Self {
        Self { keys }
    }

    pub fn fetch(&self, context: &Context) -> Fetch {
        let role = RoleName::Timestamp;
        let file = FileName { role, version: None };
        Fetch {
            role,
            file,
            bytes_max: context.limits.timestamp_bytes_max,
            pinned: None,
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &self,
        context: &mut Context,
        answer: Answer<'_, D>,
    ) -> Result<Ladder, Error<D::Error>> {
        let role = RoleName::Timestamp;
        let document = present(answer, role)?;
        let wanted = Wanted {
            role,
            bytes_max: context.limits.timestamp_bytes_max,
            pinned: None,
        };
        let (file, content) = read(document, &wanted, TimestampBody::default())?;
        // §5.4.2
        let offered = Unverified {
            document,
            role,
            file,
            content,
        };
        let offered = offered.verify(Proof::Signatures(&[self.keys.timestamp()]))?;
        let newest = newest(context, &offered)?;
        context.check_expiry(role, newest.file.expires)?;
        // §5.4.5
        context.remember(|trusted| trusted.timestamp = Some(newest));
        Ok(Ladder::Snapshot(ExpectSnapshot::new(
            context,
            self.keys.clone(),
            newest.snapshot,
        )))
    }
}

/// §5.4.3: never an older timestamp or snapshot than before. The same version is nothing new: the one already trusted
/// stays, whatever the other one says.
fn newest(context: &Context, offered: &Verified<Pinned>) -> Result<TimestampFacts, Rejected> {
    let new = TimestampFacts {
        file: *offered.file(),
        snapshot: *offered.content(),
    };
    let Some(old) = context.trusted().timestamp else {
        return Ok(new);
    };
    let rollback = |role, trusted, offered| Err(Rejected::Rollback { role, trusted, offered });
    if new.file.version < old.file.version {
        return rollback(RoleName::Timestamp, old.file.version, new.file.version);
    }
    if new.file.version == old.file.version {
        return Ok(old);
    }
    if new.snapshot.version < old.snapshot.version {
        return rollback(RoleName::Snapshot, old.snapshot.version, new.snapshot.version);
    }
    Ok(new)
}
