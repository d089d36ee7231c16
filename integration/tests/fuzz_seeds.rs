//! Every fuzz target on every one of its seeds, without a fuzzer: what it once found stays found.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Fewest seeds that a target starts with; a folder that is not found must not pass as an empty one.
const SEEDS_MIN: usize = 5;

fn each_seed(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|seed| seed.unwrap().path())
        .collect();
    seeds.sort();
    assert!(
        seeds.len() >= SEEDS_MIN,
        "{} holds {} seeds",
        folder.display(),
        seeds.len()
    );
    for seed in seeds {
        println!("{}", seed.display());
        run(&std::fs::read(&seed).unwrap());
    }
}

#[test]
fn boot_records() {
    each_seed("boot_records", targets::boot_records::run);
}

#[test]
fn http_answer() {
    each_seed("http_answer", targets::http_answer::run);
}

#[test]
fn key_and_signature() {
    each_seed("key_and_signature", targets::key_and_signature::run);
}

#[test]
fn lenient_json() {
    each_seed("lenient_json", targets::lenient_json::run);
}

#[test]
fn patch_bulk() {
    each_seed("patch_bulk", targets::patch_bulk::run);
}

#[test]
fn patch_decoder() {
    each_seed("patch_decoder", targets::patch_decoder::run);
}

#[test]
fn patch_mixing() {
    each_seed("patch_mixing", targets::patch_mixing::run);
}

#[test]
fn release_document() {
    each_seed("release_document", targets::release_document::run);
}

#[test]
fn rollout_file() {
    each_seed("rollout_file", targets::rollout_file::run);
}

#[test]
fn tuf_session() {
    each_seed("tuf_session", targets::tuf_session::run);
}

#[test]
fn tuf_session_lenient() {
    each_seed("tuf_session_lenient", targets::tuf_session_lenient::run);
}

#[test]
fn tuf_state() {
    each_seed("tuf_state", targets::tuf_state::run);
}

#[test]
fn wire_scanner() {
    each_seed("wire_scanner", targets::wire_scanner::run);
}
