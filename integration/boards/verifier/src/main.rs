//! One update cycle of the metadata verifier on an emulated Cortex-M0, file by file, and what each takes of RAM and time.
//!
//! - The device was given root 1 and finds a root 2 with other keys; both need three of five.
//! - The files are slices of flash. Nothing is allocated, and there are no statics.
#![no_std]
#![no_main]

use tuffet_tuf::{
    Answer, ClockPolicy, Limits, Request, Resolution, RoleName, RoleVersion, SmallEd25519, Strict, TargetName,
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
type Session = tuffet_tuf::Session<Strict<SmallEd25519>>;
type Trusted, Trusted, TrustedState = tuffet_tuf::Trusted<Strict<SmallEd25519>>;

const WANTED: &str = "lamp_c3_stable.release";

// SAFETY: no other item of the program has this name, and the board declares it with this type.
#[unsafe(no_mangle)]
fn live() -> Option<()> {
    size("Session", size_of::<Session>());
    size("TrustedState", size_of::<TrustedState>());
    // Where the session stands from here on: its bytes are in what every step takes.
    let mut session = None;
    begin(&mut session)?;
    let session = session.as_mut()?;
    while let Some(next) = Next::of(session) {
        step(next.name, &mut || {
            let answer = match next.place {
                Some(place) => session.take(Answer::Present(&mut file(place)?)),
                None => session.take(Answer::<&[u8]>::Absent),
            };
            answer.ok().map(|_| ())
        })?;
    }
    matches!(session.resolution()?, Resolution::Found(_)).then_some(())
}

/// Not inlined: what was remembered stands in the session from here on, and needs no second place.
#[inline(never)]
fn begin(session: &mut Option<Session>) -> Option<()> {
    let mut trusted = None;
    step("first root", &mut || {
        trusted = Some(TrustedState::of_first_root(&mut file(ROOT_1)?, &Limits::DEFAULT).ok()?);
        Some(())
    })?;
    step("begin", &mut || {
        place(session, trusted?)?;
        session.as_mut()?.open(&mut file(ROOT_1)?).ok()
    })
}

/// Not inlined: a session is put in its place before anything is read.
#[inline(never)]
fn place(session: &mut Option<Session>, trusted: TrustedState) -> Option<()> {
    let wanted = TargetName::new(WANTED)?;
    *session = Some(Session::before_root(trusted, Some(wanted), CLOCK, &Limits::DEFAULT));
    Some(())
}

/// What the session waits for.
struct Next {
    name: &'static str,
    /// Where it is in the repository; there is no third root.
    place: Option<usize>,
}

impl Next {
    #[inline(never)]
    fn of(session: &Session) -> Option<Self> {
        let Request::Fetch(fetch) = session.request() else {
            return None;
        };
        let (name, place) = match (fetch.role, fetch.file.version) {
            (RoleName::Root, version) if version == RoleVersion::new(2) => ("root", Some(ROOT_2)),
            (RoleName::Root, _) => ("root, no newer", None),
            (RoleName::Timestamp, _) => ("timestamp", Some(TIMESTAMP)),
            (RoleName::Snapshot, _) if session.trusted().targets.is_some() => ("snapshot, again", Some(SNAPSHOT)),
            (RoleName::Snapshot, _) => ("snapshot", Some(SNAPSHOT)),
            (RoleName::Targets, _) => ("targets", Some(TARGETS)),
            (RoleName::Delegated(_), _) => ("product", Some(PRODUCT)),
        };
        Some(Self { name, place })
    }
}
