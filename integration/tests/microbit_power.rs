//! The board `microbit` without its power: cut at any operation of its flash, from outside, by whoever stops its processor there.
//!
//! - What the board does to its flash is what the model of the host does, word by word. So a journal of the model says what a cut at
//!   any operation leaves; what is read from a board that is cut there is the same.
//! - A board that is given such a flash boots what its record says, and comes to the newest image. What must hold when the power
//!   comes is the table of `tuffet_integration::life`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tuffet_integration::life::Findings;
use tuffet_integration::microbit::cuts::{self, Rule};
use tuffet_integration::microbit::{Area, Lived, Operation, Scene, counted, replayed};
use tuffet_integration::nor::{Cut, Journal, Random};

const NOW: u64 = 1_800_000_000;
/// Every random choice follows from it.
const SEED: u64 = 20_261_202;

/// Stops at which the whole flash is read.
const LOOKS: usize = 36;
/// Boards that are really cut, in CI and with `TUFFET_DEEP` set.
const CUT_LIVE: [usize; 2] = [2, 24];
/// How often each area, kind and rule is tried in CI.
const TIMES: usize = 1;
/// With `TUFFET_DEEP` set, one of so many words of slots and saved decoders is cut, and each other operation.
const ONE_WORD_IN: usize = 16;
/// How many of all cuts are tried, at random; or `all`.
const CUTS: &str = "TUFFET_CUTS";

fn is_deep() -> bool {
    std::env::var_os("TUFFET_DEEP").is_some()
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn operations_of_the_board_are_those_of_the_model() {
    let scene = Scene::new(NOW);
    let in_model = scene.modelled();
    println!("{:<14}{:>8}{:>8}", "area", "erases", "words");
    for (area, [erases, words]) in counted(&in_model) {
        println!("{area:<14}{erases:>8}{words:>8}");
    }
    let mut random = Random::new(SEED);
    let mut looks: BTreeMap<usize, Vec<u8>> = (0..LOOKS).map(|_| (random.below(in_model.len()), Vec::new())).collect();
    let began = Instant::now();
    let (on_board, mut board) = scene.watched(|operation, board| {
        if let Some(flash) = looks.get_mut(&operation) {
            *flash = board.flash_standing();
        }
    });
    println!(
        "{} operations seen in {:.1?}, seed {SEED}",
        on_board.len(),
        began.elapsed()
    );
    assert_same(&on_board, &in_model);
    assert_eq!(on_board.len(), in_model.len());
    let mut journal = replayed(scene.factory().to_vec(), &on_board);
    for (operation, flash) in &looks {
        assert!(
            journal.contents_before(*operation) == flash,
            "the flash before operation {operation}"
        );
    }
    board.power_off();
    assert!(
        journal.contents_before(on_board.len()) == board.flash(),
        "the flash at the end"
    );
}

/// The power goes while the processor stands in front of an operation: what is read then is what the journal says.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_that_is_cut_live_has_what_the_journal_says() {
    let scene = Scene::new(NOW);
    let operations = scene.modelled();
    let journal = Mutex::new(replayed(scene.factory().to_vec(), &operations));
    let count = CUT_LIVE[usize::from(is_deep())];
    println!("{count} boards, seed {SEED}");
    let cuts = cuts::sample(&operations, SEED, 1);
    Findings::of_each(&cuts[..count.min(cuts.len())], |cut, findings| {
        let place = || named(*cut, &operations);
        findings.look(place, || {
            let (seen, board) = scene.watched(|operation, board| {
                if operation == cut.operation {
                    board.power_off_standing();
                }
            });
            assert_same(&seen, &operations);
            let flash = board.flash().to_vec();
            let is_same = lock(&journal).contents_before(cut.operation) == flash;
            assert!(is_same, "another flash:\n{}", board.said());
            let torn = replayed(flash, &operations[cut.operation..=cut.operation]).contents_after(Cut {
                operation: 0,
                tear: cut.tear,
            });
            assert!(
                lock(&journal).contents_after(*cut) == torn,
                "another flash after the tear"
            );
            scene.lives_on(torn)
        });
    })
    .assert_none();
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_cut_anywhere_updates_itself() {
    let scene = Scene::new(NOW);
    let operations = scene.modelled();
    let journal = Mutex::new(replayed(scene.factory().to_vec(), &operations));
    let cuts = chosen(&operations);
    println!("{} cuts of {} operations, seed {SEED}", cuts.len(), operations.len());
    let tried = Mutex::new(BTreeMap::<(Area, Rule), usize>::new());
    let (most_boots, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let findings = Findings::of_each(&cuts, |cut, findings| {
        let place = || named(*cut, &operations);
        let Some(lived) = findings.look(place, || lived(&scene, &journal, *cut)) else {
            return;
        };
        most_boots.fetch_max(lived.boots, Ordering::Relaxed);
        failures.fetch_add(lived.failures, Ordering::Relaxed);
        let operation = operations[cut.operation];
        let mut tried = tried.lock().unwrap();
        *tried
            .entry((operation.area(), Rule::of(cut.tear, operation)))
            .or_default() += 1;
        let count: usize = tried.values().sum();
        if count.is_multiple_of(100) {
            println!("{count} lives in {:.0?}", began.elapsed());
        }
    });
    println!("{:<14}{:<12}{:>8}", "area", "operation", "lived");
    for ((area, rule), count) in tried.lock().unwrap().iter() {
        println!("{area:<14}{rule:<12}{count:>8}");
    }
    println!(
        "{:.0?}; {} boots at most, {} updates that ended with an error",
        began.elapsed(),
        most_boots.into_inner(),
        failures.into_inner()
    );
    findings.assert_none();
}

/// Whether the board did what the model does, as far as it was seen.
fn assert_same(on_board: &[Operation], in_model: &[Operation]) {
    let differing = on_board.iter().zip(in_model).position(|(board, model)| board != model);
    if let Some(at) = differing {
        let around = |operations: &[Operation]| {
            let (from, to) = (at.saturating_sub(2), operations.len().min(at + 4));
            format!("{:x?}", &operations[from..to])
        };
        let (board, model) = (around(on_board), around(in_model));
        panic!("operation {at} is another one; from two before on:\nboard {board}\nmodel {model}");
    }
}

fn chosen(operations: &[Operation]) -> Vec<Cut> {
    if let Ok(count) = std::env::var(CUTS) {
        let mut cuts = cuts::every(operations, SEED, 1);
        if count != "all" {
            cuts.truncate(count.parse().expect("a number of cuts, or all of them"));
        }
        return cuts;
    }
    if is_deep() {
        cuts::every(operations, SEED, ONE_WORD_IN)
    } else {
        cuts::sample(operations, SEED, TIMES)
    }
}

/// What is at rest after the cut is what was there before or what is there after; and the board goes on from it.
fn lived(scene: &Scene, journal: &Mutex<Journal>, cut: Cut) -> Lived {
    let [before, after, torn] = {
        let mut journal = lock(journal);
        let before = journal.contents_before(cut.operation).to_vec();
        let torn = journal.contents_after(cut);
        [before, journal.contents_before(cut.operation + 1).to_vec(), torn]
    };
    let [before, after, now] = [&before, &after, &torn].map(|flash| scene.moment(flash));
    now.assert_not_before(&before);
    assert!(now.boot == before.boot || now.boot == after.boot, "{:?}", now.boot);
    assert!(
        now.state == before.state || now.state == after.state,
        "another trusted state"
    );
    scene.lives_on(torn)
}

fn named(cut: Cut, operations: &[Operation]) -> String {
    let operation = operations[cut.operation];
    format!("{}, {operation:x?}, {cut:?}", operation.area())
}

/// A panic is a finding, and what it left of the journal is as good as before.
fn lock(journal: &Mutex<Journal>) -> std::sync::MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
