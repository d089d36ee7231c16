//! `attack`: rows of the attack table, served to the board.
//!
//! Each begins in the factory. The board takes note of the healthy repository, then it meets the attack, which it must refuse by
//! the row's name, and then an honest release, which it must take.

use super::{Case, Scene, is_network, name};
use crate::attacks::{Outcome, Row, table};
use crate::lab::bench::{Halt, Judgement};
use crate::lab::pattern::{Event, Kind};

/// The rows, with the code of the refusal; a release that the device will not have has a name only.
pub const ROWS: [(&str, Option<u16>); 7] = [
    ("root_version_skipped", Some(116)),
    ("timestamp_signed_by_a_stranger", Some(110)),
    ("timestamp_version_rollback", Some(109)),
    ("snapshot_mix_and_match", Some(114)),
    ("product_signed_by_one_of_two", Some(110)),
    ("release_of_another_digest", Some(201)),
    ("release_jumps_the_counter", None),
];

pub fn cases() -> Vec<Case> {
    let all = table();
    let rows = ROWS.iter().filter_map(|(name, code)| {
        let row = all.iter().find(|row| row.name == *name)?.clone();
        Some(Case::new(*name, None, move |scene| attack(scene, &row, *code)))
    });
    rows.collect()
}

fn attack(scene: &mut Scene, row: &Row, code: Option<u16>) -> Result<String, Halt> {
    let mut seen = scene.factory.clone();
    (row.before)(&mut seen);
    let mut attacked = scene.releases.staged(&seen);
    (row.attack)(&mut attacked);
    scene.back_to_factory()?;
    scene.bench.serve(seen.site.clone());
    scene.bench.power_on()?;
    let (old, limit) = (scene.releases.old.version.clone(), scene.update_limit);
    scene.boots(&old)?;
    scene
        .bench
        .wait("the word that nothing is newer", limit, |event| match event.kind {
            Kind::UpToDate => Judgement::Done,
            Kind::Error if is_network(event) => Judgement::GoOn,
            Kind::Error | Kind::Refused => {
                Judgement::Wrong(format!("before the attack the board refuses: {}", name(event)))
            }
            Kind::App
            | Kind::Boot
            | Kind::Confirmed
            | Kind::Installed
            | Kind::NoRelease
            | Kind::Recovery
            | Kind::Waiting => Judgement::GoOn,
        })?;
    scene.bench.note("the attack begins");
    scene.bench.serve(attacked.site);
    scene.bench.reset()?;
    scene.boots(&old)?;
    let Outcome::Refused(refusal) = row.expected.clone() else {
        return Err(Halt::Unmet(format!(
            "the row expects {:?}, and no refusal",
            row.expected
        )));
    };
    let what = format!("the refusal {refusal}");
    let event = scene.bench.wait(&what, limit, |event| judge(event, &refusal, code))?;
    let refused = name(&event);
    scene.bench.note("the attack is over");
    scene.bench.serve(scene.releases.healed(&seen).site);
    scene.bench.reset()?;
    scene.boots(&old)?;
    scene.converges(&old)?;
    Ok(format!(
        "refused: {refused}; then it took {}",
        scene.releases.new.version
    ))
}

fn judge(event: &Event, refusal: &str, code: Option<u16>) -> Judgement {
    match event.kind {
        Kind::Error if is_network(event) => Judgement::GoOn,
        Kind::Error | Kind::Refused => {
            let is_named = event.value("name").is_none_or(|said| said == refusal);
            let said = event.value("error").and_then(|said| said.parse::<u16>().ok());
            let is_coded = said.is_none() || code.is_none() || said == code;
            if is_named && is_coded {
                return Judgement::Done;
            }
            let code = code.map_or_else(String::new, |code| format!("{code} "));
            Judgement::Wrong(format!(
                "the board refuses by {}, and not by {code}{refusal}",
                name(event)
            ))
        }
        Kind::Installed => Judgement::Wrong("the board installs what it must refuse".to_owned()),
        Kind::NoRelease | Kind::UpToDate => Judgement::Wrong("the board does not notice the attack".to_owned()),
        Kind::App | Kind::Boot | Kind::Confirmed | Kind::Recovery | Kind::Waiting => Judgement::GoOn,
    }
}
