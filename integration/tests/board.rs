//! The emulated board: the real bootloader and the real application, over Ethernet and HTTP.
//!
//! What is asked of the board here is what an owner sees; what holds at every moment is the business of `board_power`, and
//! what must not work that of `board_attacks`. All of them need an emulator and a compiler for bare metal.

mod boards;

use std::time::{Duration, Instant};
use tuffet_board_layout::control::Tear;
use tuffet_board_layout::flash::{MAP, SETTINGS};
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::board::{Board, Cut, Emulator, Firmware, PowerOff, address, factory, image, range, settings};
use tuffet_integration::site::Fault;
use tuffet_integration::vendor::Vendor;
use tuffet_no_std_client::flash::Xip;
use tuffet_patch::Profile;

/// The board whose images run where they lie.
type Scene = boards::Scene<Xip>;

/// Lines that the board may say until the power goes as ordered.
const LINES_MAX: usize = 200;

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_updates_by_delta_and_reverts_what_hangs() {
    let mut scene = Scene::on(Emulator::An385);
    scene.board.power_on(None);
    scene.board.wait_for("boot slot=A why=confirmed");
    scene.board.wait_for("app version=1.0.0 slot=A");
    scene.board.wait_for("update outcome=up-to-date");

    scene.release("2.0.0", Slot::B, Behaviour::Good);
    scene.board.wait_for("update outcome=installed version=2.0.0 way=delta");
    scene.board.expect("boot slot=B why=trial attempts_left=1");
    scene.board.expect("app version=2.0.0 slot=B");
    scene.board.expect("confirmed");
    scene.board.wait_for("update outcome=up-to-date");

    scene.release("3.0.0", Slot::A, Behaviour::Hangs);
    scene.board.wait_for("update outcome=installed version=3.0.0 way=delta");
    // The watchdog brings it back each time.
    for attempts_left in [1, 0] {
        scene
            .board
            .expect(&format!("boot slot=A why=trial attempts_left={attempts_left}"));
        scene.board.expect("app version=3.0.0 slot=A");
    }
    scene.board.expect("boot slot=B why=reverted");
    scene.board.expect("app version=2.0.0 slot=B");
    scene.board.wait_for("update outcome=refused name=FailedBefore");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn image_that_says_that_it_does_not_work_is_reverted_at_once() {
    let mut scene = Scene::on(Emulator::An385);
    scene.release("2.0.0", Slot::B, Behaviour::FailsSelfTest);
    scene.board.power_on(None);
    scene.board.wait_for("boot slot=B why=trial attempts_left=1");
    scene.board.expect("app version=2.0.0 slot=B");
    scene.board.expect("failed");
    scene.board.expect("boot slot=A why=confirmed");
    scene.board.wait_for("update outcome=refused name=FailedBefore");
}

/// An image that can never be updated again is not kept, though it runs and pets the watchdog.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn image_that_loses_its_network_is_reverted() {
    let mut scene = Scene::on(Emulator::An385);
    scene.release("2.0.0", Slot::B, Behaviour::FindsNoNetwork);
    scene.board.power_on(None);
    for attempts_left in [1, 0] {
        scene
            .board
            .wait_for(&format!("boot slot=B why=trial attempts_left={attempts_left}"));
        scene.board.expect("app version=2.0.0 slot=B");
        scene.board.expect("network fault=NoChip");
    }
    scene.board.expect("boot slot=A why=reverted");
    scene.board.wait_for("update outcome=refused name=FailedBefore");
}

/// What is signed and begins with no vectors is not jumped into: its boots are counted, and it is reverted.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn image_without_vectors_is_reverted() {
    let mut scene = Scene::on(Emulator::An385);
    let before = scene.product.image().to_vec();
    // A stack outside of RAM, and one inside with an entry that lies nowhere.
    for (version, vectors) in [
        ("2.0.0", [0xFFFF_FFFF_u32, 0xFFFF_FFFF]),
        ("3.0.0", [0x2000_8000, 0x2000_0001]),
    ] {
        let mut image = image::image(Firmware::built(), Slot::B, version, Behaviour::Good);
        for (place, word) in image.chunks_mut(4).zip(vectors) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let repository = &mut scene.product.repository;
        repository.stage(version);
        repository.release.carry(image);
        repository.release.link_for(address(Slot::B));
        repository.release.add_patch(Some(&before), Profile::Small);
        repository.publish();
        scene.server.serve(repository.site.clone());
        scene.board.power_on(None);
        for attempts_left in [1, 0] {
            scene
                .board
                .wait_for(&format!("boot slot=B why=trial attempts_left={attempts_left}"));
            scene.board.expect("recovery why=vectors");
        }
        scene.board.expect("boot slot=A why=reverted");
        scene.board.wait_for("update outcome=refused name=FailedBefore");
        scene.board.power_off();
    }
}

/// A server that never keeps silent for long does not hold the board for ever: it ends the connection, and asks for the rest.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn server_that_only_drips_is_left() {
    let mut scene = Scene::on(Emulator::An385);
    let mut site = scene.product.repository.site.clone();
    let drip = Fault::SlowDrip {
        bytes: 1,
        pause_ms: 1_000,
    };
    site.fault_once("metadata/timestamp.json", drip);
    scene.server.serve(site);
    scene.board.power_on(None);
    scene.board.expect("boot slot=A why=confirmed");
    let began = Instant::now();
    scene.board.wait_for("update outcome=up-to-date");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    let asked = scene.server.requests();
    let timestamps = asked.iter().filter(|request| request.path.ends_with("timestamp.json"));
    assert!(timestamps.count() > 1);
}

/// A server that is away for a while is no failure of the image on trial.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn trial_waits_for_a_server_that_is_away() {
    let mut scene = Scene::on(Emulator::An385);
    scene.release("2.0.0", Slot::B, Behaviour::Good);
    let mut away = scene.product.repository.site.clone();
    let busy = Fault::Status {
        code: 503,
        retry_after_s: None,
    };
    away.fault("metadata/timestamp.json", busy);
    scene.board.power_on(None);
    scene.board.wait_for("update outcome=installed version=2.0.0 way=delta");
    scene.server.serve(away);
    scene.board.expect("boot slot=B why=trial attempts_left=1");
    scene.board.expect("app version=2.0.0 slot=B");
    std::thread::sleep(Duration::from_secs(5));
    scene.server.serve(scene.product.repository.site.clone());
    scene.board.expect("confirmed");
}

/// The same files, on a processor that knows more instructions.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn same_firmware_runs_on_a_cortex_m4() {
    let mut scene = Scene::on(Emulator::An386);
    scene.release("2.0.0", Slot::B, Behaviour::Good);
    scene.board.power_on(None);
    scene.board.wait_for("update outcome=installed version=2.0.0 way=delta");
    scene.board.wait_for("confirmed");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn nothing_verified_ends_in_recovery() {
    let mut scene = Scene::on(Emulator::An385);
    let mut flash = scene.board.memory().flash().unwrap();
    let [slot_a, _] = MAP.slots.slots;
    flash[range(slot_a).start + 5_000] ^= 1;
    scene.board.memory().write_flash(&flash).unwrap();
    scene.board.power_on(None);
    scene.board.expect("recovery why=mismatch slot=A");

    scene.board.power_off();
    flash[range(MAP.boot_record)].fill(0xFF);
    scene.board.memory().write_flash(&flash).unwrap();
    scene.board.power_on(None);
    scene.board.expect("recovery why=unprovisioned");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn settings_that_cannot_be_used_are_named() {
    let mut scene = Scene::on(Emulator::An385);
    let sound = scene.board.memory().flash().unwrap();
    for (place, fault) in [(0, "Magic"), (20, "Checksum")] {
        let mut flash = sound.clone();
        flash[range(SETTINGS).start + place] ^= 1;
        scene.board.memory().write_flash(&flash).unwrap();
        scene.board.power_on(None);
        scene.board.wait_for(&format!("settings fault={fault}"));
        scene.board.power_off();
    }
}

/// One update has some two thousand operations, and after each of these cuts it comes to its end.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn power_cut_inside_a_flash_operation_costs_no_more_than_time() {
    let mut scene = Scene::on(Emulator::An385);
    scene.release("2.0.0", Slot::B, Behaviour::Good);
    let flash = scene.board.memory().flash().unwrap();
    for (index, tear) in Tear::ALL.into_iter().enumerate() {
        scene.board.memory().write_flash(&flash).unwrap();
        let operation = 5 + 317 * index as u32;
        let seed = 1 + index as u32;
        scene.board.power_on(Some(Cut { operation, tear, seed }));
        let off = (0..LINES_MAX).find_map(|_| scene.board.next_within(Duration::from_secs(60)).err());
        let PowerOff { last } = off.unwrap_or_else(|| panic!("the power stays:\n{}", scene.board.said()));
        assert_eq!(
            last.unwrap().number("operation"),
            u64::from(operation),
            "{}",
            scene.board.said()
        );
        scene.board.power_on(None);
        scene.board.wait_for("confirmed");
        scene.board.wait_for("update outcome=up-to-date");
        scene.board.power_off();
    }
}

/// Keys, product, releases and server are those of a vendor; nothing of the simulator is in it.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_follows_the_real_server() {
    let firmware = Firmware::built();
    let [a, b] = MAP.slots.addresses().map(|address| format!("@0x{address:08x}"));
    let vendor = Vendor::set_up_with(&format!(
        "--profile small --instructions thumb --slots xip --slot-address {} --slot-address {} --slot-bytes {}",
        &a[1..],
        &b[1..],
        MAP.slots.slots[0].bytes
    ));
    let publish = |version: &str| {
        let [for_a, for_b] = [Slot::A, Slot::B].map(|slot| image::image(firmware, slot, version, Behaviour::Good));
        vendor.publish_linked(version, &[(&a, &for_a), (&b, &for_b)]);
    };
    publish("1.0.0");
    let server = vendor.serve();
    let url = server.url();
    let address = url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let settings = settings(address);
    let root = std::fs::read(vendor.path("root.json")).unwrap();
    let flash = factory::over_http(&settings, &root, url, now);
    let mut board = Board::new(firmware, Emulator::An385, &flash);
    board.memory().set_clock(Some(now)).unwrap();
    board.power_on(None);
    board.wait_for("update outcome=up-to-date");

    publish("2.0.0");
    board.wait_for("update outcome=installed version=2.0.0 way=delta");
    board.wait_for("confirmed");
    publish("3.0.0");
    board.wait_for("update outcome=installed version=3.0.0 way=delta");
    board.expect("boot slot=A why=trial attempts_left=1");
    board.expect("app version=3.0.0 slot=A");
    board.expect("confirmed");
}
