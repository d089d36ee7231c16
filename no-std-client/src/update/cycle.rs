//! The first half of an update: from the stored root to the decision.

use super::{Considered, Context, Decided, Error, ListedTarget, Phase, Request};
use crate::device::Device;
use crate::failure::{DocumentFault, Failure};
use crate::hashed::Hashed;
use crate::state::{DeviceState, Remembered, Standing};
use tuffet_release::{
    DOCUMENT_BYTES_MAX, Decision, Gate, Pointer, ROLLOUT_BYTES_MAX, Release, RolloutExtract, Rule, Version, WaitReason,
    Wanted, decide, names,
};
use tuffet_tuf::{
    Algorithms, Answer, ClockPolicy, Fetch, FileFacts, FileName, Rejected, Resolution, RoleName, Store, Strict,
    TargetName, VerifiedTarget, Walk,
};
use tuffet_wire::{Digest, Document};

/// A cycle under way.
pub struct Cycle<A: Algorithms> {
    walk: Walk<Strict<A>>,
    step: Step,
}

/// Where it stands.
enum Step {
    /// Waits for the stored root.
    Root,
    /// Walks the ladder towards a target.
    Search { goal: Goal, waits: Waits },
    /// Waits for the release document, which the walk has found.
    Document(Pointer),
    /// Waits for the rollout file, which the walk has found.
    Rollout(Remembered),
}

/// What a search waits for.
#[derive(Copy, Clone)]
enum Waits {
    /// For the next file.
    Fetch,
    /// A file of this role was verified and must be stored before the ladder goes on.
    Store(RoleName),
}

/// What a search is for.
#[derive(Copy, Clone)]
enum Goal {
    Pointer,
    /// The rollout of this release.
    Rollout(Remembered),
}

/// Waits for the document that is stored, to decide about it. A device has no room to keep a release while it looks for its
/// rollout.
pub struct Stored {
    pub(super) remembered: Remembered,
    opening: Opening,
}

/// What is known of the rollout.
#[derive(Copy, Clone)]
enum Opening {
    /// What this cycle found, by a role that is valid in it.
    Found,
    /// What is remembered of it from an earlier cycle.
    Remembered,
    Missing,
    Expired,
}

impl Stored {
    pub(super) const fn of(remembered: &Remembered) -> Self {
        Self {
            remembered: *remembered,
            opening: Opening::Remembered,
        }
    }
}

impl<A: Algorithms> Cycle<A> {
    pub(super) fn begin(device: &Device, state: &DeviceState, clock: ClockPolicy) -> Self {
        Self {
            walk: Walk::new(&state.trusted, clock, &device.limits),
            step: Step::Root,
        }
    }

    pub(super) fn request(&self, context: &Context<'_>) -> Request<'_> {
        let trusted = &context.state.trusted;
        match &self.step {
            Step::Root => Request::Metadata(Fetch {
                role: RoleName::Root,
                file: FileName {
                    version: Some(trusted.root.version),
                    role: RoleName::Root,
                },
                bytes_max: context.device.limits.root_bytes_max,
                pinned: Some(trusted.root.pinned()),
            }),
            Step::Search {
                waits: Waits::Store(role),
                ..
            } => Request::Store { role },
            Step::Search { .. } => match self.walk.request(trusted) {
                tuffet_tuf::Request::Fetch(fetch) => Request::Metadata(fetch),
                // Neither is ever seen here: `advance` leaves a search at once when it ends.
                tuffet_tuf::Request::Paused | tuffet_tuf::Request::Resolved => Request::Decided,
            },
            Step::Document(_) | Step::Rollout(_) => match self.walk.resolution() {
                Some(Resolution::Found(target)) => Request::Target(ListedTarget {
                    name: target.name(),
                    digest: target.digest(),
                    length: target.length(),
                }),
                // Nor is this: both are entered with what was found.
                Some(Resolution::NotFound) | None => Request::Decided,
            },
        }
    }
}

/// §5.3.10 and its like once more, on the facts that are remembered: nothing that the decision rests on has expired.
pub(super) fn check_remembered(device: &Device, state: &DeviceState, clock: ClockPolicy) -> Result<(), Failure> {
    let trusted = &state.trusted;
    let now = clock.started_at(trusted.floor);
    let facts: [Option<&FileFacts>; 5] = [
        Some(&trusted.root),
        trusted.timestamp.as_ref().map(|timestamp| &timestamp.file),
        trusted.snapshot.as_ref(),
        trusted.targets.as_ref(),
        trusted.delegated(device.product.as_str()).map(|known| &known.file),
    ];
    let is_valid = |facts: &Option<&FileFacts>| facts.is_some_and(|facts| facts.expires > now);
    match state.release {
        Standing::Known(_) | Standing::NoRelease if facts.iter().all(is_valid) => Ok(()),
        Standing::Known(_) | Standing::NoRelease | Standing::Unknown => Err(Failure::StoredTooOld),
    }
}

/// What follows a step.
enum Next {
    /// Something else is waited for, in the same phase.
    Stay,
    /// The decision about the document that is stored.
    Stored(Stored),
    /// The cycle ends without a release.
    Told(Decided),
}

/// Takes a file, or the word that there is none. After an error the phase is left.
pub(super) fn receive<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let cycle = match phase {
        Phase::Cycle(cycle) => cycle,
        Phase::Stored(_) => return receive_stored(phase, context, answer),
        Phase::Decided(_) | Phase::Install(_) | Phase::Refused => return Err(Failure::Misuse.into()),
    };
    let next = match cycle.step {
        Step::Root => receive_root(cycle, context, answer)?,
        Step::Search {
            waits: Waits::Fetch, ..
        } => receive_metadata(cycle, context, answer)?,
        Step::Document(pointer) => return receive_document(phase, context, pointer, answer),
        Step::Rollout(remembered) => receive_rollout(cycle, context, remembered, answer)?,
        Step::Search {
            waits: Waits::Store(_), ..
        } => return Err(Failure::Misuse.into()),
    };
    go_on(phase, next);
    Ok(())
}

/// Notes that a file is on the disk. After an error the phase is left.
pub(super) fn stored<A: Algorithms>(phase: &mut Phase<A>, context: &mut Context<'_>) -> Result<(), Failure> {
    let Phase::Cycle(cycle) = phase else {
        return Err(Failure::Misuse);
    };
    let Step::Search {
        waits: waits @ Waits::Store(_),
        ..
    } = &mut cycle.step
    else {
        return Err(Failure::Misuse);
    };
    *waits = Waits::Fetch;
    let next = advance(cycle, context)?;
    go_on(phase, next);
    Ok(())
}

#[inline(never)]
fn go_on<A: Algorithms>(phase: &mut Phase<A>, next: Next) {
    *phase = match next {
        Next::Stay => return,
        Next::Stored(stored) => Phase::Stored(stored),
        Next::Told(decided) => Phase::Decided(Considered { decided, release: None }),
    };
}

// Each step below is a function of its own, so that only the one that is taken has room on the stack.

#[inline(never)]
fn receive_root<A: Algorithms, D: Document>(
    cycle: &mut Cycle<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<Next, Error<D::Error>> {
    let Answer::Present(root) = answer else {
        return Err(Failure::NoRoot.into());
    };
    let device = context.device;
    let wanted = target_name(&names::pointer(&device.product, &device.hardware, &device.channel))?;
    let opened = cycle.walk.open(&mut context.state.trusted, Some(wanted), root);
    opened.map_err(rejected)?;
    cycle.step = Step::Search {
        goal: Goal::Pointer,
        waits: Waits::Fetch,
    };
    Ok(advance(cycle, context)?)
}

#[inline(never)]
fn receive_metadata<A: Algorithms, D: Document>(
    cycle: &mut Cycle<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<Next, Error<D::Error>> {
    let Step::Search { goal, waits } = &mut cycle.step else {
        return Err(Failure::Misuse.into());
    };
    match (cycle.walk.take(&mut context.state.trusted, answer), goal) {
        // An expired rollout role makes the release wait; it does not end the cycle.
        (Err(tuffet_tuf::Error::Rejected(Rejected::Expired { .. })), Goal::Rollout(remembered)) => {
            Ok(decide_with(remembered, Opening::Expired))
        }
        // Nor does one that cannot be used: its key can delay a release, and never longer than the release allows. It may be
        // there the next time, so what is stored does not carry the decision.
        (Err(tuffet_tuf::Error::Rejected(_)), Goal::Rollout(remembered)) => {
            context.state.release = Standing::Unknown;
            Ok(decide_with(remembered, Opening::Missing))
        }
        (Err(error), _) => Err(rejected(error)),
        (Ok(None), _) => Ok(advance(cycle, context)?),
        (Ok(Some(Store { role })), goal) => {
            if let Goal::Pointer = goal {
                // What was known of the release is older than this; the end of the cycle says it anew.
                (context.state.release, context.state.rollout) = (Standing::Unknown, None);
            }
            *waits = Waits::Store(role);
            Ok(Next::Stay)
        }
    }
}

const fn decide_with(remembered: &Remembered, opening: Opening) -> Next {
    Next::Stored(Stored {
        remembered: *remembered,
        opening,
    })
}

/// Leaves a search that has come to its end; stays in one that has not.
#[inline(never)]
fn advance<A: Algorithms>(cycle: &mut Cycle<A>, context: &mut Context<'_>) -> Result<Next, Failure> {
    let Step::Search { goal, .. } = &cycle.step else {
        return Err(Failure::Misuse);
    };
    let Some(resolution) = cycle.walk.resolution() else {
        return Ok(match cycle.walk.is_paused() {
            true => Next::Told(Decided::MoreRoots),
            false => Next::Stay,
        });
    };
    match (resolution, goal) {
        (Resolution::NotFound, Goal::Pointer) => {
            // A release that was withdrawn must not be decided about again.
            (context.state.release, context.state.rollout) = (Standing::NoRelease, None);
            return Ok(Next::Told(Decided::NoRelease));
        }
        (Resolution::Found(target), Goal::Pointer) => {
            if target.length() > u64::from(DOCUMENT_BYTES_MAX) {
                let bytes_max = DOCUMENT_BYTES_MAX;
                return Err(Failure::Document(DocumentFault::TooLong { bytes_max }));
            }
            let pointer = pointer_of(target).ok_or(Failure::Document(DocumentFault::PointerCustom))?;
            cycle.step = Step::Document(pointer);
        }
        (Resolution::Found(target), Goal::Rollout(remembered)) if target.length() <= u64::from(ROLLOUT_BYTES_MAX) => {
            cycle.step = Step::Rollout(*remembered);
        }
        (Resolution::NotFound | Resolution::Found(_), Goal::Rollout(remembered)) => {
            return Ok(decide_with(remembered, Opening::Missing));
        }
    }
    Ok(Next::Stay)
}

#[inline(never)]
fn receive_document<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    pointer: Pointer,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Cycle(cycle) = phase else {
        return Err(Failure::Misuse.into());
    };
    let Some(Resolution::Found(target)) = cycle.walk.resolution() else {
        return Err(Failure::Misuse.into());
    };
    let remembered = Remembered {
        pointer,
        // Invariant: longer targets were refused before they were asked for.
        length: u32::try_from(target.length()).unwrap_or(u32::MAX),
    };
    let mut release = Release::nothing();
    read_release(context, &remembered, answer, &mut release)?;
    context.state.release = Standing::Known(remembered);
    context.state.rollout = None;
    let decided = decision(context, &pointer, &release, Gate::Missing)?;
    let asks_for_rollout = matches!(release.rule, Rule::Required { .. });
    // The rollout is looked up only if it is what the release waits for.
    if asks_for_rollout && matches!(decided, Decided::Install | Decided::Wait(_)) {
        let next = search_rollout(cycle, context, remembered)?;
        go_on(phase, next);
    } else {
        settle(phase, decided, release);
    }
    Ok(())
}

#[inline(never)]
fn search_rollout<A: Algorithms>(
    cycle: &mut Cycle<A>,
    context: &mut Context<'_>,
    remembered: Remembered,
) -> Result<Next, Failure> {
    let device = context.device;
    let wanted = target_name(&names::rollout(&device.product, &device.hardware, &device.channel))?;
    cycle.walk.search(wanted).map_err(|_| Failure::Misuse)?;
    cycle.step = Step::Search {
        goal: Goal::Rollout(remembered),
        waits: Waits::Fetch,
    };
    advance(cycle, context)
}

#[inline(never)]
fn receive_rollout<A: Algorithms, D: Document>(
    cycle: &Cycle<A>,
    context: &mut Context<'_>,
    remembered: Remembered,
    answer: Answer<'_, D>,
) -> Result<Next, Error<D::Error>> {
    let Some(Resolution::Found(target)) = cycle.walk.resolution() else {
        return Err(Failure::Misuse.into());
    };
    match read_target(target.digest(), target.length(), answer, RolloutExtract::parse) {
        Ok(rollout) => {
            context.state.rollout = Some(rollout);
            Ok(decide_with(&remembered, Opening::Found))
        }
        // A file that cannot be used counts as none: whoever holds the rollout key can delay, and no more. One that did not
        // come as it is listed may be there the next time.
        Err(Error::Failure(Failure::Document(fault))) => {
            if is_not_the_file(fault) {
                context.state.release = Standing::Unknown;
            }
            Ok(decide_with(&remembered, Opening::Missing))
        }
        Err(error) => Err(error),
    }
}

/// The document as it was verified, and what is known of its rollout.
#[inline(never)]
fn receive_stored<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Stored(Stored { remembered, opening }) = *phase else {
        return Err(Failure::Misuse.into());
    };
    let (decided, release) = settle_in_place(phase).ok_or(Failure::Misuse)?;
    match read_release(context, &remembered, answer, release) {
        // A copy that was damaged or overwritten since an earlier cycle is no news: the repository has the document.
        Err(Error::Failure(Failure::Document(fault)))
            if matches!(opening, Opening::Remembered) && is_not_the_file(fault) =>
        {
            return Err(Failure::StoredTooOld.into());
        }
        read => read?,
    }
    let gate = match (opening, &context.state.rollout) {
        (Opening::Expired, _) => Gate::Expired,
        (Opening::Remembered, Some(_)) if is_rollout_role_expired(context) => Gate::Expired,
        (Opening::Found | Opening::Remembered, Some(rollout)) => Gate::Present(rollout),
        (Opening::Missing, _) | (Opening::Found | Opening::Remembered, None) => Gate::Missing,
    };
    *decided = decision(context, &remembered.pointer, release, gate)?;
    Ok(())
}

/// Room for a decision and its release, which are read in place; an error leaves the phase, and them.
fn settle_in_place<A: Algorithms>(phase: &mut Phase<A>) -> Option<(&mut Decided, &mut Release)> {
    *phase = Phase::Decided(Considered {
        decided: Decided::NoRelease,
        release: None,
    });
    match phase {
        Phase::Decided(Considered { decided, release }) => Some((decided, release.insert(Release::nothing()))),
        Phase::Cycle(_) | Phase::Stored(_) | Phase::Install(_) | Phase::Refused => None,
    }
}

#[inline(never)]
fn settle<A: Algorithms>(phase: &mut Phase<A>, decided: Decided, release: Release) {
    *phase = Phase::Decided(Considered {
        decided,
        release: Some(release),
    });
}

/// Whether another file came than the one that is listed, or none.
const fn is_not_the_file(fault: DocumentFault) -> bool {
    matches!(
        fault,
        DocumentFault::Digest | DocumentFault::Length | DocumentFault::Missing
    )
}

fn is_rollout_role_expired(context: &Context<'_>) -> bool {
    let trusted = &context.state.trusted;
    let now = context.clock.started_at(trusted.floor);
    let role = names::rollout_role(&context.device.product);
    let known = trusted.delegated(role.as_str());
    known.is_none_or(|known| known.file.expires <= now)
}

/// Reads the release document, into a release that is of no use after an error.
#[inline(never)]
fn read_release<D: Document>(
    context: &Context<'_>,
    remembered: &Remembered,
    answer: Answer<'_, D>,
    release: &mut Release,
) -> Result<(), Error<D::Error>> {
    let (digest, length) = (&remembered.pointer.release, u64::from(remembered.length));
    let wanted = wanted_image(context);
    read_target(digest, length, answer, |document| release.read(document, &wanted))
}

fn wanted_image(context: &Context<'_>) -> Wanted {
    let device = context.device;
    Wanted {
        hardware: device.hardware,
        component: device.component,
        address: device.address(context.running.spare()),
        running: context.running.confirmed().map(|confirmed| confirmed.image.digest),
        profile: device.intake.profile(),
    }
}

fn pointer_of<A: Algorithms>(target: &VerifiedTarget<Strict<A>>) -> Option<Pointer> {
    let custom = target.custom();
    let security_version = custom.security_version()?;
    Pointer::parse(*target.digest(), custom.version()?, security_version, custom.class()?)
}

/// Parses a target in one reading, and answers with what it says only if it is the very file that was signed.
fn read_target<'d, D: Document + 'd, T>(
    digest: &Digest,
    length: u64,
    answer: Answer<'d, D>,
    parse: impl FnOnce(&mut Hashed<'d, D>) -> Result<T, tuffet_release::ReadError<D::Error>>,
) -> Result<T, Error<D::Error>> {
    let Answer::Present(document) = answer else {
        return Err(Failure::Document(DocumentFault::Missing).into());
    };
    if u64::from(document.length()) != length {
        return Err(Failure::Document(DocumentFault::Length).into());
    }
    let mut hashed = Hashed::new(document);
    let parsed = parse(&mut hashed);
    // The digest is judged first: what another file says, and how badly, is of no interest.
    if hashed.finish().map_err(Error::Document)? != *digest {
        return Err(Failure::Document(DocumentFault::Digest).into());
    }
    parsed.map_err(|error| match error {
        tuffet_release::ReadError::Storage(error) => Error::Document(error),
        tuffet_release::ReadError::Malformed(malformed) => {
            Failure::Document(DocumentFault::Malformed(malformed)).into()
        }
        tuffet_release::ReadError::TooLong { bytes_max } => {
            Failure::Document(DocumentFault::TooLong { bytes_max }).into()
        }
    })
}

#[inline(never)]
fn decision(context: &Context<'_>, pointer: &Pointer, release: &Release, gate: Gate<'_>) -> Result<Decided, Failure> {
    let (version, digest, security_version_jump_max) = match context.running.confirmed() {
        Some(confirmed) => {
            let digest = confirmed.image.digest;
            let version = context.state.version_of(&digest).ok_or(Failure::UnknownImage)?;
            (version, digest, tuffet_boot::SECURITY_VERSION_JUMP_MAX)
        }
        // In the factory there is nothing to go back to, and no counter to use up.
        None => (Version::ZERO, [0; 32], u32::MAX),
    };
    let device = tuffet_release::Device {
        product: &context.device.product,
        version,
        digest: &digest,
        counter: context.running.counter(),
        security_version_jump_max,
        failed: context.running.failed(),
        slot_bytes: context.device.slot_bytes,
        seed: &context.device.seed,
    };
    Ok(match decide(&device, pointer, release, gate, context.signed_now()) {
        Decision::Install => Decided::Install,
        // A device in the factory has no seed yet, and so no place in a wave. A paused release is not built in all the same.
        Decision::Wait(WaitReason::NotInWaveYet { .. }) if context.running.confirmed().is_none() => Decided::Install,
        Decision::Refuse(refusal) => Decided::Refuse(refusal),
        Decision::UpToDate => Decided::UpToDate,
        Decision::Wait(reason) => Decided::Wait(reason),
    })
}

fn target_name(name: &tuffet_release::Name) -> Result<TargetName, Failure> {
    TargetName::new(name.as_str()).ok_or(Failure::Misuse)
}

fn rejected<E>(error: tuffet_tuf::Error<E>) -> Error<E> {
    match error {
        tuffet_tuf::Error::DamagedStore { role: RoleName::Root } => Failure::NoRoot.into(),
        tuffet_tuf::Error::DamagedStore { role } => Failure::KeptFileLost { role }.into(),
        tuffet_tuf::Error::UnstableDocument { .. } => Failure::UnstableDocument.into(),
        tuffet_tuf::Error::Rejected(rejected) => Failure::Rejected(rejected).into(),
        tuffet_tuf::Error::Storage(error) => Error::Document(error),
        // `Error` may grow: what this machine does not know, it cannot have asked for.
        tuffet_tuf::Error::Misuse(_) | _ => Failure::Misuse.into(),
    }
}
