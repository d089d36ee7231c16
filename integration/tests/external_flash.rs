//! A device that keeps in a chip beside the processor all that is verified whenever it is read: roots, snapshot, document, saved
//! decoders, the staged image. Whoever holds the soldering iron answers its readings as he likes.
//!
//! - At every reading of an update, and of the boots after it, the chip changes: one bit of that reading alone, everything from then
//!   on, what it held before the update, or what the chip of a device with another release holds, signed by the same keys.
//! - Whatever the client says: what the boot record and the trusted state name is what was signed, and what is started is whole, one
//!   of the two images, byte for byte.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use tuffet_boot::{Recovery, Run, State};
use tuffet_integration::device::small::{Network, identity};
use tuffet_integration::life::Findings;
use tuffet_integration::nor::Nor;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::{firmware_of, successor};
use tuffet_integration::site::Fault;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::{Joined, Map, MapError, Part, Span, Storage, Swap, Units};
use tuffet_no_std_client::patch::{Profile, SmallState};
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Device, DeviceState, Outcome, Settings, Stop};

const NOW: u64 = 1_800_000_000;
const KIB: u32 = 1024;
const IMAGE_BYTES: usize = 14_300;
const SLOT_BYTES: u32 = 16 * KIB;

/// Units of the processor's own part, and of the chip.
const INTERNAL_ERASE_BYTES: usize = 1024;
const EXTERNAL_ERASE_BYTES: usize = 4096;

/// Where the chip begins.
const BORDER: u32 = 40 * KIB;

const MAP: Map<Swap> = Map {
    boot_record: Span::new(0, 8 * KIB),
    state: Span::new(8 * KIB, 8 * KIB),
    roots: [Span::new(BORDER, 8 * KIB), Span::new(BORDER + 8 * KIB, 8 * KIB)],
    snapshots: [
        Span::new(BORDER + 16 * KIB, 4 * KIB),
        Span::new(BORDER + 20 * KIB, 4 * KIB),
    ],
    document: Span::new(BORDER + 24 * KIB, 8 * KIB),
    checkpoints: [
        Span::new(BORDER + 32 * KIB, 8 * KIB),
        Span::new(BORDER + 40 * KIB, 8 * KIB),
    ],
    slots: Swap {
        running: Span::new(16 * KIB, SLOT_BYTES),
        staged: Span::new(BORDER + 48 * KIB, SLOT_BYTES + 4 * KIB),
        journal: Span::new(32 * KIB, 8 * KIB),
        base: 0,
    },
};

const CHIP_BYTES: usize = (48 * KIB + SLOT_BYTES + 4 * KIB) as usize;

const UNITS: Units = Units {
    capacity: BORDER + CHIP_BYTES as u32,
    erase_bytes: 4 * KIB,
    write_bytes: 4,
};

const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());
const _: () = assert!(MAP.check_external(BORDER).is_ok());

/// What the chip does, and at which reading.
#[derive(Clone, Copy)]
struct Attack<'a> {
    reading: usize,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    /// One bit of what is read is another one, this time.
    Flips,
    /// Every bit of the chip is another one from now on.
    Inverts,
    /// It holds this from now on.
    Becomes(&'a [u8]),
    /// It holds this for one reading.
    Shows(&'a [u8]),
}

/// A chip with 4 KiB erases, of which each reading is counted. Writing clears bits, whatever was there: what it holds is not the
/// client's doing alone.
struct Chip<'a> {
    contents: Vec<u8>,
    readings: usize,
    attack: Option<Attack<'a>>,
}

impl ErrorType for Chip<'_> {
    type Error = Infallible;
}

impl ReadNorFlash for Chip<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        let now = self.attack.filter(|attack| attack.reading == self.readings);
        self.readings += 1;
        match now.map(|attack| attack.what) {
            Some(What::Inverts) => self.contents.iter_mut().for_each(|byte| *byte ^= 0xFF),
            Some(What::Becomes(others)) => self.contents.copy_from_slice(others),
            Some(What::Flips | What::Shows(_)) | None => {}
        }
        let shown = match now.map(|attack| attack.what) {
            Some(What::Shows(others)) => others,
            _ => &self.contents,
        };
        bytes.copy_from_slice(&shown[offset as usize..][..bytes.len()]);
        if let Some(What::Flips) = now.map(|attack| attack.what) {
            let place = self.readings % bytes.len();
            bytes[place] ^= 1 << (self.readings % 8);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.contents.len()
    }
}

impl NorFlash for Chip<'_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = EXTERNAL_ERASE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        assert!(from.is_multiple_of(4096) && to.is_multiple_of(4096));
        self.contents[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        let cells = &mut self.contents[offset as usize..][..bytes.len()];
        cells.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
        Ok(())
    }
}

type Own = Nor<4, INTERNAL_ERASE_BYTES>;
type Flash<'a> = Joined<Own, Chip<'a>>;
type Failed = Stop<<Flash<'static> as ErrorType>::Error>;

/// What both parts hold.
#[derive(Clone)]
struct Contents {
    internal: Vec<u8>,
    chip: Vec<u8>,
}

impl Contents {
    fn erased() -> Self {
        Self {
            internal: vec![0xFF; BORDER as usize],
            chip: vec![0xFF; CHIP_BYTES],
        }
    }

    fn flash<'a>(&self, attack: Option<Attack<'a>>) -> RefCell<Flash<'a>> {
        let chip = Chip {
            contents: self.chip.clone(),
            readings: 0,
            attack,
        };
        RefCell::new(Joined::new(Nor::with_contents(self.internal.clone()), chip).unwrap())
    }

    /// What both parts hold now.
    fn seen(flash: &RefCell<Flash<'_>>) -> Self {
        let mut flash = flash.borrow_mut();
        let (own, chip) = flash.parts();
        Self {
            internal: own.contents().to_vec(),
            chip: chip.contents.clone(),
        }
    }

    fn running(&self) -> &[u8] {
        let span = MAP.slots.running;
        &self.internal[span.start as usize..][..span.bytes as usize]
    }
}

/// A repository, two releases of it, and a device that runs the first.
struct World {
    /// The images by their digests.
    images: BTreeMap<[u8; 32], Vec<u8>>,
    /// Digests of the release documents that were signed for this device.
    documents: Vec<[u8; 32]>,
    repository: Simulator,
    /// The same, where the delta of the new release is missing.
    without_delta: Simulator,
    /// Fresh from the factory.
    start: Contents,
    /// After an update that broke off behind a checkpoint.
    broken_off: Contents,
    /// Timestamps that the repository does not serve: the one from the factory, and that of another one with the same keys.
    other_timestamps: [[u8; 32]; 2],
    /// The chip of another device, whose repository offers something else by the same keys.
    others: Vec<u8>,
}

fn device() -> Device {
    Device {
        slot_bytes: SLOT_BYTES,
        ..identity()
    }
}

fn document_digest(repository: &Simulator) -> [u8; 32] {
    Sha256::digest(repository.document_bytes()).into()
}

fn with_client<T>(
    flash: &RefCell<Flash<'_>>,
    repository: &Simulator,
    work: impl FnOnce(&mut Client<'_, Flash<'_>, Swap, SmallState>, &mut Network) -> T,
) -> T {
    let device = device();
    let now = UnixSeconds::new(NOW);
    let storage = Storage::new(flash, &MAP);
    let mut client = Client::new(&device, storage, Settings::DEFAULT, now).unwrap();
    work(&mut client, &mut Network::to(repository.site.clone()))
}

fn update(flash: &RefCell<Flash<'_>>, repository: &Simulator) -> Result<Outcome, Failed> {
    with_client(flash, repository, |client, network| {
        client.update(network, UnixSeconds::new(NOW))
    })
}

fn boot(flash: &RefCell<Flash<'_>>) -> Result<Result<Run, Recovery>, Failed> {
    choose_slot(&Storage::new(flash, &MAP), &mut || ())
}

impl World {
    fn new() -> Self {
        let old = firmware_of("1.0.0", IMAGE_BYTES);
        let first = Simulator::healthy_with(NOW, |release| {
            release.carry(old.clone());
            release.add_patch(None, Profile::Small);
        });
        let next = |version: &str, security_version| {
            let mut repository = first.clone();
            repository.stage(version);
            repository.release.carry(successor(version, &old));
            repository.release.checkpoint_distance = Some(4 * KIB);
            repository.release.add_patch(Some(&old), Profile::Small);
            repository.release.add_patch(None, Profile::Small);
            repository.release.set_security_version(security_version);
            repository.publish();
            repository
        };
        let (repository, other) = (next("2.0.0", 2), next("3.0.0", 3));
        let flash = Contents::erased().flash(None);
        with_client(&flash, &first, |client, network| {
            client
                .provision_root(first.site.file("metadata/1.root.json").unwrap())
                .unwrap();
            client.provision(network, UnixSeconds::new(NOW)).unwrap();
        });
        let start = Contents::seen(&flash);
        let others = {
            let flash = start.flash(None);
            assert!(matches!(update(&flash, &other), Ok(Outcome::Installed { .. })));
            Contents::seen(&flash).chip
        };
        // The full image comes: a short delta has no checkpoint in front of its end.
        let mut without_delta = repository.clone();
        without_delta.site.remove(&repository.patch_path());
        let broken_off = {
            let mut breaks = without_delta.clone();
            let path = repository.whole_path();
            let bytes = breaks.site.file(&path).unwrap().len();
            breaks.site.fault_once(&path, Fault::Reset { bytes: bytes * 4 / 5 });
            breaks.site.fault(&path, Fault::Reset { bytes: 0 });
            let flash = start.flash(None);
            assert!(update(&flash, &breaks).is_err());
            let left = Contents::seen(&flash);
            let records = MAP.checkpoints.map(|span| left.chip[(span.start - BORDER) as usize]);
            assert!(records.iter().any(|byte| *byte != 0xFF), "no decoder was saved");
            left
        };
        let new = repository.release.image.clone();
        let timestamp = |of: &Simulator| Sha256::digest(of.site.file("metadata/timestamp.json").unwrap()).into();
        Self {
            other_timestamps: [timestamp(&first), timestamp(&other)],
            images: [old, new].map(|image| (Sha256::digest(&image).into(), image)).into(),
            documents: [&first, &repository].map(document_digest).into(),
            repository,
            without_delta,
            start,
            broken_off,
            others,
        }
    }

    /// What the internal part says is what was signed, and the image that runs is where it was.
    fn check(&self, contents: &Contents) {
        let flash = contents.flash(None);
        let storage = Storage::new(&flash, &MAP);
        let records = storage.boot_records().unwrap();
        match records.state() {
            State::Confirmed { confirmed, .. } => assert!(self.images.contains_key(&confirmed.image.digest)),
            State::Trial { confirmed, trial } => {
                for placed in [confirmed, trial.placed] {
                    let image = &self.images[&placed.image.digest];
                    assert_eq!(placed.image.length as usize, image.len());
                }
            }
            state @ (State::Damaged | State::Unprovisioned) => panic!("{state:?}"),
        }
        let state = storage.state().unwrap();
        self.check_trust(&state);
    }

    /// Nothing is trusted that the repository does not serve.
    fn check_trust(&self, state: &DeviceState) {
        if let Some(document) = state.release.document() {
            assert!(self.documents.contains(&document.pointer.release), "another document");
        }
        let trusted = &state.trusted;
        let served: Vec<[u8; 32]> = self
            .repository
            .site
            .paths()
            .map(|path| Sha256::digest(self.repository.site.file(path).unwrap()).into())
            // It passes through the chip, so another one that was signed may come in its place: one file, and no mixture.
            .chain(self.other_timestamps)
            .collect();
        let timestamp = trusted.timestamp.as_ref().map(|timestamp| timestamp.file);
        let files = [Some(trusted.root), timestamp, trusted.snapshot, trusted.targets];
        for file in files.into_iter().flatten() {
            assert!(
                served.contains(&file.digest),
                "another file of version {}",
                file.version
            );
        }
    }

    /// What a bootloader starts is one of the images, whole, where it runs.
    fn check_run(&self, run: &Run, contents: &Contents) {
        let image = &self.images[&run.placed.image.digest];
        assert!(
            contents.running().starts_with(image),
            "{run:?} is not what stands there"
        );
    }

    fn attacks(&self) -> [(&'static str, What<'_>); 5] {
        [
            ("flips", What::Flips),
            ("inverts", What::Inverts),
            ("goes back", What::Becomes(&self.start.chip)),
            ("becomes another", What::Becomes(&self.others)),
            ("shows another once", What::Shows(&self.others)),
        ]
    }
}

/// How many readings something takes, what it comes to, and what it leaves.
fn readings<T>(contents: &Contents, work: impl FnOnce(&RefCell<Flash<'_>>) -> T) -> (T, usize, Contents) {
    let flash = contents.flash(None);
    let done = work(&flash);
    let readings = flash.borrow_mut().parts().1.readings;
    (done, readings, Contents::seen(&flash))
}

/// Each of the attacks at every reading of a cycle from here, and the boots that follow.
fn attack_updates(
    world: &World,
    repository: &Simulator,
    start: &Contents,
    attacks: &[(&str, What<'_>)],
) -> BTreeMap<String, usize> {
    let (done, count, _) = readings(start, |flash| update(flash, repository));
    assert!(matches!(done, Ok(Outcome::Installed { .. })), "{done:?}");
    let told = Mutex::new(BTreeMap::new());
    let every: Vec<(usize, usize)> = (0..attacks.len())
        .flat_map(|attack| (0..count).map(move |reading| (attack, reading)))
        .collect();
    let findings = Findings::of_each(&every, |&(attack, reading), findings| {
        let (name, what) = attacks[attack];
        findings.look(
            || format!("{name} at reading {reading} of {count}"),
            || {
                let flash = start.flash(Some(Attack { reading, what }));
                let outcome = update(&flash, repository);
                let word = match &outcome {
                    Ok(Outcome::Installed { fell_back: None, .. }) => "installed".to_owned(),
                    Ok(Outcome::Installed { .. }) => "installed, full image".to_owned(),
                    Ok(other) => panic!("{other:?}"),
                    Err(stop) => stop.name().to_owned(),
                };
                *told.lock().unwrap().entry(format!("{name}: {word}")).or_insert(0) += 1;
                let contents = Contents::seen(&flash);
                world.check(&contents);
                // The chip stays as it was left, and the device starts twice.
                let flash = contents.flash(None);
                for _ in 0..2 {
                    let run = boot(&flash).unwrap().expect("the image that runs is internal");
                    world.check_run(&run, &Contents::seen(&flash));
                }
            },
        );
    });
    findings.assert_none();
    let told = told.into_inner().unwrap();
    println!("{count} readings");
    told
}

/// Every attack at every reading of a boot from here, and the boot after it.
fn attack_boots(world: &World, start: &Contents) -> BTreeMap<String, usize> {
    let (run, count, _) = readings(start, boot);
    assert!(matches!(run, Ok(Ok(_))), "{run:?}");
    let told = Mutex::new(BTreeMap::new());
    let every: Vec<(usize, usize)> = (0..world.attacks().len())
        .flat_map(|attack| (0..count).map(move |reading| (attack, reading)))
        .collect();
    let findings = Findings::of_each(&every, |&(attack, reading), findings| {
        let (name, what) = world.attacks()[attack];
        findings.look(
            || format!("{name} at reading {reading} of {count}"),
            || {
                let mut contents = start.clone();
                for attack in [Some(Attack { reading, what }), None] {
                    let flash = contents.flash(attack);
                    let word = match boot(&flash) {
                        Ok(Ok(run)) => {
                            world.check_run(&run, &Contents::seen(&flash));
                            format!("runs {}", run.placed.image.security_version)
                        }
                        // Nothing is started: whoever can open the device can stop it.
                        Ok(Err(recovery)) => format!("recovery, {recovery:?}"),
                        Err(stop) => stop.name().to_owned(),
                    };
                    *told.lock().unwrap().entry(format!("{name}: {word}")).or_insert(0) += 1;
                    contents = Contents::seen(&flash);
                }
            },
        );
    });
    findings.assert_none();
    println!("{count} readings");
    told.into_inner().unwrap()
}

fn print(told: &BTreeMap<String, usize>) {
    for (word, count) in told {
        println!("{count:>6} {word}");
    }
}

#[test]
fn chip_that_changes_at_any_reading_of_an_update() {
    let world = World::new();
    let told = attack_updates(&world, &world.repository, &world.start, &world.attacks());
    print(&told);
    // A delta that meets another bit gives way to the full image; a document does not.
    for seen in [
        "flips: installed, full image",
        "flips: DocumentDigest",
        "flips: UnstableDocument",
    ] {
        assert!(told.contains_key(seen), "{seen}: {told:?}");
    }
}

#[test]
fn chip_that_changes_at_any_reading_of_an_update_that_goes_on_from_a_saved_decoder() {
    let world = World::new();
    let [flips, .., shows] = world.attacks();
    let told = attack_updates(&world, &world.without_delta, &world.broken_off, &[flips, shows]);
    print(&told);
    for seen in [
        "flips: installed, full image",
        "flips: SlotDigest",
        "flips: PatchRefused",
    ] {
        assert!(told.contains_key(seen), "{seen}: {told:?}");
    }
}

#[test]
fn chip_that_changes_at_any_reading_of_a_boot() {
    let world = World::new();
    let (_, _, installed) = readings(&world.start, |flash| update(flash, &world.repository));
    let told = attack_boots(&world, &installed);
    print(&told);
    assert!(told.keys().any(|word| word == "flips: runs 1"), "{told:?}");
}

/// What counts without being verified again may not be in the chip.
#[test]
fn map_that_exposes_what_counts_is_refused() {
    let check = |edit: &dyn Fn(&mut Map<Swap>)| {
        let mut map = MAP;
        edit(&mut map);
        map.check_external(BORDER)
    };
    let outside = Span::new(BORDER, 8 * KIB);
    let across = Span::new(BORDER - 4 * KIB, 8 * KIB);
    assert_eq!(check(&|_| {}), Ok(()));
    assert_eq!(
        check(&|map| map.boot_record = outside),
        Err(MapError::Exposed(Part::BootRecord))
    );
    assert_eq!(check(&|map| map.state = outside), Err(MapError::Exposed(Part::State)));
    assert_eq!(
        check(&|map| map.slots.journal = across),
        Err(MapError::Exposed(Part::Journal))
    );
    assert_eq!(
        check(&|map| map.slots.running = outside),
        Err(MapError::Exposed(Part::Slots))
    );
    assert_eq!(
        check(&|map| map.document = across),
        Err(MapError::Across(Part::Document))
    );
    assert_eq!(
        check(&|map| map.slots.staged = across),
        Err(MapError::Across(Part::Slots))
    );
}
