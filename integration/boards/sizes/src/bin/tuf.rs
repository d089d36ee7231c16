//! The verifier: from a kept root and the remembered state to a target, with the state written down on the way.
#![no_std]
#![no_main]

use core::hint::black_box;

use tuffet_tuf::{Answer, ClockPolicy, Limits, Request, SmallEd25519, Strict, TargetName, TrustedState};
use tuffet_wire::UnixSeconds;

tuffet_sizes::start_with!(run);

/// What a small part verifies with.
type Session = tuffet_tuf::Session<Strict<SmallEd25519>>;

fn run() {
    black_box(Session::first_root(&mut tuffet_sizes::input(), &Limits::DEFAULT).is_ok());
    let Ok(trusted) = TrustedState::decode(tuffet_sizes::input()) else {
        return;
    };
    let Some(wanted) = TargetName::new(tuffet_sizes::text()) else {
        return;
    };
    let now = UnixSeconds::new(black_box(0));
    let Ok(mut session) = Session::begin(
        &mut tuffet_sizes::input(),
        trusted,
        wanted,
        ClockPolicy::Trusted { now },
        &Limits::DEFAULT,
    ) else {
        return;
    };
    while let Request::Fetch(fetch) = black_box(session.request()) {
        let mut document = tuffet_sizes::input();
        if let Some(pinned) = fetch.pinned {
            black_box(pinned.matches(&mut document).is_ok());
        }
        let answer = if black_box(true) {
            Answer::Present(&mut document)
        } else {
            Answer::Absent
        };
        let Ok(step) = session.receive(answer) else {
            return;
        };
        session = step.session;
        if step.store.is_some() {
            black_box(session.trusted().encode());
        }
    }
    black_box(session.resolution());
    let Ok(session) = session.search(wanted) else {
        return;
    };
    black_box(session.request());
}
