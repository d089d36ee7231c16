//! The update cycle as one value: it says what to fetch, takes what came, and ends with a target or a refusal.

use crate::{
    error::{Error, Misuse},
    ladder::{
        self, AfterFile, AfterRoot, ExpectDelegated, ExpectRoot, ExpectSnapshot, ExpectTargets, ExpectTargetsAgain,
        ExpectTimestamp, Progress, Resolved, Visited,
    },
    limits::Limits,
    names::{DelegatedName, FileName, RoleName, RoleVersion},
    read::root::RootKeys,
    reading::{Reading, Strict},
    signatures::{Proof, Verified},
    state::{Pinned, TrustedState, below, replace},
    target::Resolution,
    whose::{self, Refusals, Refused, Rejected, Whose},
};
use tuffet_wire::{Document, UnixSeconds};

/// What a session waits for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// This file.
    Fetch(Fetch),
    /// Nothing in this run: as many roots as one run may walk were accepted and stored. The next run goes on from there.
    Paused,
    /// Nothing: the search is over, see [`Session::resolution`].
    Resolved,
}

/// A file that a session needs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Whose file.
    pub role: RoleName,
    /// Under which name it is served.
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

/// A session after an accepted answer.
#[derive(Debug)]
pub struct Step<R: Reading = Strict> {
    /// Goes on from here.
    pub session: Session<R>,
    /// What to write down before the next request.
    pub store: Option<Store>,
}

/// Write down, before the next request: the file just received as `role`'s kept file (root and snapshot always, others
/// where there is room), then [`Session::trusted`]. Kept files of roles that the state has no facts about may go.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Whose file was received.
    pub role: RoleName,
}

/// One update cycle, and the searches after it.
///
/// A refusal consumes the session: there is nothing half trusted to go on with. What was stored stays valid.
#[derive(Clone, Debug)]
pub struct Session<R: Reading = Strict> {
    context: Context<R>,
    ladder: Ladder<R>,
}

/// What a session waits for, and what it may rely on meanwhile.
#[derive(Clone, Debug)]
pub(crate) enum Ladder<R: Reading> {
    /// For the file of a top-level role; these are the keys of the newest root.
    Top(RootKeys<R>, Rung<R>),
    Paused,
    TargetsAgain(ExpectTargetsAgain<R>),
    Delegated(ExpectDelegated<R>),
    Resolved(Resolved<R>),
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

/// What all states share.
#[derive(Clone, Debug)]
pub(crate) struct Context<R: Reading> {
    trusted: TrustedState<R>,
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

/// Which search this is: only the first one completes an update cycle.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Searching {
    First,
    Further,
}

impl<R: Reading> Session<R> {
    /// §5.1, §5.2: starts an update cycle from the kept root and what was remembered with it.
    ///
    /// The time is that of `clock`, for the whole cycle.
    #[inline(never)]
    pub fn begin<D: Document>(
        root: &mut D,
        trusted: TrustedState<R>,
        wanted: R::TargetName,
        clock: ClockPolicy,
        limits: &Limits,
    ) -> Result<Self, Error<D::Error>> {
        Self::start(root, trusted, Some(wanted), clock, limits)
    }

    /// The same without a target: it ends when the top-level roles are verified, with none found. A
    /// [search](Self::search) goes on from there, and if the first one finds its target, that completes the cycle.
    pub fn refresh<D: Document>(
        root: &mut D,
        trusted: TrustedState<R>,
        clock: ClockPolicy,
        limits: &Limits,
    ) -> Result<Self, Error<D::Error>> {
        Self::start(root, trusted, None, clock, limits)
    }

    fn start<D: Document>(
        root: &mut D,
        trusted: TrustedState<R>,
        wanted: Option<R::TargetName>,
        clock: ClockPolicy,
        limits: &Limits,
    ) -> Result<Self, Error<D::Error>> {
        let mut session = Self::before_root(trusted, wanted, clock, limits);
        session.open(root)?;
        Ok(session)
    }

    /// The same in two steps, for a caller that has no room to move a session while it reads: this one waits for
    /// [`open`](Self::open), and until then has neither a request nor a resolution.
    #[inline(never)]
    pub fn before_root(
        trusted: TrustedState<R>,
        wanted: Option<R::TargetName>,
        clock: ClockPolicy,
        limits: &Limits,
    ) -> Self {
        Self {
            context: Context {
                started_at: clock.started_at(trusted.floor),
                trusted,
                is_changed: false,
                wanted,
                limits: *limits,
                clock,
                searching: Searching::First,
                has_consistent_snapshot: true,
                refusals: Refusals::default(),
            },
            ladder: Ladder::Top(RootKeys::none(), Rung::KeptRoot),
        }
    }

    /// §5.2: reads the kept root. After an error nothing is left in the session.
    pub fn open<D: Document>(&mut self, root: &mut D) -> Result<(), Error<D::Error>> {
        let Ladder::Top(keys, Rung::KeptRoot) = &mut self.ladder else {
            self.refuse();
            return Err(Misuse::NothingRequested.into());
        };
        match ladder::begin(&mut self.context, keys, root) {
            Ok(AfterRoot::Paused) => self.pause(),
            Ok(AfterRoot::Root(state)) => self.expect_root(state),
            Ok(AfterRoot::Timestamp(state)) => self.expect_timestamp(state),
            Err(error) => {
                self.refuse();
                return Err(error.named(&self.context.refusals, None));
            }
        }
        Ok(())
    }

    /// What to do next.
    pub fn request(&self) -> Request {
        let context = &self.context;
        Request::Fetch(match &self.ladder {
            Ladder::Top(_, Rung::Root(state)) => state.fetch(context),
            Ladder::Top(_, Rung::Timestamp(state)) => state.fetch(context),
            Ladder::Top(_, Rung::Snapshot(state)) => state.fetch(context),
            Ladder::Top(_, Rung::Targets(state)) => state.fetch(context),
            Ladder::TargetsAgain(state) => state.fetch(context),
            Ladder::Delegated(state) => state.fetch(context),
            Ladder::Paused => return Request::Paused,
            Ladder::Top(_, Rung::KeptRoot) | Ladder::Resolved(_) | Ladder::Refused => return Request::Resolved,
        })
    }

    /// Takes what came of the requested fetch.
    pub fn receive<D: Document>(mut self, answer: Answer<'_, D>) -> Result<Step<R>, Error<D::Error>> {
        let store = self.take(answer)?;
        Ok(Step { session: self, store })
    }

    /// The same where the session stands, for a caller that has no room to move it: answers with what to write down. After
    /// an error nothing is left in it, and it has neither a request nor a resolution any more.
    pub fn take<D: Document>(&mut self, answer: Answer<'_, D>) -> Result<Option<Store>, Error<D::Error>> {
        let Some((role, pinned)) = self.awaited() else {
            self.refuse();
            return Err(Misuse::NothingRequested.into());
        };
        match answer {
            Answer::Absent => self.step(Answer::<D>::Absent)?,
            Answer::Present(document) => {
                self.step(Answer::Present(document))?;
                // As many steps as need only the file at hand: usually the delegation that is visited next stands in it.
                while self.waits_for_delegation_in(pinned) {
                    self.step(Answer::Present(document))?;
                }
            }
        }
        Ok(core::mem::take(&mut self.context.is_changed).then_some(Store { role }))
    }

    /// Whose file is waited for, and exactly which one if that is known.
    #[inline(never)]
    fn awaited(&self) -> Option<(RoleName, Option<Pinned>)> {
        match self.request() {
            Request::Fetch(fetch) => Some((fetch.role, fetch.pinned)),
            Request::Paused | Request::Resolved => None,
        }
    }

    fn waits_for_delegation_in(&self, file: Option<Pinned>) -> bool {
        match (&self.ladder, file) {
            (Ladder::Delegated(state), Some(pinned)) => state.waits_for_delegation_in(&pinned),
            (_, _) => false,
        }
    }

    /// One step of the ladder. After an error nothing is left of it.
    fn step<D: Document>(&mut self, answer: Answer<'_, D>) -> Result<(), Error<D::Error>> {
        self.climb(answer).map_err(|error| {
            let named = error.named(&self.context.refusals, self.refused());
            self.refuse();
            named
        })
    }

    /// The delegated role that a refusal is about.
    fn refused(&self) -> Option<&DelegatedName> {
        match &self.ladder {
            Ladder::Top(_, Rung::Snapshot(state)) => state.refused(),
            Ladder::Delegated(state) => state.refused(),
            Ladder::Top(..) | Ladder::Paused | Ladder::TargetsAgain(_) | Ladder::Resolved(_) | Ladder::Refused => None,
        }
    }

    /// Holds the answer against what is waited for. What comes next is put in place by the functions below, which are not inlined:
    /// what they make is large, and must not stand in this frame while files are verified.
    #[inline(never)]
    fn climb<D: Document>(&mut self, answer: Answer<'_, D>) -> Result<(), whose::Error<D::Error>> {
        let context = &mut self.context;
        match &mut self.ladder {
            Ladder::Top(keys, Rung::Root(state)) => match state.receive(keys, context, answer)? {
                AfterRoot::Root(next) => *state = next,
                AfterRoot::Timestamp(next) => self.expect_timestamp(next),
                AfterRoot::Paused => self.pause(),
            },
            Ladder::Top(keys, Rung::Timestamp(state)) => {
                let listed = state.receive(keys, context, answer)?;
                self.expect_snapshot(listed);
            }
            Ladder::Top(keys, Rung::Snapshot(state)) => {
                if let Some(next) = state.receive(keys, context, answer)? {
                    self.expect_targets(next);
                }
            }
            Ladder::Top(keys, Rung::Targets(state)) => {
                let visited = state.receive(Proof::Signatures(&[keys.targets()]), context, answer)?;
                let snapshot = state.snapshot().clone();
                self.begin_search(snapshot, &visited)?;
            }
            Ladder::TargetsAgain(state) => {
                let visited = state.receive(context, answer)?;
                let snapshot = state.snapshot().clone();
                self.begin_search(snapshot, &visited)?;
            }
            Ladder::Delegated(state) => match state.receive(context, answer)? {
                Progress::Waiting => {}
                Progress::Visited(visited) => {
                    if state.after_file(&context.refusals, &visited)? == AfterFile::SearchIsOver {
                        self.end_search(Some(&visited));
                    }
                }
                Progress::NotFound => self.end_search(None),
            },
            Ladder::Top(_, Rung::KeptRoot) | Ladder::Paused | Ladder::Resolved(_) | Ladder::Refused => {
                return Err(Misuse::NothingRequested.into());
            }
        }
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
    fn go_to(&mut self, next: impl FnOnce(&Context<R>) -> Rung<R>) {
        if let Ladder::Top(_, rung) = &mut self.ladder {
            *rung = next(&self.context);
        }
    }

    fn expect_root(&mut self, next: ExpectRoot) {
        self.go_to(|_| Rung::Root(next));
    }

    fn expect_timestamp(&mut self, next: ExpectTimestamp) {
        self.go_to(|_| Rung::Timestamp(next));
    }

    fn expect_snapshot(&mut self, listed: R::Listed) {
        self.go_to(|context| Rung::Snapshot(ExpectSnapshot::new(context, listed)));
    }

    fn expect_targets(&mut self, next: ExpectTargets<R>) {
        self.go_to(|_| Rung::Targets(next));
    }

    #[inline(never)]
    fn begin_search(&mut self, snapshot: Verified<()>, visited: &Visited<R>) -> Result<(), Refused> {
        self.ladder = ladder::begin_search(&mut self.context, snapshot, visited)?;
        Ok(())
    }

    /// The search came to its end, with or without this file.
    #[inline(never)]
    fn end_search(&mut self, last: Option<&Visited<R>>) {
        if let Ladder::Delegated(state) = &self.ladder {
            self.ladder = Ladder::Resolved(state.end(&mut self.context, last));
        }
    }

    /// What to remember; complete after every accepted answer. After an error it is not to be stored: what was stored before
    /// counts.
    pub fn trusted(&self) -> &TrustedState<R> {
        &self.context.trusted
    }

    /// Whether the newest root promises consistent snapshots: then a target is served as `DIGEST.NAME`.
    pub fn has_consistent_snapshot(&self) -> bool {
        self.context.has_consistent_snapshot
    }

    /// How the search ended, once the request is [`Request::Resolved`].
    pub fn resolution(&self) -> Option<&Resolution<R>> {
        match &self.ladder {
            Ladder::Resolved(state) => Some(state.resolution()),
            Ladder::Top(..) | Ladder::Paused | Ladder::TargetsAgain(_) | Ladder::Delegated(_) | Ladder::Refused => None,
        }
    }

    /// Looks for another name in the metadata that this cycle verified, by the same checks and at the same time.
    ///
    /// It may be refused, as an expired role is; the first search and what was stored for it stay as they are. It never
    /// raises the floor.
    #[inline(never)]
    pub fn search(self, wanted: R::TargetName) -> Result<Self, Misuse> {
        let Self {
            mut context,
            ladder: Ladder::Resolved(resolved),
        } = self
        else {
            return Err(Misuse::NotResolved);
        };
        if context.wanted.replace(wanted).is_some() {
            context.searching = Searching::Further;
        }
        Ok(Self {
            context,
            ladder: Ladder::TargetsAgain(resolved.search()),
        })
    }
}

impl<R: Reading> Context<R> {
    pub fn trusted(&self) -> &TrustedState<R> {
        &self.trusted
    }

    /// Changes what is remembered; the shell is told to store it if that made a difference, which `change` says.
    pub fn remember(&mut self, change: impl FnOnce(&mut TrustedState<R>) -> bool) {
        self.is_changed |= change(&mut self.trusted);
    }

    /// The name that is looked for; the empty one before a search.
    pub fn wanted_name(&self) -> &str {
        self.wanted.as_ref().map_or("", AsRef::as_ref)
    }

    /// §5.3.11: the name of a listed file.
    pub fn file_name(&self, role: RoleName, version: RoleVersion) -> FileName {
        FileName {
            role,
            version: self.has_consistent_snapshot.then_some(version),
        }
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

    /// A role above replaced keys, so what the old keys said about the time is forgotten: its own signing time counts.
    ///
    /// A signer that does not say when it signed leaves the floor as it is.
    pub fn reset_floor(&mut self, signed_at: UnixSeconds, expires: &[UnixSeconds]) {
        if signed_at > UnixSeconds::ZERO {
            self.remember(|trusted| replace(&mut trusted.floor, below(signed_at, expires)));
            self.started_at = self.clock.started_at(self.trusted.floor);
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
