//! The first half of an update: from the stored root to the decision.

use super::{Considered, Context, Decided, Error, Phase, Request};
use crate::device::Device;
use crate::failure::{DocumentFault, Failure};
use crate::hashed::Hashed;
use crate::state::{DeviceState, Remembered, Standing};
use tuffet_release::{
    DOCUMENT_BYTES_MAX, Decision, Gate, Pointer, ROLLOUT_BYTES_MAX, Release, RolloutExtract, Rule, Version, WaitReason,
    Wanted, decide, names,
};
use tuffet_tuf::{
    Algorithms, Answer, ClockPolicy, DelegatedName, Fetch, FileFacts, FileName, Rejected, Resolution, RoleName,
    Session, Store, Strict, TargetName, VerifiedTarget,
};
use tuffet_wire::{Digest, Document};

/// Where the cycle stands.
// A cycle is in one state at a time, and nothing here may allocate: the sizes of the others do not matter.
#[allow(clippy::large_enum_variant)]
pub enum Cycle<A: Algorithms> {
    /// Waits for the stored root.
    Root(Fetch),
    /// Walks the ladder towards a target.
    Search {
        session: Session<Strict<A>>,
        goal: Goal,
        waits: Waits,
    },
    /// Waits for the release document.
    Document {
        session: Session<Strict<A>>,
        target: VerifiedTarget,
        pointer: Pointer,
    },
    /// Waits for the document that is stored.
    Stored(Remembered),
    /// Waits for the rollout file.
    Rollout {
        target: VerifiedTarget,
        candidate: Candidate,
    },
}

/// What a search waits for.
pub enum Waits {
    /// For the next file.
    Fetch,
    /// A file of this role was verified and must be stored before the ladder goes on.
    Store(RoleName),
}

/// What a search is for.
// The same.
#[allow(clippy::large_enum_variant)]
pub enum Goal {
    Pointer,
    Rollout(Candidate),
}

/// A release whose document is verified, and which the decision is about.
pub struct Candidate {
    pointer: Pointer,
    release: Release,
}

impl<A: Algorithms> Cycle<A> {
    pub(super) fn begin(device: &Device, state: &DeviceState) -> Self {
        let root = &state.trusted.root;
        Self::Root(Fetch {
            role: RoleName::Root,
            file: FileName {
                version: Some(root.version),
                role: RoleName::Root,
            },
            bytes_max: device.limits.root_bytes_max,
            pinned: Some(root.pinned()),
        })
    }

    pub(super) fn request(&self) -> Request<'_> {
        match self {
            Self::Root(fetch) => Request::Metadata(*fetch),
            Self::Search {
                waits: Waits::Store(role),
                ..
            } => Request::Store { role },
            Self::Search { session, .. } => match session.request() {
                tuffet_tuf::Request::Fetch(fetch) => Request::Metadata(fetch),
                // Neither is ever seen here: `advance` leaves a search at once when it ends.
                tuffet_tuf::Request::Paused | tuffet_tuf::Request::Resolved => Request::Decided,
            },
            Self::Stored(remembered) => Request::Stored(remembered),
            Self::Document { target, .. } | Self::Rollout { target, .. } => Request::Target(target),
        }
    }
}

/// §5.3.10 and its like once more, on the facts that are remembered: nothing that the decision rests on has expired.
pub(super) fn check_remembered(device: &Device, state: &DeviceState, clock: ClockPolicy) -> Result<(), Failure> {
    let trusted = &state.trusted;
    let now = clock.started_at(trusted.floor);
    let product = DelegatedName::new(device.product.as_str()).ok_or(Failure::Misuse)?;
    let facts: [Option<&FileFacts>; 5] = [
        Some(&trusted.root),
        trusted.timestamp.as_ref().map(|timestamp| &timestamp.file),
        trusted.snapshot.as_ref(),
        trusted.targets.as_ref(),
        trusted.delegated(&product).map(|known| &known.file),
    ];
    let is_valid = |facts: &Option<&FileFacts>| facts.is_some_and(|facts| facts.expires > now);
    match state.release {
        Standing::Known(_) | Standing::NoRelease if facts.iter().all(is_valid) => Ok(()),
        Standing::Known(_) | Standing::NoRelease | Standing::Unknown => Err(Failure::StoredTooOld),
    }
}

/// Takes a file, or the word that there is none. After an error the phase is left.
pub(super) fn receive<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Cycle(cycle) = phase else {
        return Err(Failure::Misuse.into());
    };
    match cycle {
        Cycle::Root(_) => receive_root(phase, context, answer),
        Cycle::Search {
            waits: Waits::Fetch, ..
        } => receive_metadata(phase, context, answer),
        Cycle::Document { .. } => receive_document(phase, context, answer),
        Cycle::Stored(_) => receive_stored(phase, context, answer),
        Cycle::Rollout { .. } => receive_rollout(phase, context, answer),
        Cycle::Search {
            waits: Waits::Store(_), ..
        } => Err(Failure::Misuse.into()),
    }
}

/// Notes that a file is on the disk. After an error the phase is left.
pub(super) fn stored<A: Algorithms>(phase: &mut Phase<A>, context: &mut Context<'_>) -> Result<(), Failure> {
    match phase {
        Phase::Cycle(Cycle::Search {
            waits: waits @ Waits::Store(_),
            ..
        }) => {
            *waits = Waits::Fetch;
            advance(phase, context)
        }
        Phase::Cycle(_) | Phase::Decided(_) | Phase::Install(_) | Phase::Refused => Err(Failure::Misuse),
    }
}

// Each step below is a function of its own, so that only the one that is taken has room on the stack.

#[inline(never)]
fn receive_root<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Answer::Present(root) = answer else {
        return Err(Failure::NoRoot.into());
    };
    let device = context.device;
    let wanted = target_name(&names::pointer(&device.product, &device.hardware, &device.channel))?;
    let trusted = context.state.trusted.with_algorithms();
    let session = Session::begin(root, trusted, wanted, context.clock, &device.limits).map_err(rejected)?;
    *phase = Phase::Cycle(Cycle::Search {
        session,
        goal: Goal::Pointer,
        waits: Waits::Fetch,
    });
    Ok(advance(phase, context)?)
}

fn receive_metadata<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Cycle(Cycle::Search { session, goal, waits }) = phase else {
        return Err(Failure::Misuse.into());
    };
    match (session.take(answer), goal) {
        // An expired rollout role makes the release wait; it does not end the cycle.
        (Err(tuffet_tuf::Error::Rejected(Rejected::Expired { .. })), Goal::Rollout(_)) => {
            Ok(decide_without(phase, context, Gate::Expired)?)
        }
        // Nor does one that cannot be used: its key can delay a release, and never longer than the release allows. It may be
        // there the next time, so what is stored does not carry the decision.
        (Err(tuffet_tuf::Error::Rejected(_)), Goal::Rollout(_)) => {
            context.state.release = Standing::Unknown;
            Ok(decide_without(phase, context, Gate::Missing)?)
        }
        (Err(error), _) => Err(rejected(error)),
        (Ok(store), goal) => {
            context.state.trusted = session.trusted().with_algorithms();
            if let (Some(_), Goal::Pointer) = (store, goal) {
                // What was known of the release is older than this; the end of the cycle says it anew.
                (context.state.release, context.state.rollout) = (Standing::Unknown, None);
            }
            match store {
                Some(Store { role }) => {
                    *waits = Waits::Store(role);
                    Ok(())
                }
                None => Ok(advance(phase, context)?),
            }
        }
    }
}

/// Leaves a search that has come to its end; stays in one that has not.
fn advance<A: Algorithms>(phase: &mut Phase<A>, context: &mut Context<'_>) -> Result<(), Failure> {
    let Phase::Cycle(Cycle::Search { session, goal, .. }) = phase else {
        return Err(Failure::Misuse);
    };
    match (session.request(), session.resolution(), goal) {
        (tuffet_tuf::Request::Paused, _, _) => without_release(phase, Decided::MoreRoots),
        (_, None, _) => {}
        (_, Some(Resolution::NotFound), Goal::Pointer) => {
            // A release that was withdrawn must not be decided about again.
            (context.state.release, context.state.rollout) = (Standing::NoRelease, None);
            without_release(phase, Decided::NoRelease);
        }
        (_, Some(Resolution::Found(target)), Goal::Pointer) => {
            if target.length() > u64::from(DOCUMENT_BYTES_MAX) {
                let bytes_max = DOCUMENT_BYTES_MAX;
                return Err(Failure::Document(DocumentFault::TooLong { bytes_max }));
            }
            let pointer = pointer_of(target).ok_or(Failure::Document(DocumentFault::PointerCustom))?;
            wait_for_document(phase, pointer)?;
        }
        (_, Some(Resolution::Found(target)), Goal::Rollout(_)) if target.length() <= u64::from(ROLLOUT_BYTES_MAX) => {
            wait_for_rollout(phase)?;
        }
        (_, Some(Resolution::NotFound | Resolution::Found(_)), Goal::Rollout(_)) => {
            decide_without(phase, context, Gate::Missing)?;
        }
    }
    Ok(())
}

/// The search has found the release document.
#[inline(never)]
fn wait_for_document<A: Algorithms>(phase: &mut Phase<A>, pointer: Pointer) -> Result<(), Failure> {
    let Phase::Cycle(Cycle::Search { session, .. }) = core::mem::replace(phase, Phase::Refused) else {
        return Err(Failure::Misuse);
    };
    let Some(Resolution::Found(target)) = session.resolution() else {
        return Err(Failure::Misuse);
    };
    let target = target.with_algorithms();
    *phase = Phase::Cycle(Cycle::Document {
        session,
        target,
        pointer,
    });
    Ok(())
}

/// The search has found the rollout file.
#[inline(never)]
fn wait_for_rollout<A: Algorithms>(phase: &mut Phase<A>) -> Result<(), Failure> {
    let Phase::Cycle(Cycle::Search {
        session,
        goal: Goal::Rollout(candidate),
        ..
    }) = core::mem::replace(phase, Phase::Refused)
    else {
        return Err(Failure::Misuse);
    };
    let Some(Resolution::Found(target)) = session.resolution() else {
        return Err(Failure::Misuse);
    };
    let target = target.with_algorithms();
    *phase = Phase::Cycle(Cycle::Rollout { target, candidate });
    Ok(())
}

/// The search for a rollout has led to none that can be used.
#[inline(never)]
fn decide_without<A: Algorithms>(phase: &mut Phase<A>, context: &Context<'_>, gate: Gate<'_>) -> Result<(), Failure> {
    let Phase::Cycle(Cycle::Search {
        goal: Goal::Rollout(candidate),
        ..
    }) = core::mem::replace(phase, Phase::Refused)
    else {
        return Err(Failure::Misuse);
    };
    decide_about(phase, context, candidate, gate)
}

#[inline(never)]
fn receive_document<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Cycle(Cycle::Document { target, pointer, .. }) = phase else {
        return Err(Failure::Misuse.into());
    };
    let (pointer, length) = (*pointer, target.length());
    let release = read_target(target.digest(), length, answer, |document| {
        Release::parse(document, &wanted_image(context))
    })?;
    context.state.release = Standing::Known(Remembered {
        pointer,
        // Invariant: longer targets were refused before they were asked for.
        length: u32::try_from(length).unwrap_or(u32::MAX),
    });
    context.state.rollout = None;
    let mut candidate = Candidate { pointer, release };
    let asks_for_rollout = matches!(candidate.release.rule, Rule::Required { .. });
    if !asks_for_rollout || !is_pending(context, &mut candidate)? {
        return Ok(decide_about(phase, context, candidate, Gate::Missing)?);
    }
    search_rollout(phase, context, candidate)?;
    Ok(advance(phase, context)?)
}

#[inline(never)]
fn search_rollout<A: Algorithms>(
    phase: &mut Phase<A>,
    context: &Context<'_>,
    candidate: Candidate,
) -> Result<(), Failure> {
    let device = context.device;
    let wanted = target_name(&names::rollout(&device.product, &device.hardware, &device.channel))?;
    let Phase::Cycle(Cycle::Document { session, .. }) = core::mem::replace(phase, Phase::Refused) else {
        return Err(Failure::Misuse);
    };
    *phase = Phase::Cycle(Cycle::Search {
        session: session.search(wanted).map_err(|_| Failure::Misuse)?,
        goal: Goal::Rollout(candidate),
        waits: Waits::Fetch,
    });
    Ok(())
}

#[inline(never)]
fn receive_rollout<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &mut Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Cycle(Cycle::Rollout { target, candidate }) = core::mem::replace(phase, Phase::Refused) else {
        return Err(Failure::Misuse.into());
    };
    match read_target(target.digest(), target.length(), answer, RolloutExtract::parse) {
        Ok(rollout) => {
            context.state.rollout = Some(rollout);
            let gate = context.state.rollout.as_ref().map_or(Gate::Missing, Gate::Present);
            Ok(decide_about(phase, context, candidate, gate)?)
        }
        // A file that cannot be used counts as none: whoever holds the rollout key can delay, and no more. One that did not
        // come as it is listed may be there the next time.
        Err(Error::Failure(Failure::Document(fault))) => {
            if matches!(
                fault,
                DocumentFault::Digest | DocumentFault::Length | DocumentFault::Missing
            ) {
                context.state.release = Standing::Unknown;
            }
            Ok(decide_about(phase, context, candidate, Gate::Missing)?)
        }
        Err(error) => Err(error),
    }
}

/// The document again, as it was verified; and what is remembered of its rollout in place of the file.
#[inline(never)]
fn receive_stored<A: Algorithms, D: Document>(
    phase: &mut Phase<A>,
    context: &Context<'_>,
    answer: Answer<'_, D>,
) -> Result<(), Error<D::Error>> {
    let Phase::Cycle(Cycle::Stored(remembered)) = phase else {
        return Err(Failure::Misuse.into());
    };
    let Remembered { pointer, length } = *remembered;
    let read = read_target(&pointer.release, u64::from(length), answer, |document| {
        Release::parse(document, &wanted_image(context))
    });
    let release = match read {
        // A copy that was damaged or overwritten is no news: the repository has the document.
        Err(Error::Failure(Failure::Document(
            DocumentFault::Digest | DocumentFault::Length | DocumentFault::Missing,
        ))) => return Err(Failure::StoredTooOld.into()),
        read => read?,
    };
    let rollout = &context.state.rollout;
    let gate = match rollout {
        Some(_) if is_rollout_role_expired(context) => Gate::Expired,
        Some(rollout) => Gate::Present(rollout),
        None => Gate::Missing,
    };
    Ok(decide_about(phase, context, Candidate { pointer, release }, gate)?)
}

fn is_rollout_role_expired(context: &Context<'_>) -> bool {
    let trusted = &context.state.trusted;
    let now = context.clock.started_at(trusted.floor);
    let role = names::rollout_role(&context.device.product);
    let known = DelegatedName::new(role.as_str()).and_then(|role| trusted.delegated(&role));
    known.is_none_or(|known| known.file.expires <= now)
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

#[inline(never)]
fn without_release<A: Algorithms>(phase: &mut Phase<A>, decided: Decided) {
    *phase = Phase::Decided(Considered { decided, release: None });
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

/// Whether the candidate would be installed if its rollout let it: only then is the rollout looked up.
fn is_pending(context: &Context<'_>, candidate: &mut Candidate) -> Result<bool, Failure> {
    match decision(context, candidate, Gate::Missing)? {
        Decision::Install(_) | Decision::Wait(_) => Ok(true),
        Decision::Refuse(_) | Decision::UpToDate => Ok(false),
    }
}

#[inline(never)]
fn decide_about<A: Algorithms>(
    phase: &mut Phase<A>,
    context: &Context<'_>,
    mut candidate: Candidate,
    gate: Gate<'_>,
) -> Result<(), Failure> {
    let decided = match decision(context, &mut candidate, gate)? {
        Decision::Install(plan) => Decided::Install(plan),
        Decision::Refuse(refusal) => Decided::Refuse(refusal),
        Decision::UpToDate => Decided::UpToDate,
        Decision::Wait(reason) => Decided::Wait(reason),
    };
    *phase = Phase::Decided(Considered {
        decided,
        release: Some(candidate.release),
    });
    Ok(())
}

fn decision(context: &Context<'_>, candidate: &mut Candidate, gate: Gate<'_>) -> Result<Decision, Failure> {
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
    let Candidate { pointer, release } = candidate;
    let signed_now = context.signed_now();
    let mut decision = decide(&device, pointer, release, gate, signed_now);
    // A device in the factory has no seed yet, and so no place in a wave. A paused release is not built in all the same.
    if matches!(decision, Decision::Wait(WaitReason::NotInWaveYet { .. })) && context.running.confirmed().is_none() {
        let rule = core::mem::replace(&mut release.rule, Rule::None);
        decision = decide(&device, pointer, release, gate, signed_now);
        release.rule = rule;
    }
    Ok(decision)
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
