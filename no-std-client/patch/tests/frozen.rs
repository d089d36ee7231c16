//! One patch as it was made once. Version 0 is not promised to anyone, but whoever changes what bytes mean, or what the encoder
//! chooses, sees it here, on every target.

mod support;

use support::{
    program::{BASE, Program},
    *,
};
use tuffet_patch::{Architecture, Bases, Encoded, Layout, Options, Profile, apply, encode_with};

const PATCH: &str = include_str!("frozen_v0.txt");

/// Data, some of it new, and a program whose addresses moved.
fn images() -> (Vec<u8>, Vec<u8>) {
    let program = Program::new(60, 4);
    let data = firmware(2_000, 1);
    let mut next_data = next_version(&data, 2);
    next_data.splice(700..700, Random(3).bytes(200));
    (
        [program.link(), data].concat(),
        [program.next(5).link(), next_data].concat(),
    )
}

fn made() -> (Vec<u8>, Vec<u8>, Encoded) {
    let (old, new) = images();
    let options = Options {
        block_bytes: 256,
        checkpoint_unit: 1_024,
        checkpoint_distance: 1_024,
        layout: Some(Layout {
            architecture: Architecture::Thumb,
            bases: Some(Bases::whole(BASE, BASE)),
        }),
        ..Options::of(Profile::Small)
    };
    let encoded = encode_with(Some(&old), &new, &options).unwrap();
    (old, new, encoded)
}

fn frozen() -> Vec<u8> {
    let digits: String = PATCH.split_whitespace().collect();
    let pairs = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    pairs.collect()
}

/// The bytes as lines of hexadecimal digits, for the file.
fn lines(bytes: &[u8]) -> String {
    let lines = bytes
        .chunks(48)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n");
    lines.collect()
}

#[test]
fn decodes() {
    let (old, new, encoded) = made();
    let patch = frozen();
    assert_eq!(
        decode(&old, new.len(), &patch, encoded.pinned, image(&new)),
        Ok(new.clone())
    );
    assert_eq!(apply(Some(&old), &patch, encoded.pinned), Ok(new));
}

#[test]
fn is_made_again() {
    let (_, _, encoded) = made();
    assert!(
        encoded.bytes == frozen(),
        "the patch is now:\n{}",
        lines(&encoded.bytes)
    );
}
