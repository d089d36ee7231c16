//! A device that keeps MCUboot: what it decides by its trailers and what the boot record says stay the same thing, wherever the
//! power is cut.

mod small;

use sha2::{Digest as _, Sha256};
use small::{Lines, NOW, at, with_delta};
use std::cell::RefCell;
use tuffet_boot::{BootRecords, Placed, Slot, State};
use tuffet_integration::device::small::{MAP, capacity, identity};
use tuffet_integration::nor::{Cut, Nor, NorError, Tear};
use tuffet_integration::simulator::Simulator;
use tuffet_no_std_client::flash::{Map, MapError, Part, RegionError, Span, Storage, Strategy as _, Units};
use tuffet_no_std_client::mcuboot::{self, Attempt, MaxAlign, McuBoot, Standing, confirm, fail};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::{Client, Device, Failure, Outcome, Settings, Stop};

const ERASE_BYTES: u32 = 1_024;
const SECTORS_MAX: u32 = 256;
/// Boots after which a life must have come to rest.
const BOOTS_MAX: usize = 16;

type Flash<const WRITE: usize> = Nor<WRITE, 1_024>;
type Slots<'m, const WRITE: usize> = Storage<'m, Flash<WRITE>, McuBoot>;

/// Asks once in a boot.
fn start<const WRITE: usize>(storage: &Slots<'_, WRITE>, pet: &mut impl FnMut()) -> Result<Standing, Stop<NorError>> {
    mcuboot::start(storage, &mut Attempt::new(), pet)
}

/// The parts of the small device, with slots that MCUboot has.
fn map(write_bytes: u32, max_align: MaxAlign) -> Map<McuBoot> {
    let [primary, secondary] = MAP.slots.slots;
    Map {
        boot_record: MAP.boot_record,
        state: MAP.state,
        roots: MAP.roots,
        snapshots: MAP.snapshots,
        document: MAP.document,
        checkpoints: MAP.checkpoints,
        slots: McuBoot {
            primary,
            secondary,
            trailer_bytes: McuBoot::trailer_bytes(SECTORS_MAX, write_bytes, max_align, ERASE_BYTES),
            sectors_max: SECTORS_MAX,
            max_align,
            base: 0,
        },
    }
}

fn device(map: &Map<McuBoot>) -> Device {
    Device {
        slot_bytes: map.slots.slot_bytes(),
        ..identity()
    }
}

/// MCUboot, as far as its documents say what it does with two slots: what it decides, and what trailers it leaves. It is modelled
/// on raw bytes, and its swap as one step, since it finishes what was cut.
struct Bootloader<'m> {
    map: &'m Map<McuBoot>,
    /// Image ok, copy done, swap info, and the start of the padded magic, from the end of the slot.
    fields: [usize; 4],
    magic: [u8; 16],
    /// The one image that its signature check refuses.
    refused: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Swapped {
    Nothing,
    Test,
    Permanent,
    Revert,
    Refused,
}

impl<'m> Bootloader<'m> {
    fn of(map: &'m Map<McuBoot>) -> Self {
        let newer = |align| {
            [
                align, 0, 0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a,
            ]
        };
        let (fields, magic) = match map.slots.max_align {
            MaxAlign::Eight => {
                let words = [0xf395_c277_u32, 0x7fef_d260, 0x0f50_5235, 0x8079_b62c];
                let mut magic = [0; 16];
                for (place, word) in magic.chunks_mut(4).zip(words) {
                    place.copy_from_slice(&word.to_le_bytes());
                }
                ([24, 32, 40, 16], magic)
            }
            MaxAlign::Sixteen => ([32, 48, 64, 16], newer(16)),
            MaxAlign::ThirtyTwo => ([64, 96, 128, 32], newer(32)),
        };
        Self {
            map,
            fields,
            magic,
            refused: None,
        }
    }

    fn range(span: Span) -> std::ops::Range<usize> {
        span.start as usize..(span.start + span.bytes) as usize
    }

    /// A byte that lies so far from the end of a slot.
    fn byte<'c>(&self, contents: &'c mut [u8], slot: Span, from_end: usize) -> &'c mut u8 {
        &mut contents[(slot.start + slot.bytes) as usize - from_end]
    }

    fn magic_of<'c>(&self, contents: &'c mut [u8], slot: Span) -> &'c mut [u8] {
        let end = (slot.start + slot.bytes) as usize;
        &mut contents[end - 16..end]
    }

    /// The tables of "Image Trailers".
    fn decide(&self, contents: &mut [u8]) -> Swapped {
        let McuBoot { primary, secondary, .. } = self.map.slots;
        let [image_ok, copy_done, ..] = self.fields;
        let wanted = *self.magic_of(contents, secondary) == self.magic;
        let is_unset = self.magic_of(contents, secondary).iter().all(|byte| *byte == 0xFF);
        let wanted_ok = *self.byte(contents, secondary, image_ok);
        let runs = *self.magic_of(contents, primary) == self.magic;
        let runs_ok = *self.byte(contents, primary, image_ok);
        let done = *self.byte(contents, primary, copy_done);
        if wanted && wanted_ok == 0xFF {
            Swapped::Test
        } else if wanted && wanted_ok == 1 {
            Swapped::Permanent
        } else if runs && is_unset && runs_ok == 0xFF && done == 1 {
            Swapped::Revert
        } else {
            Swapped::Nothing
        }
    }

    /// A reset.
    fn boot(&self, contents: &mut [u8]) -> Swapped {
        let McuBoot { primary, secondary, .. } = self.map.slots;
        let [image_ok, copy_done, ..] = self.fields;
        let decided = self.decide(contents);
        if decided == Swapped::Nothing {
            return decided;
        }
        if let Some(refused) = &self.refused
            && contents[Self::range(secondary)].starts_with(refused)
        {
            contents[Self::range(secondary)].fill(0xFF);
            *self.byte(contents, primary, image_ok) = 1;
            return Swapped::Refused;
        }
        let image_bytes = self.map.slots.slot_bytes() as usize;
        let [from, to] = [primary, secondary].map(|slot| slot.start as usize);
        for offset in 0..image_bytes {
            contents.swap(from + offset, to + offset);
        }
        for slot in [primary, secondary] {
            let range = Self::range(slot);
            contents[range][image_bytes..].fill(0xFF);
        }
        self.magic_of(contents, primary).copy_from_slice(&self.magic);
        *self.byte(contents, primary, copy_done) = 1;
        if decided != Swapped::Test {
            *self.byte(contents, primary, image_ok) = 1;
        }
        decided
    }
}

/// What the application does when it is on trial.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Nature {
    Good,
    Bad,
    /// Good in its first boot, and bad in all others.
    Fickle,
    Hangs,
}

/// A device at rest, with a trial open.
struct Scene<const WRITE: usize> {
    map: Map<McuBoot>,
    contents: Vec<u8>,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl<const WRITE: usize> Scene<WRITE> {
    fn new(max_align: MaxAlign) -> Self {
        let (map, healthy) = (map(WRITE as u32, max_align), Simulator::healthy(NOW));
        let next = with_delta(&healthy);
        let flash = RefCell::new(Flash::<WRITE>::new(capacity(&MAP)));
        {
            let identity = device(&map);
            let mut client = client(&identity, &flash, &map);
            let root = healthy.site.file("metadata/1.root.json").unwrap();
            client.provision_root(root).unwrap();
            client.provision(&mut Lines::to(&healthy.site), at(0)).unwrap();
            // A second time, and it must go on: nothing is due.
            assert_eq!(start(&Storage::new(&flash, &map), &mut || ()), Ok(Standing::Confirmed));
            let outcome = client.update(&mut Lines::to(&next.site), at(0));
            assert!(matches!(outcome, Ok(Outcome::Installed { .. })), "{outcome:?}");
        }
        Self {
            map,
            contents: flash.into_inner().into_contents(),
            old: healthy.release.image,
            new: next.release.image,
        }
    }

    /// Lives until nothing more happens, and answers what the flash holds and how many flash operations that took. Cuts happen
    /// at operations counted over all boots, each from the one before it.
    fn live(&self, nature: Nature, bootloader: &Bootloader<'_>, cuts: &[(usize, Tear)]) -> (Vec<u8>, usize) {
        let mut contents = self.contents.clone();
        let (mut cuts, mut done) = (cuts.iter(), 0);
        let mut next = cuts.next().copied();
        // After the installation the application calls `start` before it resets.
        let mut is_reset = false;
        let mut trials = 0;
        for _ in 0..BOOTS_MAX {
            if is_reset {
                let before = contents.clone();
                if bootloader.boot(&mut contents) == Swapped::Test {
                    self.assert_on_trial(before);
                }
            }
            is_reset = true;
            let flash = RefCell::new(Flash::<WRITE>::with_contents(contents));
            if let Some((operation, tear)) = next {
                flash.borrow_mut().cut_at(Cut { operation, tear });
            }
            let lived = self.run(&flash, nature, &mut trials);
            let flash = flash.into_inner();
            let operations = flash.tally().operations();
            done += operations;
            let is_off = flash.is_off();
            next = match next {
                Some(_) if is_off => cuts.next().copied(),
                Some((operation, tear)) => Some((operation - operations, tear)),
                None => None,
            };
            contents = flash.into_contents();
            self.assert_sound(&contents);
            match lived {
                Ok(true) => return (contents, done),
                Ok(false) => {}
                Err(stop) => assert!(is_off, "{stop:?}"),
            }
        }
        panic!("{nature:?} does not come to rest within {BOOTS_MAX} boots");
    }

    /// One boot of the application. `true`: nothing more happens.
    fn run(&self, flash: &RefCell<Flash<WRITE>>, nature: Nature, trials: &mut usize) -> Result<bool, Stop<NorError>> {
        let storage = Storage::new(flash, &self.map);
        let mut attempt = Attempt::new();
        let standing = mcuboot::start(&storage, &mut attempt, &mut || ())?;
        // However often it is asked before the reset.
        let again = if standing == Standing::Ended {
            Standing::Confirmed
        } else {
            standing
        };
        for _ in 0..4 {
            assert_eq!(mcuboot::start(&storage, &mut attempt, &mut || ())?, again);
        }
        match standing {
            Standing::Confirmed | Standing::Ended => return Ok(true),
            Standing::ResetDue => {}
            Standing::Stranger => panic!("a stranger in the primary slot"),
            Standing::OnTrial { .. } => {
                *trials += 1;
                match (nature, *trials) {
                    (Nature::Good, _) | (Nature::Fickle, 1) => {
                        confirm(&storage, &mut || ())?;
                        assert_eq!(start(&storage, &mut || ()), Ok(Standing::Confirmed));
                    }
                    (Nature::Bad | Nature::Fickle, _) => {
                        fail(&storage)?;
                        // Not before the reset.
                        assert_eq!(start(&storage, &mut || ()), Ok(Standing::ResetDue));
                        assert_eq!(McuBoot::place(&storage, Slot::A), Err(RegionError::Unsettled));
                    }
                    (Nature::Hangs, _) => {}
                }
            }
        }
        Ok(false)
    }

    fn records(&self, contents: Vec<u8>) -> (State, u32, usize) {
        let flash = RefCell::new(Flash::<WRITE>::with_contents(contents));
        let storage: Slots<'_, WRITE> = Storage::new(&flash, &self.map);
        let records: BootRecords<_> = storage.boot_records().unwrap();
        (records.state(), records.counter(), records.failed().len())
    }

    /// MCUboot swaps in nothing that is not on trial.
    fn assert_on_trial(&self, before: Vec<u8>) {
        let (state, ..) = self.records(before.clone());
        let State::Trial { trial, .. } = state else {
            panic!("MCUboot tests an image that is not on trial: {state:?}")
        };
        assert!(trial.attempts_left < trial.attempts, "it was not counted");
        assert!(
            holds(&before, self.map.slots.secondary, &trial.placed),
            "it tests another image"
        );
    }

    /// What holds at any moment.
    fn assert_sound(&self, contents: &[u8]) {
        let (state, counter, _) = self.records(contents.to_vec());
        let (State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. }) = state else {
            panic!("the boot record is lost: {state:?}")
        };
        assert!(counter <= confirmed.image.security_version);
        let primary = &contents[Bootloader::range(self.map.slots.primary)];
        assert!(
            primary.starts_with(&self.old) || primary.starts_with(&self.new),
            "a mix runs"
        );
    }

    /// What a life came to: which image runs and is confirmed, and that MCUboot keeps it.
    fn assert_rests(&self, mut contents: Vec<u8>, runs: &[u8], failed: usize) {
        let bootloader = Bootloader::of(&self.map);
        assert_eq!(bootloader.boot(&mut contents), Swapped::Nothing);
        assert!(
            contents[Bootloader::range(self.map.slots.primary)].starts_with(runs),
            "another image runs"
        );
        let (state, counter, remembered) = self.records(contents.clone());
        let State::Confirmed { confirmed, .. } = state else {
            panic!("{state:?}")
        };
        assert!(holds(&contents, self.map.slots.primary, &confirmed));
        assert_eq!((counter, remembered), (confirmed.image.security_version, failed));
    }
}

fn holds(contents: &[u8], slot: Span, placed: &Placed) -> bool {
    let image = &contents[Bootloader::range(slot)][..placed.image.length as usize];
    Sha256::digest(image).as_slice() == placed.image.digest
}

fn client<'c, const WRITE: usize>(
    device: &'c Device,
    flash: &'c RefCell<Flash<WRITE>>,
    map: &'c Map<McuBoot>,
) -> Client<'c, Flash<WRITE>, McuBoot, SmallState> {
    Client::new(device, Storage::new(flash, map), Settings::DEFAULT, at(0)).unwrap()
}

/// Every nature, with every cut.
fn live_with_cuts<const WRITE: usize>(max_align: MaxAlign) {
    let scene = Scene::<WRITE>::new(max_align);
    let bootloader = Bootloader::of(&scene.map);
    let refusing = Bootloader {
        refused: Some(scene.new.clone()),
        ..Bootloader::of(&scene.map)
    };
    let lives = [
        (Nature::Good, &bootloader, &scene.new, 0),
        (Nature::Bad, &bootloader, &scene.old, 1),
        (Nature::Hangs, &bootloader, &scene.old, 1),
        (Nature::Good, &refusing, &scene.old, 1),
    ];
    let tears = [Tear::Before, Tear::After]
        .into_iter()
        .chain((0..6).map(|seed| Tear::Bits { seed }));
    let tears: Vec<Tear> = tears.collect();
    let mut lived = 0;
    for (nature, bootloader, runs, failed) in lives {
        let (contents, operations) = scene.live(nature, bootloader, &[]);
        scene.assert_rests(contents, runs, failed);
        assert!(operations >= 3, "{nature:?}: {operations} operations");
        for operation in 0..operations {
            for tear in &tears {
                let (contents, _) = scene.live(nature, bootloader, &[(operation, *tear)]);
                scene.assert_rests(contents, runs, failed);
                lived += 1;
            }
        }
    }
    println!("{WRITE} byte writes: {lived} cuts");
}

#[test]
fn every_write_may_be_cut_with_units_of_4() {
    live_with_cuts::<4>(MaxAlign::Eight);
}

#[test]
fn every_write_may_be_cut_with_units_of_8() {
    live_with_cuts::<8>(MaxAlign::Eight);
}

#[test]
fn every_write_may_be_cut_with_units_of_16() {
    live_with_cuts::<16>(MaxAlign::Sixteen);
}

#[test]
fn every_write_may_be_cut_with_units_of_32() {
    live_with_cuts::<32>(MaxAlign::ThirtyTwo);
}

#[test]
fn what_mcuboot_keeps_is_not_judged_again() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let bootloader = Bootloader::of(&scene.map);
    let (contents, operations) = scene.live(Nature::Fickle, &bootloader, &[]);
    scene.assert_rests(contents, &scene.new, 0);
    for operation in 0..operations {
        for tear in [Tear::Before, Tear::After]
            .into_iter()
            .chain((0..9).map(|seed| Tear::Bits { seed }))
        {
            let (contents, _) = scene.live(Nature::Fickle, &bootloader, &[(operation, tear)]);
            let primary = &contents[Bootloader::range(scene.map.slots.primary)];
            // Either way, and both sides say the same.
            if primary.starts_with(&scene.new) {
                scene.assert_rests(contents, &scene.new, 0);
            } else {
                scene.assert_rests(contents, &scene.old, 1);
            }
        }
    }
}

#[test]
fn two_cuts_cost_no_more_than_attempts() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let bootloader = Bootloader::of(&scene.map);
    let (_, operations) = scene.live(Nature::Good, &bootloader, &[]);
    let tears = [Tear::Before, Tear::After, Tear::Bits { seed: 3 }];
    for first in 0..operations {
        for second in 0..operations {
            for (one, other) in tears.iter().flat_map(|one| tears.map(|other| (*one, other))) {
                let cuts = [(first, one), (second, other)];
                let (contents, _) = scene.live(Nature::Good, &bootloader, &cuts);
                // Three attempts, and two cuts.
                scene.assert_rests(contents, &scene.new, 0);
            }
        }
    }
}

/// The record of an attempt is the last one; a bit of it falls over while the image is tried.
#[test]
fn trial_whose_attempt_is_forgotten_can_be_confirmed() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let flash = RefCell::new(Flash::<8>::with_contents(scene.contents.clone()));
    assert_eq!(
        start(&Storage::new(&flash, &scene.map), &mut || ()),
        Ok(Standing::ResetDue)
    );
    let mut contents = flash.into_inner().into_contents();
    assert_eq!(Bootloader::of(&scene.map).boot(&mut contents), Swapped::Test);
    let record = &mut contents[Bootloader::range(scene.map.boot_record)];
    let last = record.chunks_mut(64).filter(|record| record[0] != 0xFF).last().unwrap();
    last[20] ^= 1;
    let flash = RefCell::new(Flash::<8>::with_contents(contents));
    let storage = Storage::new(&flash, &scene.map);
    assert!(matches!(start(&storage, &mut || ()), Ok(Standing::OnTrial { .. })));
    confirm(&storage, &mut || ()).unwrap();
    scene.assert_rests(flash.into_inner().into_contents(), &scene.new, 0);
}

/// MCUboot keeps an image on trial, and says so, when there is nothing to go back to. Nobody has tested that image.
#[test]
fn image_that_mcuboot_had_to_keep_is_tested_first() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let flash = RefCell::new(Flash::<8>::with_contents(scene.contents.clone()));
    assert_eq!(
        start(&Storage::new(&flash, &scene.map), &mut || ()),
        Ok(Standing::ResetDue)
    );
    let mut contents = flash.into_inner().into_contents();
    let bootloader = Bootloader::of(&scene.map);
    assert_eq!(bootloader.boot(&mut contents), Swapped::Test);
    let McuBoot { primary, secondary, .. } = scene.map.slots;
    contents[Bootloader::range(secondary)].fill(0xFF);
    let [image_ok, ..] = bootloader.fields;
    *bootloader.byte(&mut contents, primary, image_ok) = 1;
    let flash = RefCell::new(Flash::<8>::with_contents(contents));
    let storage = Storage::new(&flash, &scene.map);
    assert!(matches!(start(&storage, &mut || ()), Ok(Standing::OnTrial { .. })));
    confirm(&storage, &mut || ()).unwrap();
    scene.assert_rests(flash.into_inner().into_contents(), &scene.new, 0);
}

#[test]
fn next_update_goes_to_the_other_slot() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let bootloader = Bootloader::of(&scene.map);
    let (contents, _) = scene.live(Nature::Good, &bootloader, &[]);
    let mut third = with_delta(&Simulator::healthy(NOW));
    third.stage("3.0.0");
    third.publish();
    let flash = RefCell::new(Flash::<8>::with_contents(contents));
    let identity = device(&scene.map);
    let mut client = client(&identity, &flash, &scene.map);
    let confirmed = client.running().unwrap().confirmed().copied().unwrap();
    assert_eq!(confirmed.slot, Slot::B);
    let outcome = client.update(&mut Lines::to(&third.site), at(0));
    assert!(matches!(outcome, Ok(Outcome::Installed { .. })), "{outcome:?}");
    let scene = Scene::<8> {
        map: scene.map,
        contents: flash.into_inner().into_contents(),
        old: scene.new,
        new: third.release.image,
    };
    let (contents, _) = scene.live(Nature::Good, &bootloader, &[]);
    scene.assert_rests(contents, &scene.new, 0);
}

#[test]
fn confirming_what_does_not_run_is_a_mistake() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let flash = RefCell::new(Flash::<8>::with_contents(scene.contents.clone()));
    let storage = Storage::new(&flash, &scene.map);
    let misuse = Err(Stop::Failure(Failure::Misuse));
    assert_eq!(confirm(&storage, &mut || ()), misuse);
    assert_eq!(start(&storage, &mut || ()), Ok(Standing::ResetDue));
    assert_eq!(confirm(&storage, &mut || ()), misuse);
    // Whoever changes his mind before the reset takes the mark back, too.
    fail(&storage).unwrap();
    let contents = flash.into_inner().into_contents();
    scene.assert_rests(contents, &scene.old, 1);
}

#[test]
fn mark_that_mcuboot_does_not_look_at_costs_an_attempt_a_reset() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let flash = RefCell::new(Flash::<8>::with_contents(scene.contents.clone()));
    let storage = Storage::new(&flash, &scene.map);
    let mut resets = 0;
    loop {
        let mut attempt = Attempt::new();
        let standings = [(); 5].map(|()| mcuboot::start(&storage, &mut attempt, &mut || ()));
        if standings[0] != Ok(Standing::ResetDue) {
            assert_eq!(standings[0], Ok(Standing::Ended));
            break;
        }
        assert_eq!(standings, [Ok(Standing::ResetDue); 5]);
        resets += 1;
    }
    let State::Trial { trial, .. } = scene.records(scene.contents.clone()).0 else {
        panic!("no trial is open")
    };
    assert_eq!(resets, trial.attempts);
    scene.assert_rests(flash.into_inner().into_contents(), &scene.old, 1);
}

#[test]
fn what_somebody_else_put_there_is_left_alone() {
    let scene = Scene::<8>::new(MaxAlign::Eight);
    let mut contents = scene.contents.clone();
    contents[scene.map.slots.primary.start as usize] ^= 1;
    let flash = RefCell::new(Flash::<8>::with_contents(contents.clone()));
    assert_eq!(
        start(&Storage::new(&flash, &scene.map), &mut || ()),
        Ok(Standing::Stranger)
    );
    assert!(flash.borrow().contents() == contents);
    let blank = RefCell::new(Flash::<8>::new(capacity(&MAP)));
    let stopped = start(&Storage::new(&blank, &scene.map), &mut || ());
    assert_eq!(stopped, Err(Stop::Failure(Failure::NotProvisioned)));
}

#[test]
fn maps_that_do_not_fit_mcuboot_are_refused() {
    let good = map(8, MaxAlign::Eight);
    let units = Units {
        capacity: capacity(&MAP) as u32,
        erase_bytes: ERASE_BYTES,
        write_bytes: 8,
    };
    assert_eq!(good.check(units, SmallState::SNAPSHOT_BYTES), Ok(()));
    let wide = Units {
        write_bytes: 16,
        ..units
    };
    assert_eq!(good.check(wide, SmallState::SNAPSHOT_BYTES), Err(MapError::WriteUnit));
    let mut short = good;
    short.slots.trailer_bytes = 0;
    assert!(short.check(units, SmallState::SNAPSHOT_BYTES).is_err());
    // One sector less than the slot has: MCUboot would swap nothing. And many more than the trailer has room for.
    let sectors = good.slots.primary.bytes / ERASE_BYTES;
    let mut many = good;
    many.slots.sectors_max = sectors - 1;
    assert_eq!(
        many.check(units, SmallState::SNAPSHOT_BYTES),
        Err(MapError::TooLong(Part::Slots))
    );
    let mut little = good;
    little.slots.sectors_max = SECTORS_MAX * 100;
    assert_eq!(
        little.check(units, SmallState::SNAPSHOT_BYTES),
        Err(MapError::TooShort(Part::Slots))
    );
    let mut uneven = good;
    uneven.slots.secondary.bytes -= ERASE_BYTES;
    assert!(uneven.check(units, SmallState::SNAPSHOT_BYTES).is_err());
}
