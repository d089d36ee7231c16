//! One update cycle of the metadata verifier on an emulated Cortex-M0, file by file, and what each takes of RAM and time.
//!
//! - The device was given root 1 and finds a root 2 with other keys; both need three of five.
//! - The files are slices of flash. Nothing is allocated, and there are no statics.
#![no_std]
#![no_main]

use tuffet_tuf::{
    Answer, ClockPolicy, Limits, Request, Resolution, RoleName, RoleVersion, Session, SmallEd25519, Strict, TargetName,
    TrustedState,
};
use tuffet_verifier_board::{file, size, step};
use tuffet_wire::UnixSeconds;

/// Files of the repository, in the order in which they are there.
const ROOT_1: usize = 0;
const ROOT_2: usize = 1;
const TIMESTAMP: usize = 2;
const SNAPSHOT: usize = 3;
const TARGETS: usize = 4;
const PRODUCT: usize = 5;

/// The clock of the device, which stands still; the simulator has the same.
const CLOCK: ClockPolicy = ClockPolicy::Trusted {
    now: UnixSeconds::new(1_800_000_000),
};

/// What a small part verifies with.
type Walk = tuffet_tuf::Walk<Strict<SmallEd25519>>;

const WANTED: &str = "lamp_c3_stable.release";

// SAFETY: no other item of the program has this name, and the board declares it with this type.
#[unsafe(no_mangle)]
fn live() -> Option<()> {
    size("Walk", size_of::<Walk>());
    size("TrustedState", size_of::<TrustedState>());
    // Where both stand from here on: their bytes are in what every step takes.
    let mut trusted = TrustedState::nothing();
    let mut walk = None;
    begin(&mut trusted, &mut walk)?;
    let walk = walk.as_mut()?;
    while let Some(next) = Next::of(walk, &trusted) {
        step(next.name, &mut || {
            let answer = match next.place {
                Some(place) => walk.take(&mut trusted, Answer::Present(&mut file(place)?)),
                None => walk.take(&mut trusted, Answer::<&[u8]>::Absent),
            };
            answer.ok().map(|_| ())
        })?;
    }
    matches!(walk.resolution()?, Resolution::Found(_)).then_some(())
}

#[inline(never)]
fn begin(trusted: &mut TrustedState, walk: &mut Option<Walk>) -> Option<()> {
    step("first root", &mut || {
        *trusted = Session::<Strict<SmallEd25519>>::first_root(&mut file(ROOT_1)?, &Limits::DEFAULT).ok()?;
        Some(())
    })?;
    step("begin", &mut || {
        place(trusted, walk);
        let wanted = TargetName::new(WANTED)?;
        walk.as_mut()?.open(trusted, Some(wanted), &mut file(ROOT_1)?).ok()
    })
}

/// Not inlined: a walk is put in its place before anything is read.
#[inline(never)]
fn place(trusted: &TrustedState, walk: &mut Option<Walk>) {
    *walk = Some(Walk::new(trusted, CLOCK, &Limits::DEFAULT));
}

/// What the walk waits for.
struct Next {
    name: &'static str,
    /// Where it is in the repository; there is no third root.
    place: Option<usize>,
}

impl Next {
    #[inline(never)]
    fn of(walk: &Walk, trusted: &TrustedState) -> Option<Self> {
        let Request::Fetch(fetch) = walk.request(trusted) else {
            return None;
        };
        let (name, place) = match (fetch.file.role, fetch.file.version) {
            (RoleName::Root, version) if version == RoleVersion::new(2) => ("root", Some(ROOT_2)),
            (RoleName::Root, _) => ("root, no newer", None),
            (RoleName::Timestamp, _) => ("timestamp", Some(TIMESTAMP)),
            (RoleName::Snapshot, _) if trusted.targets.is_some() => ("snapshot, again", Some(SNAPSHOT)),
            (RoleName::Snapshot, _) => ("snapshot", Some(SNAPSHOT)),
            (RoleName::Targets, _) => ("targets", Some(TARGETS)),
            (RoleName::Delegated(_), _) => ("product", Some(PRODUCT)),
        };
        Some(Self { name, place })
    }
}
