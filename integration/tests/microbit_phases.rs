//! What each phase of an update takes of the board `microbit`: stack and flash, of the firmware as it is.

use tuffet_board_layout::image::Behaviour;
use tuffet_board_layout::microbit::FORWARD_BYTES;
use tuffet_boot::Slot;
use tuffet_integration::microbit::phases::Phases;
use tuffet_integration::microbit::{Firmware, PART, Product};

const NOW: u64 = 1_800_000_000;
/// Parts, by their clock in MHz, and what they need to erase a page and to write a word, in microseconds; `docs/microbit.md` has the sources. The
/// page of the second is four of ours: so this is more than it needs.
const FLASHES: [(u32, u64, u64); 2] = [(16, 22_300, 48), (64, 89_700, 41)];
/// Parts of a program that took less than this share of a phase are not told.
const SHARE_MIN: f64 = 0.02;
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
        board.count_instructions();
        board.power_on_and_wait();
        board.line().plug_in(product.repository.site.clone());
        phases.watch(&mut board, last, calls).unwrap();
        board.power_off_standing();
    }
    tell(&phases);
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
    if phases.figures["metadata"].executed.instructions == 0 {
        assert!(
            std::env::var_os("CI").is_none(),
            "no instructions were counted: this needs QEMU 7 or 8"
        );
        eprintln!("skipped: instructions are not counted, as this emulator is not QEMU 7 or 8");
    }
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

/// Per phase and for all of its calls: the stack, the flash, instructions, and seconds by the clocks of [`FLASHES`].
fn tell(phases: &Phases) {
    println!(
        "{:>16} {:>6} {:>12} {:>7} {:>7} {:>8} {:>8}   seconds of the processor and of the flash, at 16 and at 64 MHz",
        "phase", "calls", "stack, bytes", "erases", "words", "M instr.", "M cycles"
    );
    for (name, figures) in &phases.figures {
        let executed = &figures.executed;
        let seconds = FLASHES.map(|(mhz, erase_us, write_us)| {
            let flash_us = u64::from(figures.erases) * erase_us + u64::from(figures.writes) * write_us;
            let processor = executed.cycles as f64 / 1e6 / f64::from(mhz);
            format!("{processor:6.2} + {:5.2}", flash_us as f64 / 1e6)
        });
        println!(
            "{name:>16} {:>6} {:>12} {:>7} {:>7} {:>8.2} {:>8.2}   {}",
            figures.calls,
            figures.stack_bytes,
            figures.erases,
            figures.writes,
            executed.instructions as f64 / 1e6,
            executed.cycles as f64 / 1e6,
            seconds.join("   ")
        );
    }
    for (name, figures) in &phases.figures {
        let executed = &figures.executed;
        let mut parts: Vec<(&str, f64)> = executed
            .parts
            .iter()
            .map(|(part, count)| (*part, *count as f64 / executed.instructions.max(1) as f64))
            .collect();
        parts.sort_by(|one, other| other.1.total_cmp(&one.1));
        let parts = parts.iter().filter(|(_, share)| *share >= SHARE_MIN);
        let parts: Vec<String> = parts
            .map(|(part, share)| format!("{part} {:.0} %", share * 100.0))
            .collect();
        println!(
            "{name}: {}; {:.2} million multiplications",
            parts.join(", "),
            executed.multiplications as f64 / 1e6
        );
    }
}
