//! The update cycle as one value: it says what to fetch, takes what came, and ends with a target or a refusal.

use crate::{
    error::{Error, Misuse, Rejected},
    ladder::{self, ExpectDelegated, ExpectRoot, ExpectSnapshot, ExpectTargets, ExpectTimestamp, Resolved},
    limits::Limits,
    names::{FileName, RoleName, TargetName},
    state::{Pinned, TrustedState, below},
    target::Resolution,
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
    /// Exactly which bytes, if that is known. Then a kept copy that [matches](Pinned::matches) is as good as a download,
    /// and the same checks run on it. The old snapshot is asked for in this way too.
    pub pinned: Option<Pinned>,
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
pub struct Step {
    /// Goes on from here.
    pub session: Session,
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
#[derive(Debug)]
pub struct Session {
    context: Context,
    ladder: Ladder,
}

/// What a session waits for, and what it may rely on meanwhile.
#[derive(Debug)]
pub(crate) enum Ladder {
    Root(ExpectRoot),
    Paused,
    Timestamp(ExpectTimestamp),
    Snapshot(ExpectSnapshot),
    Targets(ExpectTargets),
    Delegated(ExpectDelegated),
    Resolved(Resolved),
    /// For nothing: an answer was refused.
    Refused,
}

/// What all states share.
#[derive(Debug)]
pub(crate) struct Context {
    trusted: TrustedState,
    is_changed: bool,
    pub wanted: TargetName,
    pub limits: Limits,
    now: UnixSeconds,
    started_at: UnixSeconds,
    pub searching: Searching,
}

/// Which search this is: only the first one completes an update cycle.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Searching {
    First,
    Further,
}

impl Session {
    /// §5.1, §5.2: starts an update cycle from the kept root and what was remembered with it.
    ///
    /// `now` is the shell's clock, fixed for the whole cycle; a shell without one says [`UnixSeconds::ZERO`]. The cycle
    /// goes by the later one of it and the remembered floor.
    #[inline(never)]
    pub fn begin<D: Document>(
        root: &mut D,
        trusted: TrustedState,
        wanted: TargetName,
        now: UnixSeconds,
        limits: &Limits,
    ) -> Result<Self, Error<D::Error>> {
        let mut context = Context {
            started_at: now.max(trusted.floor),
            trusted,
            is_changed: false,
            wanted,
            limits: *limits,
            now,
            searching: Searching::First,
        };
        let ladder = ladder::begin(&mut context, root)?;
        Ok(Self { context, ladder })
    }

    /// What to do next.
    pub fn request(&self) -> Request {
        match &self.ladder {
            Ladder::Root(state) => Request::Fetch(state.fetch(&self.context)),
            Ladder::Paused => Request::Paused,
            Ladder::Timestamp(state) => Request::Fetch(state.fetch(&self.context)),
            Ladder::Snapshot(state) => Request::Fetch(state.fetch(&self.context)),
            Ladder::Targets(state) => Request::Fetch(state.fetch(&self.context)),
            Ladder::Delegated(state) => Request::Fetch(state.fetch(&self.context)),
            Ladder::Resolved(_) | Ladder::Refused => Request::Resolved,
        }
    }

    /// Takes what came of the requested fetch.
    pub fn receive<D: Document>(mut self, answer: Answer<'_, D>) -> Result<Step, Error<D::Error>> {
        let store = self.take(answer)?;
        Ok(Step { session: self, store })
    }

    /// The same where the session stands, for a caller that has no room to move it: answers with what to write down. After
    /// an error nothing is left in it, and it has neither a request nor a resolution any more.
    pub fn take<D: Document>(&mut self, answer: Answer<'_, D>) -> Result<Option<Store>, Error<D::Error>> {
        let (role, pinned) = match self.request() {
            Request::Fetch(fetch) => (fetch.role, fetch.pinned),
            Request::Paused | Request::Resolved => {
                self.ladder = Ladder::Refused;
                return Err(Misuse::NothingRequested.into());
            }
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

    fn waits_for_delegation_in(&self, file: Option<Pinned>) -> bool {
        match (&self.ladder, file) {
            (Ladder::Delegated(state), Some(pinned)) => state.waits_for_delegation_in(&pinned),
            (_, _) => false,
        }
    }

    /// One step of the ladder.
    #[inline(never)]
    fn step<D: Document>(&mut self, answer: Answer<'_, D>) -> Result<(), Error<D::Error>> {
        let context = &mut self.context;
        let mut left = core::mem::replace(&mut self.ladder, Ladder::Refused);
        // By reference: else each of these would have a copy of its state on the stack, below which the others verify.
        self.ladder = match &mut left {
            Ladder::Root(state) => state.receive(context, answer)?,
            Ladder::Timestamp(state) => state.receive(context, answer)?,
            Ladder::Snapshot(state) => state.receive(context, answer)?,
            Ladder::Targets(state) => state.receive(context, answer)?,
            Ladder::Delegated(state) => state.receive(context, answer)?,
            Ladder::Paused | Ladder::Resolved(_) | Ladder::Refused => return Err(Misuse::NothingRequested.into()),
        };
        Ok(())
    }

    /// What to remember; complete after every accepted answer.
    pub fn trusted(&self) -> &TrustedState {
        &self.context.trusted
    }

    /// How the search ended, once the request is [`Request::Resolved`].
    pub fn resolution(&self) -> Option<&Resolution> {
        match &self.ladder {
            Ladder::Resolved(state) => Some(state.resolution()),
            Ladder::Root(_)
            | Ladder::Paused
            | Ladder::Timestamp(_)
            | Ladder::Snapshot(_)
            | Ladder::Targets(_)
            | Ladder::Delegated(_)
            | Ladder::Refused => None,
        }
    }

    /// Looks for another name in the metadata that this cycle verified, by the same checks and at the same time.
    ///
    /// It may be refused, as an expired role is; the first search and what was stored for it stay as they are. It never
    /// raises the floor.
    #[inline(never)]
    pub fn search(self, wanted: TargetName) -> Result<Self, Misuse> {
        let Self {
            mut context,
            ladder: Ladder::Resolved(resolved),
        } = self
        else {
            return Err(Misuse::NotResolved);
        };
        context.wanted = wanted;
        context.searching = Searching::Further;
        Ok(Self {
            context,
            ladder: Ladder::Targets(resolved.search()),
        })
    }
}

impl Context {
    pub fn trusted(&self) -> &TrustedState {
        &self.trusted
    }

    /// Changes what is remembered; the shell is told to store it if that made a difference.
    pub fn remember(&mut self, change: impl FnOnce(&mut TrustedState)) {
        let before = self.trusted;
        change(&mut self.trusted);
        self.is_changed |= self.trusted != before;
    }

    /// §5.3.10, §5.4.4, §5.5.6, §5.6.6: valid later than the time at which this cycle started.
    pub fn check_expiry(&self, role: RoleName, expires: UnixSeconds) -> Result<(), Rejected> {
        let started_at = self.started_at;
        if expires > started_at {
            Ok(())
        } else {
            Err(Rejected::Expired {
                role,
                expires,
                started_at,
            })
        }
    }

    /// A role above replaced keys, so what the old keys said about the time is forgotten: its own signing time counts.
    ///
    /// A signer that does not say when it signed leaves the floor as it is.
    pub fn reset_floor(&mut self, signed_at: UnixSeconds, expires: &[UnixSeconds]) {
        if signed_at > UnixSeconds::ZERO {
            self.remember(|trusted| trusted.floor = below(signed_at, expires));
            self.started_at = self.now.max(self.trusted.floor);
        }
    }

    /// The cycle is complete: the newest signing time in it has passed. The floor stays below the expiry of every file
    /// that needs an offline key to be renewed, so a stolen online key cannot lock a device out.
    pub fn raise_floor(&mut self, signed_at: &[UnixSeconds], expires: &[UnixSeconds]) {
        let newest = signed_at.iter().copied().max().unwrap_or(UnixSeconds::ZERO);
        self.remember(|trusted| trusted.floor = trusted.floor.max(below(newest, expires)));
    }
}
