//! Links for the place of the bootloader.
use std::path::PathBuf;
use std::{env, fs};
use tuffet_board_layout::memory::{BOOTLOADER_ADDRESS, BOOTLOADER_BYTES_MAX, RAM_ADDRESS, RAM_BYTES_MAX};

const SCRIPT: &str = include_str!("../mps2/program.ld");

fn main() {
    let script = SCRIPT
        .replace("@FLASH_ADDRESS@", &BOOTLOADER_ADDRESS.to_string())
        .replace("@FLASH_BYTES@", &BOOTLOADER_BYTES_MAX.to_string())
        .replace("@RAM_ADDRESS@", &RAM_ADDRESS.to_string())
        .replace("@RAM_BYTES@", &RAM_BYTES_MAX.to_string());
    let folder = PathBuf::from(env::var("OUT_DIR").expect("cargo names a folder for what this writes"));
    let path = folder.join("bootloader.ld");
    fs::write(&path, script).expect("cargo's folder is writable");
    println!("cargo::rerun-if-changed=../mps2/program.ld");
    println!("cargo::rustc-link-arg-bins=-T{}", path.display());
}
