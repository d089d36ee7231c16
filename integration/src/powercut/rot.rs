//! Single bits that rot: in boot records, state, journal, saved decoders, and in a patch on its way.

use super::boots::{Boots, End, Part, Short};
use super::{Depth, SEED, Sweep, Tally};
use crate::device::Small;
use crate::device::small::range;
use crate::life::{Fate, Findings, Life, Recorded, Scenario};
use crate::life::{bad_and_hanging, delta, full, long_logs, resumed};
use crate::nor::Tears;
use std::cell::RefCell;
use std::ops::Range;
use tuffet_boot::{RECORD_BYTES, Recovery};
use tuffet_no_std_client::flash::{Swap, Xip};
use tuffet_no_std_client::{DeviceState, Outcome};

/// Bytes of a record of the trusted state, with what stays erased.
pub const STATE_RECORD_BYTES: usize = 1_024;
/// Bytes of a saved decoder in front of its tables: all that names it.
const CHECKPOINT_HEAD_BYTES: usize = 256;
/// Bytes of the boot record's two pages.
const RECORD_PAGES: Range<usize> = 0..2_048;

/// A device at rest.
pub struct Aged<S> {
    /// What it went through.
    pub scenario: Scenario<S>,
    /// What its part holds.
    pub contents: Vec<u8>,
    /// Where the record of each trusted state stands, the newest first.
    pub records: Vec<(usize, DeviceState)>,
}

/// Right after an update.
#[must_use]
pub fn updated(scenario: Scenario<Xip>) -> Aged<Xip> {
    let mut life = Life::new(&scenario, scenario.start.clone());
    life.settle().expect("the power stays");
    let contents = life.into_contents();
    Aged::of(scenario, contents)
}

/// Some time later: the timestamp was signed again.
///
/// # Panics
///
/// If there is no older state then.
#[must_use]
pub fn signed_again(scenario: Scenario<Xip>) -> Aged<Xip> {
    let Aged {
        mut scenario, contents, ..
    } = updated(scenario);
    scenario.end.revise();
    scenario.end.publish_snapshot();
    let mut life = Life::new(&scenario, contents);
    life.settle().expect("the power stays");
    let contents = life.into_contents();
    let aged = Aged::of(scenario, contents);
    assert_ne!(aged.records[0].1, aged.records[1].1, "there is an older state");
    aged
}

/// A device whose trusted state is looked at, in four ages.
#[must_use]
pub fn ages() -> [Aged<Xip>; 4] {
    [
        updated(delta()),
        updated(long_logs(9)),
        signed_again(delta()),
        signed_again(long_logs(9)),
    ]
}

impl Aged<Xip> {
    fn of(scenario: Scenario<Xip>, contents: Vec<u8>) -> Self {
        let places = range(scenario.map.state).step_by(STATE_RECORD_BYTES);
        let mut records: Vec<(u32, usize, DeviceState)> = places
            .filter_map(|place| {
                let record = &contents[place..place + STATE_RECORD_BYTES];
                let state = DeviceState::decode(DeviceState::cut_out(&record[8..])?).ok()?;
                let sequence = record.first_chunk().copied().map(u32::from_le_bytes)?;
                Some((sequence, place, state))
            })
            .collect();
        records.sort_by_key(|(sequence, _, _)| std::cmp::Reverse(*sequence));
        let records = records.into_iter().map(|(_, place, state)| (place, state)).collect();
        Self {
            scenario,
            contents,
            records,
        }
    }

    /// A device with these bits flipped.
    #[must_use]
    pub fn flipped(&self, bits: &[usize]) -> Small {
        let mut contents = self.contents.clone();
        for bit in bits {
            contents[bit / 8] ^= 1 << (bit % 8);
        }
        Small::with_contents(self.scenario.map, contents, &self.scenario.end)
    }
}

/// Every bit of the trusted state's pages. A device goes on from the newest record or from the one before it.
#[must_use]
pub fn of_the_state() -> Sweep {
    let (tally, all) = (Tally::new("bits of the trusted state"), Findings::default());
    for aged in ages() {
        let [(newest_place, newest), (_, older), ..] = &aged.records[..] else {
            panic!("two records are expected")
        };
        let found = Findings::of_each(&bits_of(range(aged.scenario.map.state)), |bit, findings| {
            let name = || format!("{}, bit {bit}", aged.scenario.name);
            findings.look(name, || {
                tally.count(aged.scenario.name, "read", false);
                let device = aged.flipped(&[*bit]);
                let state = device.storage().state().expect("one of two records is sound");
                let is_in_newest = (*newest_place..newest_place + STATE_RECORD_BYTES).contains(&(bit / 8));
                assert!(
                    state == *newest || (is_in_newest && state == *older),
                    "the state is neither the newest nor the one before it: {state:?}"
                );
            });
        });
        all.extend(&found);
        // What it goes on from is enough to go on.
        let some: Vec<usize> = bits_of(*newest_place..newest_place + STATE_RECORD_BYTES)
            .into_iter()
            .step_by(61)
            .collect();
        let found = Findings::of_each(&some, |bit, findings| {
            let name = || format!("{}, a cycle with bit {bit}", aged.scenario.name);
            findings.look(name, || {
                tally.count(aged.scenario.name, "lived on", true);
                let mut device = aged.flipped(&[*bit]);
                let outcome = device.cycle().expect("the repository has what is missing");
                assert_eq!(outcome, Outcome::UpToDate);
                let state = device.storage().state().expect("the state is sound again");
                assert_eq!(state, aged.records[0].1);
            });
        });
        all.extend(&found);
    }
    tally.end(&all)
}

/// Every bit of the boot record, before and after each of its operations. What runs is one of the two images and stands where it
/// runs, or nothing runs; and a record that is sound but of an unknown kind is believed no more than a broken one.
#[must_use]
pub fn of_the_boot_record(depth: Depth) -> Sweep {
    let (tally, findings) = (Tally::new("bits of the boot record"), Findings::default());
    for (fate, places_left) in [(Fate::Confirms, None), (Fate::Hangs, None), (Fate::Confirms, Some(1))] {
        let boots = Boots::<Xip>::new::<4>(fate, places_left);
        let mut journal = boots.recorded::<4>(boots.start.clone());
        let ages = journal.operations().len() + 1;
        for age in (0..ages).step_by(if depth == Depth::Short { ages - 1 } else { 1 }) {
            let contents = journal.contents_before(age).to_vec();
            let found = Findings::of_each(&bits_of(RECORD_PAGES), |bit, findings| {
                let name = || format!("{}, age {age}, bit {bit}", boots.name);
                findings.look(name, || {
                    let flash = RefCell::new(Part::<4>::with_contents(contents.clone()));
                    flash.borrow_mut().rot(*bit);
                    tally.count(&boots.name, told(ended(&boots, &flash)), true);
                });
            });
            findings.extend(&found);
            findings.look(
                || format!("{}, age {age}, unknown kinds", boots.name),
                || unknown_kinds(&boots, &contents, &tally),
            );
        }
    }
    tally.end(&findings)
}

/// Every seventh bit of slots and journal, before every third operation: an image with a flipped bit does not run, wherever it lies then.
#[must_use]
pub fn of_images() -> Sweep {
    let (tally, findings) = (Tally::new("bits of images"), Findings::default());
    for fate in [Fate::Confirms, Fate::Hangs] {
        images_on::<Xip>(fate, &tally, &findings);
        images_on::<Swap>(fate, &tally, &findings);
    }
    tally.end(&findings)
}

fn images_on<S: Short>(fate: Fate, tally: &Tally, all: &Findings) {
    let boots = Boots::<S>::new::<4>(fate, None);
    let mut journal = boots.recorded::<4>(boots.start.clone());
    let ages = journal.operations().len() + 1;
    for age in (0..ages).step_by(3) {
        let contents = journal.contents_before(age).to_vec();
        let slots = RECORD_PAGES.end..contents.len();
        let bits: Vec<usize> = bits_of(slots).into_iter().step_by(7).collect();
        let found = Findings::of_each(&bits, |bit, findings| {
            let name = || format!("{}, age {age}, bit {bit}", boots.name);
            findings.look(name, || {
                let flash = RefCell::new(Part::<4>::with_contents(contents.clone()));
                flash.borrow_mut().rot(*bit);
                tally.count(&boots.name, told(ended(&boots, &flash)), true);
            });
        });
        all.extend(&found);
    }
}

fn ended<S: Short>(boots: &Boots<S>, flash: &RefCell<Part<4>>) -> End {
    let end = boots.live(flash).expect("the power stays").end;
    assert_ne!(end, End::Stopped, "an error of the flash, of which there is none");
    end
}

const fn told(end: End) -> &'static str {
    match end {
        End::Runs(0) => "the old image runs",
        End::Runs(_) => "the new image runs",
        End::Recovery(_) => "nothing runs",
        End::Stopped => "error",
    }
}

/// Each record, and then all of them, with a kind that nobody knows, and a checksum that fits.
fn unknown_kinds(boots: &Boots<Xip>, contents: &[u8], tally: &Tally) {
    let written: Vec<usize> = RECORD_PAGES
        .step_by(RECORD_BYTES)
        .filter(|place| contents[*place..place + RECORD_BYTES].iter().any(|byte| *byte != 0xFF))
        .collect();
    let with_unknown = |places: &[usize]| {
        let mut contents = contents.to_vec();
        for place in places {
            let record = &mut contents[*place..place + RECORD_BYTES];
            record[3] = 99;
            let checksum = crc32(&record[..RECORD_BYTES - 4]);
            record[RECORD_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
        }
        ended(boots, &RefCell::new(Part::<4>::with_contents(contents)))
    };
    for place in &written {
        tally.count("a record of an unknown kind", told(with_unknown(&[*place])), true);
    }
    let end = with_unknown(&written);
    tally.count("all records of an unknown kind", told(end), true);
    assert_eq!(end, End::Recovery(Recovery::Damaged), "no record says what to run");
}

/// As zip and Ethernet have it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = remainder & 1;
            remainder = (remainder >> 1) ^ (0xEDB8_8320 * carry);
        }
    }
    !remainder
}

/// Every bit of the journal that an exchange uses, at rest and in the middle of exchanges in either direction. Nothing changes.
#[must_use]
pub fn of_the_journal(depth: Depth) -> Sweep {
    let (tally, all) = (Tally::new("bits of the journal of exchanges"), Findings::default());
    for recorded in [delta(), bad_and_hanging()].map(Recorded::<Swap>::new) {
        let scenario = recorded.scenario();
        let operations: Vec<usize> = recorded.operations_in("journal").collect();
        let last = operations.len() - 1;
        // Before and behind the Begins, in the middle of each exchange, before the last mark, and at rest.
        let indices = [0, 1, 2, 3, 4, last / 4, last * 3 / 4, last];
        let mut ages: Vec<usize> = indices.into_iter().map(|index| operations[index]).collect();
        ages.push(recorded.operations() - 1);
        if depth == Depth::Short {
            ages = vec![operations[last / 4]];
        }
        for operation in ages {
            let before = recorded.cuts(operation..operation + 1, Tears::Between).next();
            let (_, contents) = before.expect("an operation can be cut before it");
            let sound = Life::new(scenario, contents.clone()).moment().clone();
            let bits: Vec<usize> = used(scenario).into_iter().flat_map(bits_of).collect();
            let found = Findings::of_each(&bits, |bit, findings| {
                let name = || format!("{}, before operation {operation}, bit {bit}", scenario.name);
                findings.look(name, || {
                    tally.count(scenario.name, "flipped", false);
                    let mut rotten = contents.clone();
                    rotten[bit / 8] ^= 1 << (bit % 8);
                    let mut life = Life::new(scenario, rotten);
                    assert_eq!(life.moment(), &sound);
                    life.starts();
                });
            });
            all.extend(&found);
        }
    }
    tally.end(&all)
}

/// A cut in the journal, and when the device is at rest again, every bit of a Begin: what a cut left does not make one bit matter.
#[must_use]
pub fn of_a_begin_after_a_cut() -> Sweep {
    let (tally, all) = (
        Tally::new("a cut in the journal of exchanges, and then a bit of it"),
        Findings::default(),
    );
    for fate in [Fate::Confirms, Fate::Hangs] {
        let boots = Boots::<Swap>::new::<4>(fate, None);
        let journal = range(boots.map.slots.journal);
        let middle = usize::midpoint(journal.start, journal.end);
        // Two Begins in each area.
        let bits = [journal.start, middle].map(|start| bits_of(start..start + 32)).concat();
        let cuts = boots.recorded::<4>(boots.start.clone());
        let cuts = cuts.cuts(Tears::EveryUnit { seed: SEED });
        let cuts: Vec<_> = cuts.filter(|(point, _)| journal.contains(&point.offset)).collect();
        let found = Findings::of_each(&cuts, |(point, contents), findings| {
            let flash = RefCell::new(Part::<4>::with_contents(contents.clone()));
            let lived = findings.look(
                || format!("{}, {point}", boots.name),
                || boots.live(&flash).map(|lived| lived.end),
            );
            let contents = flash.into_inner().into_contents();
            for bit in &bits {
                let name = || format!("{}, {point}, then bit {bit}", boots.name);
                findings.look(name, || {
                    let flash = RefCell::new(Part::<4>::with_contents(contents.clone()));
                    flash.borrow_mut().rot(*bit);
                    let end = ended(&boots, &flash);
                    tally.count(&boots.name, told(end), true);
                    assert_eq!(lived, Some(Ok(end)), "it ends elsewhere");
                });
            }
        });
        all.extend(&found);
    }
    tally.end(&all)
}

/// The bytes of the journal's two areas that are ever read: two Begins and two marks for each of the image's 8 units.
fn used(scenario: &Scenario<Swap>) -> [Range<usize>; 2] {
    let journal = range(scenario.map.slots.journal);
    let second = usize::midpoint(journal.start, journal.end);
    let bytes = 16 * (2 + 2 * 8);
    [journal.start..journal.start + bytes, second..second + bytes]
}

/// Every bit of what names a saved decoder. The download goes on, or begins again; the image is the same.
#[must_use]
pub fn of_saved_decoders(depth: Depth) -> Sweep {
    let (tally, all) = (Tally::new("bits of saved decoders"), Findings::default());
    let scenario = resumed::<Xip>();
    let mut life = Life::new(&scenario, scenario.start.clone());
    life.stage(&scenario.stages[0]).expect("the power stays");
    let contents = life.into_contents();
    let areas = scenario.map.checkpoints.map(|area| {
        let start = range(area).start;
        bits_of(start..start + CHECKPOINT_HEAD_BYTES)
    });
    let bits: Vec<usize> = areas.concat().into_iter().step_by(stride(depth)).collect();
    let found = Findings::of_each(&bits, |bit, findings| {
        let name = || format!("bit {bit}");
        findings.look(name, || {
            tally.count("resumed", "flipped", true);
            let mut rotten = contents.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            Life::new(&scenario, rotten).settle().expect("the power stays");
        });
    });
    all.extend(&found);
    tally.note(format!(
        "every {}. bit of the first {CHECKPOINT_HEAD_BYTES} bytes of each",
        stride(depth)
    ));
    tally.end(&all)
}

/// Every bit of a patch on its way. A delta gives way to the full image; a patch from nothing is refused, and nothing is tried.
#[must_use]
pub fn of_a_patch(depth: Depth) -> Sweep {
    let (tally, all) = (Tally::new("bits of a patch"), Findings::default());
    for scenario in [delta::<Xip>(), full()] {
        let is_delta = scenario.name == "delta";
        let path = if is_delta {
            scenario.end.patch_path()
        } else {
            scenario.end.whole_path()
        };
        let bytes = scenario.end.site.file(&path).expect("the patch is served").len();
        let bits: Vec<usize> = bits_of(0..bytes).into_iter().step_by(stride(depth)).collect();
        let found = Findings::of_each(&bits, |bit, findings| {
            let name = || format!("{}, bit {bit}", scenario.name);
            findings.look(name, || {
                tally.count(scenario.name, "flipped", true);
                let mut served = scenario.end.clone();
                served.site.edit(&path, |file| file[bit / 8] ^= 1 << (bit % 8));
                let mut device = Small::with_contents(scenario.map, scenario.start.clone(), &served);
                let outcome = device.cycle();
                let run = device.boot().expect("flash answers").expect("something runs");
                let newest = scenario.firmware[1].digest;
                match outcome {
                    Ok(Outcome::Installed { fell_back, .. }) => {
                        assert!(
                            is_delta && fell_back.is_some(),
                            "a patch that is not the signed one was used"
                        );
                        assert_eq!(run.placed.image.digest, newest);
                    }
                    Ok(outcome) => panic!("a patch that is not the signed one: {outcome:?}"),
                    Err(_) => assert_ne!(run.placed.image.digest, newest, "a refused image runs"),
                }
            });
        });
        all.extend(&found);
        tally.note(format!(
            "{}: every {}. bit of {bytes} bytes",
            scenario.name,
            stride(depth)
        ));
    }
    tally.end(&all)
}

const fn stride(depth: Depth) -> usize {
    match depth {
        Depth::Short => 997,
        Depth::Plain => 61,
        Depth::Deep => 1,
    }
}

fn bits_of(bytes: Range<usize>) -> Vec<usize> {
    (bytes.start * 8..bytes.end * 8).collect()
}
