//! The flash of a larger part: write units of 8 bytes, erase units of 4 KiB, and the standard profile. Several records share
//! a page of the trusted state there.

mod small;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use small::{Lines, NOW, at};
use std::cell::RefCell;
use tuffet_boot::{Slot, Why};
use tuffet_integration::device::small::identity;
use tuffet_integration::nor::{LargeNor, NorError};
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::keys::sha256;
use tuffet_integration::simulator::release::{SLOT_BYTES, successor};
use tuffet_no_std_client::flash::{
    FlashFile, Map, Region, RegionError, Span, StateError, StatePages, Storage, Units, Xip,
};
use tuffet_no_std_client::patch::{Profile, StandardState};
use tuffet_no_std_client::tuf::{Limits, TrustedState, first_root};
use tuffet_no_std_client::wire::{Document, UnixSeconds};
use tuffet_no_std_client::{Client, Device, DeviceState, Intake, Outcome, Settings, Way, bootloader, release};

const KIB: u32 = 1024;

const MAP: Map<Xip> = Map {
    boot_record: Span::new(0, 8 * KIB),
    state: Span::new(8 * KIB, 8 * KIB),
    roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
    snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
    document: Span::new(40 * KIB, 8 * KIB),
    checkpoints: [Span::new(48 * KIB, 32 * KIB), Span::new(80 * KIB, 32 * KIB)],
    slots: Xip {
        slots: [
            Span::new(112 * KIB, SLOT_BYTES),
            Span::new(112 * KIB + SLOT_BYTES, SLOT_BYTES),
        ],
        base: 0x0800_0000,
    },
};
const CAPACITY_BYTES: u32 = 112 * KIB + 2 * SLOT_BYTES;
const UNITS: Units = Units {
    capacity: CAPACITY_BYTES,
    erase_bytes: 4 * KIB,
    write_bytes: 8,
};
const _: () = assert!(MAP.check(UNITS, StandardState::SNAPSHOT_BYTES).is_ok());

fn device() -> Device {
    Device {
        intake: Intake::Streamed(release::Profile::Standard),
        ..identity()
    }
}

fn client<'c>(device: &'c Device, flash: &'c RefCell<LargeNor>) -> Client<'c, LargeNor, Xip, StandardState> {
    Client::new(device, Storage::new(flash, &MAP), Settings::DEFAULT, at(0)).unwrap()
}

fn slot_sha256(flash: &RefCell<LargeNor>, slot: Slot, length: usize) -> String {
    let start = MAP.slots.slot(slot).start as usize;
    sha256(&flash.borrow().contents()[start..start + length])
}

#[test]
fn the_same_driver_serves_other_units_and_another_profile() {
    let mut repository = Simulator::healthy(NOW);
    repository.release.add_patch(None, Profile::Standard);
    repository.publish();
    let device = device();
    let flash = RefCell::new(LargeNor::new(CAPACITY_BYTES as usize));
    let mut client = client(&device, &flash);
    client
        .provision_root(repository.site.file("metadata/1.root.json").unwrap())
        .unwrap();
    client.provision(&mut Lines::to(&repository.site), at(0)).unwrap();

    let mut running = Slot::A;
    for (number, expected) in [(2, Way::Delta), (3, Way::Whole), (4, Way::Delta)] {
        let before = repository.release.image.clone();
        let version = format!("{number}.0.0");
        repository.stage(&version);
        repository.release.carry(successor(&version, &before));
        repository.release.add_patch(None, Profile::Standard);
        if expected == Way::Delta {
            repository.release.add_patch(Some(&before), Profile::Standard);
        }
        repository.publish();
        let outcome = client.update(&mut Lines::to(&repository.site), at(0));
        let Ok(Outcome::Installed {
            way, fell_back: None, ..
        }) = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(way, expected);
        running = running.other();
        let image = &repository.release.image;
        assert_eq!(slot_sha256(&flash, running, image.len()), sha256(image));
        let storage = Storage::new(&flash, &MAP);
        let run = bootloader::choose_slot(&storage, &mut || ()).unwrap().unwrap();
        assert!(
            run.placed.slot == running && matches!(run.why, Why::Trial { .. }),
            "{run:?}"
        );
        storage.boot_records().unwrap().confirm().unwrap();
    }
}

fn state(repository: &Simulator, floor: u64) -> DeviceState {
    let mut root = repository.site.file("metadata/1.root.json").unwrap();
    let mut trusted = first_root(&mut root, &Limits::DEFAULT).unwrap();
    trusted.floor = UnixSeconds::new(floor);
    DeviceState::new(trusted)
}

fn pages(flash: &RefCell<LargeNor>) -> Region<'_, LargeNor> {
    Region::new(flash, Span::new(0, 8 * KIB))
}

fn open(flash: &RefCell<LargeNor>) -> Result<(StatePages<'_, LargeNor>, DeviceState), StateError<NorError>> {
    let mut state = DeviceState::new(TrustedState::nothing());
    let mut pages = StatePages::blank(pages(flash));
    pages.read(&mut state)?;
    Ok((pages, state))
}

#[test]
fn states_fill_a_page_before_the_other_one_is_erased() {
    let repository = Simulator::healthy(NOW);
    let flash = RefCell::new(LargeNor::new(8 * KIB as usize));
    let mut log = StatePages::blank(pages(&flash));
    for number in 1..=30_u64 {
        log.save(&state(&repository, number)).unwrap();
        let (opened, read) = open(&flash).unwrap();
        assert_eq!(read, state(&repository, number));
        log = opened;
    }
    // Four records a page: the 1st, the 5th, the 9th … erased one.
    assert_eq!(flash.borrow().tally().erases(), [4, 4]);
    let before = flash.borrow().tally().operations();
    log.save(&state(&repository, 30)).unwrap();
    assert_eq!(
        flash.borrow().tally().operations(),
        before,
        "a state that is stored is not written again"
    );
}

#[test]
fn a_torn_state_uses_its_place_up_and_the_one_before_counts() {
    let repository = Simulator::healthy(NOW);
    let flash = RefCell::new(LargeNor::new(8 * KIB as usize));
    let mut log = StatePages::blank(pages(&flash));
    for number in 1..=2 {
        log.save(&state(&repository, number)).unwrap();
    }
    let place = KIB as usize..2 * KIB as usize;
    let mut contents = flash.borrow().contents().to_vec();
    let second = contents[place.clone()].to_vec();
    contents[KIB as usize + 700..2 * KIB as usize].fill(0xFF);
    let flash = RefCell::new(LargeNor::with_contents(contents));
    let (mut log, read) = open(&flash).unwrap();
    assert_eq!(read, state(&repository, 1));
    log.save(&state(&repository, 3)).unwrap();
    let (_, read) = open(&flash).unwrap();
    assert_eq!(read, state(&repository, 3));
    assert_eq!(
        flash.borrow().tally().erases(),
        [0, 0],
        "there was room behind the torn one"
    );

    // Its sequence is not used again: what reads well one day is not the newest then.
    let mut contents = flash.borrow().contents().to_vec();
    contents[place].copy_from_slice(&second);
    let flash = RefCell::new(LargeNor::with_contents(contents));
    assert_eq!(open(&flash).unwrap().1, state(&repository, 3));
}

#[test]
fn pages_without_a_state_are_named() {
    let flash = RefCell::new(LargeNor::new(8 * KIB as usize));
    assert!(matches!(open(&flash), Err(StateError::Damaged)));
}

#[test]
fn a_part_of_the_flash_ends_at_its_ends() {
    let flash = RefCell::new(LargeNor::new(16 * KIB as usize));
    let mut part = Region::new(&flash, Span::new(4 * KIB, 4 * KIB));
    assert_eq!(part.capacity(), 4 * KIB as usize);
    part.write(4 * KIB - 8, &[1; 8]).unwrap();
    assert_eq!(flash.borrow().contents()[8 * KIB as usize - 1], 1);
    let mut bytes = [0; 8];
    assert_eq!(part.write(4 * KIB, &[1; 8]), Err(RegionError::OutOfBounds));
    assert_eq!(part.read(4 * KIB - 4, &mut bytes), Err(RegionError::OutOfBounds));
    assert_eq!(part.read(u32::MAX - 3, &mut bytes), Err(RegionError::OutOfBounds));
    assert_eq!(part.erase(0, 8 * KIB), Err(RegionError::OutOfBounds));
    assert_eq!(part.erase(4 * KIB, 0), Err(RegionError::OutOfBounds));
    let held = flash.borrow_mut();
    assert_eq!(part.read(0, &mut bytes), Err(RegionError::Busy));
    drop(held);
    part.erase(0, 4 * KIB).unwrap();
}

#[test]
fn a_file_is_read_from_any_offset() {
    let mut contents = vec![0xFF; 16 * KIB as usize];
    for (place, byte) in contents.iter_mut().enumerate().skip(4_096).take(1_000) {
        *byte = place as u8;
    }
    let flash = RefCell::new(LargeNor::with_contents(contents.clone()));
    let mut file = FlashFile::new(Region::new(&flash, Span::new(4 * KIB, 4 * KIB)), 999);
    for offset in [0_u32, 127, 128, 5, 990, 998, 500] {
        let chunk = file.chunk(offset).unwrap().to_vec();
        let from = 4_096 + offset as usize;
        assert!(!chunk.is_empty() && chunk.len() <= 999 - offset as usize);
        assert_eq!(chunk, contents[from..from + chunk.len()]);
    }
    assert_eq!(file.chunk(999).unwrap(), [0_u8; 0]);
}
