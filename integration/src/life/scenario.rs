//! What a device goes through.

use super::Life;
use crate::device::Small;
use crate::device::small::{Layout, map_of, range};
use crate::simulator::keys::Key;
use crate::simulator::release::{firmware_of, successor};
use crate::simulator::{Simulator, patch};
use crate::site::Fault;
use sha2::{Digest as _, Sha256};
use tuffet_boot::{RECORD_BYTES, Slot};
use tuffet_no_std_client::flash::Map;
use tuffet_patch::Profile;

const NOW: u64 = 1_800_000_000;
const KIB: u32 = 1024;
/// Bytes of an image: no whole number of anything.
const IMAGE_BYTES: usize = 7_300;
/// Of a short one.
const SHORT_IMAGE_BYTES: usize = 400;
/// So an image has three checkpoints: both areas for them are used, and one of them again.
const CHECKPOINT_DISTANCE: u32 = 1_800;
const SLOT_BYTES: u32 = 16 * KIB;
/// The shortest pages of the trusted state.
const STATE_BYTES: u32 = 2 * KIB;
/// Pages of the trusted state with room for some records.
const LONG_STATE_BYTES: u32 = 6 * KIB;

/// What an image does when it is tried.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It confirms itself.
    Confirms,
    /// It says that it does not work.
    Fails,
    /// It does nothing, until the watchdog resets the device.
    Hangs,
}

/// An image that the device may come to run.
#[derive(Clone)]
pub struct Firmware {
    /// Its bytes.
    pub image: Vec<u8>,
    /// Their digest.
    pub digest: [u8; 32],
    /// What it does when it is tried.
    pub fate: Fate,
    /// Its security version: another one for each.
    pub security_version: u32,
}

/// What a device goes through.
pub struct Scenario<S> {
    /// Its name.
    pub name: &'static str,
    /// How the part is laid out.
    pub map: Map<S>,
    /// What the part holds at first.
    pub start: Vec<u8>,
    /// What is served first: one cycle each, then a reset.
    pub stages: Vec<Simulator>,
    /// What is served from then on, and after a cut.
    pub end: Simulator,
    /// Every image.
    pub firmware: Vec<Firmware>,
    /// Which of them is confirmed at the end.
    pub confirmed: usize,
    /// Whether something newer is offered at the end that has failed.
    pub has_failed: bool,
    /// Cycles after a cut that may end with an error.
    pub failures_max: usize,
}

impl Firmware {
    fn new(image: Vec<u8>, security_version: u32, fate: Fate) -> Self {
        Self {
            digest: Sha256::digest(&image).into(),
            image,
            fate,
            security_version,
        }
    }
}

impl<S> Scenario<S> {
    /// The image with this digest.
    #[must_use]
    pub fn firmware(&self, digest: &[u8; 32]) -> Option<&Firmware> {
        self.firmware.iter().find(|firmware| firmware.digest == *digest)
    }
}

/// Every scenario.
#[must_use]
pub fn scenarios<S: Layout>() -> Vec<Scenario<S>> {
    vec![
        full(),
        delta(),
        bad_and_hanging(),
        bad_and_saying_so(),
        fallback(),
        long_logs(3),
        resumed(),
        superseded(),
        damaged_under_a_checkpoint(),
    ]
}

/// From the factory to the next release, by a patch from nothing. Two roots come with it, of which the second one replaces
/// the online keys.
#[must_use]
pub fn full<S: Layout>() -> Scenario<S> {
    let (mut repository, first) = factory();
    next_root(&mut repository);
    let (snapshot, timestamp) = (Key::of("snapshot 2"), Key::of("timestamp 2"));
    repository.set_root_keys("snapshot", std::slice::from_ref(&snapshot), 1);
    repository.set_root_keys("timestamp", std::slice::from_ref(&timestamp), 1);
    next_root(&mut repository);
    repository.snapshot.sign_with([&snapshot]);
    repository.timestamp.sign_with([&timestamp]);
    update("full", repository, first, false)
}

/// The same by a delta. One root comes with it.
#[must_use]
pub fn delta<S: Layout>() -> Scenario<S> {
    let (mut repository, first) = factory();
    next_root(&mut repository);
    update("delta", repository, first, true)
}

fn update<S>(name: &'static str, repository: Simulator, first: Factory<S>, by_delta: bool) -> Scenario<S> {
    let mut end = repository;
    let old = first.firmware;
    let new = Firmware::new(successor("2.0.0", &old.image), 2, Fate::Confirms);
    offer(&mut end, "2.0.0", &new, by_delta.then_some(&old));
    Scenario {
        name,
        map: first.map,
        start: first.contents,
        stages: Vec::new(),
        end,
        firmware: vec![old, new],
        confirmed: 1,
        has_failed: false,
        failures_max: 0,
    }
}

/// A short image, and another one that is offered.
#[must_use]
pub fn short_trial<S: Layout>() -> Scenario<S> {
    let (repository, first) = factory_of(SHORT_IMAGE_BYTES);
    update("short trial", repository, first, false)
}

/// A device that was updated once, and is offered an image that never says that it works.
#[must_use]
pub fn bad_and_hanging<S: Layout>() -> Scenario<S> {
    bad("bad and hanging", Fate::Hangs)
}

/// The same with an image that says that it does not work.
#[must_use]
pub fn bad_and_saying_so<S: Layout>() -> Scenario<S> {
    bad("bad and saying so", Fate::Fails)
}

fn bad<S: Layout>(name: &'static str, fate: Fate) -> Scenario<S> {
    let (repository, first) = factory();
    let mut scenario = update(name, repository, first, false);
    let mut life = Life::new(&scenario, scenario.start.clone());
    life.settle().expect("the power stays");
    let start = life.into_contents();
    scenario.start = start;
    let newest = Firmware::new(successor("3.0.0", &scenario.firmware[1].image), 3, fate);
    offer(&mut scenario.end, "3.0.0", &newest, Some(&scenario.firmware[1]));
    scenario.firmware.push(newest);
    scenario.has_failed = true;
    scenario
}

/// A delta whose last block is not the signed one: the full image comes in its place.
#[must_use]
pub fn fallback<S: Layout>() -> Scenario<S> {
    let mut scenario = delta();
    scenario.name = "fallback";
    let path = scenario.end.patch_path();
    scenario.end.site.edit(&path, |file| {
        let last = file.len() - 1;
        file[last] ^= 1;
    });
    scenario
}

/// The delta on a device whose boot record has only so many free places on its page, and whose trusted state has three
/// records on a page.
#[must_use]
pub fn long_logs<S: Layout>(places_left: usize) -> Scenario<S> {
    let (repository, _) = factory::<S>();
    let map = map_of(SLOT_BYTES, LONG_STATE_BYTES);
    let contents = Small::factory_with(map, &repository)
        .flash()
        .borrow()
        .contents()
        .to_vec();
    let first = Factory {
        map,
        contents,
        firmware: factory::<S>().1.firmware,
    };
    let mut scenario = update("long logs", repository, first, true);
    let page = &mut scenario.start[..KIB as usize];
    let places = page.len() / RECORD_BYTES;
    for record in page.chunks_exact_mut(RECORD_BYTES).take(places - places_left) {
        if record.iter().all(|byte| *byte == 0xFF) {
            // A torn record.
            record[..4].copy_from_slice(&[0x54, 0x62, 0, 4]);
        }
    }
    scenario
}

/// The network breaks behind the second checkpoint, and the next cycle goes on from there.
#[must_use]
pub fn resumed<S: Layout>() -> Scenario<S> {
    let mut scenario = full();
    scenario.name = "resumed";
    let path = scenario.end.whole_path();
    let bytes = scenario.end.site.file(&path).expect("the patch is served").len();
    let broken = broken_at(&scenario.end, &path, bytes * 4 / 5);
    scenario.stages.push(broken);
    scenario
}

/// The network breaks behind a checkpoint of one patch; then another release is offered, and its patch breaks before its
/// first checkpoint; then the first image is offered again. What stands in the slot belongs to the second patch, whatever
/// is left of the first.
#[must_use]
pub fn superseded<S: Layout>() -> Scenario<S> {
    let mut scenario = full();
    scenario.name = "superseded";
    let path = scenario.end.whole_path();
    let bytes = scenario.end.site.file(&path).expect("the patch is served").len();
    scenario.stages.push(broken_at(&scenario.end, &path, bytes * 4 / 5));
    let other = Firmware::new(firmware_of("3.0.0", IMAGE_BYTES), 2, Fate::Confirms);
    offer(&mut scenario.end, "3.0.0", &other, None);
    let path = scenario.end.whole_path();
    scenario
        .stages
        .push(broken_at(&scenario.end, &path, 2 * patch::BLOCK_BYTES));
    let again = scenario.firmware[1].clone();
    offer(&mut scenario.end, "4.0.0", &again, None);
    scenario
}

/// The network breaks behind a checkpoint, and then bits rot in what was written before it.
#[must_use]
pub fn damaged_under_a_checkpoint<S: Layout>() -> Scenario<S> {
    let mut scenario = resumed();
    scenario.name = "damaged under a checkpoint";
    let mut life = Life::new(&scenario, scenario.start.clone());
    life.stage(&scenario.stages[0]).expect("the power stays");
    let spare = range(life.device().place(Slot::B));
    scenario.start = life.into_contents();
    scenario.stages.clear();
    scenario.start[spare.start + 77] ^= 0x10;
    // The image that comes out is refused once.
    scenario.failures_max = 1;
    scenario
}

/// Everything that a device is offered in a long life, one after the other: by a patch from nothing, with new roots, an image
/// that does not work, by a delta, and an image that was offered before the bad one. The scenario ends with the last.
#[must_use]
pub fn lifetime<S: Layout>() -> (Scenario<S>, Vec<Simulator>) {
    let mut scenario = full();
    let mut offers = vec![scenario.end.clone()];
    let releases = [
        ("3.0.0", Fate::Hangs, None),
        ("4.0.0", Fate::Confirms, Some(1)),
        ("5.0.0", Fate::Fails, Some(1)),
        ("6.0.0", Fate::Confirms, Some(3)),
        ("7.0.0", Fate::Confirms, None),
    ];
    for (version, fate, source) in releases {
        let last = scenario.firmware.len() - 1;
        let image = successor(version, &scenario.firmware[last].image);
        let firmware = Firmware::new(image, last as u32 + 2, fate);
        let source = source.map(|source: usize| &scenario.firmware[source]);
        offer(&mut scenario.end, version, &firmware, source);
        offers.push(scenario.end.clone());
        scenario.firmware.push(firmware);
    }
    scenario.name = "lifetime";
    scenario.confirmed = scenario.firmware.len() - 1;
    (scenario, offers)
}

/// A device from the factory.
struct Factory<S> {
    map: Map<S>,
    contents: Vec<u8>,
    firmware: Firmware,
}

fn factory<S: Layout>() -> (Simulator, Factory<S>) {
    factory_of(IMAGE_BYTES)
}

fn factory_of<S: Layout>(image_bytes: usize) -> (Simulator, Factory<S>) {
    let firmware = Firmware::new(firmware_of("1.0.0", image_bytes), 1, Fate::Confirms);
    let repository = Simulator::healthy_with(NOW, |release| {
        release.checkpoint_distance = Some(CHECKPOINT_DISTANCE);
        release.carry(firmware.image.clone());
    });
    let map = map_of(SLOT_BYTES, STATE_BYTES);
    let contents = Small::factory_with(map, &repository)
        .flash()
        .borrow()
        .contents()
        .to_vec();
    (
        repository,
        Factory {
            map,
            contents,
            firmware,
        },
    )
}

fn next_root(repository: &mut Simulator) {
    repository.stage_root();
    repository.publish_root();
}

fn offer(repository: &mut Simulator, version: &str, firmware: &Firmware, delta_from: Option<&Firmware>) {
    repository.stage(version);
    let release = &mut repository.release;
    release.checkpoint_distance = Some(CHECKPOINT_DISTANCE);
    release.carry(firmware.image.clone());
    release.set_security_version(firmware.security_version.into());
    if let Some(source) = delta_from {
        release.add_patch(Some(&source.image), Profile::Small);
    }
    repository.publish();
}

/// The same, but for a patch that breaks off after so many bytes, and then at once.
fn broken_at(repository: &Simulator, path: &str, bytes: usize) -> Simulator {
    let mut broken = repository.clone();
    broken.site.fault_once(path, Fault::Reset { bytes });
    broken.site.fault(path, Fault::Reset { bytes: 0 });
    broken
}
