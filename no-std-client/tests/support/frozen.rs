//! Files of frozen bytes, as hexadecimal digits: they were written once, and never are again.

use std::{
    env, format, fs,
    path::{Path, PathBuf},
    string::String,
    vec::Vec,
};

/// The file of a name and a version.
pub fn path(folder: &Path, name: &str, version: u8) -> PathBuf {
    folder.join(format!("{name}_v{version}.txt"))
}

/// Writes the file if it is missing and `TUFFET_FREEZE` is set.
pub fn freeze(path: &Path, bytes: &[u8]) {
    if env::var_os("TUFFET_FREEZE").is_some() && !path.exists() {
        fs::write(path, lines(bytes)).unwrap();
    }
}

/// What the file holds.
pub fn read(path: &Path) -> Vec<u8> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes(&text)
}

/// What the file holds, which must be what is written today.
pub fn held(path: &Path, written: &[u8]) -> Vec<u8> {
    freeze(path, written);
    let stored = read(path);
    let other = stored.iter().zip(written).position(|(old, new)| old != new);
    assert!(
        stored == written,
        "{}: {} bytes are stored, {} were written; the first that differs is at {other:?}",
        path.display(),
        stored.len(),
        written.len()
    );
    stored
}

/// The bytes of a text of hexadecimal digits.
fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let pairs = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    pairs.collect()
}

/// The bytes as lines of hexadecimal digits.
pub fn lines(bytes: &[u8]) -> String {
    let lines = bytes
        .chunks(48)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n");
    lines.collect()
}
