//! Power cuts of a whole small device: driver, state, kept files, checkpoints, slots, boot record and bootloader on one part,
//! at every flash operation of every scenario. What must hold is written down in `integration/src/life`.

use std::sync::Mutex;
use tuffet_integration::device::small::regions;
use tuffet_integration::life::{Fate, Findings, Life, Recorded, Recovered, Rest};
use tuffet_integration::life::{delta, full, lifetime, long_logs, recovered, resumed, scenarios, wear_table};
use tuffet_integration::nor::{Cut, Kind, Random, Tear, Tears};
use tuffet_integration::simulator::patch::BLOCK_BYTES;
use tuffet_no_std_client::flash::Xip;

/// The seed of every test; `--deep` only does more with it.
const SEED: u64 = 0x7466_6675;

/// Boots after the last cut, in the longest scenario: one in which the update begins again, three trials, the revert.
const BOOTS_MAX: usize = 6;
/// Cycles after the last cut: one that ends with an error where a scenario grants it, one that installs, one that finds
/// nothing more to do.
const CYCLES_MAX: usize = 3;
/// Erases of a unit after a cut, over those of the whole life without a cut.
const EXTRA_ERASES_MAX: u32 = 2;

/// How many times as much as in a plain run.
fn deep() -> usize {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases: usize = cases.and_then(|cases| cases.parse().ok()).unwrap_or(256);
    (cases / 256).max(1)
}

/// An operation of a scenario.
struct Place<'r> {
    recorded: &'r Recorded<Xip>,
    operation: usize,
}

fn recorded() -> Vec<Recorded<Xip>> {
    scenarios().into_iter().map(Recorded::new).collect()
}

fn places(all: &[Recorded<Xip>]) -> Vec<Place<'_>> {
    let of = |recorded| (0..Recorded::<Xip>::operations(recorded)).map(move |operation| Place { recorded, operation });
    all.iter().flat_map(of).collect()
}

impl Place<'_> {
    fn region(&self) -> &'static str {
        self.recorded.region(self.operation)
    }

    /// Records are torn at every unit; so are files in the scenarios that differ in their files. What else is large and checked
    /// by a digest is torn at three units.
    fn tears(&self) -> Tears {
        let is_about_files = ["full", "delta", "long logs"].contains(&self.recorded.scenario().name);
        match self.region() {
            "checkpoint A" | "checkpoint B" | "slot A" | "slot B" => Tears::Inside { seed: SEED },
            "boot record" | "trusted state" => Tears::EveryUnit { seed: SEED },
            _ if is_about_files || deep() > 1 => Tears::EveryUnit { seed: SEED },
            _ => Tears::Inside { seed: SEED },
        }
    }

    /// Whether the life after this cut is lived to its end, too. What is not is looked at when the power comes, and boots.
    fn is_lived(&self, index: usize, tear: Tear) -> bool {
        let is_saving = self.region().starts_with("checkpoint");
        if deep() > 1 || (tear == Tear::Before && !is_saving) {
            return true;
        }
        let stride = match self.region() {
            "boot record" => 1,
            // A decoder is saved by a hundred operations that are alike.
            "checkpoint A" | "checkpoint B" => return index == self.operation % 12,
            "slot A" | "slot B" => 3,
            "trusted state" => 37,
            _ => 11,
        };
        index % stride == self.operation % stride
    }
}

/// What was seen in all lives.
#[derive(Default, Debug)]
struct Seen {
    operations: usize,
    cuts: usize,
    lived: usize,
    boots_max: usize,
    cycles_max: usize,
    extra_erases_max: u32,
}

impl Seen {
    fn take(&mut self, recorded: &Recorded<Xip>, recovered: &Recovered) {
        self.lived += 1;
        self.boots_max = self.boots_max.max(recovered.spent.boots);
        self.cycles_max = self.cycles_max.max(recovered.spent.cycles);
        let extra = recovered.erases.iter().zip(recorded.tally.erases());
        let extra = extra.map(|(after, whole)| after.saturating_sub(*whole)).max();
        self.extra_erases_max = self.extra_erases_max.max(extra.unwrap_or(0));
        assert!(
            self.boots_max <= BOOTS_MAX,
            "{} boots after the cut",
            recovered.spent.boots
        );
        assert!(
            self.cycles_max <= CYCLES_MAX,
            "{} cycles after the cut",
            recovered.spent.cycles
        );
        assert!(
            self.extra_erases_max <= EXTRA_ERASES_MAX,
            "a unit is erased {extra:?} times more than without a cut"
        );
    }
}

#[test]
fn every_operation_of_a_device_cut_everywhere() {
    let all = recorded();
    let seen = Mutex::new(Seen::default());
    let findings = Findings::of_each(&places(&all), |place, findings| {
        let Place { recorded, operation } = place;
        seen.lock().unwrap().operations += 1;
        let cuts = recorded.cuts(*operation..operation + 1, place.tears());
        for (index, (point, contents)) in cuts.enumerate() {
            let name = || format!("{} ({}), {point}", recorded.scenario().name, place.region());
            findings.look(name, || {
                seen.lock().unwrap().cuts += 1;
                let mut life = recorded.after_cut(&point, contents);
                if place.is_lived(index, point.cut.tear) {
                    life.settle().unwrap();
                    let recovered = recovered(&mut life);
                    seen.lock().unwrap().take(recorded, &recovered);
                } else {
                    life.starts();
                }
            });
        }
    });
    findings.assert_none();
    let seen = seen.into_inner().unwrap();
    println!("{} scenarios, {seen:?}", all.len());
    assert!(seen.cuts > 50_000 && seen.lived > 8_000, "{seen:?}");
}

#[test]
fn full_pages_of_a_device_cut_everywhere() {
    let all: Vec<Recorded<Xip>> = (0..6)
        .map(|places_left| Recorded::new(long_logs(places_left)))
        .collect();
    let is_compacting = |recorded: &&Recorded<Xip>| {
        recorded
            .operations_in("boot record")
            .any(|operation| is_erase(recorded, operation))
    };
    let compacting = all.iter().filter(is_compacting).count();
    assert!((2..6).contains(&compacting), "{compacting} scenarios compact");
    let mut places = places(&all);
    places.retain(|place| place.region() == "boot record");
    let findings = Findings::of_each(&places, |place, findings| {
        let Place { recorded, operation } = place;
        for (point, contents) in recorded.cuts(*operation..operation + 1, place.tears()) {
            findings.look(|| point.to_string(), || recorded.recovered(&point, contents));
        }
    });
    findings.assert_none();
}

fn is_erase(recorded: &Recorded<Xip>, operation: usize) -> bool {
    let (point, _) = recorded.cuts(operation..operation + 1, Tears::Between).next().unwrap();
    point.kind == Kind::Erase
}

/// A second cut somewhere in the life after the first one.
#[test]
fn every_operation_of_a_device_cut_twice() {
    let all = recorded();
    let mut places = places(&all);
    if deep() == 1 {
        places.retain(|place| !place.region().starts_with("checkpoint") || place.operation % 8 == 0);
    }
    let cuts = Mutex::new([0_usize; 2]);
    let findings = Findings::of_each(&places, |place, findings| {
        let Place { recorded, operation } = place;
        let mut random = Random::new(SEED ^ *operation as u64);
        for _ in 0..deep().min(8) {
            let mut after = recorded.cuts(*operation..operation + 1, Tears::Inside { seed: random.number() });
            let (point, contents) = after
                .nth(random.below(3))
                .or_else(|| after.next())
                .unwrap_or_else(|| recorded.cuts(*operation..operation + 1, Tears::Between).next().unwrap());
            let second = Cut {
                operation: random.below(recorded.operations() - operation + 40),
                tear: Tear::Any { seed: random.number() },
            };
            let name = || format!("{}, {point}, then {second:?}", recorded.scenario().name);
            findings.look(name, || {
                let mut life = recorded.after_cut(&point, contents);
                life.cut_at(second);
                let is_cut = life.survives_until_cut().is_err();
                life.settle().unwrap();
                let mut cuts = cuts.lock().unwrap();
                cuts[0] += 1;
                cuts[1] += usize::from(is_cut);
            });
        }
    });
    findings.assert_none();
    let [lives, twice] = cuts.into_inner().unwrap();
    println!("{lives} lives, {twice} of them cut twice");
    assert!(twice > 1_000, "only {twice} double cuts");
}

/// Long lives with many cuts: after each of them everything holds, and when the power stays the newest image is confirmed, or
/// its trials were used up.
#[test]
fn lives_of_a_device_with_random_cuts() {
    let (scenario, offers) = lifetime::<Xip>();
    let seeds: Vec<u64> = (1..=40 * deep() as u64).collect();
    let cuts = Mutex::new(0_usize);
    let findings = Findings::of_each(&seeds, |seed, findings| {
        findings.look(
            || format!("seed {seed}"),
            || {
                let mut random = Random::new(*seed);
                let mut life = Life::new(&scenario, scenario.start.clone());
                for (offered, repository) in offers.iter().enumerate() {
                    life.serve(repository);
                    for _ in 0..random.below(5) {
                        life.power_on();
                        life.cut_at(Cut {
                            operation: random.below(700),
                            tear: Tear::Any { seed: random.number() },
                        });
                        *cuts.lock().unwrap() += usize::from(life.survives_until_cut().is_err());
                    }
                    let rest = life.rest().unwrap();
                    life.power_on();
                    let newest = &scenario.firmware[offered + 1];
                    match rest {
                        Rest::UpToDate => {
                            assert_eq!(newest.fate, Fate::Confirms, "{offered}");
                            assert_eq!(life.confirmed().digest, newest.digest, "{offered}");
                        }
                        Rest::FailedBefore => assert!(life.moment().has_failed(&newest.digest), "{offered}"),
                    }
                }
            },
        );
    });
    findings.assert_none();
    println!(
        "{} lives with seeds 1 to {}, {} cuts",
        seeds.len(),
        seeds.len(),
        cuts.into_inner().unwrap()
    );
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
        let operations: Vec<usize> = (first..=last).collect();
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
        .filter(|operation| !is_erase(recorded, *operation))
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
                // Two of three checkpoints are in the first area, and both areas are cleared at the end.
                "checkpoint A" => 3,
                "checkpoint B" => 2,
                // Targets and delegated roles pass through, one after the other, in each cycle.
                "root A" | "root B" => 6,
                "snapshot A" | "snapshot B" => 4,
                _ => 1,
            };
            assert!(wear.erases_max <= erases_max, "{wear}");
        }
    }
}
