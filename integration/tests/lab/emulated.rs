//! The lab on the emulated board: the project's firmware, in QEMU.

use crate::fake::{Said, lab};
use tuffet_board_layout::flash::{CAPACITY, MAP, SWAP_MAP};
use tuffet_integration::lab::board::Board;
use tuffet_integration::lab::flash_map::StrategyMap;
use tuffet_integration::lab::suite::ROWS;

/// What a command of the lab says about this board.
fn run(board: &str, suite: &str, more: &[&str]) -> Said {
    // A lock of its own: whoever works with the lab on this machine is not disturbed.
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("lock");
    let text = std::fs::read_to_string(format!("{}/{board}.toml", tuffet_integration::lab::board::BOARDS)).unwrap();
    let file = folder.path().join(format!("{board}.toml"));
    std::fs::write(&file, format!("lock = {lock:?}\n{text}")).unwrap();
    let file = file.display().to_string();
    let arguments = ["run", "--json", "--board", &file, "--suite", suite];
    Said::of(&mut lab(&[&arguments[..], more].concat()))
}

fn assert_all_pass(said: &Said, cases: usize) {
    assert_eq!(said.verdicts(), "p".repeat(cases), "{}", said.text);
    assert_eq!(said.exit, 0, "{}", said.text);
}

/// The board file says once more what the firmware was built with; this is what keeps the two together.
#[test]
fn board_files_have_the_map_of_the_firmware() {
    let xip = StrategyMap::Xip(MAP);
    let boards = [
        ("mps2-an385", xip),
        ("mps2-an385-swap", StrategyMap::Swap(SWAP_MAP)),
        ("mps2-an386", xip),
    ];
    for (name, map) in boards {
        let board = Board::find(name, &[]).unwrap();
        assert_eq!(board.flash.map, map, "{name}");
        assert_eq!(board.flash.bytes, CAPACITY, "{name}");
        assert!(board.flash.is_linked, "{name}");
    }
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn emulated_board_boots() {
    assert_all_pass(&run("mps2-an386", "smoke", &[]), 4);
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn emulated_board_updates() {
    let said = run(
        "mps2-an385",
        "update",
        &["--old-version", "1.4.0", "--new-version", "1.5.2"],
    );
    assert_all_pass(&said, 5);
    assert!(said.seen(1).contains("way: delta"), "{}", said.text);
    assert!(said.seen(2).contains("1.5.2 runs in slot B"), "{}", said.text);
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn emulated_board_survives_power_cuts() {
    assert_all_pass(&run("mps2-an385", "power", &["--cuts", "4", "--seed", "11"]), 5);
}

/// The same where the bootloader exchanges the images: they are linked once, and each slot runs at the same place.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn emulated_board_that_exchanges_its_images_passes() {
    let board = "mps2-an385-swap";
    assert_all_pass(&run(board, "smoke", &[]), 4);
    let said = run(board, "update", &[]);
    assert_all_pass(&said, 5);
    assert!(said.seen(1).contains("way: delta"), "{}", said.text);
    assert!(said.seen(2).contains("2.0.0 runs in slot any"), "{}", said.text);
    assert_all_pass(&run(board, "power", &["--cuts", "3", "--seed", "11"]), 4);
    assert_all_pass(&run(board, "attack", &[]), ROWS.len());
}

/// A vendor's own files for that board, in the wrong order.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn images_for_the_other_slot_are_refused() {
    let firmware = tuffet_integration::board::Firmware::built();
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.bin", "b.bin"].map(|name| folder.path().join(name).display().to_string());
    let [image_a, image_b] = &firmware.applications;
    std::fs::write(&a, image_a).unwrap();
    std::fs::write(&b, image_b).unwrap();
    let said = run(
        "mps2-an385",
        "smoke",
        &["--old", &b, "--old", &a, "--new", &a, "--new", &b],
    );
    assert_eq!(said.exit, 1, "{}", said.text);
    assert!(said.text.contains("it is linked for another address"), "{}", said.text);
}
