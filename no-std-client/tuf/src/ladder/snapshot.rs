//! §5.5: which versions belong together, and that none of them went back.

use super::{ExpectTargets, check_version, present};
use crate::{
    error::{Error, Rejected},
    names::{FileName, RoleName},
    read::{
        Wanted, read,
        root::RootKeys,
        snapshot::{OldFiles, OldSnapshotBody, Regression, SnapshotBody, SnapshotContent},
    },
    session::{Answer, Context, Fetch, Ladder},
    signatures::{Proof, Unverified, Verified},
    state::{FileFacts, Pinned},
};
use tuffet_wire::Document;

/// Waits for the snapshot that the timestamp names; before it, if there is one, for the snapshot trusted until now.
#[derive(Debug)]
pub(crate) struct ExpectSnapshot {
    keys: RootKeys,
    pinned: Pinned,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// The old snapshot, to take out its files from this position on.
    Old { old: FileFacts, start: u32 },
    /// The new one, which has to list these.
    New(OldFiles),
}

impl ExpectSnapshot {
    pub fn new(context: &Context, keys: RootKeys, pinned: Pinned) -> Self {
        let next = match context.trusted().snapshot {
            Some(old) if old.digest != pinned.digest => Next::Old { old, start: 0 },
            // The very same bytes, or the first snapshot: nothing to compare.
            _ => Next::New(OldFiles::default()),
        };
        Self { keys, pinned, next }
    }

    pub fn fetch(&self, context: &Context) -> Fetch {
        let role = RoleName::Snapshot;
        let pinned = match &self.next {
            Next::Old { old, .. } => old.pinned(),
            Next::New(_) => self.pinned,
        };
        let file = FileName {
            role,
            version: Some(pinned.version),
        };
        Fetch {
            role,
            file,
            bytes_max: context.limits.snapshot_bytes_max,
            pinned: Some(pinned),
        }
    }

    #[inline(never)]
    pub fn receive<D: Document>(
        &mut self,
        context: &mut Context,
        answer: Answer<'_, D>,
    ) -> Result<Ladder, Error<D::Error>> {
        let Self { keys, pinned, next } = self;
        let pinned = *pinned;
        match next {
            Next::Old { old, start } => {
                // Neither kept nor served any more: without it a rollback could not be seen.
                let Answer::Present(document) = answer else {
                    return Err(Error::DamagedStore {
                        role: RoleName::Snapshot,
                    });
                };
                let files = read_old(context, document, old, *start)?;
                Ok(Ladder::Snapshot(Self {
                    keys: keys.clone(),
                    pinned,
                    next: Next::New(files),
                }))
            }
            Next::New(files) => {
                let document = present(answer, RoleName::Snapshot)?;
                let new = verify(context, document, keys, &pinned, files)?;
                match (files.next_start(), context.trusted().snapshot) {
                    (Some(start), Some(old)) => Ok(Ladder::Snapshot(Self {
                        keys: keys.clone(),
                        pinned,
                        next: Next::Old { old, start },
                    })),
                    _ => Ok(accept(context, keys.clone(), new)?),
                }
            }
        }
    }
}

#[inline(never)]
fn read_old<D: Document>(
    context: &Context,
    document: &mut D,
    old: &FileFacts,
    start: u32,
) -> Result<OldFiles, Error<D::Error>> {
    let role = RoleName::Snapshot;
    let wanted = Wanted {
        role,
        bytes_max: context.limits.snapshot_bytes_max,
        pinned: Some(old.pinned()),
    };
    let (file, content) = read(document, &wanted, OldSnapshotBody::from(start))?;
    let (_, files) = Unverified {
        document,
        role,
        file,
        content,
    }
    .verify(Proof::SameBytes(old))?
    .split();
    Ok(files)
}

#[inline(never)]
fn verify<D: Document>(
    context: &Context,
    document: &mut D,
    keys: &RootKeys,
    pinned: &Pinned,
    files: &mut OldFiles,
) -> Result<Verified<SnapshotContent>, Error<D::Error>> {
    let role = RoleName::Snapshot;
    // §5.5.1, §5.5.2
    let wanted = Wanted {
        role,
        bytes_max: context.limits.snapshot_bytes_max,
        pinned: Some(*pinned),
    };
    let (file, content) = read(document, &wanted, SnapshotBody::new(&RoleName::Targets, files))?;
    // §5.5.3
    let new = Unverified {
        document,
        role,
        file,
        content,
    }
    .verify(Proof::Signatures(&[keys.snapshot()]))?;
    // §5.5.4
    check_version(role, pinned.version, new.file().version)?;
    // §5.5.5
    match (new.content().regression, context.trusted().snapshot) {
        (Some(Regression::Lower { role, trusted, offered }), _) => {
            Err(Rejected::Rollback { role, trusted, offered }.into())
        }
        (Some(Regression::Vanished), Some(old)) => Err(Rejected::RoleVanished {
            trusted: old.version,
            offered: pinned.version,
        }
        .into()),
        _ => Ok(new),
    }
}

/// §5.5.6, §5.5.7
#[inline(never)]
fn accept(context: &mut Context, keys: RootKeys, new: Verified<SnapshotContent>) -> Result<Ladder, Rejected> {
    context.check_expiry(RoleName::Snapshot, new.file().expires)?;
    let (snapshot, content) = new.split();
    let targets = content.found.ok_or(Rejected::NotInSnapshot {
        role: RoleName::Targets,
    })?;
    context.remember(|trusted| trusted.snapshot = Some(*snapshot.file()));
    Ok(Ladder::Targets(ExpectTargets::after_snapshot(keys, snapshot, targets)))
}
