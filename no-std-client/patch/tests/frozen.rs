//! Patches as they were made once, for each version of the format. Whoever changes what bytes mean sees it here, on every target.
//!
//! - `frozen/NAME_vVERSION.txt` is a patch in hexadecimal digits. Those of the version at hand are decoded, to the end of time; those
//!   of other versions are refused as such.
//! - `TUFFET_FREEZE=1 cargo test -p tuffet-patch --test frozen` writes those of the version at hand that are missing. None is written
//!   again: if one fails, the code is wrong.
//! - What decoders save at checkpoints of these patches is a format of its own, with a version of its own: some records are kept as
//!   `frozen/NAME_vVERSION.txt`, all by their digests. They are written today, and taken up, to the end of time. Places in them are those of
//!   `docs/spec/checkpoint.md`, by number.
//! - The encoder may choose better one day, so what it makes today is held against digests, and these may change.

#[path = "../../tests/support/frozen.rs"]
mod files;
mod support;

use files::lines;
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{
    pairs::{self, BLOCK_BYTES},
    program::{BASE, Machine},
    *,
};
use tuffet_patch::{
    ApplyError, Architecture, BadCheckpoint, Bases, Codec, Encoded, LargeState, Layout, Options, Pinned, Profile,
    Refusal, SmallState, StandardState, State, apply, encode_with,
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

/// A delta whose checkpoints stand in all kinds of places: one in the middle of an address, one between two copies.
fn saved() -> Pair {
    let (old, new) = pairs::saved();
    Pair {
        name: "small_saved",
        old: Some(old),
        new,
        options: saved_options(),
        made: "926c730697bd50a1",
    }
}

/// The same from nothing: its copies are of the result.
fn saved_full() -> Pair {
    Pair {
        name: "small_saved_full",
        old: None,
        new: pairs::saved_full(),
        options: saved_options(),
        made: "c475259e7f8da3cc",
    }
}

fn saved_options() -> Options {
    Options {
        block_bytes: 256,
        checkpoint_unit: 1_024,
        checkpoint_distance: 1_024,
        layout: Some(Layout {
            architecture: Architecture::Thumb,
            bases: Some(Bases::whole(BASE, BASE)),
        }),
        ..Options::of(Profile::Small)
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
        saved(),
        saved_full(),
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
            .map(|version| (version, files::read(&self.path(version))))
            .collect()
    }

    fn path(&self, version: u8) -> PathBuf {
        files::path(&folder(), self.name, version)
    }

    fn check(&self) {
        let name = self.name;
        let encoded = self.encoded();
        let at_hand = version(&encoded.bytes);
        files::freeze(&self.path(at_hand), &encoded.bytes);
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen")
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

/// What decoders save at the checkpoints of frozen patches: how many records, and the first bytes of the digest of all.
const RECORDS: [(&str, usize, &str); 9] = [
    ("small_thumb", 6, "a073f867e0886831"),
    ("small_xtensa", 6, "73dad08fa17ca5d3"),
    ("standard_thumb", 6, "d8af17ec1edf6934"),
    ("standard_riscv", 7, "4dc5445150d6e881"),
    ("large_thumb", 1, "476bc468d6a57f37"),
    ("large_aarch64", 3, "386c305fc17c5ddc"),
    ("large_x86_64", 2, "ec8efa8d99eaa7b6"),
    ("small_saved", 8, "0b14711fef775610"),
    ("small_saved_full", 4, "5daf53e4f27825ea"),
];

/// Records that are kept as they are: of a patch, at a position.
const KEPT: [(&str, &str, u32); 4] = [
    ("saved_in_a_unit", "small_saved", 6_144),
    ("saved_between_copies", "small_saved", 9_216),
    ("saved_in_the_result", "small_saved_full", 3_072),
    ("saved_standard", "standard_riscv", 7_168),
];

/// The version of records at hand.
const RECORD_VERSION: u8 = 1;

/// A decoder of any profile, with what the test needs of it.
trait Saves {
    /// What it saves on the way through a patch.
    fn saved(pair: &Pair, patch: &[u8], pinned: Pinned) -> Vec<(u32, Vec<u8>)>;
    /// Takes a record up, and decodes to the end.
    fn finished(
        pair: &Pair,
        patch: &[u8],
        pinned: Pinned,
        record: &[u8],
    ) -> Result<Vec<u8>, BadCheckpoint<OutOfRecord>>;
}

impl<const H: usize, const B: usize, const U: usize, const P: usize, const S: usize, const T: bool> Saves
    for State<H, B, U, P, S, T>
{
    fn saved(pair: &Pair, patch: &[u8], pinned: Pinned) -> Vec<(u32, Vec<u8>)> {
        let mut device = Device::new(pair.old(), pair.slot_bytes(), patch);
        let mut state = Box::new(Self::new());
        state.begin(pinned, image(pair.old()), image(&pair.new)).unwrap();
        device.finish(&mut *state).unwrap();
        device.saved
    }

    fn finished(
        pair: &Pair,
        patch: &[u8],
        pinned: Pinned,
        record: &[u8],
    ) -> Result<Vec<u8>, BadCheckpoint<OutOfRecord>> {
        let mut device = Device::new(pair.old(), pair.slot_bytes(), patch);
        let mut state = Box::new(Self::new());
        resume(&mut *state, record, pinned, image(pair.old()), image(&pair.new))?;
        // What stands in front of the position was written before.
        let position = state.position() as usize;
        device.new.bytes[..position].copy_from_slice(&pair.new[..position]);
        device.finish(&mut *state).unwrap();
        device.new.bytes.truncate(pair.new.len());
        Ok(device.new.bytes)
    }
}

impl Pair {
    fn old(&self) -> &[u8] {
        self.old.as_deref().unwrap_or_default()
    }

    fn slot_bytes(&self) -> usize {
        self.new.len().next_multiple_of(4_096)
    }

    /// Its patch of the version at hand, as it was frozen.
    fn frozen(&self) -> (Vec<u8>, Pinned) {
        let encoded = self.encoded();
        let patch = files::read(&self.path(version(&encoded.bytes)));
        let pinned = pinned(&patch, &encoded);
        (patch, pinned)
    }

    fn saved(&self) -> Vec<(u32, Vec<u8>)> {
        let (patch, pinned) = self.frozen();
        match self.options.profile {
            Profile::Small => SmallState::saved(self, &patch, pinned),
            Profile::Standard => StandardState::saved(self, &patch, pinned),
            Profile::Large => LargeState::saved(self, &patch, pinned),
        }
    }

    fn finished(&self, record: &[u8]) -> Result<Vec<u8>, BadCheckpoint<OutOfRecord>> {
        let (patch, pinned) = self.frozen();
        match self.options.profile {
            Profile::Small => SmallState::finished(self, &patch, pinned, record),
            Profile::Standard => StandardState::finished(self, &patch, pinned, record),
            Profile::Large => LargeState::finished(self, &patch, pinned, record),
        }
    }
}

/// The records that are kept, with the pair that each is of.
fn kept() -> [(Pair, Vec<u8>); 4] {
    KEPT.map(|(name, of, position)| {
        let pair = all().into_iter().find(|pair| pair.name == of).unwrap();
        let (_, record) = pair.saved().into_iter().find(|(at, _)| *at == position).unwrap();
        let record = files::held(&files::path(&folder(), name, RECORD_VERSION), &record);
        (pair, record)
    })
}

/// With the digest made to fit again.
fn edited(record: &[u8], place: usize, value: u8) -> Vec<u8> {
    let mut record = record.to_vec();
    record[place] = value;
    let (content, digest) = record.split_last_chunk_mut::<32>().unwrap();
    *digest = sha256(content);
    record
}

#[test]
fn frozen_records_are_written_and_taken_up() {
    for (pair, record) in kept() {
        assert!(pair.finished(&record).unwrap() == pair.new, "{}", pair.name);
    }
}

/// Every record of every patch, by its digest: those of the large profile are too long to keep.
#[test]
fn records_are_saved_byte_by_byte() {
    let mixed = all().into_iter().filter(|pair| pair.options.codec != Some(Codec::Bulk));
    let mut saved = Vec::new();
    for pair in mixed {
        let records = pair.saved();
        for (position, record) in &records {
            assert!(
                pair.finished(record).unwrap() == pair.new,
                "{} at {position}",
                pair.name
            );
        }
        let all: Vec<u8> = records.iter().flat_map(|(_, record)| record).copied().collect();
        if !records.is_empty() {
            saved.push((pair.name, records.len(), lines(&sha256(&all)[..8]).trim().to_owned()));
        }
    }
    let known = RECORDS.map(|(name, count, digest)| (name, count, digest.to_owned()));
    assert!(saved == known, "saved now: {saved:#?}");
}

/// Fields that name something, where the paper draws them.
#[test]
fn fields_of_a_record_stand_where_the_paper_draws_them() {
    let [(pair, unit), (_, between), (_, result), (_, standard)] = kept();
    let (patch, pinned) = pair.frozen();
    let number = |record: &[u8], place: usize| u32::from_le_bytes(record[place..place + 4].try_into().unwrap());
    assert_eq!([&unit, &standard].map(Vec::len), [7_552, 31_680]);
    // Magic, version, profile.
    assert_eq!(
        (&unit[..6], &standard[..6]),
        (&b"TUFC\x01\x00"[..], &b"TUFC\x01\x01"[..])
    );
    // The patch, as it is pinned; its header, filled up with zeros.
    assert_eq!(
        (&unit[6..38], number(&unit, 38), number(&unit, 42)),
        (&pinned.head[..], 256, pinned.length)
    );
    let header_bytes = 83 + 2 * usize::from(patch[82]) + 9;
    assert_eq!(unit[46..46 + header_bytes], patch[..header_bytes]);
    assert_eq!(unit[46 + header_bytes..250], vec![0; 204 - header_bytes]);
    // The block at hand: its hash, its index, what of it was taken.
    let (index, taken) = (number(&unit, 282) as usize, number(&unit, 286));
    let block = &patch[256 * index..patch.len().min(256 * (index + 1))];
    assert_eq!(unit[250..282], sha256(block));
    assert!(taken as usize <= block.len());
    // The position, and the copy at hand: of the source, none, of the result.
    assert_eq!(
        (number(&unit, 290), unit[294], between[294], result[294]),
        (6_144, 1, 0, 2)
    );
    assert_eq!(between[295..299], [0; 4]);
    // Range, as it is between two decisions.
    assert!(number(&unit, 299) >= 1 << 24 && number(&unit, 303) < number(&unit, 299));
    // The last four bytes of the result, newest lowest.
    let last: [u8; 4] = pair.new[6_140..6_144].try_into().unwrap();
    assert_eq!(number(&unit, 349), u32::from_be_bytes(last));
    // In the unit: two bytes are sure, and these are what comes.
    assert_eq!((unit[400], &unit[401..403], unit[405]), (2, &pair.new[6_144..6_146], 0));
    // The field that the unit is: two of its four bytes came.
    let field = 407 + 2 * 800 + 4 * 190 + 2 * 1_498 + 4 * 98 + 2 * 64 + 4 * 64 + 4 + 8 * 48 + 16 + 8 * 64 + 18;
    assert_eq!((unit[field], unit[field + 18], unit[field + 19]), (0, 2, 4));
    assert_eq!(unit[field + 14..field + 16], pair.new[6_142..6_144]);
    // The digest of all before.
    for record in [&unit, &standard] {
        let (content, digest) = record.split_last_chunk::<32>().unwrap();
        assert_eq!(*digest, sha256(content));
    }
}

#[test]
fn records_of_other_versions_are_named_and_not_taken_up() {
    for (pair, record) in kept() {
        for version in [0, 2, u8::MAX] {
            let refused = BadCheckpoint::UnknownVersion { version };
            assert_eq!(pair.finished(&edited(&record, 4, version)), Err(refused));
        }
        for other in 0..=3 {
            if other != record[5] {
                assert_eq!(
                    pair.finished(&edited(&record, 5, other)),
                    Err(BadCheckpoint::OtherProfile)
                );
            }
        }
        let mut torn = record.clone();
        torn[record.len() - 33] ^= 1;
        assert_eq!(pair.finished(&torn), Err(BadCheckpoint::Checksum));
    }
}
