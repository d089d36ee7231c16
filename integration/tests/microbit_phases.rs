//! What each phase of an update takes of the board `microbit`: stack and flash, of the firmware as it is.

use tuffet_board_layout::image::Behaviour;
use tuffet_board_layout::microbit::FORWARD_BYTES;
use tuffet_boot::Slot;
use tuffet_integration::microbit::phases::Phases;
use tuffet_integration::microbit::{Firmware, PART, Product};

const NOW: u64 = 1_800_000_000;
/// What the part needs to erase a page and to write a word, in microseconds.
const ERASE_US: u32 = 21_000;
const WRITE_US: u32 = 46;
/// Most bytes of statics.
const STATICS_BYTES_MAX: u32 = 3 * 1024;
/// Bytes of RAM that no phase may touch.
const SPARE_BYTES_MIN: u32 = 1_536;

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn every_phase_leaves_room_in_ram() {
    let firmware = Firmware::built();
    let mut phases = Phases::of(firmware).unwrap();
    let mut product = Product::new(NOW);
    let mut board = product.board();
    product.release("2.0.0", Slot::B, Behaviour::Good);
    // It installs and resets itself; then it tests itself, and finds nothing new.
    for (last, calls) in [("reset", 1), ("metadata", 2)] {
        board.power_on_and_wait();
        board.line().plug_in(product.repository.site.clone());
        phases.watch(board.gdb(), last, calls).unwrap();
        board.power_off_standing();
    }
    println!(
        "{:>16} {:>6} {:>12} {:>7} {:>7} {:>9}",
        "phase", "calls", "stack, bytes", "erases", "words", "flash, ms"
    );
    for (name, figures) in &phases.figures {
        let flash_ms = (figures.erases * ERASE_US + figures.writes * WRITE_US) / 1_000;
        println!(
            "{name:>16} {:>6} {:>12} {:>7} {:>7} {flash_ms:>9}",
            figures.calls, figures.stack_bytes, figures.erases, figures.writes
        );
    }
    let names: Vec<&str> = phases.figures.keys().copied().collect();
    let all = [
        "boot",
        "decision",
        "decoding",
        "installation",
        "metadata",
        "reading a slot",
        "self test",
    ];
    assert_eq!(names, all, "{}", board.said());
    let deepest = phases
        .figures
        .values()
        .map(|figures| figures.stack_bytes)
        .max()
        .unwrap();
    // The word of the bootloader is in front of the statics.
    let statics = phases.statics_bytes();
    assert!(statics <= STATICS_BYTES_MAX, "{statics} bytes of statics");
    let used = FORWARD_BYTES + statics + deepest;
    println!("{used} of {} bytes are used", PART.ram_bytes);
    assert!(used + SPARE_BYTES_MIN <= PART.ram_bytes, "{used} bytes are used");
}
