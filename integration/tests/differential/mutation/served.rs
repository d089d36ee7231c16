//! Which bytes are served: what takes no key.

use crate::case::Files;
use crate::repository::{Repository, chance, one_of};
use tuffet_integration::nor::Random;

/// A file that clients are likely to ask for.
fn served(repository: &Repository, random: &mut Random) -> String {
    let names: Vec<&String> = repository.files.keys().collect();
    (*one_of(random, &names)).clone()
}

pub(super) fn file_gone(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let name = served(repository, random);
    repository.files.remove(&name);
    name
}

pub(super) fn file_edited(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let name = served(repository, random);
    let bytes = repository.files.entry(name.clone()).or_default();
    match random.below(5) {
        0 => bytes.clear(),
        1 => bytes.truncate(random.below(bytes.len() + 1)),
        2 => bytes.push(b'\n'),
        _ if bytes.is_empty() => {}
        _ => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
    }
    name
}

pub(super) fn file_replaced(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let (name, other) = (served(repository, random), served(repository, random));
    let bytes = repository.files.get(&other).cloned().unwrap_or_default();
    repository.files.insert(name.clone(), bytes);
    format!("{name} by {other}")
}

pub(super) fn old_file_served(repository: &mut Repository, random: &mut Random, before: &[Files]) -> String {
    if before.is_empty() {
        return "nothing old".to_owned();
    }
    let old = one_of(random, before);
    if chance(random, 60) {
        if let Some(bytes) = old.get("timestamp.json") {
            repository.files.insert("timestamp.json".to_owned(), bytes.clone());
        }
        return "timestamp.json".to_owned();
    }
    if chance(random, 40) {
        let newest = repository.files.clone();
        repository.files.clone_from(old);
        let roots = newest.into_iter().filter(|(name, _)| name.ends_with(".root.json"));
        repository.files.extend(roots);
        return "everything but the roots".to_owned();
    }
    let names: Vec<&String> = old.keys().collect();
    let name = (*one_of(random, &names)).clone();
    repository.files.insert(name.clone(), old[&name].clone());
    name
}
