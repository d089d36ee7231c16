//! One run: a suite on a board.

use super::bench::{Bench, Halt};
use super::board::Board;
use super::factory;
use super::lock::Lock;
use super::releases::{Releases, now};
use super::report::{Report, Tried, Verdict};
use super::stop::Stop;
use super::suite::{Case, Cuts, Scene, Suite};
use super::trouble::Trouble;
use crate::simulator::time::utc;
use std::time::Instant;

/// Runs a suite. What ends it early, before the first case or later, stands in the report; the number is the exit code.
#[must_use]
pub fn run(board: &Board, suite: Suite, releases: Releases, cuts: Cuts, stop: &Stop) -> (Report, u8) {
    let mut report = Report {
        board: board.name.clone(),
        description: board.description.clone(),
        suite: suite.name(),
        began: utc(now()),
        versions: [releases.old.version.clone(), releases.new.version.clone()],
        seed: (suite == Suite::Power).then_some(cuts.seed),
        cases: Vec::new(),
        trouble: None,
    };
    let trouble = try_cases(board, suite.cases(cuts), releases, stop, &mut report.cases).err();
    let exit_code = match &trouble {
        Some(trouble) => trouble.exit_code(),
        None => u8::from(!report.is_ok()),
    };
    report.trouble = trouble.map(|trouble| trouble.to_string());
    (report, exit_code)
}

fn try_cases(
    board: &Board,
    cases: Vec<Case>,
    releases: Releases,
    stop: &Stop,
    done: &mut Vec<Tried>,
) -> Result<(), Trouble> {
    let path = board.lock.clone().unwrap_or_else(|| Lock::usual_path(&board.name));
    let lock = Lock::take(&board.name, &path)?;
    if let Some(dead) = lock.left_by() {
        eprintln!("took {} over from {dead}, which is dead", board.name);
    }
    let repository = releases.factory();
    let contents = factory::flash_contents(board, &repository).map_err(Trouble::Usage)?;
    let mut scene = Scene {
        bench: Bench::set_up(board, stop.clone())?,
        releases,
        factory: repository,
        contents,
        update_limit: board.timing.update,
        undisturbed: None,
    };
    let mut trouble = None;
    for case in cases {
        eprintln!("… {}", case.name);
        let (tried, halted) = attempt(&mut scene, case, done, trouble.as_ref());
        if let Verdict::Failed(reason) = &tried.verdict {
            eprintln!("  failed: {reason}");
        }
        done.push(tried);
        trouble = trouble.or(halted);
    }
    match (trouble, scene.bench.leave()) {
        (before, Err(cause)) => Err(Trouble::NoPower {
            before: before.map(Box::new),
            cause: Box::new(cause),
        }),
        (Some(trouble), Ok(())) => Err(trouble),
        (None, Ok(())) => Ok(()),
    }
}

fn attempt(scene: &mut Scene, case: Case, before: &[Tried], trouble: Option<&Trouble>) -> (Tried, Option<Trouble>) {
    let needed = case.needs.and_then(|index| before.get(index));
    let missing = needed.filter(|needed| !matches!(needed.verdict, Verdict::Passed(_)));
    let started = Instant::now();
    let (verdict, trouble) = if trouble.is_some() {
        (Verdict::Skipped("the run ended before".to_owned()), None)
    } else if let Some(needed) = missing {
        (Verdict::Skipped(format!("`{}` did not pass", needed.name)), None)
    } else {
        match (case.run)(scene) {
            Ok(seen) => (Verdict::Passed(seen), None),
            Err(Halt::Unmet(reason)) => (Verdict::Failed(reason), None),
            Err(Halt::Trouble(trouble)) => (Verdict::Failed(trouble.to_string()), Some(trouble)),
        }
    };
    let tried = Tried {
        name: case.name,
        verdict,
        seconds: started.elapsed().as_secs_f64(),
        log: scene.bench.take_log(),
    };
    (tried, trouble)
}
