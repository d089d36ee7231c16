//! Makes modules of the test files of the cores, and links for the memory of the emulated board.
//!
//! - The files are those that `cargo test` runs on the host, copied and changed in two ways only: each module begins with what a
//!   program with a standard library has in scope anyway, and `#[test]` becomes `pub`, so that the program can call it.
//! - Cases that chance makes (`proptest!`) stay on the host: the macro of this name is empty here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folders of the cores, what the program calls each, and which of their test files run on a part. The others need files,
/// threads, or the encoder of patches, or have nothing but cases of chance.
const CORES: [(&str, &str, &[&str]); 6] = [
    ("boot", "boot", &["damage", "power_cuts", "transitions"]),
    ("ed25519", "ed25519", &["verdicts"]),
    ("patch", "patch", &["decoded"]),
    ("release", "release", &["decision", "document"]),
    ("tuf", "tuf", &["lenient", "types"]),
    ("tuf", SMALL, &["floor", "refusals", "root", "search", "session"]),
];

/// Tests that stay on the host although their file does not: those that take a minute on an emulated part, or more memory than it has.
const STAY: [(&str, &str); 5] = [
    ("boot", "every_operation_cut_everywhere"),
    ("boot", "every_operation_cut_twice_in_a_row"),
    ("ed25519", "second_spellings_verify_alike"),
    ("ed25519", "small_orders_in_every_spelling_are_weak_and_verify_alike"),
    ("tuf", "signatures_without_end"),
];

/// The same, of a part with 16 MiB.
const STAY_OF_ARM: [(&str, &str); 1] = [("patch", "bulk")];

/// Where the device of the tests verifies as a small part does, and what that changes of them.
const SMALL: &str = "tuf_small";
const DEVICE: &str = "type Device = DeviceOf<Strict>;";
const SMALL_DEVICE: &str = "type Device = DeviceOf<Strict<tuffet_tuf::SmallEd25519>>;";

/// What is in scope of every module of a program with a standard library.
const IN_SCOPE: &str = "use std::prelude::in_scope::*;\n";

fn main() {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo names a folder for what is made"));
    let mut modules = String::new();
    let mut list = String::new();
    for (folder_name, core, files) in CORES {
        let tests = folder.join("../../../no-std-client").join(folder_name).join("tests");
        println!("cargo::rerun-if-changed={}", tests.display());
        let copies = out.join(core);
        let adapted = |text: &str| match core {
            SMALL => adapted(&text.replace(DEVICE, SMALL_DEVICE)),
            _ => adapted(text),
        };
        copy(&tests, &copies, &adapted);
        writeln!(modules, "pub mod {core} {{").expect("a text takes all");
        for file in files {
            let copy = copies.join(file).with_extension("rs");
            writeln!(modules, "#[path = {:?}]\npub mod {file};", copy.display()).expect("a text takes all");
            let text = fs::read_to_string(&copy).expect("the copy was written");
            for name in text.lines().filter_map(|line| line.strip_prefix("pub fn TEST_")) {
                let name = name.split('(').next().expect("a text has a first part");
                if stays(core, name) {
                    continue;
                }
                writeln!(list, "({core:?}, {file:?}, {name:?}, {core}::{file}::TEST_{name}),")
                    .expect("a text takes all");
            }
        }
        modules.push_str("}\n");
    }
    let tests = format!("{modules}\npub const TESTS: &[crate::Test] = &[\n{list}];\n");
    fs::write(out.join("tests.rs"), tests).expect("the folder is ours");
    // One test names the folder in a message.
    println!("cargo::rustc-env=CARGO_TARGET_TMPDIR=.");
    let script = folder.join(if is_for_arm() { "mps2.ld" } else { "virt.ld" });
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
}

fn is_for_arm() -> bool {
    env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|name| name == "arm")
}

fn stays(core: &str, test: &str) -> bool {
    STAY.contains(&(core, test)) || is_for_arm() && STAY_OF_ARM.contains(&(core, test))
}

/// Copies a folder; files of Rust as the program needs them.
fn copy(from: &Path, to: &Path, adapted: &dyn Fn(&str) -> String) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("the cores have tests") {
        let from = entry.expect("the folder can be read").path();
        let to = to.join(from.file_name().expect("it is in a folder"));
        if from.is_dir() {
            copy(&from, &to, adapted);
        } else if from.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&from).expect("a file of Rust is text");
            fs::write(to, adapted(&text)).expect("the folder is ours");
        } else {
            fs::copy(&from, &to).expect("the folder is ours");
        }
    }
}

/// The text of a module that a program can call.
fn adapted(text: &str) -> String {
    let mut adapted = String::new();
    let is_of_the_file = |line: &&str| line.is_empty() || line.starts_with("//") || line.starts_with("#![");
    let head = text.lines().take_while(is_of_the_file).count();
    let mut is_test = false;
    for (at, line) in text.lines().enumerate() {
        if at == head {
            adapted.push_str(IN_SCOPE);
        }
        match line {
            "#[test]" => {
                is_test = true;
                // Lines keep their numbers, which panics name.
                adapted.push_str("// A test.");
            }
            // Whoever wants these asks for them.
            _ if line.starts_with("#[ignore") => is_test = false,
            _ if is_test && line.starts_with("fn ") => {
                adapted.push_str(&line.replacen("fn ", "pub fn TEST_", 1));
                is_test = false;
            }
            _ => adapted.push_str(line),
        }
        adapted.push('\n');
    }
    adapted
}
