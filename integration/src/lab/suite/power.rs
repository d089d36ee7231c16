//! `power`: the same update with the power cut.
//!
//! The first case measures how long an undisturbed update takes, from power-up to confirmation. The instants of the cuts are
//! spread over that time: one in each of as many equal stretches, where in it is drawn.

use super::{Case, Cuts, Scene, since};
use crate::lab::bench::Halt;
use crate::nor::Random;
use std::time::{Duration, Instant};

/// A drawn number has this many values.
const PARTS: usize = 1_000_000;

pub fn cases(cuts: Cuts) -> Vec<Case> {
    let mut random = Random::new(cuts.seed);
    let undisturbed = Case::new("an update that nobody disturbs", None, undisturbed);
    let cut = (0..cuts.count).map(|index| {
        let within = random.below(PARTS) as f64 / PARTS as f64;
        let share = (f64::from(index) + within) / f64::from(cuts.count);
        let name = format!(
            "cut {} of {}, at {:.1} % of the update",
            index + 1,
            cuts.count,
            share * 100.0
        );
        Case::new(name, Some(0), move |scene| cut(scene, share))
    });
    std::iter::once(undisturbed).chain(cut).collect()
}

fn begin(scene: &mut Scene) -> Result<Instant, Halt> {
    scene.back_to_factory()?;
    let site = scene.releases.updated(&scene.factory).site;
    scene.bench.serve(site);
    let started = Instant::now();
    scene.bench.power_on()?;
    Ok(started)
}

fn undisturbed(scene: &mut Scene) -> Result<String, Halt> {
    let started = begin(scene)?;
    scene.converges("")?;
    scene.undisturbed = Some(started.elapsed());
    Ok(format!("from power-up to confirmation: {}", since(started)))
}

fn cut(scene: &mut Scene, share: f64) -> Result<String, Halt> {
    let whole = scene.undisturbed.unwrap_or_default();
    let after = Duration::from_secs_f64(whole.as_secs_f64() * share);
    let started = begin(scene)?;
    scene.bench.run_until(started + after)?;
    scene.bench.power_off()?;
    let cut_at = started.elapsed();
    scene.bench.rest()?;
    let again = Instant::now();
    scene.bench.power_on()?;
    let app = scene.bench.wait_for_app()?;
    let (old, new) = (&scene.releases.old.version, &scene.releases.new.version);
    if ![old.as_str(), new].contains(&app.version()) {
        return Err(Halt::Unmet(format!(
            "after the cut the application says that it is {}: neither {old} nor {new}",
            app.version()
        )));
    }
    let booted = app.version().to_owned();
    scene.converges(&booted)?;
    Ok(format!(
        "cut at {:.2} s; then {booted} boots, and the new firmware is confirmed after {}",
        cut_at.as_secs_f32(),
        since(again)
    ))
}
