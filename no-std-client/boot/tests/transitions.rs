//! Every operation in every state: the answer, and the state after it. The table is the specification; a change of it is a
//! change of what devices do.

mod support;

use std::fmt::Write as _;
use support::*;
use tuffet_boot::{Boot, Error, Other, Recovery, Refusal, Slot, State, Trial, Why};

type NamedState = (&'static str, fn() -> Records);
type Operation = (&'static str, fn(&mut Records) -> String);

const STATES: [NamedState; 10] = [
    ("unprovisioned", unprovisioned),
    ("damaged", damaged),
    ("provisioned", provisioned),
    ("trial_with_attempts(2)", || trial_with_attempts(2)),
    ("trial_booted_once(2)", || trial_booted_once(2)),
    ("trial_booted_once(1)", || trial_booted_once(1)),
    ("updated", updated),
    ("updated_same_security", updated_same_security),
    ("reverted", reverted),
    ("fullest", fullest),
];

const OPERATIONS: [Operation; 12] = [
    ("provision(A1)", |records| {
        text(records.provision(placed(Slot::A, 1)).map(|()| "ok".into()))
    }),
    ("boot", |records| text(records.boot().map(boot_text))),
    ("mismatched(A)", |records| {
        text(records.mismatched(Slot::A).map(boot_text))
    }),
    ("mismatched(B)", |records| {
        text(records.mismatched(Slot::B).map(boot_text))
    }),
    ("mark_empty(A)", |records| {
        text(records.mark_empty(Slot::A).map(|()| "ok".into()))
    }),
    ("mark_empty(B)", |records| {
        text(records.mark_empty(Slot::B).map(|()| "ok".into()))
    }),
    ("begin_trial(A4)", |records| {
        text(records.begin_trial(verified(Slot::A, 4, 1), 3).map(|()| "ok".into()))
    }),
    ("begin_trial(B4)", |records| {
        text(records.begin_trial(verified(Slot::B, 4, 1), 3).map(|()| "ok".into()))
    }),
    ("begin_trial(B2)", |records| {
        text(records.begin_trial(verified(Slot::B, 2, 1), 3).map(|()| "ok".into()))
    }),
    ("begin_trial(B2 again)", |records| {
        text(records.begin_trial(verified(Slot::B, 2, 2), 3).map(|()| "ok".into()))
    }),
    ("confirm", |records| {
        text(records.confirm().map(|placed| format!("runs {}", placed_text(placed))))
    }),
    ("fail", |records| {
        text(records.fail().map(|placed| format!("back to {}", placed_text(placed))))
    }),
];

#[test]
fn every_operation_in_every_state() {
    let mut table = String::new();
    for (state_name, state) in STATES {
        writeln!(table, "{state_name}: {}", state_text(&state())).unwrap();
        for (name, operation) in OPERATIONS {
            let mut records = state();
            let answer = operation(&mut records);
            let after = state_text(&records);
            let after = if after == state_text(&state()) {
                "same".into()
            } else {
                after
            };
            writeln!(table, "  {name:<22} {answer:<44} -> {after}").unwrap();
            let read_again = state_text(&reset(records));
            let expected = if after == "same" { state_text(&state()) } else { after };
            assert_eq!(
                read_again, expected,
                "{state_name}, {name}: a reset shows something else"
            );
        }
        table.push('\n');
    }
    if table != include_str!("transitions.txt") {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/transitions.txt");
        std::fs::write(path, &table).unwrap();
        panic!("the transitions are not those of tests/transitions.txt; the new table is in {path}");
    }
}

fn text(outcome: Outcome<String>) -> String {
    match outcome {
        Ok(answer) => answer,
        Err(Error::Refused(refusal)) => refusal_text(refusal),
        Err(error) => format!("{error:?}"),
    }
}

fn refusal_text(refusal: Refusal) -> String {
    let debug = format!("{refusal:?}");
    format!("refused: {}", debug.replace(" { ", "(").replace(" }", ")"))
}

fn boot_text(boot: Boot) -> String {
    match boot {
        Boot::Recovery(Recovery::Mismatch { slot }) => format!("recovery: Mismatch({slot:?})"),
        Boot::Recovery(why) => format!("recovery: {why:?}"),
        Boot::Run(run) => {
            let why = match run.why {
                Why::Confirmed => "confirmed".into(),
                Why::FellBack => "fell back".into(),
                Why::Reverted { failed } => format!("reverted from {} attempt {}", failed.digest[0], failed.attempt),
                Why::Trial { attempts_left } => format!("trial, {attempts_left} left"),
            };
            format!("run {} ({why})", placed_text(run.placed))
        }
    }
}

fn placed_text(placed: tuffet_boot::Placed) -> String {
    format!("{:?}{}", placed.slot, placed.image.digest[0])
}

fn state_text(records: &Records) -> String {
    let mut text = match records.state() {
        State::Confirmed {
            confirmed,
            other: Other::Nothing,
        } => placed_text(confirmed),
        State::Confirmed {
            confirmed,
            other: Other::Previous(image),
        } => {
            format!(
                "{}, before it {:?}{}",
                placed_text(confirmed),
                confirmed.slot.other(),
                image.digest[0]
            )
        }
        State::Damaged => "damaged".into(),
        State::Trial {
            confirmed,
            trial:
                Trial {
                    placed,
                    attempt,
                    attempts,
                    attempts_left,
                },
        } => {
            let (confirmed, placed) = (placed_text(confirmed), placed_text(placed));
            format!("{confirmed}, trial of {placed} attempt {attempt}, {attempts_left} of {attempts} boots left")
        }
        State::Unprovisioned => "unprovisioned".into(),
    };
    write!(text, "; counter {}", records.counter()).unwrap();
    for failed in records.failed() {
        write!(text, "; failed {} attempt {}", failed.digest[0], failed.attempt).unwrap();
    }
    text
}
