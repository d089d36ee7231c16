//! A device behind a gateway that is not to be trusted: each row of its table, on the flash model with the map of a micro:bit.

use tuffet_integration::endurance::Part;
use tuffet_integration::gateway::{Evil, Gateway, repositories, rows};
use tuffet_no_std_client::{Outcome, Stop};

const NOW: u64 = 1_800_000_000;

fn told<E: std::fmt::Debug>(outcome: &Result<Outcome, Stop<E>>) -> String {
    match outcome {
        Ok(Outcome::Installed { .. }) => "Installed".to_owned(),
        Ok(Outcome::UpToDate) => "UpToDate".to_owned(),
        Ok(outcome) => format!("{outcome:?}"),
        Err(Stop::Failure(failure)) => failure.name().to_owned(),
        Err(Stop::Transport) => "Transport".to_owned(),
        Err(stop) => format!("{stop:?}"),
    }
}

/// What never goes back.
fn versions(part: &Part) -> Vec<u64> {
    let trusted = part.state().trusted;
    let version = |version: Option<u64>| version.unwrap_or(0);
    vec![
        trusted.root.version.as_u64(),
        version(trusted.timestamp.map(|facts| facts.file.version.as_u64())),
        version(trusted.snapshot.map(|facts| facts.version.as_u64())),
        trusted.floor.as_secs(),
    ]
}

#[test]
fn every_row_of_an_evil_gateway() {
    let [before, now] = repositories(NOW);
    let gateway = |evil| Gateway::new(before.site.clone(), now.site.clone(), evil);
    let mut wrong = Vec::new();
    assert!(rows().len() > 40);
    for row in rows() {
        let part = Part::provisioned(&before);
        let known = versions(&part);
        let confirmed = part.confirmed();
        let outcome = part.cycle(&mut gateway(row.evil));
        let said = told(&outcome);
        if said != row.expected {
            wrong.push(format!("{} {:?}: {said}", row.name, row.evil));
        }
        let trusted = versions(&part);
        let is_back = known.iter().zip(&trusted).any(|(known, trusted)| trusted < known);
        assert!(!is_back, "{row:?}: {known:?}, then {trusted:?}");
        if said == "Installed" {
            part.try_out();
            assert_ne!(part.confirmed(), confirmed, "{row:?}");
        } else {
            assert_eq!(part.boots().placed.slot, confirmed, "{row:?}");
            // An honest one brings the update.
            let outcome = part.cycle(&mut gateway(Evil::Honest));
            assert!(matches!(outcome, Ok(Outcome::Installed { .. })), "{row:?}: {outcome:?}");
            part.try_out();
        }
        // And then an old repository changes nothing any more.
        let known = versions(&part);
        let outcome = part.cycle(&mut gateway(Evil::Stale));
        assert_eq!(told(&outcome), "Rollback", "{row:?}");
        assert_eq!(versions(&part), known, "{row:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
