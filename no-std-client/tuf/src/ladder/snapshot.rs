//! §5.5: which versions belong together, and that none of them went back.

use super::{Needed, Which, present, verify_known, verify_listed};
use crate::{
    names::{DelegatedName, RoleName, TARGETS},
    read::{
        meta::{MetaBody, MetaContent, OldFiles, Regression},
        root::RootKeys,
    },
    reading::Reading,
    signatures::{Claim, Claimed, Proof, Verified},
    state::{Trusted, replace},
    walk::{Answer, Context},
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
    Old { start: u32 },
    /// The new one.
    New,
    /// Nothing: the new one lists this role with a lower version.
    Lower(RoleName),
}

impl<R: Reading> ExpectSnapshot<R> {
    /// The one that a timestamp lists.
    pub fn new(trusted: &Trusted<R>, listed: R::Listed) -> Self {
        let next = match &trusted.snapshot {
            Some(old) if R::kept(&listed, None) != Some(old.pinned()) => Next::Old { start: 0 },
            // Exactly the same bytes are listed, or this is the first snapshot: nothing to compare.
            _ => Next::New,
        };
        Self {
            listed,
            next,
            files: OldFiles::default(),
        }
    }

    pub fn needs<'a>(&'a self, trusted: &'a Trusted<R>) -> Needed<'a, R> {
        let which = match (&self.next, &trusted.snapshot) {
            (Next::Old { .. }, Some(old)) => Which::Known(old),
            (_, old) => Which::Listed(&self.listed, old.as_ref()),
        };
        Needed::of_top(Whose::Snapshot, which)
    }

    /// The delegated role that a refusal is about.
    pub fn refused(&self) -> Option<&DelegatedName> {
        match &self.next {
            Next::Lower(RoleName::Delegated(name)) => Some(name),
            Next::Lower(_) | Next::Old { .. } | Next::New => None,
        }
    }

    /// Gives the snapshot, with what it says of the targets, once the new one was held against all of the old one.
    #[inline(never)]
    pub fn receive<'c, D: Document>(
        &mut self,
        keys: &RootKeys<R>,
        context: &mut Context<'_, R>,
        answer: Answer<'_, D>,
        claim: &'c mut Claim,
        content: &mut Claimed<MetaContent<R>>,
    ) -> Result<Option<&'c Verified>, Error<D::Error>> {
        let role = Whose::Snapshot;
        if let Next::Old { start } = self.next {
            // Neither kept nor served any more: without it a rollback could not be seen.
            let (Answer::Present(document), Some(old)) = (answer, &context.trusted().snapshot) else {
                return Err(Error::DamagedStore { role });
            };
            self.files = OldFiles::from(start);
            let mut body = MetaBody::old_snapshot(&mut self.files, content);
            verify_known(context, document, role, old, claim, &mut body)?;
            self.next = Next::New;
            return Ok(None);
        }
        let document = present(context, answer, role)?;
        let mut body = MetaBody::snapshot(TARGETS, Some(&mut self.files), content);
        // §5.5.1 to §5.5.4
        let proof = Proof::Signatures(&[keys.snapshot()]);
        let new = verify_listed(context, document, role, &self.listed, claim, &mut body, proof)?;
        self.check_regression(context, new, content.content(new))?;
        if let (Some(start), Some(_)) = (self.files.next_start(), &context.trusted().snapshot) {
            // All rounds are about one file, however little was listed of it.
            self.listed = R::exactly(new.file().pinned());
            self.next = Next::Old { start };
            return Ok(None);
        }
        accept(context, new, content.content(new))?;
        Ok(Some(new))
    }

    /// §5.5.5
    #[inline(never)]
    fn check_regression(
        &mut self,
        context: &Context<'_, R>,
        new: &Verified,
        content: &MetaContent<R>,
    ) -> Result<(), Refused> {
        let rejected = match (&content.regression, &context.trusted().snapshot) {
            (Some(Regression::Lower { role, trusted, offered }), _) => {
                self.next = Next::Lower(*role);
                Rejected::Rollback {
                    role: Whose::of(role),
                    trusted: *trusted,
                    offered: *offered,
                }
            }
            (Some(Regression::Vanished), Some(old)) => Rejected::RoleVanished {
                trusted: old.version,
                offered: new.file().version,
            },
            _ => return Ok(()),
        };
        Err(context.refusals.refuse(rejected))
    }
}

/// §5.5.6, §5.5.7
#[inline(never)]
fn accept<R: Reading>(context: &mut Context<'_, R>, new: &Verified, content: &MetaContent<R>) -> Result<(), Refused> {
    context.check_expiry(Whose::Snapshot, new.file().expires)?;
    if content.found.is_none() {
        let role = Whose::Targets;
        return Err(context.refusals.refuse(Rejected::NotInSnapshot { role }));
    }
    context.remember(|trusted| replace(&mut trusted.snapshot, Some(*new.file())));
    Ok(())
}
