//! The update cycle: what to fetch, what to check, what to do, in the one order there is.
//!
//! - The order: stored root, root chain, timestamp, snapshot, targets, product pointer, release document; if the release asks
//!   for one, the rollout file, and then the document again as it was kept; decision; then hash the running slot (for a delta),
//!   download, mark the slot empty, unpack or decode, read back, trial. A device without room for a file decodes while the
//!   download comes.
//! - [`Update::again`] decides about what is stored, without the repository.
//! - The caller answers [`Request`]s. A file it already holds may answer instead of a download when it has the pinned
//!   digest: the same checks run on it.
//! - What must be stored is stored before the next request ([`Request::Store`]).
//! - A refusal consumes the machine. What was stored before it stays valid: the next cycle starts from there.

mod cycle;
mod install;

use crate::device::{Device, Running};
use crate::failure::{Failure, ImageFault};
use crate::state::{DeviceState, Installed, Remembered, Standing};
use cycle::{Cycle, Stored};
use install::Install;
use tuffet_boot::{Slot, VerifiedImage};
use tuffet_release::{FileRef, Plan, Refusal, Release, Version, WaitReason};
use tuffet_tuf::{Algorithms, Answer, ClockPolicy, Ed25519, Fetch, TargetName};
use tuffet_wire::{Digest, Document, UnixSeconds};

/// What the machine needs next.
#[derive(Debug)]
pub enum Request<'u> {
    /// A metadata file. Answer with [`Update::receive`].
    Metadata(Fetch),
    /// Persist the metadata file just received under its role, then [`Update::state`]; then call [`Update::stored`].
    Store,
    /// The release document or the rollout file, a target. Answer with [`Update::receive`], and keep a document that was
    /// accepted.
    Target(ListedTarget<'u>),
    /// The release document that is stored, or was just kept. Answer with [`Update::receive`].
    Stored(&'u Remembered),
    /// The decision is made: persist [`Update::state`], then see [`Update::considered`]. Go on with [`Update::install`] if it says so.
    Decided,
    /// Bytes of the running slot, from the start, before anything is erased: a delta starts from them. Answer with
    /// [`Update::receive_bytes`].
    HashSource {
        /// The slot.
        slot: Slot,
        /// The offset of the next byte that is needed.
        offset: u32,
        /// The length of the image in bytes.
        length: u32,
    },
    /// Bytes of the image file or patch from `offset` on. Answer with [`Update::receive_bytes`], in pieces of any size; or
    /// with [`Update::failed`], if the repository does not have it.
    Download {
        /// The file.
        file: &'u FileRef,
        /// The offset of the next byte that is needed.
        offset: u32,
    },
    /// Record that the slot holds nothing, before its first erase; then call [`Update::done`].
    MarkEmpty(Slot),
    /// Decode the patch into the slot; then call [`Update::done`], or [`Update::failed`] with what is wrong with it. On a
    /// device that keeps downloads the file is at hand; any other fetches it block by block.
    Decode(Decoding<'u>),
    /// Unpack the downloaded file into the slot; then call [`Update::done`] or [`Update::failed`].
    Unpack {
        /// The slot.
        slot: Slot,
        /// The length of the image in bytes.
        length: u32,
    },
    /// Bytes of the slot as read back, from the start. Answer with [`Update::receive_bytes`].
    ReadBack {
        /// The slot.
        slot: Slot,
        /// The offset of the next byte that is needed.
        offset: u32,
        /// The length of the image in bytes.
        length: u32,
    },
    /// Persist [`Update::state`]: it names what the slot now holds. Then call [`Update::done`].
    StoreState,
    /// The image stands in its slot, verified: take it with [`Update::into_image`] and begin its trial.
    Trial,
}

/// A target that a verified role lists.
#[derive(Copy, Clone, Debug)]
pub struct ListedTarget<'u> {
    name: &'u TargetName,
    digest: &'u Digest,
    length: u64,
}

impl<'u> ListedTarget<'u> {
    /// Its name, without its digest.
    #[must_use]
    pub const fn name(&self) -> &'u TargetName {
        self.name
    }

    /// SHA-256 of the file.
    #[must_use]
    pub const fn digest(&self) -> &'u Digest {
        self.digest
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }
}

/// A patch to decode, and all that the decoder must be told.
#[derive(Copy, Clone, Debug)]
pub struct Decoding<'u> {
    /// The file.
    pub file: &'u FileRef,
    /// How its blocks are authenticated.
    pub pinned: tuffet_patch::Pinned,
    /// What it starts from: the running image, which was hashed, or nothing.
    pub source: tuffet_patch::Image,
    /// What must come out.
    pub result: tuffet_patch::Image,
    /// Where to.
    pub slot: Slot,
}

/// How a device comes to an image.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a patch from the running image.
    Delta,
    /// By the packed full image.
    File,
    /// By a patch from nothing.
    Whole,
}

/// That a delta could not be used and gave way to the full image.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct FellBack {
    /// What was wrong with the delta.
    pub fault: ImageFault,
}

/// Why the machine stopped.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The document handed over could not be read.
    Document(E),
    /// The machine refused.
    Failure(Failure),
}

impl<E> From<Failure> for Error<E> {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What the cycle came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// There is something to install: [`Considered::plan`] says what.
    Install,
    /// The chain of roots goes on: as many as one run may walk were verified and stored. Begin again.
    MoreRoots,
    /// The repository has no release for this product, hardware and channel.
    NoRelease,
    /// The newest release must not be installed here.
    Refuse(Refusal),
    /// The newest release is the confirmed one.
    UpToDate,
    /// The newest release may be installed later.
    Wait(WaitReason),
}

/// The decision, and the release that it is about.
#[derive(Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Considered {
    /// What the cycle came to.
    pub decided: Decided,
    /// The release that was looked at; `None` when there is none.
    pub release: Option<Release>,
}

impl Considered {
    /// What there is to install.
    #[must_use]
    pub fn plan(&self) -> Option<Plan<'_>> {
        match self.decided {
            Decided::Install => self.release.as_ref()?.plan(),
            Decided::MoreRoots | Decided::NoRelease | Decided::Refuse(_) | Decided::UpToDate | Decided::Wait(_) => None,
        }
    }
}

/// One update cycle, which counts signatures of these algorithms.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Update<'d, A: Algorithms = Ed25519> {
    phase: Phase<A>,
    context: Context<'d>,
}

/// What stays the same, or only grows, through all phases.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
struct Context<'d> {
    device: &'d Device,
    clock: ClockPolicy,
    running: Running,
    /// The release document at hand, once there is one: that which a pointer named, or the stored one.
    document: Remembered,
    state: DeviceState,
}

impl Context<'_> {
    /// The signed time of the newest timestamp: the clock by which waves run.
    fn signed_now(&self) -> UnixSeconds {
        self.state
            .trusted
            .timestamp
            .as_ref()
            .map_or(UnixSeconds::new(0), |timestamp| timestamp.file.signed_at)
    }
}

// An update is in one phase at a time, and nothing here may allocate: the sizes of the others do not matter.
#[allow(clippy::large_enum_variant)]
// A tag of its own: one among the values of a time takes more instructions to read. And one with nothing between it and what
// it is about: else a phase is put together in a place of its own before it is moved.
#[repr(u64)]
enum Phase<A: Algorithms> {
    Cycle(Cycle<A>),
    /// Waits for the document that is stored.
    Stored(Stored),
    Decided(Considered),
    Install(Install),
    /// Something was refused, and there is nothing to go on with.
    Refused,
}

impl<A: Algorithms> Phase<A> {
    /// Leaves a phase after an error: whatever it held is gone.
    #[inline(never)]
    fn leave(&mut self) {
        *self = Self::Refused;
    }
}

impl<'d, A: Algorithms> Update<'d, A> {
    /// Begins a cycle. Its time is that of `clock`, fixed for all of it (TUF §5.1).
    #[must_use]
    pub fn begin(device: &'d Device, running: Running, state: DeviceState, clock: ClockPolicy) -> Self {
        let mut update = Self::in_state(device, running, state, clock);
        update.start();
        update
    }

    const fn in_state(device: &'d Device, running: Running, state: DeviceState, clock: ClockPolicy) -> Self {
        Self {
            context: Context {
                device,
                running,
                state,
                clock,
                document: Remembered::NOTHING,
            },
            phase: Phase::Refused,
        }
    }

    /// An update for a small device, which has no room to move one: [what runs](Self::running_mut) and the
    /// [state](Self::state_mut) are read in place, and then it is [started](Self::start), or started [again](Self::start_again).
    pub(crate) fn room(device: &'d Device, clock: ClockPolicy) -> Self {
        Self::in_state(device, Running::factory(), DeviceState::nothing(), clock)
    }

    /// Where what runs is read to, before the start.
    pub(crate) const fn running_mut(&mut self) -> &mut Running {
        &mut self.context.running
    }

    /// Where the state is read to, before the start.
    pub(crate) const fn state_mut(&mut self) -> &mut DeviceState {
        &mut self.context.state
    }

    #[inline(never)]
    pub(crate) fn start(&mut self) {
        let context = &self.context;
        self.phase = Phase::Cycle(Cycle::begin(context.device, &context.state, context.clock));
    }

    /// As [`again`](Self::again) says.
    #[inline(never)]
    pub(crate) fn start_again(&mut self) -> Result<(), Failure> {
        let Context {
            device, state, clock, ..
        } = &self.context;
        cycle::check_remembered(device, state, *clock)?;
        self.phase = match &state.release {
            Standing::Known(remembered) => {
                self.context.document = *remembered;
                Phase::Stored(Stored::REMEMBERED)
            }
            // Of what is not known there is nothing to decide about: it was refused before.
            Standing::NoRelease | Standing::Unknown => Phase::Decided(Considered {
                decided: Decided::NoRelease,
                release: None,
            }),
        };
        Ok(())
    }

    /// Decides again about the release that is stored, without the repository: a wave or a window may have opened. The
    /// stored facts count as far as nothing has expired and nothing was trusted anew since the last completed cycle; else the answer is [`Failure::StoredTooOld`], and a full cycle is
    /// due.
    pub fn again(
        device: &'d Device,
        running: Running,
        state: DeviceState,
        clock: ClockPolicy,
    ) -> Result<Self, Failure> {
        let mut update = Self::in_state(device, running, state, clock);
        update.start_again()?;
        Ok(update)
    }

    /// What the machine needs next.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        match &self.phase {
            Phase::Cycle(cycle) => cycle.request(&self.context),
            Phase::Stored(_) => Request::Stored(&self.context.document),
            // After a refusal there is nothing to ask for, and no decision to see.
            Phase::Decided(_) | Phase::Refused => Request::Decided,
            Phase::Install(install) => install.request(),
        }
    }

    /// What the device trusts, as far as this cycle has come.
    #[must_use]
    pub const fn state(&self) -> &DeviceState {
        &self.context.state
    }

    /// Takes a metadata file or a target, or the word that there is none.
    pub fn receive<D: Document>(mut self, answer: Answer<'_, D>) -> Result<Self, Error<D::Error>> {
        self.take::<D, Error<D::Error>>(answer)?;
        Ok(self)
    }

    /// The same where the machine stands, and with the error of the caller: a small device has no room to move either. A refusal
    /// leaves nothing in it.
    #[inline(never)]
    pub(crate) fn take<D: Document, E: From<Failure> + From<Error<D::Error>>>(
        &mut self,
        answer: Answer<'_, D>,
    ) -> Result<(), E> {
        let taken = cycle::receive(&mut self.phase, &mut self.context, answer);
        if taken.is_err() {
            self.phase.leave();
        }
        taken
    }

    /// Notes that what [`Request::Store`] asked for is on the disk.
    pub fn stored(mut self) -> Result<Self, Failure> {
        self.note_stored()?;
        Ok(self)
    }

    /// The same where the machine stands, and with the error of the caller: to make it of another one would be to copy it.
    pub(crate) fn note_stored<E: From<Failure>>(&mut self) -> Result<(), E> {
        let noted = cycle::stored(&mut self.phase, &mut self.context);
        if noted.is_err() {
            self.phase.leave();
        }
        noted
    }

    /// The decision, once it is made.
    #[must_use]
    pub const fn considered(&self) -> Option<&Considered> {
        match &self.phase {
            Phase::Decided(considered) => Some(considered),
            Phase::Cycle(_) | Phase::Stored(_) | Phase::Install(_) | Phase::Refused => None,
        }
    }

    /// The shortest way to the image that the decision names, with the file to download: what an installation begins with.
    #[must_use]
    pub fn shortest_way(&self) -> Option<(Way, FileRef)> {
        install::shortest_way(&self.context, self.considered()?.plan()?.image)
    }

    /// Goes on to install what the decision names.
    pub fn install(mut self) -> Result<Self, Failure> {
        let plan = self.considered().and_then(Considered::plan).ok_or(Failure::Misuse)?;
        let road = Install::road(&self.context, &plan)?;
        self.phase = Phase::Install(Install::begin(&self.context, &plan, road));
        Ok(self)
    }

    /// The same, apart from all that only the first half needs, and into its place: a small device has no room for both, nor to
    /// move it.
    #[inline(never)]
    pub(crate) fn installation(&self, place: &mut Option<Installation>) -> Result<(), Failure> {
        let plan = self.considered().and_then(Considered::plan).ok_or(Failure::Misuse)?;
        let road = Install::road(&self.context, &plan)?;
        *place = Some(Installation {
            install: Install::begin(&self.context, &plan, road),
        });
        Ok(())
    }

    /// Takes the next bytes of the image file, or of the slot as read back.
    pub fn receive_bytes(mut self, bytes: &[u8]) -> Result<Self, Failure> {
        let Phase::Install(install) = &mut self.phase else {
            return Err(Failure::Misuse);
        };
        install.receive_bytes::<Failure>(bytes)?;
        if let Some((slot, installed)) = install.installed() {
            self.context.state.put(slot, installed);
        }
        Ok(self)
    }

    /// Notes that what was asked for without an answer is done.
    pub fn done(mut self) -> Result<Self, Failure> {
        let Phase::Install(install) = &mut self.phase else {
            return Err(Failure::Misuse);
        };
        install.done::<Failure>()?;
        Ok(self)
    }

    /// Notes that the way in use leads nowhere: the repository does not have the file, or it does not unpack or decode. A
    /// delta gives way to the full image; anything else ends the update.
    pub fn failed(mut self, fault: ImageFault) -> Result<Self, Failure> {
        let Phase::Install(install) = &mut self.phase else {
            return Err(Failure::Misuse);
        };
        install.failed::<Failure>(fault)?;
        Ok(self)
    }

    /// By which way the image comes, once an installation has begun.
    #[must_use]
    pub const fn way(&self) -> Option<Way> {
        match &self.phase {
            Phase::Install(install) => Some(install.way()),
            Phase::Cycle(_) | Phase::Stored(_) | Phase::Decided(_) | Phase::Refused => None,
        }
    }

    /// Whether a delta was given up for the full image, and why. Drivers say so.
    #[must_use]
    pub const fn fell_back(&self) -> Option<FellBack> {
        match &self.phase {
            Phase::Install(install) => install.fell_back(),
            Phase::Cycle(_) | Phase::Stored(_) | Phase::Decided(_) | Phase::Refused => None,
        }
    }

    /// The proof that the slot holds the release's image, for the boot record.
    pub fn into_image(self) -> Result<VerifiedImage, Failure> {
        match self.phase {
            Phase::Install(install) => install.image(),
            Phase::Cycle(_) | Phase::Stored(_) | Phase::Decided(_) | Phase::Refused => Err(Failure::Misuse),
        }
    }
}

/// The second half of an update by itself. It moves where it stands, and a refusal leaves nothing in it. Drive it with
/// [`go_on`](crate::driver::go_on) and, whenever that says so, with a [`Filling`](crate::driver::Filling).
pub struct Installation {
    install: Install,
}

impl Installation {
    pub(crate) fn request(&self) -> Request<'_> {
        self.install.request()
    }

    /// Where the image goes.
    pub(crate) const fn slot(&self) -> Slot {
        self.install.slot()
    }

    /// What the slot is found to hold: the stored state has to say so.
    pub(crate) const fn installed(&self) -> Option<(Slot, Installed)> {
        self.install.installed()
    }

    pub(crate) fn receive_bytes<E: From<Failure>>(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.install.receive_bytes(bytes)
    }

    pub(crate) fn done<E: From<Failure>>(&mut self) -> Result<(), E> {
        self.install.done()
    }

    pub(crate) fn failed<E: From<Failure>>(&mut self, fault: ImageFault) -> Result<(), E> {
        self.install.failed(fault)
    }

    pub(crate) const fn version(&self) -> Version {
        self.install.version()
    }

    pub(crate) const fn way(&self) -> Way {
        self.install.way()
    }

    pub(crate) const fn fell_back(&self) -> Option<FellBack> {
        self.install.fell_back()
    }

    /// The proof that the slot holds the release's image.
    pub fn image(&self) -> Result<VerifiedImage, Failure> {
        self.install.image()
    }
}
