//! Links the bootloader for its place, and the application for each of the two slots and for a place behind the flash.
use std::path::PathBuf;
use std::{env, fs};
use tuffet_board_layout::microbit::{
    BOOTLOADER_ADDRESS, BOOTLOADER_BYTES_MAX, FORWARD_BYTES, FORWARD_WORD, MAP, PART, RAM_ADDRESS, RESIDENT_ADDRESS,
    RESIDENT_BYTES_MAX, VECTORS_BYTES,
};

const SCRIPT: &str = include_str!("../nrf51/program.ld");

fn main() {
    let folder = PathBuf::from(env::var("OUT_DIR").expect("cargo names a folder for what this writes"));
    let [a, b] = MAP.slots.addresses();
    let places = [
        ("bootloader", BOOTLOADER_ADDRESS, BOOTLOADER_BYTES_MAX),
        ("application-a", a, PART.slot_bytes),
        ("application-b", b, PART.slot_bytes),
        ("application-resident", RESIDENT_ADDRESS, RESIDENT_BYTES_MAX),
    ];
    for (name, address, bytes) in places {
        let script = SCRIPT
            .replace("@FLASH_ADDRESS@", &address.to_string())
            .replace("@FLASH_BYTES@", &bytes.to_string())
            .replace("@RAM_ADDRESS@", &RAM_ADDRESS.to_string())
            .replace("@RAM_BYTES@", &PART.ram_bytes.to_string())
            .replace("@FORWARD_BYTES@", &FORWARD_BYTES.to_string())
            .replace("@FORWARD_WORD@", &FORWARD_WORD.to_string())
            .replace("@VECTORS_BYTES@", &VECTORS_BYTES.to_string());
        let path = folder.join(format!("{name}.ld"));
        fs::write(&path, script).expect("cargo's folder is writable");
        println!("cargo::rustc-link-arg-bin=tuffet-microbit-{name}=-T{}", path.display());
    }
    println!("cargo::rerun-if-changed=../nrf51/program.ld");
}
