//! The update cycle as one value, with what it remembers.

use crate::{
    error::{Error, Misuse},
    ladder::first_root_in,
    limits::Limits,
    reading::{Reading, Strict},
    state::Trusted,
    target::Resolution,
    walk::{Answer, ClockPolicy, Request, Store, Walk},
};
use tuffet_wire::Document;

/// One update cycle, and the searches after it.
///
/// A refusal consumes the session: there is nothing half trusted to go on with. What was stored stays valid.
#[derive(Clone, Debug)]
pub struct Session<R: Reading = Strict> {
    trusted: Trusted<R>,
    walk: Walk<R>,
}

/// A session after an accepted answer.
#[derive(Debug)]
pub struct Step<R: Reading = Strict> {
    /// Goes on from here.
    pub session: Session<R>,
    /// What to write down before the next request.
    pub store: Option<Store>,
}

impl<R: Reading> Session<R> {
    /// What a device remembers that is given its first root, as [`first_root`](crate::first_root) says.
    pub fn first_root<D: Document>(document: &mut D, limits: &Limits) -> Result<Trusted<R>, Error<D::Error>> {
        first_root_in::<R, D>(document, limits)
    }

    /// §5.1, §5.2: starts an update cycle from the kept root and what was remembered with it.
    ///
    /// The time is that of `clock`, for the whole cycle.
    pub fn begin<D: Document>(
        root: &mut D,
        trusted: Trusted<R>,
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
        trusted: Trusted<R>,
        clock: ClockPolicy,
        limits: &Limits,
    ) -> Result<Self, Error<D::Error>> {
        Self::start(root, trusted, None, clock, limits)
    }

    fn start<D: Document>(
        root: &mut D,
        mut trusted: Trusted<R>,
        wanted: Option<R::TargetName>,
        clock: ClockPolicy,
        limits: &Limits,
    ) -> Result<Self, Error<D::Error>> {
        let mut walk = Walk::new(&trusted, clock, limits);
        walk.open(&mut trusted, wanted, root)?;
        Ok(Self { trusted, walk })
    }

    /// What to do next.
    pub fn request(&self) -> Request {
        self.walk.request(&self.trusted)
    }

    /// Takes what came of the requested fetch.
    pub fn receive<D: Document>(mut self, answer: Answer<'_, D>) -> Result<Step<R>, Error<D::Error>> {
        let store = self.take(answer)?;
        Ok(Step { session: self, store })
    }

    /// The same where the session stands: answers with what to write down. After an error nothing is left in it, and it has neither
    /// a request nor a resolution any more.
    pub fn take<D: Document>(&mut self, answer: Answer<'_, D>) -> Result<Option<Store>, Error<D::Error>> {
        self.walk.take(&mut self.trusted, answer)
    }

    /// What to remember; complete after every accepted answer. After an error it is not to be stored: what was stored before
    /// counts.
    pub fn trusted(&self) -> &Trusted<R> {
        &self.trusted
    }

    /// Whether the newest root promises consistent snapshots: then a target is served as `DIGEST.NAME`.
    pub fn has_consistent_snapshot(&self) -> bool {
        self.walk.has_consistent_snapshot()
    }

    /// How the search ended, once the request is [`Request::Resolved`].
    pub fn resolution(&self) -> Option<&Resolution<R>> {
        self.walk.resolution()
    }

    /// Looks for another name in the metadata that this cycle verified, by the same checks and at the same time.
    ///
    /// It may be refused, as an expired role is; the first search and what was stored for it stay as they are. It never
    /// raises the floor.
    pub fn search(mut self, wanted: R::TargetName) -> Result<Self, Misuse> {
        self.walk.search(wanted)?;
        Ok(self)
    }
}
