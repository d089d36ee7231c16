//! Links the bootloader for the beginning of the memory, and the application for the one place where images run.
use std::path::PathBuf;
use std::{env, fs};
use tuffet_board_layout::ast1030::{BOOTLOADER_BYTES_MAX, MAP, RAM_ADDRESS, RAM_BYTES};

const SCRIPT: &str = include_str!("program.ld");

fn main() {
    println!("cargo::rerun-if-changed=program.ld");
    let folder = PathBuf::from(env::var("OUT_DIR").expect("cargo names a folder for what this writes"));
    let [address, _] = MAP.slots.addresses();
    for (program, address, bytes) in [
        ("tuffet-ast1030-bootloader", 0, BOOTLOADER_BYTES_MAX),
        ("tuffet-ast1030-application", address, MAP.slots.running.bytes),
    ] {
        let script = SCRIPT
            .replace("@ADDRESS@", &address.to_string())
            .replace("@BYTES@", &bytes.to_string())
            .replace("@RAM_ADDRESS@", &RAM_ADDRESS.to_string())
            .replace("@RAM_BYTES@", &RAM_BYTES.to_string());
        let path = folder.join(program).with_extension("ld");
        fs::write(&path, script).expect("cargo's folder is writable");
        println!("cargo::rustc-link-arg-bin={program}=-T{}", path.display());
    }
}
