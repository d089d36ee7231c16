//! One patch of each codec as it was made once. Version 0 is not promised to anyone, but whoever changes what bytes mean, or what the
//! encoder chooses, sees it here, on every target.
//!
//! - There is a file for each version: `frozen_v*.txt` of the mixing codec, `frozen_bulk_v*.txt` of the bulk codec.
//! - Those of the version at hand are decoded, and made again byte by byte. Those of other versions are refused as such.
//! - `TUFFET_FREEZE=1 cargo test -p tuffet-patch --test frozen` writes those of the version at hand. A promised version is never
//!   written again: if it fails, the code is wrong.

mod support;

use std::{env, fs, path::PathBuf};
use support::{
    elf,
    program::{BASE, Program},
    *,
};
use tuffet_patch::{
    ApplyError, Architecture, Bases, Codec, Encoded, Layout, Options, Pinned, Profile, Refusal, apply, encode_with,
};

/// A pair of images, and how its patch is made.
struct Pair {
    /// What the names of its files begin with.
    name: &'static str,
    old: Vec<u8>,
    new: Vec<u8>,
    options: Options,
}

/// Data, some of it new, and a program whose addresses moved.
fn mixing() -> Pair {
    let program = Program::new(60, 4);
    let data = firmware(2_000, 1);
    let mut next_data = next_version(&data, 2);
    next_data.splice(700..700, Random(3).bytes(200));
    Pair {
        name: "frozen_v",
        old: [program.link(), data].concat(),
        new: [program.next(5).link(), next_data].concat(),
        options: Options {
            block_bytes: 256,
            checkpoint_unit: 1_024,
            checkpoint_distance: 1_024,
            layout: Some(Layout {
                architecture: Architecture::Thumb,
                bases: Some(Bases::whole(BASE, BASE)),
            }),
            ..Options::of(Profile::Small)
        },
    }
}

/// A program that moved, with calls, addresses, pointers and distances; words that became others in it; data as it was, data that
/// changed, new data, and the same once more.
fn bulk() -> Pair {
    let program = elf::Program::new(40, 3);
    let data = firmware(6_000, 1);
    let news = Random(7).bytes(300);
    let mut next_program = program.next(5).link();
    // A move between registers that became another one.
    let mut became = 0;
    for word in next_program.as_chunks_mut::<4>().0 {
        if *word == 0xAA00_03E5_u32.to_le_bytes() {
            *word = 0xAA13_03E5_u32.to_le_bytes();
            became += 1;
        }
    }
    assert!(became > 5, "{became}");
    let mut changed = data.clone();
    for at in (3_000..4_000).step_by(60) {
        changed[at] ^= 0x55;
    }
    Pair {
        name: "frozen_bulk_v",
        old: [&data[..], &program.link()].concat(),
        new: [&changed[..], &news, &next_program, b"one more file", &news].concat(),
        options: Options {
            block_bytes: 256,
            codec: Some(Codec::Bulk),
            ..Options::of(Profile::Large)
        },
    }
}

impl Pair {
    fn encoded(&self) -> Encoded {
        encode_with(Some(&self.old), &self.new, &self.options).unwrap()
    }

    /// Its files with the version that their names say.
    fn files(&self) -> Vec<(u8, Vec<u8>)> {
        let names = fs::read_dir(tests()).unwrap().map(|entry| entry.unwrap().file_name());
        let versions = names.filter_map(|name| {
            let version = name.to_str()?.strip_prefix(self.name)?.strip_suffix(".txt")?;
            version.parse().ok()
        });
        versions.map(|version| (version, bytes(&self.text(version)))).collect()
    }

    fn text(&self, version: u8) -> String {
        fs::read_to_string(self.path(version)).unwrap()
    }

    fn path(&self, version: u8) -> PathBuf {
        tests().join(format!("{}{version}.txt", self.name))
    }

    fn check(&self) {
        let encoded = self.encoded();
        let at_hand = version(&encoded.bytes);
        if env::var_os("TUFFET_FREEZE").is_some() {
            fs::write(self.path(at_hand), lines(&encoded.bytes)).unwrap();
        }
        let files = self.files();
        assert!(files.iter().any(|(named, _)| *named == at_hand), "no file of {at_hand}");
        for (named, patch) in files {
            assert_eq!(version(&patch), named, "{}", self.name);
            if named != at_hand {
                let refused = apply(Some(&self.old), &patch, pinned(&patch, &encoded));
                let refusal = Refusal::UnknownVersion { version: named };
                assert_eq!(refused, Err(ApplyError::Refused(refusal)));
                continue;
            }
            let result = apply(Some(&self.old), &patch, pinned(&patch, &encoded));
            assert!(result.as_ref() == Ok(&self.new), "{:?}", result.err());
            assert!(encoded.bytes == patch, "the patch is now:\n{}", lines(&encoded.bytes));
        }
    }
}

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn version(patch: &[u8]) -> u8 {
    patch[4]
}

/// What a document says of a file in blocks as long as those of `encoded`.
fn pinned(patch: &[u8], encoded: &Encoded) -> Pinned {
    let block_bytes = encoded.pinned.block_bytes;
    Pinned {
        length: patch.len() as u32,
        head: sha256(&patch[..patch.len().min(block_bytes as usize)]),
        block_bytes,
    }
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
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
fn mixing_is_decoded_and_made_again() {
    let pair = mixing();
    pair.check();
    // In a slot of flash, too.
    let encoded = pair.encoded();
    let decoded = decode(
        &pair.old,
        pair.new.len(),
        &encoded.bytes,
        encoded.pinned,
        image(&pair.new),
    );
    assert_eq!(decoded, Ok(pair.new));
}

#[test]
fn bulk_is_decoded_and_made_again() {
    bulk().check();
}
