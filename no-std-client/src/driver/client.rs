//! A small device: its cycle, its installation, its poll loop.

use super::installing::{self, Next};
use super::{Checking, Filling, Stop, Turn, Work};
use crate::device::{Device, Intake, Running, decoder_profile};
use crate::failure::Failure;
use crate::flash::{Fill, Map, StatePages, Storage, Strategy};
use crate::poll::{AfterPeek, Peeked, Poll, Schedule, Task};
use crate::state::DeviceState;
use crate::transport::{Ask, AsyncTransport, Etag, Opened, Transport};
use crate::update::{Decided, FellBack, Installation, Update, Way};
use core::marker::PhantomData;
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::State;
use tuffet_patch::Decoder;
use tuffet_release::{DOCUMENT_BYTES_MAX, ROLLOUT_BYTES_MAX, Refusal, Version, WaitReason};
use tuffet_tuf::{Algorithms, ClockPolicy, Ed25519, Session, Strict};
use tuffet_wire::UnixSeconds;

/// How often one update may go on along a long chain of roots.
const RUNS_MAX: u32 = 32;

/// Longest timestamp that a peek makes a server begin to send.
const PEEK_BYTES_MAX: u32 = 1_024;

/// What the times are that a device gives the client.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DeviceClock {
    /// They count seconds since 1970, and its owner trusts whoever set the clock.
    Trusted,
    /// They count seconds from any beginning, say from power-up: good for waiting, and not for telling what has expired.
    Uptime,
}

impl DeviceClock {
    const fn policy(self, now: UnixSeconds) -> ClockPolicy {
        match self {
            Self::Trusted => ClockPolicy::Trusted { now },
            Self::Uptime => ClockPolicy::FloorOnly,
        }
    }
}

/// What the maker of a device decides about its updates.
#[derive(Copy, Clone, Debug)]
pub struct Settings {
    /// How many boots a new image has to be confirmed.
    pub trial_attempts: u8,
    /// How often to ask.
    pub schedule: Schedule,
    /// What the device's times are.
    pub clock: DeviceClock,
}

impl Settings {
    /// Three boots, the default schedule, and a clock.
    pub const DEFAULT: Self = Self {
        trial_attempts: 3,
        schedule: Schedule::DEFAULT,
        clock: DeviceClock::Trusted,
    };
}

/// What an update came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new image stands in the spare slot, and the next boot tries it.
    Installed {
        /// Its version.
        version: Version,
        /// By which way it came.
        way: Way,
        /// Whether a delta was given up for it.
        fell_back: Option<FellBack>,
    },
    /// The chain of roots is longer than one update walks; the next one goes on.
    MoreRoots,
    /// The repository has no release for this device.
    NoRelease,
    /// The newest release must not be installed here.
    Refused(Refusal),
    /// The newest release is the confirmed one.
    UpToDate,
    /// The newest release may be installed later.
    Waiting(WaitReason),
}

/// A device with its flash, the decoder `D` of its profile, and the signatures `A` that it counts. The transport is lent to each
/// call, so that the client can stand in a static and the network come and go.
///
/// After [`BootRecords::fail`](tuffet_boot::BootRecords::fail) an image on trial resets, and lets no client work before. With
/// [`Swap`](crate::flash::Swap) an installation is refused until then ([`RegionError::Unsettled`](crate::flash::RegionError));
/// with [`Xip`](crate::flash::Xip) nothing says which slot the program runs from, and an installation would erase it.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Client<'c, F, S, D, A = Ed25519> {
    device: &'c Device,
    storage: Storage<'c, F, S>,
    settings: Settings,
    poll: Poll,
    etag: Option<Etag>,
    decoder: PhantomData<fn() -> D>,
    algorithms: PhantomData<fn() -> A>,
}

/// From where an update starts.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Start {
    /// From the repository, on a device at work.
    AtWork,
    /// From the repository, on a device that runs nothing yet.
    Factory,
    /// From what is stored.
    Stored,
}

/// What an update does after its first half.
enum After {
    Told(Outcome),
    Again,
    Install,
}

impl<'c, F: NorFlash, S: Strategy, D: Decoder, A: Algorithms> Client<'c, F, S, D, A> {
    /// A device after a restart. Refused, as a mistake of the firmware, if the device does not stream patches of the profile
    /// that the decoder takes, or says something else of its slots than the map, or reads longer files than the map has
    /// room for.
    pub fn new(
        device: &'c Device,
        storage: Storage<'c, F, S>,
        settings: Settings,
        now: UnixSeconds,
    ) -> Result<Self, Failure> {
        let is_ours = match device.intake {
            Intake::Streamed(profile) => decoder_profile(profile) == D::PROFILE,
            Intake::Kept => false,
        };
        if !is_ours || !fits(device, storage.map()) {
            return Err(Failure::Misuse);
        }
        Ok(Self {
            device,
            storage,
            settings,
            poll: Poll::after_restart(settings.schedule, now),
            etag: None,
            decoder: PhantomData,
            algorithms: PhantomData,
        })
    }

    /// What runs on the device now.
    pub fn running(&self) -> Result<Running, Stop<F::Error>> {
        let mut running = Running::factory();
        self.look(&mut running)?;
        Ok(running)
    }

    /// The same in place.
    #[inline(never)]
    fn look(&self, running: &mut Running) -> Result<(), Stop<F::Error>> {
        installing::with_records(&self.storage, &mut |records| Ok(running.read(records)?))
    }

    /// When the next [`turn`](Self::turn) is due.
    #[must_use]
    pub const fn due_at(&self) -> UnixSeconds {
        self.poll.due_at()
    }

    /// Room for an update. It is filled where it stands.
    fn room(&self, now: UnixSeconds) -> Update<'c, A> {
        Update::room(self.device, self.settings.clock.policy(now))
    }

    #[inline(never)]
    fn begin(
        &self,
        start: Start,
        update: &mut Update<'c, A>,
        pages: &mut StatePages<'c, F>,
    ) -> Result<(), Stop<F::Error>> {
        if start != Start::Factory {
            self.look(update.running_mut())?;
        }
        pages.read(update.state_mut())?;
        match start {
            Start::AtWork | Start::Factory => update.start(),
            Start::Stored => update.start_again()?,
        }
        Ok(())
    }

    /// Reads the decision off the first half.
    #[inline(never)]
    fn decided(
        &mut self,
        checking: &Checking<'c, 'c, '_, F, S, A>,
        installation: &mut Option<Installation>,
    ) -> Result<After, Stop<F::Error>> {
        if let Some(etag) = checking.etag() {
            self.etag = Some(*etag);
        }
        Ok(After::Told(match &checking.considered()?.decided {
            Decided::Install => {
                checking.installation(installation)?;
                return Ok(After::Install);
            }
            Decided::MoreRoots => return Ok(After::Again),
            Decided::NoRelease => Outcome::NoRelease,
            Decided::Refuse(refusal) => Outcome::Refused(*refusal),
            Decided::UpToDate => Outcome::UpToDate,
            Decided::Wait(reason) => Outcome::Waiting(*reason),
        }))
    }

    /// Begins the trial of an image that was proven.
    fn try_out(&self, installation: &Installation) -> Result<Outcome, Stop<F::Error>> {
        let attempts = self.settings.trial_attempts;
        installing::with_records(&self.storage, &mut |records| {
            Ok(records.begin_trial(installation.image()?, attempts)?)
        })?;
        Ok(Outcome::Installed {
            version: installation.version(),
            way: installation.way(),
            fell_back: installation.fell_back(),
        })
    }

    #[inline(never)]
    fn due(&self, now: UnixSeconds) -> Result<Task, Stop<F::Error>> {
        let mut state = DeviceState::nothing();
        self.storage.state_pages().read(&mut state)?;
        let expires = state.trusted.timestamp.as_ref().map(|timestamp| timestamp.file.expires);
        Ok(self.poll.task(now, expires))
    }

    fn note(
        &mut self,
        outcome: &Result<Outcome, Stop<F::Error>>,
        retry_after_s: Option<u32>,
        now: UnixSeconds,
        random: u32,
    ) {
        if let Err(stop) = outcome {
            // What a server asked for once says nothing about other troubles.
            let is_of_server = matches!(stop, Stop::Transport);
            self.poll.failed(now, retry_after_s.filter(|_| is_of_server), random);
        }
    }
}

/// Whether the device says of its flash what the map says.
fn fits<S: Strategy>(device: &Device, map: &Map<S>) -> bool {
    let [root_a, root_b] = map.roots.map(|span| span.bytes);
    let [snapshot_a, snapshot_b] = map.snapshots.map(|span| span.bytes);
    let (roots, snapshots) = (root_a.min(root_b), snapshot_a.min(snapshot_b));
    let limits = &device.limits;
    device.slot_bytes <= map.slots.slot_bytes()
        && device
            .slot_addresses
            .is_none_or(|addresses| addresses == map.slots.addresses())
        && [
            limits.root_bytes_max,
            limits.targets_bytes_max,
            limits.delegated_bytes_max,
        ]
        .iter()
        .all(|bytes_max| *bytes_max <= roots)
        && [limits.snapshot_bytes_max, limits.timestamp_bytes_max, ROLLOUT_BYTES_MAX]
            .iter()
            .all(|bytes_max| *bytes_max <= snapshots)
        && DOCUMENT_BYTES_MAX <= map.document.bytes
}

/// What follows a peek.
const fn after_peek(opened: Opened) -> AfterPeek {
    Poll::after(match opened {
        Opened::NotModified => Peeked::Unchanged,
        // The cycle fetches it in its turn, and says what is wrong when it is gone.
        Opened::Absent | Opened::Present { .. } => Peeked::Changed,
    })
}

/// The conditional request of a peek.
const fn peek(etag: &Etag) -> Ask<'_> {
    Ask {
        path: "metadata/timestamp.json",
        offset: 0,
        bytes_max: PEEK_BYTES_MAX,
        unless: Some(etag),
    }
}

/// Gives a half what it needs, and waits for it.
#[inline(never)]
fn pump<F: NorFlash, T: Transport>(work: &mut dyn Work<F>, transport: &mut T) -> Result<(), Stop<F::Error>> {
    let mut turn = Turn::Work;
    loop {
        turn = match turn {
            Turn::Work => work.work()?,
            Turn::Open => match transport.open(&work.ask()) {
                Ok(opened) => work.opened(opened)?,
                Err(_) => return Err(Stop::Transport),
            },
            Turn::Read => match transport.read(work.space()) {
                Ok(count) => work.filled(count)?,
                Err(_) if work.broken() => Turn::Open,
                Err(_) => return Err(Stop::Transport),
            },
            Turn::Done => return Ok(()),
        };
    }
}

/// The same, awaited.
async fn pump_async<F: NorFlash, T: AsyncTransport>(
    work: &mut impl Work<F>,
    transport: &mut T,
) -> Result<(), Stop<F::Error>> {
    let mut turn = Turn::Work;
    loop {
        turn = match turn {
            Turn::Work => work.work()?,
            Turn::Open => match transport.open(&work.ask()).await {
                Ok(opened) => work.opened(opened)?,
                Err(_) => return Err(Stop::Transport),
            },
            Turn::Read => match transport.read(work.space()).await {
                Ok(count) => work.filled(count)?,
                Err(_) if work.broken() => Turn::Open,
                Err(_) => return Err(Stop::Transport),
            },
            Turn::Done => return Ok(()),
        };
    }
}

/// Waiting.
impl<'c, F: NorFlash, S: Strategy, D: Decoder, A: Algorithms> Client<'c, F, S, D, A> {
    /// Does what is due, and notes in the schedule how it went. `random` is any uniformly drawn number.
    pub fn turn<T: Transport>(
        &mut self,
        transport: &mut T,
        now: UnixSeconds,
        random: u32,
    ) -> Result<Outcome, Stop<F::Error>> {
        let outcome = self.task(transport, now, random);
        self.note(&outcome, transport.retry_after_s(), now, random);
        outcome
    }

    fn task<T: Transport>(
        &mut self,
        transport: &mut T,
        now: UnixSeconds,
        random: u32,
    ) -> Result<Outcome, Stop<F::Error>> {
        if let (Task::Peek, Some(etag)) = (self.due(now)?, &self.etag) {
            let opened = transport.open(&peek(etag)).map_err(|_| Stop::Transport)?;
            if after_peek(opened) == AfterPeek::DecideAgain {
                match self.again(transport, now) {
                    // What is kept does not carry a decision any more: the repository has it.
                    Err(Stop::Failure(Failure::StoredTooOld)) => {}
                    Err(stop) => return Err(stop),
                    Ok(outcome) => {
                        self.poll.decided(now, random);
                        return Ok(outcome);
                    }
                }
            }
        }
        let outcome = self.update(transport, now)?;
        self.poll.cycled(now, random);
        Ok(outcome)
    }

    /// A full cycle, and the installation of what it finds.
    pub fn update<T: Transport>(&mut self, transport: &mut T, now: UnixSeconds) -> Result<Outcome, Stop<F::Error>> {
        self.run(transport, Start::AtWork, now)
    }

    /// The decision again, about what is stored, and the installation if it says so.
    pub fn again<T: Transport>(&mut self, transport: &mut T, now: UnixSeconds) -> Result<Outcome, Stop<F::Error>> {
        self.run(transport, Start::Stored, now)
    }

    #[inline(never)]
    fn run<T: Transport>(
        &mut self,
        transport: &mut T,
        start: Start,
        now: UnixSeconds,
    ) -> Result<Outcome, Stop<F::Error>> {
        let mut installation = None;
        for _ in 0..RUNS_MAX {
            match self.check(transport, start, now, &mut installation)? {
                After::Told(outcome) => return Ok(outcome),
                After::Again => {}
                After::Install => return self.install(transport, installation.as_mut().ok_or(Failure::Misuse)?),
            }
        }
        Ok(Outcome::MoreRoots)
    }

    /// The factory is for devices that were never provisioned: on any other it would take the running firmware and all that
    /// is trusted away.
    fn check_unprovisioned(&self) -> Result<(), Stop<F::Error>> {
        match self.storage.boot_records()?.state() {
            State::Unprovisioned => Ok(()),
            State::Damaged => Err(Failure::BootRecordDamaged.into()),
            State::Confirmed { .. } | State::Trial { .. } => Err(Failure::AlreadyProvisioned.into()),
        }
    }

    /// The factory's first step: puts the first root, from a place that is trusted, where the device begins. Refused on a
    /// device that is provisioned already.
    pub fn provision_root(&self, root: &[u8]) -> Result<(), Stop<F::Error>> {
        self.check_unprovisioned()?;
        let first = Session::<Strict<A>>::first_root(&mut &*root, &self.device.limits);
        let trusted = first.map_err(|error| match error {
            tuffet_tuf::Error::Rejected(rejected) => Failure::Rejected(rejected),
            tuffet_tuf::Error::Storage(never) => match never {},
            tuffet_tuf::Error::DamagedStore { .. }
            | tuffet_tuf::Error::Misuse(_)
            | tuffet_tuf::Error::UnstableDocument { .. }
            | _ => Failure::NoRoot,
        })?;
        let [area, _] = self.storage.map().roots;
        let mut region = self.storage.region(area);
        let mut fill = Fill::new(area);
        let mut rest = root;
        while !rest.is_empty() {
            let space = fill.space();
            let (piece, others) = rest.split_at_checked(space.len()).unwrap_or((rest, &[]));
            for (place, byte) in space.iter_mut().zip(piece) {
                *place = *byte;
            }
            fill.filled(&mut region, piece.len())?;
            rest = others;
        }
        fill.finish(&mut region)?;
        self.storage.blank_state()?.save(&DeviceState::new(trusted))?;
        Ok(())
    }

    /// The factory's second step: verifies like any device, and makes the first image the confirmed one. Refused on a device
    /// that is provisioned already.
    pub fn provision<T: Transport>(&mut self, transport: &mut T, now: UnixSeconds) -> Result<Version, Stop<F::Error>> {
        self.check_unprovisioned()?;
        let mut installation = None;
        for _ in 0..RUNS_MAX {
            match self.check(transport, Start::Factory, now, &mut installation)? {
                After::Told(outcome) => return Err(Stop::NothingToProvision(outcome)),
                After::Again => {}
                After::Install => {
                    let installation = installation.as_mut().ok_or(Failure::Misuse)?;
                    self.prove(transport, installation)?;
                    self.storage.boot_records()?.provision(installation.image()?.placed())?;
                    return Ok(installation.version());
                }
            }
        }
        Err(Failure::NotProvisioned.into())
    }

    /// The first half: it stands in this frame, and is gone with it.
    #[inline(never)]
    fn check<T: Transport>(
        &mut self,
        transport: &mut T,
        start: Start,
        now: UnixSeconds,
        installation: &mut Option<Installation>,
    ) -> Result<After, Stop<F::Error>> {
        let mut update = self.room(now);
        let mut pages = self.storage.state_pages();
        self.begin(start, &mut update, &mut pages)?;
        let mut checking = Checking::begin(self.storage, pages, &mut update);
        pump(&mut checking, transport)?;
        self.decided(&checking, installation)
    }

    fn install<T: Transport>(
        &mut self,
        transport: &mut T,
        installation: &mut Installation,
    ) -> Result<Outcome, Stop<F::Error>> {
        self.prove(transport, installation)?;
        self.try_out(installation)
    }

    /// Brings the image into its slot.
    fn prove<T: Transport>(
        &mut self,
        transport: &mut T,
        installation: &mut Installation,
    ) -> Result<(), Stop<F::Error>> {
        while installing::go_on(&self.storage, installation)? == Next::Fill {
            self.fill(transport, installation)?;
        }
        Ok(())
    }

    /// Decodes a patch into the slot. The decoder stands in this frame, and is gone with it.
    #[inline(never)]
    fn fill<T: Transport>(&mut self, transport: &mut T, installation: &mut Installation) -> Result<(), Stop<F::Error>> {
        let mut decoder = D::new();
        let mut block = D::block();
        pump(
            &mut Filling::begin(self.storage, installation, &mut decoder, block.as_mut()),
            transport,
        )
    }
}

/// Awaited. The same steps in the same order; what they do stands above, once.
impl<'c, F: NorFlash, S: Strategy, D: Decoder, A: Algorithms> Client<'c, F, S, D, A> {
    /// Like [`turn`](Self::turn).
    pub async fn turn_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        now: UnixSeconds,
        random: u32,
    ) -> Result<Outcome, Stop<F::Error>> {
        let outcome = self.task_async(transport, now, random).await;
        self.note(&outcome, transport.retry_after_s(), now, random);
        outcome
    }

    async fn task_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        now: UnixSeconds,
        random: u32,
    ) -> Result<Outcome, Stop<F::Error>> {
        if let (Task::Peek, Some(etag)) = (self.due(now)?, &self.etag) {
            let opened = transport.open(&peek(etag)).await.map_err(|_| Stop::Transport)?;
            if after_peek(opened) == AfterPeek::DecideAgain {
                match self.again_async(transport, now).await {
                    Err(Stop::Failure(Failure::StoredTooOld)) => {}
                    Err(stop) => return Err(stop),
                    Ok(outcome) => {
                        self.poll.decided(now, random);
                        return Ok(outcome);
                    }
                }
            }
        }
        let outcome = self.update_async(transport, now).await?;
        self.poll.cycled(now, random);
        Ok(outcome)
    }

    /// Like [`update`](Self::update).
    pub async fn update_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        now: UnixSeconds,
    ) -> Result<Outcome, Stop<F::Error>> {
        self.run_async(transport, Start::AtWork, now).await
    }

    /// Like [`again`](Self::again).
    pub async fn again_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        now: UnixSeconds,
    ) -> Result<Outcome, Stop<F::Error>> {
        self.run_async(transport, Start::Stored, now).await
    }

    async fn run_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        start: Start,
        now: UnixSeconds,
    ) -> Result<Outcome, Stop<F::Error>> {
        let mut installation = None;
        for _ in 0..RUNS_MAX {
            let after = {
                let mut update = self.room(now);
                let mut pages = self.storage.state_pages();
                self.begin(start, &mut update, &mut pages)?;
                let mut checking = Checking::begin(self.storage, pages, &mut update);
                pump_async(&mut checking, transport).await?;
                self.decided(&checking, &mut installation)?
            };
            match after {
                After::Told(outcome) => return Ok(outcome),
                After::Again => {}
                After::Install => {
                    let installation = installation.as_mut().ok_or(Failure::Misuse)?;
                    return self.install_async(transport, installation).await;
                }
            }
        }
        Ok(Outcome::MoreRoots)
    }

    async fn install_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        installation: &mut Installation,
    ) -> Result<Outcome, Stop<F::Error>> {
        self.prove_async(transport, installation).await?;
        self.try_out(installation)
    }

    async fn prove_async<T: AsyncTransport>(
        &mut self,
        transport: &mut T,
        installation: &mut Installation,
    ) -> Result<(), Stop<F::Error>> {
        while installing::go_on(&self.storage, installation)? == Next::Fill {
            let mut decoder = D::new();
            let mut block = D::block();
            let mut filling = Filling::begin(self.storage, installation, &mut decoder, block.as_mut());
            pump_async(&mut filling, transport).await?;
        }
        Ok(())
    }
}
