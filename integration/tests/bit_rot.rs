//! Bits that rot on a small device, in its images and in its trusted state.
//!
//! - An image with a flipped bit does not run.
//! - Every bit of every record of the trusted state is flipped, one at a time: the device goes on from the newest record or from
//!   the one before it, and never trusts less than that. When all records are broken it says that its state is lost.

use tuffet_boot::{Recovery, Slot, Why};
use tuffet_integration::device::Small;
use tuffet_integration::device::small::range;
use tuffet_integration::life::{Life, delta};
use tuffet_integration::powercut::rot::{self, signed_again};
use tuffet_integration::powercut::{Depth, Sweep};
use tuffet_no_std_client::DeviceState;
use tuffet_no_std_client::flash::Xip;

/// How much is tried: `--deep` sets it.
fn depth() -> Depth {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases: u32 = cases.and_then(|cases| cases.parse().ok()).unwrap_or(256);
    if cases > 256 { Depth::Deep } else { Depth::Plain }
}

fn assert_none(sweep: &Sweep, tried_min: usize) {
    sweep.assert_none();
    assert!(sweep.sum().tried >= tried_min, "{:?}", sweep.sum());
}

/// And what it goes on from is enough to go on.
#[test]
fn every_bit_of_the_state_flipped() {
    let sweep = rot::of_the_state();
    assert_none(&sweep, 131_072);
    assert!(sweep.sum().lived > 500, "{:?}", sweep.sum());
}

#[test]
fn every_bit_of_the_boot_record_flipped() {
    assert_none(&rot::of_the_boot_record(depth()), 100_000);
}

#[test]
fn every_bit_of_the_journal_flipped() {
    assert_none(&rot::of_the_journal(depth()), 50_000);
}

#[test]
fn a_cut_in_the_journal_and_then_a_bit_of_it() {
    assert_none(&rot::of_a_begin_after_a_cut(), 10_000);
}

#[test]
fn bits_of_images_flipped() {
    assert_none(&rot::of_images(), 50_000);
}

#[test]
fn bits_of_saved_decoders_flipped() {
    assert_none(&rot::of_saved_decoders(depth()), 60);
}

#[test]
fn bits_of_a_patch_flipped() {
    assert_none(&rot::of_a_patch(depth()), 1_000);
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
