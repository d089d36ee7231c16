//! Power cuts of a whole small device: driver, state, kept files, checkpoints, slots, boot record and bootloader on one part,
//! at every flash operation of every scenario. What must hold is written down in `integration/src/life`.

use tuffet_integration::device::small::regions;
use tuffet_integration::life::{Findings, Recorded};
use tuffet_integration::life::{delta, full, long_logs, resumed, wear_table};
use tuffet_integration::nor::Tears;
use tuffet_integration::powercut::{self, Depth, Sweep, operations};
use tuffet_integration::simulator::patch::BLOCK_BYTES;
use tuffet_no_std_client::flash::{Swap, Xip};

/// How much is tried: `--deep` sets it.
fn depth() -> Depth {
    if deep() > 1 { Depth::Deep } else { Depth::Plain }
}

/// How many times as much as in a plain run.
fn deep() -> u64 {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases: u64 = cases.and_then(|cases| cases.parse().ok()).unwrap_or(256);
    (cases / 256).max(1)
}

fn tried(sweep: &Sweep, scenario: &str) -> usize {
    let of = sweep.tried.iter().filter(|((name, _), _)| name == scenario);
    of.map(|(_, tried)| tried.tried).sum()
}

#[test]
fn every_operation_of_a_device_cut_everywhere() {
    let sweep = powercut::device_once(depth());
    sweep.assert_none();
    let sum = sweep.sum();
    assert!(sum.tried > 50_000 && sum.lived > 8_000, "{sum:?}");
}

#[test]
fn full_pages_of_a_device_cut_everywhere() {
    let all: Vec<Recorded<Xip>> = (0..6)
        .map(|places_left| Recorded::new(long_logs(places_left)))
        .collect();
    let is_compacting = |recorded: &&Recorded<Xip>| {
        recorded
            .operations_in("boot record")
            .any(|operation| recorded.is_erase(operation))
    };
    let compacting = all.iter().filter(is_compacting).count();
    assert!((2..6).contains(&compacting), "{compacting} scenarios compact");
    let mut places = operations::places(&all, Depth::Deep);
    places.retain(|place| place.region() == "boot record");
    operations::cut_once("full pages", &places).assert_none();
}

/// A second cut somewhere in the life after the first one.
#[test]
fn every_operation_of_a_device_cut_twice() {
    let sweep = powercut::device_twice(depth());
    sweep.assert_none();
    let twice = sweep.tried.iter().filter(|((_, mode), _)| *mode == "two cuts");
    let twice: usize = twice.map(|(_, tried)| tried.tried).sum();
    assert!(twice > 1_000, "only {twice} double cuts");
}

/// Long lives with many cuts: after each of them everything holds, and when the power stays the newest image is confirmed, or
/// its trials were used up.
#[test]
fn lives_of_a_device_with_random_cuts() {
    powercut::lives::with_random_cuts::<Xip>("lives", 40 * deep()).assert_none();
    powercut::lives::with_random_cuts::<Swap>("lives with exchanges", 10 * deep()).assert_none();
}

#[test]
fn every_operation_of_an_exchange_cut_everywhere() {
    let sweep = powercut::swap_once(depth());
    sweep.assert_none();
    assert!(sweep.sum().tried > 5_000);
    for scenario in powercut::swap::scenarios() {
        assert!(tried(&sweep, scenario.name) > 500, "{}", scenario.name);
    }
    powercut::swap_twice(depth()).assert_none();
}

/// The small part: write units of 4 to 32 bytes, all pairs of cuts, many random ones.
#[test]
fn a_part_that_only_boots_cut_in_all_pairs() {
    powercut::pairs::once().assert_none();
    let pairs = powercut::pairs::twice(depth());
    pairs.assert_none();
    assert!(pairs.sum().tried > 100_000, "{:?}", pairs.sum());
    let random = powercut::pairs::often(depth());
    random.assert_none();
    assert!(random.sum().tried > 5_000, "{:?}", random.sum());
}

/// What a unit that fails leads to is the same after a cut, wherever the exchange is that is undone for it.
#[test]
fn an_exchange_that_is_undone_cut_everywhere() {
    let sweep = powercut::failing::while_undone(depth());
    sweep.assert_none();
    assert!(sweep.sum().tried > 10_000, "{:?}", sweep.sum());
}

/// A word of it that cannot be read, or nothing that can be written: a verified image runs, or comes over the line and then runs.
#[test]
fn a_journal_that_fails_costs_no_device() {
    for sweep in [
        powercut::failing::unreadable_journal(depth()),
        powercut::failing::worn_journal(depth()),
    ] {
        sweep.assert_none();
        let of = |mode: &str| -> usize {
            let of = sweep.tried.iter().filter(|((_, tried), _)| *tried == mode);
            of.map(|(_, tried)| tried.tried).sum()
        };
        assert!(of("brought over the line") > 500 && of("the old image runs") > 500);
    }
    let sweep = powercut::failing::errors_and_cuts(depth());
    sweep.assert_none();
    assert!(sweep.sum().tried > 50_000, "{:?}", sweep.sum());
}

/// Errors without a cut, and erases that read differently each time.
#[test]
fn faults_of_a_part_start_no_wrong_image() {
    powercut::faults::operations_that_fail(depth()).assert_none();
    powercut::faults::unstable_erases(depth()).assert_none();
    let stuck = powercut::faults::stuck_units();
    stuck.assert_none();
    // Most units do not matter to an update; some must be noticed.
    let noticed = stuck.tried.iter().filter(|((_, mode), _)| *mode != "goes on");
    assert!(noticed.map(|(_, tried)| tried.tried).sum::<usize>() > 20);
}

/// The network breaks, or the power goes: what was decoded before the last complete checkpoint is not fetched again.
#[test]
fn a_cut_costs_no_more_than_a_checkpoint() {
    for scenario in [full::<Xip>(), delta()] {
        let recorded = Recorded::new(scenario);
        let patch_bytes: usize = recorded.arrivals.iter().map(|arrival| arrival.bytes).sum();
        let came_before = |operation: usize| -> usize {
            let before = recorded
                .arrivals
                .iter()
                .filter(|arrival| arrival.operations <= operation);
            before.map(|arrival| arrival.bytes).sum()
        };
        let saved = saved_at(&recorded);
        assert_eq!(saved.len(), 3, "checkpoints of {}", recorded.scenario().name);
        let slot: Vec<usize> = recorded.operations_in("slot").collect();
        let (first, last) = (slot[0], slot[slot.len() - 1]);
        // And behind it, until the trial is recorded.
        let trial = recorded
            .operations_in("boot record")
            .find(|operation| *operation > last);
        let operations: Vec<usize> = (first..=trial.unwrap()).collect();
        let findings = Findings::of_each(&operations, |operation, findings| {
            let (point, contents) = recorded.cuts(*operation..operation + 1, Tears::Between).next().unwrap();
            findings.look(
                || format!("{}, {point}", recorded.scenario().name),
                || {
                    let recovered = recorded.recovered(&point, contents);
                    let newest = saved.iter().rev().find(|saved| **saved < *operation);
                    // The block in which the checkpoint stands comes again as a whole.
                    let kept = newest.map_or(0, |saved| came_before(*saved) - BLOCK_BYTES);
                    assert!(
                        recovered.patch_bytes <= patch_bytes - kept,
                        "{} of {patch_bytes} bytes come again, and {kept} were decoded for good",
                        recovered.patch_bytes
                    );
                },
            );
        });
        findings.assert_none();
        let marks: Vec<usize> = saved.iter().map(|saved| came_before(*saved)).collect();
        println!(
            "{}: {patch_bytes} bytes, saved after {marks:?}",
            recorded.scenario().name
        );
    }
    let (whole, broken) = (Recorded::<Xip>::new(full()), Recorded::new(resumed()));
    let bytes = |recorded: &Recorded<Xip>| recorded.arrivals.iter().map(|arrival| arrival.bytes).sum::<usize>();
    println!("resumed: {} bytes, without a break {}", bytes(&broken), bytes(&whole));
    assert!(bytes(&broken) < bytes(&whole) * 3 / 2);
}

/// The last operation of each save of a decoder.
fn saved_at(recorded: &Recorded<Xip>) -> Vec<usize> {
    let writes: Vec<usize> = recorded
        .operations_in("checkpoint")
        .filter(|operation| !recorded.is_erase(*operation))
        .collect();
    let is_last = |index: &usize| writes.get(index + 1).is_none_or(|next| *next > writes[*index] + 1);
    (0..writes.len()).filter(is_last).map(|index| writes[index]).collect()
}

/// What one full and one delta update cost the part: from the factory's image to the confirmed next one, and the cycle after
/// it. `--nocapture` shows it.
#[test]
fn wear_of_an_update() {
    let [whole, delta] = [full::<Xip>(), delta()].map(Recorded::new);
    println!("{}", wear_table(&[&whole, &delta]));
    println!("operations: {} and {}", whole.operations(), delta.operations());
    for recorded in [&whole, &delta] {
        for region in regions(&recorded.scenario().map) {
            let wear = recorded.tally.of(&region);
            let erases_max = match region.name {
                // Each save erases a page of one record: once for each file that stays, and twice for what a slot holds.
                "trusted state" => 5,
                "boot record" => 0,
                // Both areas are cleared at first, and two of three checkpoints are in the first one.
                "checkpoint A" => 2,
                "checkpoint B" => 1,
                // Targets and delegated roles pass through, one after the other, in each cycle.
                "root A" | "root B" => 6,
                "snapshot A" | "snapshot B" => 4,
                _ => 1,
            };
            assert!(wear.erases_max <= erases_max, "{wear}");
        }
    }
}
