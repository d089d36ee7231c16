//! The update cycle without what it remembers: it says what to fetch, takes what came, and ends with a target or a refusal.

use crate::{
    error::{Error, Misuse},
    ladder::{
        self, AfterFile, AfterRoot, ExpectRoot, ExpectSnapshot, ExpectTargets, ExpectTimestamp, Needed, Progress,
        Stage, Top,
    },
    limits::Limits,
    names::{DelegatedName, FileName},
    read::{meta::MetaContent, root::RootKeys, targets::TargetsContent},
    reading::{Reading, Strict},
    signatures::{Claim, Verified},
    state::{Pinned, Trusted, below, replace},
    target::Resolution,
    whose::{self, Refusals, Refused, Rejected, Whose},
};
use core::ops::{Deref, DerefMut};
use tuffet_wire::{Document, UnixSeconds};

/// What a session waits for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// This file.
    Fetch(Fetch),
    /// Nothing in this run: as many roots as one run may walk were accepted and stored. The next run goes on from there.
    Paused,
    /// Nothing: the search is over, see [`Session::resolution`](crate::Session::resolution).
    Resolved,
}

/// A file that a session needs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Under which name it is served, and so whose it is.
    pub file: FileName,
    /// Never read more than this many bytes.
    pub bytes_max: u32,
    /// Of which bytes a kept copy is as good as a download: if it [matches](Pinned::matches), the same checks run on it. The
    /// strict reading knows the exact bytes of every listed file. The old snapshot is asked for in this way too.
    pub pinned: Option<Pinned>,
}

/// Where the time of an update cycle comes from. It is fixed for the whole cycle (§5.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ClockPolicy {
    /// A clock that was set by somebody whom the device's owner trusts: the cycle goes by it, or by the floor if that is later.
    Trusted {
        /// What it shows.
        now: UnixSeconds,
    },
    /// No such clock: the cycle goes by the floor alone, a time that has certainly passed because somebody trusted signed it.
    ///
    /// It never refuses what is still valid. It refuses what expired before the newest signing time that the device saw;
    /// so somebody who shows a device nothing new can hold it at what it knew, for ever, and nothing here notices that
    /// (a freeze). What a device knows it never loses: versions do not fall, whatever the time.
    FloorOnly,
}

impl ClockPolicy {
    /// The time of a cycle that starts from this floor.
    #[must_use]
    pub fn started_at(self, floor: UnixSeconds) -> UnixSeconds {
        match self {
            Self::Trusted { now } => now.max(floor),
            Self::FloorOnly => floor,
        }
    }
}

/// What came of a fetch.
#[derive(Debug)]
pub enum Answer<'a, D> {
    /// The server says that there is no such file.
    Absent,
    /// The whole file.
    Present(&'a mut D),
}

/// Write down, before the next request: the file just received as its role's kept file (root and snapshot always, others
/// where there is room), then [`Session::trusted`](crate::Session::trusted). Kept files of roles that the state has no facts about may go.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Store;

/// One update cycle, and the searches after it, for a caller that keeps the trusted state itself: a small part has no room for a
/// second one. It is the same state in every call. After an error what was stored before counts; what a refused step of a further
/// [search](Self::search) leaves in it is verified all the same, and may be stored. Anybody else takes a
/// [`Session`](crate::Session).
#[derive(Clone, Debug)]
pub struct Walk<R: Reading = Strict> {
    plan: Plan<R>,
    ladder: Ladder<R>,
}

/// What a session waits for, and what it may rely on meanwhile.
#[derive(Clone, Debug)]
pub(crate) enum Ladder<R: Reading> {
    /// For the file of a top-level role; these are the keys of the newest root.
    Top(RootKeys<R>, Rung<R>),
    Paused,
    /// For what a search needs; these are the files it goes on under.
    Search(Top, Stage<R>),
    /// For nothing: an answer was refused.
    Refused,
}

/// Which top-level role it is.
#[derive(Clone, Debug)]
pub(crate) enum Rung<R: Reading> {
    /// The root that is kept: there are no keys yet.
    KeptRoot,
    Root(ExpectRoot),
    Timestamp(ExpectTimestamp),
    Snapshot(ExpectSnapshot<R>),
    Targets(ExpectTargets<R>),
}

/// What stays the same through a walk, or only grows.
#[derive(Clone, Debug)]
pub(crate) struct Plan<R: Reading> {
    is_changed: bool,
    /// Nothing before a search: then the cycle ends with the top-level roles.
    pub wanted: Option<R::TargetName>,
    pub limits: Limits,
    clock: ClockPolicy,
    started_at: UnixSeconds,
    pub searching: Searching,
    /// Of the newest root.
    pub has_consistent_snapshot: bool,
    /// Why the step at hand ends.
    pub refusals: Refusals,
}

/// What all states share: the plan, and what is trusted.
pub(crate) struct Context<'w, R: Reading> {
    plan: &'w mut Plan<R>,
    trusted: &'w mut Trusted<R>,
}

impl<R: Reading> Deref for Context<'_, R> {
    type Target = Plan<R>;

    fn deref(&self) -> &Plan<R> {
        self.plan
    }
}

impl<R: Reading> DerefMut for Context<'_, R> {
    fn deref_mut(&mut self) -> &mut Plan<R> {
        self.plan
    }
}

/// Which search this is: only the first one completes an update cycle.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Searching {
    First,
    Further,
}

impl<R: Reading> Walk<R> {
    /// §5.1: starts a cycle whose time is that of `clock`. It waits for [`open`](Self::open), and until then has neither a request
    /// nor a resolution.
    #[inline(never)]
    pub fn new(trusted: &Trusted<R>, clock: ClockPolicy, limits: &Limits) -> Self {
        Self {
            plan: Plan {
                started_at: clock.started_at(trusted.floor),
                is_changed: false,
                wanted: None,
                limits: *limits,
                clock,
                searching: Searching::First,
                has_consistent_snapshot: true,
                refusals: Refusals::default(),
            },
            ladder: Ladder::Top(RootKeys::none(), Rung::KeptRoot),
        }
    }

    /// §5.2: reads the kept root, to look for `wanted`; without a target the walk ends when the top-level roles are verified, with
    /// none found. After an error nothing is left of it.
    pub fn open<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        wanted: Option<R::TargetName>,
        root: &mut D,
    ) -> Result<(), Error<D::Error>> {
        let Self { plan, ladder } = self;
        plan.wanted = wanted;
        let Ladder::Top(keys, Rung::KeptRoot) = ladder else {
            self.refuse();
            return Err(Misuse::NothingRequested.into());
        };
        match ladder::begin(&mut Context { plan, trusted }, keys, root) {
            Ok(AfterRoot::Paused) => self.pause(),
            Ok(AfterRoot::Root(state)) => self.go_to(Rung::Root(state)),
            Ok(AfterRoot::Timestamp(state)) => self.go_to(Rung::Timestamp(state)),
            Err(error) => {
                self.refuse();
                return Err(error.named(&self.plan.refusals, None));
            }
        }
        Ok(())
    }

    /// What to do next.
    pub fn request(&self, trusted: &Trusted<R>) -> Request {
        let needed = match self.needs(trusted) {
            Some(needed) => needed,
            None if self.is_paused() => return Request::Paused,
            None => return Request::Resolved,
        };
        let role = needed.role;
        // §5.3.11: roots carry their versions in any case.
        let has_version = self.plan.has_consistent_snapshot || role == Whose::Root;
        Request::Fetch(Fetch {
            file: FileName {
                role: role.named(needed.delegated),
                version: needed.which.version().filter(|_| has_version),
            },
            bytes_max: self.plan.limits.bytes_max(role),
            pinned: needed.which.pinned(),
        })
    }

    /// The file that is waited for.
    #[inline(never)]
    fn needs<'a>(&'a self, trusted: &'a Trusted<R>) -> Option<Needed<'a, R>> {
        Some(match &self.ladder {
            Ladder::Top(_, Rung::Root(state)) => state.needs(),
            Ladder::Top(_, Rung::Timestamp(state)) => state.needs(),
            Ladder::Top(_, Rung::Snapshot(state)) => state.needs(trusted),
            Ladder::Top(_, Rung::Targets(state)) => state.needs(trusted),
            Ladder::Search(top, Stage::Targets) => top.needs(),
            Ladder::Search(top, Stage::Delegated(state)) => state.needs(top, trusted),
            Ladder::Top(_, Rung::KeptRoot)
            | Ladder::Paused
            | Ladder::Search(_, Stage::Resolved(_))
            | Ladder::Refused => return None,
        })
    }

    /// Takes what came of the requested fetch: answers with what to write down. After an error nothing is left of the walk, and it
    /// has neither a request nor a resolution any more.
    pub fn take<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<Option<Store>, Error<D::Error>> {
        let Some(needed) = self.needs(trusted) else {
            self.refuse();
            return Err(Misuse::NothingRequested.into());
        };
        let pinned = needed.which.pinned();
        match answer {
            Answer::Absent => self.step(trusted, Answer::<D>::Absent)?,
            Answer::Present(document) => {
                self.step(trusted, Answer::Present(document))?;
                // As many steps as need only the file at hand: usually the delegation that is visited next stands in it.
                while self.waits_for_delegation_in(pinned.as_ref()) {
                    self.step(trusted, Answer::Present(document))?;
                }
            }
        }
        Ok(core::mem::take(&mut self.plan.is_changed).then_some(Store))
    }

    fn waits_for_delegation_in(&self, file: Option<&Pinned>) -> bool {
        match (&self.ladder, file) {
            (Ladder::Search(_, Stage::Delegated(state)), Some(pinned)) => state.waits_for_delegation_in(pinned),
            (_, _) => false,
        }
    }

    /// One step of the ladder. After an error nothing is left of it.
    fn step<D: Document>(&mut self, trusted: &mut Trusted<R>, answer: Answer<'_, D>) -> Result<(), Error<D::Error>> {
        self.climb(trusted, answer).map_err(|error| {
            let named = error.named(&self.plan.refusals, self.refused());
            self.refuse();
            named
        })
    }

    /// The delegated role that a refusal is about.
    fn refused(&self) -> Option<&DelegatedName> {
        match &self.ladder {
            Ladder::Top(_, Rung::Snapshot(state)) => state.refused(),
            Ladder::Search(_, Stage::Delegated(state)) => state.refused(),
            Ladder::Top(..) | Ladder::Paused | Ladder::Search(..) | Ladder::Refused => None,
        }
    }

    /// Holds the answer against what is waited for. Each state has a function of its own, which is not inlined, and neither are those
    /// that put the next one in place: what they make is large, and must not stand on the stack while a file is verified.
    fn climb<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<(), whose::Error<D::Error>> {
        match self.ladder {
            Ladder::Top(_, Rung::Root(_)) => self.after_root(trusted, answer),
            Ladder::Top(_, Rung::Timestamp(_)) => self.after_timestamp(trusted, answer),
            Ladder::Top(_, Rung::Snapshot(_)) => self.after_snapshot(trusted, answer),
            Ladder::Top(_, Rung::Targets(_)) | Ladder::Search(_, Stage::Targets) => self.after_targets(trusted, answer),
            Ladder::Search(_, Stage::Delegated(_)) => self.after_delegated(trusted, answer),
            Ladder::Top(_, Rung::KeptRoot)
            | Ladder::Paused
            | Ladder::Search(_, Stage::Resolved(_))
            | Ladder::Refused => Err(Misuse::NothingRequested.into()),
        }
    }

    #[inline(never)]
    fn after_root<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<(), whose::Error<D::Error>> {
        let Self { plan, ladder } = self;
        let Ladder::Top(keys, rung @ Rung::Root(_)) = ladder else {
            return Err(Misuse::NothingRequested.into());
        };
        let Rung::Root(state) = &rung else {
            return Err(Misuse::NothingRequested.into());
        };
        match state.receive(keys, &mut Context { plan, trusted }, answer)? {
            AfterRoot::Root(next) => *rung = Rung::Root(next),
            AfterRoot::Timestamp(next) => *rung = Rung::Timestamp(next),
            AfterRoot::Paused => self.pause(),
        }
        Ok(())
    }

    #[inline(never)]
    fn after_timestamp<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<(), whose::Error<D::Error>> {
        let Self { plan, ladder } = self;
        let Ladder::Top(keys, Rung::Timestamp(state)) = ladder else {
            return Err(Misuse::NothingRequested.into());
        };
        state.receive(keys, &mut Context { plan, trusted }, answer)?;
        self.expect_snapshot(trusted);
        Ok(())
    }

    #[inline(never)]
    fn after_snapshot<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<(), whose::Error<D::Error>> {
        let Self { plan, ladder } = self;
        let Ladder::Top(keys, Rung::Snapshot(state)) = ladder else {
            return Err(Misuse::NothingRequested.into());
        };
        let (mut claim, mut content) = (Claim::none(), MetaContent::claimed());
        let context = &mut Context { plan, trusted };
        if let Some(snapshot) = state.receive(keys, context, answer, &mut claim, &mut content)? {
            self.expect_targets(snapshot, content.content(snapshot));
        }
        Ok(())
    }

    #[inline(never)]
    fn after_targets<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<(), whose::Error<D::Error>> {
        let Self { plan, ladder } = self;
        let context = &mut Context { plan, trusted };
        let (mut claim, mut content) = (Claim::none(), TargetsContent::claimed());
        match ladder {
            Ladder::Top(keys, Rung::Targets(state)) => {
                let targets = state.receive(keys, context, answer, &mut claim, &mut content)?;
                let top = Top {
                    snapshot: state.snapshot.clone(),
                    targets: targets.clone(),
                };
                *ladder = Ladder::Search(top, Stage::Targets);
            }
            Ladder::Search(top, _) => {
                top.receive_targets(context, answer, &mut claim, &mut content)?;
            }
            Ladder::Top(..) | Ladder::Paused | Ladder::Refused => return Err(Misuse::NothingRequested.into()),
        }
        match ladder {
            Ladder::Search(top, stage) => {
                let content = content.content(&top.targets);
                Ok(ladder::begin_search(context, top, stage, content)?)
            }
            Ladder::Top(..) | Ladder::Paused | Ladder::Refused => Err(Misuse::NothingRequested.into()),
        }
    }

    #[inline(never)]
    fn after_delegated<D: Document>(
        &mut self,
        trusted: &mut Trusted<R>,
        answer: Answer<'_, D>,
    ) -> Result<(), whose::Error<D::Error>> {
        let Self { plan, ladder } = self;
        let Ladder::Search(top, stage) = ladder else {
            return Err(Misuse::NothingRequested.into());
        };
        let Stage::Delegated(state) = stage else {
            return Err(Misuse::NothingRequested.into());
        };
        let context = &mut Context { plan, trusted };
        let (mut claim, mut content) = (Claim::none(), TargetsContent::claimed());
        let last = match state.receive(top, context, answer, &mut claim, &mut content)? {
            Progress::Waiting => return Ok(()),
            Progress::Visited(file) => {
                let content = content.content(file);
                if state.after_file(&context.refusals, file, content)? == AfterFile::Waiting {
                    return Ok(());
                }
                Some((file, content))
            }
            Progress::NotFound => None,
        };
        ladder::end_search(context, top, stage, last);
        Ok(())
    }

    #[inline(never)]
    fn refuse(&mut self) {
        self.ladder = Ladder::Refused;
    }

    #[inline(never)]
    fn pause(&mut self) {
        self.ladder = Ladder::Paused;
    }

    #[inline(never)]
    fn go_to(&mut self, next: Rung<R>) {
        if let Ladder::Top(_, rung) = &mut self.ladder {
            *rung = next;
        }
    }

    /// For the snapshot that the trusted timestamp names.
    #[inline(never)]
    fn expect_snapshot(&mut self, trusted: &Trusted<R>) {
        if let Some(timestamp) = &trusted.timestamp {
            self.go_to(Rung::Snapshot(ExpectSnapshot::new(trusted, timestamp.snapshot.clone())));
        }
    }

    /// For the targets that this snapshot lists.
    #[inline(never)]
    fn expect_targets(&mut self, snapshot: &Verified, content: &MetaContent<R>) {
        if let Some(listed) = content.found.clone() {
            let snapshot = snapshot.clone();
            self.go_to(Rung::Targets(ExpectTargets { snapshot, listed }));
        }
    }

    /// Whether the newest root promises consistent snapshots: then a target is served as `DIGEST.NAME`.
    pub fn has_consistent_snapshot(&self) -> bool {
        self.plan.has_consistent_snapshot
    }

    /// Whether as many roots as one run may walk were accepted; see [`Request::Paused`].
    pub fn is_paused(&self) -> bool {
        matches!(self.ladder, Ladder::Paused)
    }

    /// How the search ended, once the request is [`Request::Resolved`].
    pub fn resolution(&self) -> Option<&Resolution<R>> {
        match &self.ladder {
            Ladder::Search(_, Stage::Resolved(resolution)) => Some(resolution),
            Ladder::Top(..) | Ladder::Paused | Ladder::Search(..) | Ladder::Refused => None,
        }
    }

    /// Looks for another name in the metadata that this cycle verified, by the same checks and at the same time.
    ///
    /// It may be refused, as an expired role is; the first search and what was stored for it stay as they are. It never
    /// raises the floor.
    #[inline(never)]
    pub fn search(&mut self, wanted: R::TargetName) -> Result<(), Misuse> {
        let Ladder::Search(_, stage @ Stage::Resolved(_)) = &mut self.ladder else {
            return Err(Misuse::NotResolved);
        };
        *stage = Stage::Targets;
        if self.plan.wanted.replace(wanted).is_some() {
            self.plan.searching = Searching::Further;
        }
        Ok(())
    }
}

impl<R: Reading> Context<'_, R> {
    pub fn trusted(&self) -> &Trusted<R> {
        self.trusted
    }

    /// Changes what is remembered; the shell is told to store it if that made a difference, which `change` says.
    pub fn remember(&mut self, change: impl FnOnce(&mut Trusted<R>) -> bool) {
        self.plan.is_changed |= change(self.trusted);
    }

    /// A role above replaced keys, so what the old keys said about the time is forgotten: its own signing time counts.
    ///
    /// A signer that does not say when it signed leaves the floor as it is.
    pub fn reset_floor(&mut self, signed_at: UnixSeconds, expires: &[UnixSeconds]) {
        if signed_at > UnixSeconds::ZERO {
            self.remember(|trusted| replace(&mut trusted.floor, below(signed_at, expires)));
            self.plan.started_at = self.plan.clock.started_at(self.trusted.floor);
        }
    }

    /// The cycle is complete: the newest signing time in it has passed. The floor stays below the expiry of every file
    /// that needs an offline key to be renewed, so a stolen online key cannot lock a device out.
    pub fn raise_floor(&mut self, signed_at: &[UnixSeconds], expires: &[UnixSeconds]) {
        let newest = signed_at.iter().copied().max().unwrap_or(UnixSeconds::ZERO);
        let floor = self.trusted.floor.max(below(newest, expires));
        self.remember(|trusted| replace(&mut trusted.floor, floor));
    }
}

impl<R: Reading> Plan<R> {
    /// The name that is looked for; the empty one before a search.
    pub fn wanted_name(&self) -> &str {
        self.wanted.as_ref().map_or("", AsRef::as_ref)
    }

    /// §5.3.10, §5.4.4, §5.5.6, §5.6.6: valid later than the time at which this cycle started.
    pub fn check_expiry(&self, role: Whose, expires: UnixSeconds) -> Result<(), Refused> {
        let started_at = self.started_at;
        if expires > started_at {
            Ok(())
        } else {
            Err(self.refusals.refuse(Rejected::Expired {
                role,
                expires,
                started_at,
            }))
        }
    }
}
