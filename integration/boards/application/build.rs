//! Links the application for each of the two slots, for the one place of exchanged ones, and for a place of its own.
use std::path::PathBuf;
use std::{env, fs};
use tuffet_board_layout::flash::{MAP, SLOT_BYTES, SWAP_MAP};
use tuffet_board_layout::memory::{RAM_ADDRESS, RAM_BYTES_MAX, RESIDENT_ADDRESS};

const SCRIPT: &str = include_str!("../mps2/program.ld");

fn main() {
    let folder = PathBuf::from(env::var("OUT_DIR").expect("cargo names a folder for what this writes"));
    let ([a, b], [swap, _]) = (MAP.slots.addresses(), SWAP_MAP.slots.addresses());
    let places = [
        ("a", a),
        ("b", b),
        ("swap", swap),
        ("resident", RESIDENT_ADDRESS),
        ("resident-swap", RESIDENT_ADDRESS),
    ];
    for (name, address) in places {
        let script = SCRIPT
            .replace("@FLASH_ADDRESS@", &address.to_string())
            .replace("@FLASH_BYTES@", &SLOT_BYTES.to_string())
            .replace("@RAM_ADDRESS@", &RAM_ADDRESS.to_string())
            .replace("@RAM_BYTES@", &RAM_BYTES_MAX.to_string());
        let path = folder.join(format!("{name}.ld"));
        fs::write(&path, script).expect("cargo's folder is writable");
        println!(
            "cargo::rustc-link-arg-bin=tuffet-application-{name}=-T{}",
            path.display()
        );
    }
    println!("cargo::rerun-if-changed=../mps2/program.ld");
}
