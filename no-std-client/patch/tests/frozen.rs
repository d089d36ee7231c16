//! Patches as they were made once, for each version of the format. Whoever changes what bytes mean sees it here, on every target.
//!
//! - `frozen/NAME_vVERSION.txt` is a patch in hexadecimal digits. Those of the version at hand are decoded, to the end of time; those
//!   of other versions are refused as such.
//! - `TUFFET_FREEZE=1 cargo test -p tuffet-patch --test frozen` writes those of the version at hand that are missing. None is written
//!   again: if one fails, the code is wrong.
//! - The encoder may choose better one day, so what it makes today is held against digests, and these may change.

mod support;

use std::{env, fs, path::PathBuf};
use support::{
    pairs::{self, BLOCK_BYTES},
    program::{BASE, Machine},
    *,
};
use tuffet_patch::{
    ApplyError, Architecture, Bases, Codec, Encoded, Layout, Options, Pinned, Profile, Refusal, apply, encode_with,
};

/// A pair of images, and how its patch is made.
struct Pair {
    /// What the names of its files begin with.
    name: &'static str,
    /// None: the patch makes the new image from nothing.
    old: Option<Vec<u8>>,
    new: Vec<u8>,
    options: Options,
    /// The first bytes of the digest of what the encoder makes today, in hexadecimal digits.
    made: &'static str,
}

fn program(
    name: &'static str,
    profile: Profile,
    machine: Machine,
    architecture: Architecture,
    made: &'static str,
) -> Pair {
    let (old, new) = pairs::moved(machine);
    Pair {
        name,
        old: Some(old),
        new,
        options: Options {
            block_bytes: BLOCK_BYTES,
            checkpoint_unit: 1_024,
            checkpoint_distance: 1_024,
            layout: Some(Layout {
                architecture,
                bases: Some(Bases::whole(BASE, BASE)),
            }),
            ..Options::of(profile)
        },
        made,
    }
}

fn file() -> Pair {
    let (old, new) = pairs::ranges();
    Pair {
        name: "large_ranges",
        old: Some(old),
        new,
        options: Options {
            block_bytes: BLOCK_BYTES,
            ..Options::of(Profile::Large)
        },
        made: "df62655d674bea46",
    }
}

fn full() -> Pair {
    Pair {
        name: "small_full",
        old: None,
        new: pairs::full(),
        options: Options {
            block_bytes: BLOCK_BYTES,
            ..Options::of(Profile::Small)
        },
        made: "f1ebf7d7f39c4ed4",
    }
}

fn all() -> Vec<Pair> {
    use Profile::{Large, Small, Standard};
    vec![
        program(
            "small_thumb",
            Small,
            Machine::Thumb,
            Architecture::Thumb,
            "4443dbc94764618f",
        ),
        program(
            "small_xtensa",
            Small,
            Machine::XtensaBig,
            Architecture::XtensaBig,
            "3f2ee03fa7cf17b3",
        ),
        program(
            "standard_thumb",
            Standard,
            Machine::Thumb,
            Architecture::Thumb,
            "bc9e74833fd7df4b",
        ),
        program(
            "standard_riscv",
            Standard,
            Machine::RiscV,
            Architecture::RiscV,
            "e0e677aa1b1b29a4",
        ),
        program(
            "large_thumb",
            Large,
            Machine::Thumb,
            Architecture::Thumb,
            "c529037b286519fe",
        ),
        program(
            "large_aarch64",
            Large,
            Machine::AArch64,
            Architecture::AArch64,
            "f31bc7adf5c22d57",
        ),
        program(
            "large_x86_64",
            Large,
            Machine::X86_64,
            Architecture::X86_64,
            "76931e9759db36d5",
        ),
        file(),
        full(),
        bulk(),
        bulk_backward(),
    ]
}

fn bulk() -> Pair {
    let (old, new) = pairs::bulk();
    Pair {
        name: "bulk",
        old: Some(old),
        new,
        options: Options {
            block_bytes: BLOCK_BYTES,
            codec: Some(Codec::Bulk),
            ..Options::of(Profile::Large)
        },
        made: "23425c04b377c0de",
    }
}

/// A program that names functions in pages in front of the instruction, and of some the page is another one than it was.
fn bulk_backward() -> Pair {
    let pair = program(
        "bulk_backward",
        Profile::Large,
        Machine::AArch64,
        Architecture::AArch64,
        "66a7f857660ba961",
    );
    let backward = |image: &[u8]| {
        let words = image.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        // ADRP with the sign of its distance.
        let pages = words.filter(|word| word & 0x9F80_0000 == 0x9080_0000);
        pages.collect::<Vec<u32>>()
    };
    let (old, new) = (backward(pair.old.as_deref().unwrap()), backward(&pair.new));
    assert!(new.len() > 10 && old != new, "{}", new.len());
    Pair {
        options: Options {
            codec: Some(Codec::Bulk),
            ..pair.options
        },
        ..pair
    }
}

impl Pair {
    fn encoded(&self) -> Encoded {
        encode_with(self.old.as_deref(), &self.new, &self.options).unwrap()
    }

    /// Its files with the version that their names say.
    fn files(&self) -> Vec<(u8, Vec<u8>)> {
        let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
        let versions = names.filter_map(|name| {
            let version = name.to_str()?.strip_prefix(self.name)?.strip_prefix("_v")?;
            version.strip_suffix(".txt")?.parse().ok()
        });
        versions
            .map(|version| (version, bytes(&fs::read_to_string(self.path(version)).unwrap())))
            .collect()
    }

    fn path(&self, version: u8) -> PathBuf {
        folder().join(format!("{}_v{version}.txt", self.name))
    }

    fn check(&self) {
        let name = self.name;
        let encoded = self.encoded();
        let at_hand = version(&encoded.bytes);
        if env::var_os("TUFFET_FREEZE").is_some() && !self.path(at_hand).exists() {
            fs::write(self.path(at_hand), lines(&encoded.bytes)).unwrap();
        }
        let files = self.files();
        assert!(
            files.iter().any(|(named, _)| *named == at_hand),
            "{name}: no file of {at_hand}"
        );
        for (named, patch) in files {
            assert_eq!(version(&patch), named, "{name}");
            let result = apply(self.old.as_deref(), &patch, pinned(&patch, &encoded));
            if named != at_hand {
                let refusal = Refusal::UnknownVersion { version: named };
                assert_eq!(result, Err(ApplyError::Refused(refusal)), "{name}");
                continue;
            }
            assert!(result.as_ref() == Ok(&self.new), "{name}: {:?}", result.err());
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/frozen")
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
fn frozen_patches_are_decoded() {
    for pair in all() {
        pair.check();
    }
}

/// The same on every target.
#[test]
fn made_again_byte_by_byte() {
    let made = all().into_iter().map(|pair| {
        let digest = lines(&sha256(&pair.encoded().bytes)[..8]);
        (pair.name, digest.trim().to_owned(), pair.made)
    });
    let others: Vec<_> = made.filter(|(_, digest, known)| digest != known).collect();
    assert!(others.is_empty(), "name, made now, known: {others:#?}");
}

#[test]
fn decoded_in_a_slot_of_flash() {
    let pair = program("small_thumb", Profile::Small, Machine::Thumb, Architecture::Thumb, "");
    let encoded = pair.encoded();
    let decoded = decode(
        &pair.old.unwrap(),
        pair.new.len(),
        &encoded.bytes,
        encoded.pinned,
        image(&pair.new),
    );
    assert_eq!(decoded, Ok(pair.new));
}
