//! §5.5: which versions belong together, and that none of them went back.

use super::{ExpectTargets, check_version, present};
use crate::{
    names::{DelegatedName, RoleName},
    read::{
        Received, Wanted,
        root::RootKeys,
        snapshot::{OldFiles, Regression, SnapshotBody, SnapshotContent},
    },
    reading::Reading,
    signatures::{Proof, Unverified, Verified},
    state::{FileFacts, Trusted, replace},
    walk::{Answer, Context, Fetch, Plan},
    whose::{Error, Refused, Rejected, Whose},
};
use tuffet_wire::Document;

/// Waits for the snapshot that the timestamp names; before it, if there is one, for the snapshot trusted until now.
#[derive(Clone, Debug)]
pub(crate) struct ExpectSnapshot<R: Reading> {
    listed: R::Listed,
    next: Next,
    /// What the new one has to list.
    files: OldFiles<R>,
}

#[derive(Clone, Debug)]
enum Next {
    /// The old snapshot, to take out its files from this position on.
    Old { old: FileFacts, start: u32 },
    /// The new one.
    New,
    /// Nothing: the new one lists this role with a lower version.
    Lower(DelegatedName),
}

impl<R: Reading> ExpectSnapshot<R> {
    pub fn new(trusted: &Trusted<R>, listed: R::Listed) -> Self {
        let next = match trusted.snapshot {
            Some(old) if R::kept(&listed, None) != Some(old.pinned()) => Next::Old { old, start: 0 },
            // Exactly the same bytes are listed, or this is the first snapshot: nothing to compare.
            _ => Next::New,
        };
        Self {
            listed,
            next,
            files: OldFiles::default(),
        }
    }

    pub fn fetch(&self, plan: &Plan<R>, trusted: &Trusted<R>) -> Fetch {
        let role = RoleName::Snapshot;
        let (version, pinned) = match &self.next {
            Next::Old { old, .. } => (old.version, Some(old.pinned())),
            Next::New | Next::Lower(_) => {
                let trusted = trusted.snapshot.map(|trusted| trusted.pinned());
                (R::version(&self.listed), R::kept(&self.listed, trusted))
            }
        };
        Fetch {
            role,
            file: plan.file_name(role, version),
            bytes_max: plan.limits.snapshot_bytes_max,
            pinned,
        }
    }

    /// The delegated role that a refusal is about.
    pub fn refused(&self) -> Option<&DelegatedName> {
        match &self.next {
            Next::Lower(name) => Some(name),
            Next::Old { .. } | Next::New => None,
        }
    }

    /// Gives the snapshot and what it says of the targets, once the new one was held against all of the old one.
    #[inline(never)]
    pub fn receive<D: Document>(
        &mut self,
        keys: &RootKeys<R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
    ) -> Result<Option<ExpectTargets<R>>, Error<D::Error>> {
        let Self { listed, next, files } = self;
        match next {
            Next::Old { old, start } => {
                // Neither kept nor served any more: without it a rollback could not be seen.
                let Answer::Present(document) = answer else {
                    return Err(Error::DamagedStore { role: Whose::Snapshot });
                };
                *files = OldFiles::from(*start);
                read_old(context, document, old, files)?;
                *next = Next::New;
                Ok(None)
            }
            Next::New | Next::Lower(_) => {
                let document = present(context, answer, Whose::Snapshot)?;
                let new = verify(context, document, keys, listed, next, files)?;
                match (files.next_start(), context.trusted().snapshot) {
                    (Some(start), Some(old)) => {
                        // All rounds are about one file, however little was listed of it.
                        *listed = R::exactly(new.file().pinned());
                        *next = Next::Old { old, start };
                        Ok(None)
                    }
                    _ => Ok(Some(accept(context, new)?)),
                }
            }
        }
    }
}

#[inline(never)]
fn read_old<R: Reading, D: Document>(
    context: &Context<'_, R>,
    document: &mut D,
    old: &FileFacts,
    files: &mut OldFiles<R>,
) -> Result<(), Error<D::Error>> {
    let wanted = Wanted::<R>::exactly(
        &context.refusals,
        Whose::Snapshot,
        context.limits.snapshot_bytes_max,
        old.pinned(),
    );
    let mut received = Received::new(document, wanted);
    let (file, _) = received.read(SnapshotBody::old(files))?;
    Unverified {
        received: &mut received,
        file,
        content: (),
    }
    .verify(Proof::SameBytes(old))?;
    Ok(())
}

#[inline(never)]
fn verify<R: Reading, D: Document>(
    context: &Context<'_, R>,
    document: &mut D,
    keys: &RootKeys<R>,
    listed: &R::Listed,
    next: &mut Next,
    files: &mut OldFiles<R>,
) -> Result<Verified<SnapshotContent<R>>, Error<D::Error>> {
    let role = Whose::Snapshot;
    // §5.5.1, §5.5.2
    let wanted = Wanted {
        role,
        bytes_max: context.limits.snapshot_bytes_max,
        listed: Some(listed.clone()),
        refusals: &context.refusals,
    };
    let mut received = Received::new(document, wanted);
    let (file, content) = received.read(SnapshotBody::new(&RoleName::Targets, files))?;
    // §5.5.3
    let new = Unverified {
        received: &mut received,
        file,
        content,
    }
    .verify(Proof::Signatures(&[keys.snapshot()]))?;
    // §5.5.4
    check_version(context, role, R::version(listed), new.file().version)?;
    // §5.5.5
    match (&new.content().regression, context.trusted().snapshot) {
        (Some(Regression::Lower { role, trusted, offered }), _) => {
            if let RoleName::Delegated(name) = role {
                *next = Next::Lower(*name);
            }
            let (role, trusted, offered) = (Whose::of(role), *trusted, *offered);
            let rejected = Rejected::Rollback { role, trusted, offered };
            Err(context.refusals.refuse(rejected).into())
        }
        (Some(Regression::Vanished), Some(old)) => {
            let (trusted, offered) = (old.version, new.file().version);
            let rejected = Rejected::RoleVanished { trusted, offered };
            Err(context.refusals.refuse(rejected).into())
        }
        _ => Ok(new),
    }
}

/// §5.5.6, §5.5.7
#[inline(never)]
fn accept<R: Reading>(
    context: &mut Context<'_, R>,
    new: Verified<SnapshotContent<R>>,
) -> Result<ExpectTargets<R>, Refused> {
    context.check_expiry(Whose::Snapshot, new.file().expires)?;
    let (snapshot, content) = new.split();
    let Some(targets) = content.found else {
        let role = Whose::Targets;
        return Err(context.refusals.refuse(Rejected::NotInSnapshot { role }));
    };
    context.remember(|trusted| replace(&mut trusted.snapshot, Some(*snapshot.file())));
    Ok(ExpectTargets::after_snapshot(snapshot, targets))
}
