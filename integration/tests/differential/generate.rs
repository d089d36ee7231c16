//! From a seed to a case.

use crate::case::{Case, Files, State, Style};
use crate::mutation::{publish, repair};
use crate::repository::{NAMES, Repository, chance, file_name, one_of};
use tuffet_integration::nor::Random;

/// The case of a seed: the same one everywhere and always.
pub fn case(seed: u64) -> Case {
    let random = &mut Random::new(seed);
    let style = if chance(random, 15) { Style::Free } else { Style::Strict };
    let mut repository = Repository::random(random, style);
    let first = 1 + random.below(usize::try_from(repository.root.version()).unwrap_or(1)) as u64;
    let first = if chance(random, 70) { 1 } else { first };
    let first_root = repository.files[&file_name("root", first)].clone();
    let mut names: Vec<String> = vec![repository.focus.to_owned()];
    let listed = repository.listed();
    for _ in 0..3 {
        let name = if listed.is_empty() || chance(random, 40) {
            one_of(random, &NAMES).to_string()
        } else {
            one_of(random, &listed).clone()
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut states: Vec<State> = Vec::new();
    let mut before: Vec<Files> = Vec::new();
    for index in 0..1 + random.below(4) {
        let changes = match random.below(10) {
            0..3 => 0,
            3..8 => 1,
            _ => 2,
        };
        let mut story = Vec::new();
        if index > 0 {
            story = repository.evolve(random, changes);
        }
        // Half of the time the next state has forgotten what went wrong in this one.
        let healthy = repository.clone();
        story.extend(publish(&mut repository, random, &before, changes));
        before.push(repository.files.clone());
        states.push(State {
            files: repository.files.clone(),
            story,
        });
        if chance(random, 60) {
            repository = healthy;
        } else {
            repair(&mut repository);
        }
    }
    Case {
        seed,
        style,
        first_root,
        states,
        names,
    }
}
