//! Random repositories with random faults, through our verifier and two others: tough's client and python-tuf's.
//!
//! - A case follows from a seed: what a repository serves from one state to the next, and which names are looked up. Every
//!   client updates once in each state and keeps what it keeps.
//! - Each verdict is held against python-tuf's. A difference that no entry of [`explained`] is the reason for fails.
//! - `TUFFET_DIFFERENTIAL_CASES` and `TUFFET_DIFFERENTIAL_SEED` say how many cases, and from which seed on. One case alone
//!   prints what was done to it and what everybody says, and leaves its files to be looked at.

mod case;
mod explained;
mod generate;
mod mutation;
mod ours;
mod reference;
mod repository;
mod spelling;
mod tough_client;

use case::{Answer, Case, Client, Style, Verdict};
use explained::{Difference, EXPLANATIONS};
use ours::Ours;
use reference::PythonTuf;
use std::collections::BTreeMap;
use tough_client::Tough;
use tuffet_tuf::{Lenient, Strict};

/// Few enough for every change, and many enough for most faults.
const CASES: u64 = 300;
/// From so many on, an entry that nothing used is one too many.
const CASES_THAT_USE_ALL: u64 = 20_000;

/// What came of all cases.
#[derive(Default)]
struct Tally {
    verdicts: usize,
    /// The verdicts of python-tuf: found, not found, refused.
    reference: [usize; 3],
    explained: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn add_reference(&mut self, answers: &[Answer]) {
        for verdict in answers.iter().flat_map(|answer| &answer.verdicts) {
            let kind = match verdict {
                Verdict::Found { .. } => 0,
                Verdict::NotFound => 1,
                Verdict::Refused { .. } => 2,
            };
            self.reference[kind] += 1;
        }
    }

    /// Compares one client's answers with the reference's, up to the first state in which they part.
    fn compare(&mut self, case: &Case, client: &str, answers: &[Answer], reference: &[Answer]) {
        let mut parted_before = false;
        for (state, (answer, expected)) in answers.iter().zip(reference).enumerate() {
            let mut differs = false;
            let verdicts = answer.verdicts.iter().zip(&expected.verdicts);
            for (name, (verdict, reference)) in case.names.iter().zip(verdicts) {
                self.verdicts += 1;
                if verdict.agrees(reference) {
                    parted_before |= !verdict.stops_with(reference);
                    continue;
                }
                differs = true;
                self.explain(&Difference {
                    case,
                    state,
                    name,
                    client,
                    verdict,
                    reference,
                    roles: &expected.roles,
                    parted_before,
                });
            }
            if differs {
                return;
            }
        }
    }

    fn explain(&mut self, difference: &Difference<'_>) {
        if let Some(explanation) = EXPLANATIONS.iter().find(|entry| (entry.holds)(difference)) {
            *self.explained.entry(explanation.name).or_default() += 1;
            return;
        }
        let Difference {
            case,
            state,
            name,
            client,
            verdict,
            reference,
            ..
        } = difference;
        self.unexplained.push(format!(
            "seed {}, state {state}, {name}: {client}: {verdict}\n    python-tuf: {reference}\n    {}",
            case.seed,
            case.story(*state)
        ));
    }

    fn print(&self, cases: u64) {
        let [found, not_found, refused] = self.reference;
        println!("python-tuf: {found} found, {not_found} not found, {refused} refused");
        let explained: usize = self.explained.values().sum();
        println!(
            "{cases} cases, {} verdicts compared, {explained} differences explained, {} not",
            self.verdicts,
            self.unexplained.len()
        );
        for entry in EXPLANATIONS {
            let count = self.explained.get(entry.name).copied().unwrap_or_default();
            println!("{count:7}  {}", entry.name);
        }
        for line in &self.unexplained {
            println!("{line}");
        }
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Our readings come first; another one is one more entry here.
fn clients() -> Vec<Box<dyn Client>> {
    vec![
        Box::new(Ours::<Strict>::new()),
        Box::new(Ours::<Lenient>::new()),
        Box::new(Tough::new()),
    ]
}

#[test]
#[ignore = "needs python3 and, the first time, a Python package registry; `cargo xtask test` runs it"]
fn verdicts_agree_or_the_difference_is_explained() {
    let cases = number("TUFFET_DIFFERENTIAL_CASES", CASES);
    let first = number("TUFFET_DIFFERENTIAL_SEED", 1);
    println!("seeds {first} to {}", first + cases - 1);
    let mut clients = clients();
    let mut python = PythonTuf::start();
    let mut tally = Tally::default();
    for seed in first..first + cases {
        let case = generate::case(seed);
        let reference = python.live(&case);
        tally.add_reference(&reference);
        for client in &mut clients {
            let answers = client.live(&case);
            if cases == 1 {
                println!("{}: {answers:#?}", client.name());
            }
            tally.compare(&case, client.name(), &answers, &reference);
        }
        if cases == 1 {
            println!("{}: {reference:#?}\n{}", python.name(), case.story(case.states.len()));
            println!("its files are in {}", case.write().display());
        }
    }
    tally.print(cases);
    assert_eq!(
        tally.unexplained.len(),
        0,
        "differences that nothing explains; see above"
    );
    let is_unused = |entry: &&explained::Explanation| !tally.explained.contains_key(entry.name);
    let unused: Vec<&str> = EXPLANATIONS.iter().filter(is_unused).map(|entry| entry.name).collect();
    assert!(
        cases < CASES_THAT_USE_ALL || unused.is_empty(),
        "nothing used {unused:?}"
    );
}

#[test]
fn cases_follow_from_their_seed() {
    for seed in 0..20 {
        let (one, two) = (generate::case(seed), generate::case(seed));
        assert_eq!(one.story(9), two.story(9));
        assert_eq!(one.first_root, two.first_root);
        let files = |case: &Case| case.states.iter().map(|state| state.files.clone()).collect::<Vec<_>>();
        assert_eq!(files(&one), files(&two));
    }
}

#[test]
fn both_clients_find_something_in_healthy_repositories() {
    // Else all agreement would be agreement on nothing.
    let mut found = BTreeMap::new();
    for seed in 0..60 {
        let mut case = generate::case(seed);
        case.states.retain(|state| state.story.is_empty());
        if case.style == Style::Free || case.states.is_empty() {
            continue;
        }
        case.states.truncate(1);
        for mut client in clients() {
            let verdicts = client.live(&case).remove(0).verdicts;
            let count = verdicts
                .iter()
                .filter(|verdict| matches!(verdict, Verdict::Found { .. }))
                .count();
            *found.entry(client.name()).or_insert(0) += count;
        }
    }
    assert!(found.values().all(|count| *count > 10), "{found:?}");
}

#[test]
fn explanations_have_a_name_and_a_reason() {
    for entry in EXPLANATIONS {
        assert_eq!(EXPLANATIONS.iter().filter(|other| other.name == entry.name).count(), 1);
        assert!(entry.why.ends_with('.'), "{}", entry.name);
    }
}
