//! How long the flash of a small device lasts: the most that many updates, quiet days and years of roots may wear, page by page.
//!
//! The map is that of a micro:bit, whose pages endure 20,000 erases. `docs/endurance.md` has the figures, and the command that makes them.

use tuffet_integration::endurance::{Cuts, ERASES_MAX, Kind, Slept, Worn, quiet, slept, updates};

/// A slot has 95 KiB.
const IMAGE_BYTES: usize = 88 * 1024;

/// Most erases of a page of each region, in a thousand times.
fn assert_at_most(worn: &Worn, bounds: &[(&str, u32)]) {
    println!("{worn}\n");
    for wear in &worn.regions {
        let bound = bounds.iter().find(|(region, _)| *region == wear.region);
        let (_, of_thousand) = bound.expect("each region has a bound");
        let most = u64::from(*of_thousand) * u64::from(worn.times) / 1_000;
        assert!(u64::from(wear.erases_max) <= most, "at most {most}: {wear}");
    }
}

/// What does not depend on how the image comes.
const METADATA: [(&str, u32); 6] = [
    // Four records for each update, of sixteen on a page; compaction carries three.
    ("boot record", 170),
    // A page holds one record. A cycle saves the state for its timestamp, its snapshot, and its decision; an installation saves it twice.
    ("trusted state", 3_200),
    // Targets and the product's role pass through the area in which the root is not.
    ("root A", 2_100),
    ("root B", 2_100),
    // Timestamp and snapshot, each in one of two.
    ("snapshot A", 1_100),
    ("snapshot B", 1_100),
];

fn with_images(checkpoints: u32) -> Vec<(&'static str, u32)> {
    let of_images = [
        ("document", 1_000),
        ("checkpoint A", checkpoints),
        ("checkpoint B", checkpoints),
        // Each slot is written every second time.
        ("slot A", 500),
        ("slot B", 500),
    ];
    METADATA.into_iter().chain(of_images).collect()
}

/// A thousand updates, back and forth, each of them tried and confirmed.
#[test]
fn a_thousand_updates_by_delta() {
    let worn = updates(1_000, IMAGE_BYTES, Kind::Delta);
    // Eight checkpoints, in two areas.
    assert_at_most(&worn, &with_images(4_000));
    assert_eq!(worn.times_max(), 5_000, "one a day for thirteen years");
}

#[test]
fn updates_by_full_image() {
    let worn = updates(100, IMAGE_BYTES, Kind::Whole);
    assert_at_most(&worn, &with_images(4_000));
}

#[test]
fn updates_of_short_images() {
    let worn = updates(100, 16 * 1024, Kind::Delta);
    assert_at_most(&worn, &with_images(1_000));
}

/// A year with a cycle a day. Whoever asks more often finds out by a peek, which writes nothing.
#[test]
fn a_quiet_year() {
    let worn = quiet(365);
    let of_images = [
        "document",
        "checkpoint A",
        "checkpoint B",
        "slot A",
        "slot B",
        "boot record",
    ]
    .map(|region| (region, 0));
    let of_metadata = [
        // Three or four records a day, in one of two pages.
        ("trusted state", 1_720),
        ("root A", 2_000),
        ("root B", 2_000),
        ("snapshot A", 1_200),
        ("snapshot B", 1_200),
    ];
    assert_at_most(&worn, &of_images.into_iter().chain(of_metadata).collect::<Vec<_>>());
    let years = worn.times_max() / 365;
    assert!(years >= 20, "{years} years");
}

/// Fifteen years of roots: what must hold on the way is held in `slept`.
fn woken(roots_per_year: u64, cuts: Cuts) -> Slept {
    let slept = slept(15, roots_per_year, cuts);
    println!(
        "{} roots, runs {:?}, {} cuts\n{}\n",
        slept.roots, slept.runs, slept.cuts, slept.worn
    );
    // Each root goes into one of two areas, and into a record of the state, in one of two pages; with a bit more for what follows, and for what is cut.
    let most = slept.roots as u32 / 2 + 8 + slept.cuts as u32;
    assert!(
        slept.worn.whole.erases_max <= most,
        "at most {most}: {}",
        slept.worn.whole
    );
    assert!(slept.worn.whole.erases_max < ERASES_MAX / 100);
    slept
}

#[test]
fn a_device_that_slept_through_a_root_each_quarter() {
    let slept = woken(4, Cuts::BetweenRuns);
    assert_eq!((slept.roots, slept.runs), (60, Some(2)));
}

#[test]
fn a_device_that_slept_through_a_root_each_month() {
    let slept = woken(12, Cuts::BetweenRuns);
    assert_eq!((slept.roots, slept.runs), (180, Some(6)));
    // Without a reset one cycle goes on from run to run.
    woken(12, Cuts::None);
}

#[test]
fn a_device_that_wakes_up_while_the_power_goes_and_comes() {
    for seed in 1..=8 {
        let slept = woken(12, Cuts::Random { seed });
        assert!(slept.cuts > 10, "{} cuts", slept.cuts);
    }
}
