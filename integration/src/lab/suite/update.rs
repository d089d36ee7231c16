//! `update`: from the old firmware to the new one.

use super::{Case, Scene, is_network, name, since, slot};
use crate::lab::bench::{Halt, Judgement};
use crate::lab::pattern::Kind;
use std::time::Instant;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("the old firmware runs", None, |scene| {
            scene.back_to_factory()?;
            scene.bench.power_on()?;
            let version = scene.releases.old.version.clone();
            let app = scene.boots(&version)?;
            Ok(format!("{version} runs{}", slot(&app)))
        }),
        Case::new("the new firmware is installed", Some(0), installed),
        Case::new("the new firmware is tried and confirmed", Some(1), confirmed),
        Case::new("then nothing is newer", Some(2), nothing_newer),
        Case::new("the new firmware survives a power cut", Some(2), |scene| {
            scene.bench.power_off()?;
            scene.bench.rest()?;
            scene.bench.power_on()?;
            let version = scene.releases.new.version.clone();
            let app = scene.boots(&version)?;
            Ok(format!("{version} runs{}", slot(&app)))
        }),
    ]
}

fn installed(scene: &mut Scene) -> Result<String, Halt> {
    let site = scene.releases.updated(&scene.factory).site;
    scene.bench.serve(site);
    // A restart is the one moment at which every firmware asks its repository.
    scene.bench.reset()?;
    let old = scene.releases.old.version.clone();
    scene.boots(&old)?;
    let started = Instant::now();
    let (new, limit) = (scene.releases.new.version.clone(), scene.update_limit);
    let event = scene
        .bench
        .wait("the word that the update is installed", limit, |event| {
            match event.kind {
                Kind::Installed => Judgement::Done,
                Kind::Error if is_network(event) => Judgement::GoOn,
                Kind::Refused | Kind::Waiting | Kind::Error => {
                    Judgement::Wrong(format!("the board does not take the release: {}", name(event)))
                }
                Kind::NoRelease | Kind::UpToDate => {
                    Judgement::Wrong(format!("the board finds nothing newer, and {new} is served"))
                }
                Kind::App if event.version() == new => {
                    Judgement::Wrong(format!("{new} runs, and nobody said that it was installed"))
                }
                Kind::App | Kind::Boot | Kind::Confirmed | Kind::Recovery => Judgement::GoOn,
            }
        })?;
    let way = event
        .value("way")
        .map_or_else(String::new, |way| format!(" (way: {way})"));
    Ok(format!("after {}{way}", since(started)))
}

fn confirmed(scene: &mut Scene) -> Result<String, Halt> {
    let started = Instant::now();
    let (new, limit) = (scene.releases.new.version.clone(), scene.update_limit);
    let mut running = None;
    scene
        .bench
        .wait(&format!("the confirmation of {new}"), limit, |event| match event.kind {
            Kind::App if event.version() == new => {
                running = Some(slot(event));
                Judgement::GoOn
            }
            Kind::App => Judgement::Wrong(format!("{} runs instead of {new}", event.version())),
            Kind::Confirmed if running.is_some() => Judgement::Done,
            Kind::Confirmed => Judgement::Wrong("something is confirmed before the new firmware ran".to_owned()),
            Kind::Boot
            | Kind::Error
            | Kind::Installed
            | Kind::NoRelease
            | Kind::Recovery
            | Kind::Refused
            | Kind::UpToDate
            | Kind::Waiting => Judgement::GoOn,
        })?;
    let slot = running.unwrap_or_default();
    Ok(format!("{new} runs{slot}, confirmed after {}", since(started)))
}

fn nothing_newer(scene: &mut Scene) -> Result<String, Halt> {
    scene.bench.reset()?;
    let (new, limit) = (scene.releases.new.version.clone(), scene.update_limit);
    scene.boots(&new)?;
    scene
        .bench
        .wait("the word that nothing is newer", limit, |event| match event.kind {
            Kind::UpToDate => Judgement::Done,
            Kind::Installed => Judgement::Wrong("the same release is installed again".to_owned()),
            Kind::Error if is_network(event) => Judgement::GoOn,
            Kind::Refused | Kind::Waiting | Kind::Error => {
                Judgement::Wrong(format!("the board ends its cycle otherwise: {}", name(event)))
            }
            Kind::App | Kind::Boot | Kind::Confirmed | Kind::NoRelease | Kind::Recovery => Judgement::GoOn,
        })?;
    Ok("up to date".to_owned())
}
