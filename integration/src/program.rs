//! The programs of this workspace, as processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The folder of programs that were built already, by whoever runs all tests.
const READY: &str = "TUFFET_PROGRAMS";

/// A program: a ready one if the variable `TUFFET_PROGRAMS` names a folder, else built once by whoever asks first, into the folder that this test
/// was built into.
///
/// # Panics
///
/// When it cannot be built.
#[must_use]
pub fn program(package: &str, name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry(name.to_owned())
        .or_insert_with(|| build(package, name))
        .clone()
}

fn build(package: &str, name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os(READY) {
        let path = PathBuf::from(folder).join(name);
        assert!(path.is_file(), "{READY} names a folder without {name}");
        return path;
    }
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test.ancestors().nth(2).expect("a test lies in PROFILE/deps").to_owned();
    let target = profile.parent().expect("a profile's folder lies in the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--package", package, "--bin", name, "--target-dir"])
        .arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "{name} does not build");
    profile.join(name)
}
