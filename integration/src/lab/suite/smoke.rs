//! `smoke`: does the old firmware boot at all?

use super::{Case, Scene, since, slot};
use crate::lab::bench::Halt;
use std::time::Instant;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("the factory image is flashed", None, |scene| {
            scene.back_to_factory()?;
            Ok(format!("{} bytes", scene.contents.len()))
        }),
        Case::new("the first boot says the version", Some(0), |scene| {
            scene.bench.power_on()?;
            old_boots(scene)
        }),
        Case::new("it boots after a reset", Some(1), |scene| {
            scene.bench.reset()?;
            old_boots(scene)
        }),
        Case::new("it boots after a power cut", Some(1), |scene| {
            scene.bench.power_off()?;
            scene.bench.rest()?;
            scene.bench.power_on()?;
            old_boots(scene)
        }),
    ]
}

fn old_boots(scene: &mut Scene) -> Result<String, Halt> {
    let started = Instant::now();
    let version = scene.releases.old.version.clone();
    let app = scene.boots(&version)?;
    Ok(format!("{version} runs{} after {}", slot(&app), since(started)))
}
