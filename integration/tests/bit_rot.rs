//! Bits that rot on a small device, in its images and in its trusted state.
//!
//! - An image with a flipped bit does not run.
//! - Every bit of every record of the trusted state is flipped, one at a time: the device goes on from the newest record or from
//!   the one before it, and never trusts less than that. When all records are broken it says that its state is lost.

use tuffet_boot::{Recovery, Slot, Why};
use tuffet_integration::device::Small;
use tuffet_integration::device::small::range;
use tuffet_integration::life::{Findings, Life, Scenario, delta, long_logs};
use tuffet_no_std_client::DeviceState;
use tuffet_no_std_client::flash::Xip;

/// Bytes from one record to the next.
const RECORD_BYTES: usize = 1_024;

/// A device that was updated, and its records, newest first.
struct Aged {
    scenario: Scenario<Xip>,
    contents: Vec<u8>,
    /// Where the record of each state stands.
    records: Vec<(usize, DeviceState)>,
}

/// Right after an update.
fn updated(scenario: Scenario<Xip>) -> Aged {
    let mut life = Life::new(&scenario, scenario.start.clone());
    life.settle().unwrap();
    let contents = life.into_contents();
    Aged::of(scenario, contents)
}

/// Some time later: the timestamp was signed again.
fn signed_again(scenario: Scenario<Xip>) -> Aged {
    let Aged {
        mut scenario, contents, ..
    } = updated(scenario);
    scenario.end.revise();
    scenario.end.publish_snapshot();
    let mut life = Life::new(&scenario, contents);
    life.settle().unwrap();
    let contents = life.into_contents();
    let aged = Aged::of(scenario, contents);
    assert_ne!(aged.records[0].1, aged.records[1].1, "there is an older state");
    aged
}

fn all() -> [Aged; 4] {
    [
        updated(delta()),
        updated(long_logs(9)),
        signed_again(delta()),
        signed_again(long_logs(9)),
    ]
}

impl Aged {
    fn of(scenario: Scenario<Xip>, contents: Vec<u8>) -> Self {
        let places = range(scenario.map.state).step_by(RECORD_BYTES);
        let mut records: Vec<(u32, usize, DeviceState)> = places
            .filter_map(|place| {
                let record = &contents[place..place + RECORD_BYTES];
                let state = DeviceState::decode(&record[8..8 + DeviceState::ENCODED_BYTES]).ok()?;
                Some((u32::from_le_bytes(record[..4].try_into().unwrap()), place, state))
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
    fn flipped(&self, bits: &[usize]) -> Small {
        let mut contents = self.contents.clone();
        for bit in bits {
            contents[bit / 8] ^= 1 << (bit % 8);
        }
        Small::with_contents(self.scenario.map, contents, &self.scenario.end)
    }
}

#[test]
fn every_bit_of_the_state_flipped() {
    for aged in all() {
        let [(newest_place, newest), (_, older), ..] = &aged.records[..] else {
            panic!("two records are expected")
        };
        let bits: Vec<usize> = range(aged.scenario.map.state)
            .flat_map(|byte| byte * 8..byte * 8 + 8)
            .collect();
        let findings = Findings::of_each(&bits, |bit, findings| {
            findings.look(
                || format!("bit {bit}"),
                || {
                    let device = aged.flipped(&[*bit]);
                    let (_, state) = device.storage().state().expect("one of two records is sound");
                    let is_in_newest = (*newest_place..newest_place + RECORD_BYTES).contains(&(bit / 8));
                    assert!(
                        state == *newest || (is_in_newest && state == *older),
                        "the state is neither the newest nor the one before it: {state:?}"
                    );
                },
            );
        });
        findings.assert_none();
        println!("{} bits, {} records", bits.len(), aged.records.len());
    }
}

/// What it goes on from is enough to go on.
#[test]
fn flipped_bits_of_the_state_cost_nothing_but_a_cycle() {
    for aged in all() {
        let (place, _) = aged.records[0];
        let bits: Vec<usize> = (0..RECORD_BYTES * 8).step_by(61).map(|bit| place * 8 + bit).collect();
        let findings = Findings::of_each(&bits, |bit, findings| {
            findings.look(
                || format!("bit {bit}"),
                || {
                    let mut device = aged.flipped(&[*bit]);
                    let outcome = device.cycle().expect("the repository has what is missing");
                    assert_eq!(outcome, tuffet_no_std_client::Outcome::UpToDate);
                    let (_, state) = device.storage().state().expect("the state is sound again");
                    assert_eq!(state, aged.records[0].1);
                },
            );
        });
        findings.assert_none();
    }
}

/// When all records are broken the device says so. It still boots.
#[test]
fn broken_records_are_not_guessed_at() {
    let aged = signed_again(delta());
    let places: Vec<usize> = aged.records.iter().map(|(place, _)| *place).collect();
    for byte in (0..DeviceState::ENCODED_BYTES + 8).step_by(7) {
        let bits: Vec<usize> = places.iter().map(|place| (place + byte) * 8 + byte % 8).collect();
        let mut device = aged.flipped(&bits);
        let stop = device.cycle().expect_err("nothing is left to trust");
        assert!(
            matches!(
                stop,
                tuffet_no_std_client::Stop::State(tuffet_no_std_client::flash::StateError::Damaged)
            ),
            "{stop:?}"
        );
        device.boot().unwrap().expect("the boot record is sound");
    }
}

/// An image that rotted does not run: the one on trial gives way to the confirmed one, and the confirmed one, whose
/// predecessor is below the counter, to nothing.
#[test]
fn rotten_images_do_not_boot() {
    let scenario = delta::<Xip>();
    let slot = range(scenario.map.slots.slots[1]);
    let mut life = Life::new(&scenario, scenario.start.clone());
    life.power_on_and_live().unwrap();
    let tried = life.into_contents();
    let mut life = Life::new(&scenario, tried.clone());
    life.settle().unwrap();
    let confirmed = life.into_contents();
    for byte in (0..scenario.firmware[1].image.len()).step_by(53) {
        let rotten = |contents: &[u8]| {
            let mut contents = contents.to_vec();
            contents[slot.start + byte] ^= 1 << (byte % 8);
            Small::with_contents(scenario.map, contents, &scenario.end)
        };
        let run = rotten(&tried).boot().unwrap().expect("the confirmed image is sound");
        assert!(
            matches!(run.why, Why::Reverted { failed } if failed.digest == scenario.firmware[1].digest),
            "{run:?}"
        );
        assert_eq!(run.placed.image.digest, scenario.firmware[0].digest);
        assert_eq!(
            rotten(&confirmed).boot().unwrap(),
            Err(Recovery::Mismatch { slot: Slot::B })
        );
    }
}
