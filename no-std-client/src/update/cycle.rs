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
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Cycle<A: Algorithms> {
    step: Step,
    walk: Walk<Strict<A>>,
}

/// Where it stands.
enum Step {
    /// Waits for the stored root.
    Root,
    /// Walks the ladder towards a target.
    Search { goal: Goal, waits: Waits },
    /// Waits for the release document, which the walk has found.
    Document,
    /// Waits for the rollout file, which the walk has found.
    Rollout,
}

/// What a search waits for.
#[derive(Copy, Clone)]
enum Waits {
    /// For the next file.
    Fetch,
    /// The file that came was verified, and must be stored before the ladder goes on.
    Store,
}

/// What a search is for.
#[derive(Copy, Clone)]
enum Goal {
    Pointer,
    /// The rollout of the release at hand.
    Rollout,
}

/// Waits for the document that is stored, to decide about it. A device has no room to keep a release while it looks for its
/// rollout.
#[derive(Copy, Clone)]
pub struct Stored {
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
    /// Of an earlier cycle.
    pub(super) const REMEMBERED: Self = Self {
        opening: Opening::Remembered,
    };
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
                file: FileName {
                    version: Some(trusted.root.version),
                    role: RoleName::Root,
                },
                bytes_max: context.device.limits.root_bytes_max,
                pinned: Some(trusted.root.pinned()),
            }),
            Step::Search {
                waits: Waits::Store, ..
            } => Request::Store,
            Step::Search { .. } => match self.walk.request(trusted) {
                tuffet_tuf::Request::Fetch(fetch) => Request::Metadata(fetch),
                // Neither is ever seen here: `advance` leaves a search at once when it ends.
                tuffet_tuf::Request::Paused | tuffet_tuf::Request::Resolved => Request::Decided,
            },
            Step::Document | Step::Rollout => match self.walk.resolution() {
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
#[derive(Copy, Clone)]
enum Next {
    /// Something else is waited for, in the same phase.
    Stay,
    /// The decision about the document that is stored.
    Stored(Opening),
    /// The cycle ends before its decision.
    MoreRoots,
    /// The cycle ends without a release.
    NoRelease,
}

/// Takes a file, or the word that there is none. After an error the phase is left.
pub(super) fn receive<A: Algorithms, D: Document, E: From<Failure> + From<Error<D::Error>>>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), E> {
    let cycle = match phase {
        Phase::Cycle(cycle) => cycle,
        Phase::Stored(stored) => {
            let opening = stored.opening;
            return receive_stored(phase, context, opening, answer);
        }
        Phase::Decided(_) | Phase::Install(_) | Phase::Refused => return Err(Failure::Misuse.into()),
    };
    let received = match cycle.step {
        Step::Root => receive_root(cycle, context, answer),
        Step::Search {
            waits: Waits::Fetch, ..
        } => receive_metadata(phase, context, answer),
        Step::Document => receive_document(phase, context, answer),
        Step::Rollout => receive_rollout(phase, context, answer),
        Step::Search {
            waits: Waits::Store, ..
        } => Err(Failure::Misuse.into()),
    };
    if received.is_ok() {
        advance(phase, context).map_err(Failure::Document)?;
    }
    received
}

/// Notes that a file is on the disk. After an error the phase is left.
pub(super) fn stored<A: Algorithms, E: From<Failure>>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
) -> Result<(), E> {
    if let Phase::Cycle(Cycle {
        step: Step::Search {
            waits: waits @ Waits::Store,
            ..
        },
        ..
    }) = phase
    {
        *waits = Waits::Fetch;
        return advance(phase, context).map_err(|fault| Failure::Document(fault).into());
    }
    Err(Failure::Misuse.into())
}

// Each step below is a function of its own, so that only the one that is taken has room on the stack.

#[inline(never)]
fn receive_root<A: Algorithms, D: Document, E: From<Failure> + From<Error<D::Error>>>(
    cycle: &mut Cycle<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), E> {
    let Answer::Present(root) = answer else {
        return Err(Failure::NoRoot.into());
    };
    let device = context.device;
    let name = names::pointer(&device.product, &device.hardware, &device.channel);
    let wanted = TargetName::new(name.as_str());
    if wanted.is_none() {
        return Err(Failure::Misuse.into());
    }
    if let Err(error) = cycle.walk.open(&mut context.state.trusted, wanted, root) {
        return Err(rejected(error));
    }
    cycle.step = Step::Search {
        goal: Goal::Pointer,
        waits: Waits::Fetch,
    };
    Ok(())
}

#[inline(never)]
fn receive_metadata<A: Algorithms, D: Document, E: From<Failure> + From<Error<D::Error>>>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), E> {
    let Phase::Cycle(Cycle {
        walk,
        step: Step::Search { goal, waits },
    }) = phase
    else {
        return Err(Failure::Misuse.into());
    };
    let goal = *goal;
    let to_store = match walk.take(&mut context.state.trusted, answer) {
        Ok(to_store) => to_store,
        Err(error) => {
            let opening = match (&error, goal) {
                // An expired rollout role makes the release wait; it does not end the cycle.
                (tuffet_tuf::Error::Rejected(Rejected::Expired { .. }), Goal::Rollout) => Opening::Expired,
                // Nor does one that cannot be used: its key can delay a release, and never longer than the release allows. It
                // may be there the next time, so what is stored does not carry the decision.
                (tuffet_tuf::Error::Rejected(_), Goal::Rollout) => {
                    context.state.release = Standing::Unknown;
                    Opening::Missing
                }
                (_, _) => return Err(rejected(error)),
            };
            go_on(phase, Next::Stored(opening));
            return Ok(());
        }
    };
    if let Some(Store) = to_store {
        *waits = Waits::Store;
        if let Goal::Pointer = goal {
            // What was known of the release is older than this; the end of the cycle says it anew.
            (context.state.release, context.state.rollout) = (Standing::Unknown, None);
        }
    }
    Ok(())
}

/// Leaves a search that has come to its end; stays in one that has not, or that waits for something else.
#[inline(never)]
fn advance<A: Algorithms>(phase: &mut Phase<A>, context: &mut Context<'_>) -> Result<(), DocumentFault> {
    if let Phase::Cycle(cycle) = phase {
        let next = end_of_search(cycle, context)?;
        go_on(phase, next);
    }
    Ok(())
}

fn end_of_search<A: Algorithms>(cycle: &mut Cycle<A>, context: &mut Context<'_>) -> Result<Next, DocumentFault> {
    let Step::Search {
        goal,
        waits: Waits::Fetch,
    } = cycle.step
    else {
        return Ok(Next::Stay);
    };
    let Some(resolution) = cycle.walk.resolution() else {
        return Ok(match cycle.walk.is_paused() {
            true => Next::MoreRoots,
            false => Next::Stay,
        });
    };
    match (resolution, goal) {
        (Resolution::NotFound, Goal::Pointer) => {
            // A release that was withdrawn must not be decided about again.
            (context.state.release, context.state.rollout) = (Standing::NoRelease, None);
            return Ok(Next::NoRelease);
        }
        (Resolution::Found(target), Goal::Pointer) => {
            context.document = document_of(target)?;
            cycle.step = Step::Document;
        }
        (Resolution::Found(target), Goal::Rollout) if target.length() <= u64::from(ROLLOUT_BYTES_MAX) => {
            cycle.step = Step::Rollout;
        }
        (Resolution::NotFound | Resolution::Found(_), Goal::Rollout) => return Ok(Next::Stored(Opening::Missing)),
    }
    Ok(Next::Stay)
}

#[inline(never)]
fn go_on<A: Algorithms>(phase: &mut Phase<A>, next: Next) {
    let decided = match next {
        Next::Stay => return,
        Next::Stored(opening) => {
            *phase = Phase::Stored(Stored { opening });
            return;
        }
        Next::MoreRoots => Decided::MoreRoots,
        Next::NoRelease => Decided::NoRelease,
    };
    *phase = Phase::Decided(Considered { decided, release: None });
}

#[inline(never)]
fn receive_document<A: Algorithms, D: Document, E: From<Failure> + From<Error<D::Error>>>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), E> {
    let Phase::Cycle(cycle) = phase else {
        return Err(Failure::Misuse.into());
    };
    let mut release = Release::nothing();
    let read = read_release(context, answer, &mut release);
    read.map_err(Error::Document)?.map_err(Failure::Document)?;
    context.state.release = Standing::Known(context.document);
    context.state.rollout = None;
    let mut decided = Decided::NoRelease;
    decision(context, &release, Gate::Missing, &mut decided).ok_or(Failure::UnknownImage)?;
    let asks_for_rollout = matches!(release.rule, Rule::Required { .. });
    // The rollout is looked up only if it is what the release waits for.
    if asks_for_rollout && matches!(decided, Decided::Install | Decided::Wait(_)) {
        Ok(search_rollout(cycle, context)?)
    } else {
        settle(phase, decided, release);
        Ok(())
    }
}

#[inline(never)]
fn search_rollout<A: Algorithms>(cycle: &mut Cycle<A>, context: &Context<'_>) -> Result<(), Failure> {
    let device = context.device;
    let name = names::rollout(&device.product, &device.hardware, &device.channel);
    let wanted = TargetName::new(name.as_str()).ok_or(Failure::Misuse)?;
    cycle.walk.search(wanted).map_err(|_| Failure::Misuse)?;
    cycle.step = Step::Search {
        goal: Goal::Rollout,
        waits: Waits::Fetch,
    };
    Ok(())
}

#[inline(never)]
fn receive_rollout<A: Algorithms, D: Document, E: From<Failure> + From<Error<D::Error>>>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), E> {
    let Phase::Cycle(cycle) = phase else {
        return Err(Failure::Misuse.into());
    };
    let Some(Resolution::Found(target)) = cycle.walk.resolution() else {
        return Err(Failure::Misuse.into());
    };
    let mut rollout = None;
    let read = read_target(target.digest(), target.length(), answer, &mut |document| {
        rollout = Some(RolloutExtract::parse(document)?);
        Ok(())
    });
    let opening = match read.map_err(Error::Document)? {
        Ok(()) => {
            context.state.rollout = rollout;
            Opening::Found
        }
        // A file that cannot be used counts as none: whoever holds the rollout key can delay, and no more. One that did not
        // come as it is listed may be there the next time.
        Err(fault) => {
            if is_not_the_file(fault) {
                context.state.release = Standing::Unknown;
            }
            Opening::Missing
        }
    };
    go_on(phase, Next::Stored(opening));
    Ok(())
}

/// The document as it was verified, and what is known of its rollout.
#[inline(never)]
fn receive_stored<A: Algorithms, D: Document, E: From<Failure> + From<Error<D::Error>>>(
    phase: &mut Phase<A>,
    context: &Context<'_>,
    opening: Opening,
    answer: Answer<'_, D>,
) -> Result<(), E> {
    let (decided, release) = settle_in_place(phase).ok_or(Failure::Misuse)?;
    match read_release(context, answer, release).map_err(Error::Document)? {
        Ok(()) => {}
        // A copy that was damaged or overwritten since an earlier cycle is no news: the repository has the document.
        Err(fault) if matches!(opening, Opening::Remembered) && is_not_the_file(fault) => {
            return Err(Failure::StoredTooOld.into());
        }
        Err(fault) => return Err(Failure::Document(fault).into()),
    }
    let gate = match (opening, &context.state.rollout) {
        (Opening::Expired, _) => Gate::Expired,
        (Opening::Remembered, Some(_)) if is_rollout_role_expired(context) => Gate::Expired,
        (Opening::Found | Opening::Remembered, Some(rollout)) => Gate::Present(rollout),
        (Opening::Missing, _) | (Opening::Found | Opening::Remembered, None) => Gate::Missing,
    };
    Ok(decision(context, release, gate, decided).ok_or(Failure::UnknownImage)?)
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

/// Reads the release document at hand, into a release that is of no use after an error.
#[inline(never)]
fn read_release<D: Document>(
    context: &Context<'_>,
    answer: Answer<'_, D>,
    release: &mut Release,
) -> Result<Result<(), DocumentFault>, D::Error> {
    let Remembered { pointer, length } = &context.document;
    let wanted = wanted_image(context);
    read_target(&pointer.release, u64::from(*length), answer, &mut |document| {
        release.read(document, &wanted)
    })
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

/// The release document that a pointer names.
fn document_of<A: Algorithms>(target: &VerifiedTarget<Strict<A>>) -> Result<Remembered, DocumentFault> {
    let too_long = DocumentFault::TooLong {
        bytes_max: DOCUMENT_BYTES_MAX,
    };
    let length = u32::try_from(target.length()).map_err(|_| too_long)?;
    if length > DOCUMENT_BYTES_MAX {
        return Err(too_long);
    }
    let pointer = pointer_of(target).ok_or(DocumentFault::PointerCustom)?;
    Ok(Remembered { pointer, length })
}

fn pointer_of<A: Algorithms>(target: &VerifiedTarget<Strict<A>>) -> Option<Pointer> {
    let custom = target.custom();
    let security_version = custom.security_version()?;
    Pointer::parse(*target.digest(), custom.version()?, security_version, custom.class()?)
}

/// Parses a target in one reading, and judges what it says only if it is the very file that was signed. What was parsed is of no
/// use after a fault.
#[inline(never)]
fn read_target<D: Document>(
    digest: &Digest,
    length: u64,
    answer: Answer<'_, D>,
    parse: &mut Parse<'_, D>,
) -> Result<Result<(), DocumentFault>, D::Error> {
    let Answer::Present(document) = answer else {
        return Ok(Err(DocumentFault::Missing));
    };
    if u64::from(document.length()) != length {
        return Ok(Err(DocumentFault::Length));
    }
    let mut hashed = Hashed::new(document);
    let parsed = parse(&mut hashed);
    // The digest is judged first: what another file says, and how badly, is of no interest.
    if !hashed.is(digest)? {
        return Ok(Err(DocumentFault::Digest));
    }
    Ok(match parsed {
        Ok(()) => Ok(()),
        Err(tuffet_release::ReadError::Storage(error)) => return Err(error),
        Err(tuffet_release::ReadError::Malformed(malformed)) => Err(DocumentFault::Malformed(malformed)),
        Err(tuffet_release::ReadError::TooLong { bytes_max }) => Err(DocumentFault::TooLong { bytes_max }),
    })
}

/// How a target is parsed.
type Parse<'p, D> = dyn FnMut(&mut Hashed<'_, D>) -> Result<(), tuffet_release::ReadError<<D as Document>::Error>> + 'p;

/// Decides about the release at hand. `None` if the device does not know what it runs.
#[inline(never)]
fn decision(context: &Context<'_>, release: &Release, gate: Gate<'_>, decided: &mut Decided) -> Option<()> {
    let (version, digest, security_version_jump_max) = match context.running.confirmed() {
        Some(confirmed) => {
            let digest = &confirmed.image.digest;
            let version = context.state.version_of(digest)?;
            (version, digest, tuffet_boot::SECURITY_VERSION_JUMP_MAX)
        }
        // In the factory there is nothing to go back to, and no counter to use up.
        None => (Version::ZERO, &[0; 32], u32::MAX),
    };
    let device = tuffet_release::Device {
        product: &context.device.product,
        version,
        digest,
        counter: context.running.counter(),
        security_version_jump_max,
        failed: context.running.failed(),
        slot_bytes: context.device.slot_bytes,
        seed: &context.device.seed,
    };
    let pointer = &context.document.pointer;
    *decided = match decide(&device, pointer, release, gate, context.signed_now()) {
        Decision::Install => Decided::Install,
        // A device in the factory has no seed yet, and so no place in a wave. A paused release is not built in all the same.
        Decision::Wait(WaitReason::NotInWaveYet { .. }) if context.running.confirmed().is_none() => Decided::Install,
        Decision::Refuse(refusal) => Decided::Refuse(refusal),
        Decision::UpToDate => Decided::UpToDate,
        Decision::Wait(reason) => Decided::Wait(reason),
    };
    Some(())
}

#[inline(never)]
fn rejected<S, E: From<Failure> + From<Error<S>>>(error: tuffet_tuf::Error<S>) -> E {
    match error {
        tuffet_tuf::Error::DamagedStore { role: RoleName::Root } => Failure::NoRoot.into(),
        tuffet_tuf::Error::DamagedStore { role } => Failure::KeptFileLost { role }.into(),
        tuffet_tuf::Error::UnstableDocument { .. } => Failure::UnstableDocument.into(),
        tuffet_tuf::Error::Rejected(rejected) => Failure::Rejected(rejected).into(),
        tuffet_tuf::Error::Storage(error) => Error::Document(error).into(),
        // `Error` may grow: what this machine does not know, it cannot have asked for.
        tuffet_tuf::Error::Misuse(_) | _ => Failure::Misuse.into(),
    }
}
