//! A board whose staging area is a chip beside the processor: a model of the real one, with a file of the host behind it.
//!
//! The emulator ends at a reset, where a test asks for that: so the file can be rewritten between the moment at which the client has
//! verified what it staged and the moment at which the bootloader uses it, and between any two starts. What happens at each single
//! reading is the business of `external_flash.rs`.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tuffet_board_layout::ast1030::{BORDER, CHIP_BYTES, MAP, NOW, device};
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::board::{Firmware, firmware_folder, image::image};
use tuffet_integration::device::small::Network;
use tuffet_integration::nor::Nor;
use tuffet_integration::simulator::Simulator;
use tuffet_no_std_client::flash::{Joined, Span, Storage, Swap};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Settings};
use tuffet_patch::Profile;

/// The longest run; a few seconds are usual.
const PATIENCE: Duration = Duration::from_secs(180);
/// The files that the processor's own part and the chip are.
const PARTS: [&str; 2] = ["internal.img", "nor.img"];
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// When the emulator ends by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// When the program is done.
    ToTheEnd,
    /// At the first reset, too.
    ToTheReset,
}

/// A board that runs release 1.0.0, and its repository, in a folder.
struct Scene {
    folder: TempDir,
    repository: Simulator,
    firmware: Firmware,
}

impl Scene {
    fn new() -> Self {
        let built = firmware_folder();
        let application = fs::read(built.join("ast1030-application.bin")).unwrap();
        let firmware = Firmware {
            bootloader: built.join("ast1030-bootloader.elf"),
            applications: [application.clone(), application],
            resident: built.to_owned(),
            vectors: Vec::new(),
        };
        let [address, _] = MAP.slots.addresses();
        let repository = Simulator::healthy_with(NOW, |release| {
            release.carry(image(&firmware, Slot::A, "1.0.0", Behaviour::Good));
            release.link_for(address);
        });
        let scene = Self {
            folder: TempDir::new().unwrap(),
            repository,
            firmware,
        };
        scene.provision();
        scene.serve();
        scene
    }

    /// What the factory does, by the client of the board.
    fn provision(&self) {
        let internal = Nor::<4, 1024>::new(BORDER as usize);
        let chip = Nor::<4, 4096>::new(CHIP_BYTES as usize);
        let flash = RefCell::new(Joined::new(internal, chip).unwrap());
        let (device, now) = (device(), UnixSeconds::new(NOW));
        let storage = Storage::new(&flash, &MAP);
        let mut client: Client<'_, _, Swap, SmallState, SmallEd25519> =
            Client::new(&device, storage, Settings::DEFAULT, now).unwrap();
        let site = &self.repository.site;
        client
            .provision_root(site.file("metadata/1.root.json").unwrap())
            .unwrap();
        client.provision(&mut Network::to(site.clone()), now).unwrap();
        let mut flash = flash.borrow_mut();
        let (internal, chip) = flash.parts();
        self.put(&[internal.contents().to_vec(), chip.contents().to_vec()]);
    }

    /// The next release, with a delta from the newest.
    fn release(&mut self, version: &str) {
        let before = self.repository.release.image.clone();
        self.repository.stage(version);
        let next = image(&self.firmware, Slot::B, version, Behaviour::Good);
        self.repository.release.carry(next);
        let [address, _] = MAP.slots.addresses();
        self.repository.release.link_for(address);
        self.repository.release.add_patch(Some(&before), Profile::Small);
        self.repository.publish();
        self.serve();
    }

    /// Writes the repository where the board looks for it.
    fn serve(&self) {
        let site = &self.repository.site;
        for path in site.paths() {
            let place = self.path("repository").join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, site.file(path).unwrap()).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn power_on(&self, runs: Runs) -> Child {
        let mut emulator = Command::new("qemu-system-arm");
        emulator
            .args(["-machine", "ast1030-evb,fmc-model=w25q64"])
            .args(["-display", "none", "-monitor", "none", "-serial", "null"])
            .args(["-drive", "file=nor.img,if=mtd,format=raw"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .arg("-kernel")
            .arg(&self.firmware.bootloader)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stderr(File::create(self.path("said")).unwrap());
        if runs == Runs::ToTheReset {
            emulator.arg("-no-reboot");
        }
        emulator.spawn().expect("the emulator can be started")
    }

    /// Runs the board until the emulator ends, and answers what it said.
    fn run(&self, runs: Runs) -> Vec<String> {
        let mut emulator = self.power_on(runs);
        let started = Instant::now();
        while emulator.try_wait().unwrap().is_none() {
            if started.elapsed() > PATIENCE {
                emulator.kill().unwrap();
                emulator.wait().unwrap();
                panic!("the board does not come to an end: {:#?}", self.said());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        self.said()
    }

    fn said(&self) -> Vec<String> {
        let said = fs::read_to_string(self.path("said")).unwrap();
        let lines = said.lines().filter_map(|line| line.strip_prefix("tuffet "));
        lines.map(str::to_owned).collect()
    }

    /// What both parts hold.
    fn parts(&self) -> [Vec<u8>; 2] {
        PARTS.map(|name| fs::read(self.path(name)).unwrap())
    }

    /// Lets both parts hold this.
    fn put(&self, contents: &[Vec<u8>; 2]) {
        for (name, bytes) in PARTS.iter().zip(contents) {
            fs::write(self.path(name), bytes).unwrap();
        }
    }

    /// Rewrites the chip, as one can who has it on his desk.
    fn rewrite(&self, edit: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path("nor.img");
        let mut chip = fs::read(&path).unwrap();
        edit(&mut chip);
        fs::write(path, chip).unwrap();
    }

    /// What stands at the place where images run.
    fn runs(&self, image: &[u8]) -> bool {
        let internal = fs::read(self.path("internal.img")).unwrap();
        internal[MAP.slots.running.start as usize..].starts_with(image)
    }
}

/// What somebody does to the chip.
type Edit<'a> = &'a dyn Fn(&mut Vec<u8>);

/// A part of the map in the chip.
fn in_chip(chip: &mut [u8], span: Span) -> &mut [u8] {
    &mut chip[(span.start - BORDER) as usize..][..span.bytes as usize]
}

const INSTALLED: &str = "update outcome=installed way=Delta fell_back=no";
const UP_TO_DATE: &str = "update outcome=up-to-date";

#[track_caller]
fn says(said: &[String], lines: &[&str]) {
    let begins = said.iter().zip(lines).all(|(line, wanted)| line.starts_with(wanted));
    assert!(begins && said.len() == lines.len(), "{said:#?} is not {lines:#?}");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_updates_by_way_of_its_chip() {
    let mut scene = Scene::new();
    says(
        &scene.run(Runs::ToTheEnd),
        &["boot slot=A why=confirmed", "app version=1.0.0", UP_TO_DATE],
    );
    scene.release("2.0.0");
    says(
        &scene.run(Runs::ToTheEnd),
        &[
            "boot slot=A why=confirmed",
            "app version=1.0.0",
            INSTALLED,
            "boot slot=B why=trial",
            "app version=2.0.0",
            "confirmed",
            UP_TO_DATE,
        ],
    );
    assert!(scene.runs(&scene.repository.release.image));
    // The power goes and comes: the processor's memory is gone, what was written is not.
    says(
        &scene.run(Runs::ToTheEnd),
        &["boot slot=B why=confirmed", "app version=2.0.0", UP_TO_DATE],
    );
}

/// Between the check of the staged image and its use: one bit, the chip of before, and an image of one's own.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn chip_rewritten_between_check_and_use_starts_nothing_new() {
    let mut scene = Scene::new();
    let factory = scene.parts();
    let old = scene.repository.release.image.clone();
    let evil = image(&scene.firmware, Slot::B, "6.6.6", Behaviour::Good);
    scene.release("2.0.0");
    let one_bit = |chip: &mut Vec<u8>| in_chip(chip, MAP.slots.staged)[4_096 + 40_000] ^= 4;
    let back = |chip: &mut Vec<u8>| chip.copy_from_slice(&factory[1]);
    let of_ones_own = |chip: &mut Vec<u8>| {
        for place in [0, 4_096] {
            in_chip(chip, MAP.slots.staged)[place..][..evil.len()].copy_from_slice(&evil);
        }
    };
    let edits: [Edit<'_>; 3] = [&one_bit, &back, &of_ones_own];
    for edit in edits {
        let said = scene.run(Runs::ToTheReset);
        assert_eq!(said.last().map(String::as_str), Some(INSTALLED), "{said:#?}");
        scene.rewrite(|chip| edit(chip));
        let said = scene.run(Runs::ToTheReset);
        says(&said[..2], &["boot slot=A why=reverted", "app version=1.0.0"]);
        assert!(scene.runs(&old), "{said:#?}");
        scene.put(&factory);
    }
}

/// What is kept there is believed in nothing, and needed for nothing: the repository has all of it.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn chip_rewritten_between_two_starts_costs_downloads() {
    let mut scene = Scene::new();
    scene.release("2.0.0");
    for filler in [0x00, 0x5A] {
        scene.rewrite(|chip| chip.fill(filler));
        let said = scene.run(Runs::ToTheEnd);
        assert_eq!(said.last().map(String::as_str), Some(UP_TO_DATE), "{said:#?}");
        assert!(scene.runs(&scene.repository.release.image));
        scene.release("3.0.0");
    }
}

/// Killed in the middle of an update, and the chip scribbled over before the next start, again and again.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_killed_and_its_chip_scribbled_over_runs_what_was_signed() {
    let mut scene = Scene::new();
    let old = scene.repository.release.image.clone();
    scene.release("2.0.0");
    let new = scene.repository.release.image.clone();
    let mut kills = 0;
    for round in 0_u8..12 {
        let mut emulator = scene.power_on(Runs::ToTheReset);
        std::thread::sleep(Duration::from_millis(60 * u64::from(round + 1)));
        kills += u32::from(emulator.try_wait().unwrap().is_none());
        let _ = emulator.kill();
        emulator.wait().unwrap();
        if scene.said().iter().any(|line| line == INSTALLED) {
            break;
        }
        scene.rewrite(|chip| {
            for span in [MAP.document, MAP.checkpoints[round as usize % 2], MAP.slots.staged] {
                for byte in in_chip(chip, span).iter_mut().skip(round.into()).step_by(501) {
                    *byte ^= round | 1;
                }
            }
        });
        assert!(scene.runs(&old) || scene.runs(&new), "round {round}");
        assert!(
            !scene.said().iter().any(|line| line.starts_with("recovery")),
            "{:#?}",
            scene.said()
        );
    }
    assert!(kills > 0, "the board was too quick");
    // Left alone, it comes to its end. If the last kill came right behind the record of the trial, the bootloader found another
    // image than was recorded, and that counts as one that failed.
    let said = scene.run(Runs::ToTheEnd);
    match said.last().map(String::as_str) {
        Some(UP_TO_DATE) => assert!(scene.runs(&new)),
        Some("update outcome=refused name=FailedBefore") => assert!(scene.runs(&old)),
        _ => panic!("{said:#?}"),
    }
}
