//! §5.4: which snapshot is the newest.

use super::{Needed, Which, present};
use crate::{
    read::{
        Wanted,
        meta::{MetaBody, MetaContent},
        root::RootKeys,
    },
    reading::Reading,
    signatures::{self, Claim, Proof},
    state::{FileFacts, TimestampFacts, replace},
    walk::{Answer, Context},
    whose::{Error, Refused, Rejected, Whose},
};
use tuffet_wire::Document;

/// Waits for the timestamp.
#[derive(Clone, Debug)]
pub(crate) struct ExpectTimestamp;

impl ExpectTimestamp {
    pub fn needs<R: Reading>(&self) -> Needed<'_, R> {
        Needed::of_top(Whose::Timestamp, Which::Newest)
    }

    /// What it says of the snapshot is trusted afterwards.
    #[inline(never)]
    pub fn receive<R: Reading, D: Document>(
        &self,
        keys: &RootKeys<R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<(), Error<D::Error>> {
        let role = Whose::Timestamp;
        let document = present(context, answer, role)?;
        let wanted = Wanted {
            role,
            bytes_max: context.limits.timestamp_bytes_max,
            listed: None,
            refusals: &context.refusals,
        };
        let (mut claim, mut content) = (Claim::none(), MetaContent::<R>::claimed());
        let mut body = MetaBody::timestamp(&mut content);
        // §5.4.2
        let proof = Proof::Signatures(&[keys.timestamp()]);
        let offered = signatures::verify(document, wanted, &mut claim, &mut body, proof)?;
        let Some(snapshot) = &content.content(offered).found else {
            // Invariant: a timestamp without it was refused when it was read.
            let role = Whose::Snapshot;
            return Err(context.refusals.refuse(Rejected::Absent { role }).into());
        };
        Ok(accept(context, offered.file(), snapshot)?)
    }
}

/// §5.4.3 to §5.4.5.
#[inline(never)]
fn accept<R: Reading>(context: &mut Context<'_, R>, offered: &FileFacts, snapshot: &R::Listed) -> Result<(), Refused> {
    let is_newer = is_newer(context, offered, snapshot)?;
    // The same version is nothing new: the one already trusted stays, whatever the other one says.
    let expires = match &context.trusted().timestamp {
        Some(known) if !is_newer => known.file.expires,
        _ => offered.expires,
    };
    context.check_expiry(Whose::Timestamp, expires)?;
    if is_newer {
        let new = TimestampFacts {
            file: *offered,
            snapshot: snapshot.clone(),
        };
        context.remember(|trusted| replace(&mut trusted.timestamp, Some(new)));
    }
    Ok(())
}

/// §5.4.3: whether it is a newer one; never an older timestamp or snapshot than before.
#[inline(never)]
fn is_newer<R: Reading>(context: &Context<'_, R>, offered: &FileFacts, snapshot: &R::Listed) -> Result<bool, Refused> {
    let Some(old) = &context.trusted().timestamp else {
        return Ok(true);
    };
    let rollback = |role, trusted, offered| {
        let rejected = Rejected::Rollback { role, trusted, offered };
        Err(context.refusals.refuse(rejected))
    };
    let (trusted, new) = (old.file.version, offered.version);
    if new < trusted {
        return rollback(Whose::Timestamp, trusted, new);
    }
    if new == trusted {
        return Ok(false);
    }
    let (trusted, new) = (R::version(&old.snapshot), R::version(snapshot));
    if new < trusted {
        return rollback(Whose::Snapshot, trusted, new);
    }
    Ok(true)
}
