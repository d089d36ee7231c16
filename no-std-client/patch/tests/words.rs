//! Each error of the crate, as it is put into words.

use std::{collections::BTreeSet, fmt::Display};
use tuffet_patch::{
    ApplyError, Architecture, BadCheckpoint, EncodeError, Error, Geometry, Misuse, Profile, Refusal, SnapshotError,
};

/// One of each, with numbers that a sentence must not lose.
const REFUSALS: [(Refusal, &[&str]); 26] = [
    (
        Refusal::BlockLength {
            index: 71,
            expected: 72,
            offered: 73,
        },
        &["71", "72", "73", "cut", "again"],
    ),
    (Refusal::BlockSize { block_bytes: 71 }, &["71", "256", "65536"]),
    (Refusal::BlockSizeMismatch { pinned: 71, header: 72 }, &["71", "72"]),
    (Refusal::Checkpoints, &["checkpoints"]),
    (
        Refusal::CopyAhead {
            position: 71,
            distance: 72,
        },
        &["71", "72", "new image"],
    ),
    (
        Refusal::CopyOutsideSource {
            offset: 71,
            source_bytes: 72,
        },
        &["71", "72", "old image"],
    ),
    (Refusal::ExtraBlock, &["last block", "again"]),
    (Refusal::ExtraBytes, &["goes on"]),
    (
        Refusal::ArchitectureOfHosts {
            architecture: Architecture::AArch64,
            profile: Profile::Small,
        },
        &["small", "aarch64", "large"],
    ),
    (Refusal::ImageWithoutMeaning, &["empty", "digest"]),
    (Refusal::LastBlockMissing { index: 71 }, &["71", "cut", "again"]),
    (
        Refusal::Pieces {
            pieces: 71,
            pieces_max: 72,
        },
        &["71", "72", "map"],
    ),
    (Refusal::TooShort { length: 71 }, &["71", "too few"]),
    (Refusal::Truncated, &["ends before", "cut"]),
    (Refusal::UnknownCodec { codec: 71 }, &["codec 71", "newer"]),
    (
        Refusal::UnknownArchitecture { architecture: 71 },
        &["architecture 71", "newer"],
    ),
    (Refusal::UnknownProfile { profile: 71 }, &["profile 71", "newer"]),
    (
        Refusal::UnknownVersion { version: 0 },
        &["version 0", "make the patch again"],
    ),
    (Refusal::UnknownVersion { version: 71 }, &["version 71", "newer"]),
    (Refusal::WrongBlock { index: 0 }, &["block 0", "head"]),
    (
        Refusal::WrongBlock { index: 71 },
        &["block 71", "block before", "again"],
    ),
    (Refusal::WrongMagic, &["begin", "patch"]),
    (
        Refusal::WrongProfile {
            decoder: Profile::Small,
            patch: Profile::Large,
        },
        &["for the large profile", "has the small one"],
    ),
    (Refusal::WrongResult, &["makes another image"]),
    (Refusal::WrongSource, &["starts from another image"]),
    (
        Refusal::WrongProfile {
            decoder: Profile::Standard,
            patch: Profile::Small,
        },
        &["for the small profile", "has the standard one"],
    ),
];

const GEOMETRIES: [(Geometry, &[&str]); 5] = [
    (
        Geometry::CheckpointNotErasable {
            position: 71,
            erase_bytes: 72,
        },
        &["71", "72", "start over"],
    ),
    (
        Geometry::NewUnits {
            read_bytes: 71,
            write_bytes: 72,
            erase_bytes: 73,
        },
        &["new slot", "71 bytes to read", "72 to write", "73 to erase"],
    ),
    (Geometry::OldUnits { read_bytes: 71 }, &["old slot", "71"]),
    (
        Geometry::ResultTooLong {
            result_bytes: 71,
            slot_bytes: 72,
        },
        &["new image of 71", "slot of 72"],
    ),
    (
        Geometry::SourceTooLong {
            source_bytes: 71,
            slot_bytes: 72,
        },
        &["old image of 71", "slot of 72"],
    ),
];

const MISUSES: [(Misuse, &[&str]); 3] = [
    (
        Misuse::BlockNotAtHand {
            expected: Some(71),
            offered: 72,
        },
        &["71", "72", "bug"],
    ),
    (
        Misuse::BlockNotAtHand {
            expected: None,
            offered: 71,
        },
        &["71", "none", "bug"],
    ),
    (Misuse::NotRunning, &["begin", "bug"]),
];

const BAD_CHECKPOINTS: [(BadCheckpoint<&str>, &[&str]); 9] = [
    (BadCheckpoint::Checksum, &["damaged", "start over"]),
    (BadCheckpoint::Impossible, &["no decoder", "start over"]),
    (BadCheckpoint::OtherPatch, &["another patch", "start over"]),
    (BadCheckpoint::OtherProfile, &["another profile", "start over"]),
    (
        BadCheckpoint::OtherResult,
        &["on the way to another image", "start over"],
    ),
    (
        BadCheckpoint::OtherSource,
        &["started from another image", "start over"],
    ),
    (BadCheckpoint::Storage("worn out"), &["could not be read: worn out"]),
    (BadCheckpoint::UnknownVersion { version: 71 }, &["71", "start over"]),
    (BadCheckpoint::WrongMagic, &["no checkpoint", "start over"]),
];

/// Puts each into words, and looks for what must be said. No two errors say the same, and none speaks Rust.
fn told<E: Display + std::error::Error + Copy>(cases: &[(E, &[&str])]) {
    let mut said = BTreeSet::new();
    for (error, expected) in cases {
        let text = error.to_string();
        for part in *expected {
            assert!(text.contains(part), "`{text}` does not say `{part}`");
        }
        let variant = format!("{error:?}");
        let variant = variant.split([' ', '(']).next().unwrap();
        assert!(!text.contains(variant) && !text.contains(['{', '_']), "{text}");
        assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
        assert!(said.insert(text), "{variant} says what another one says");
    }
}

#[test]
fn every_refusal_says_what_is_wrong() {
    told(&REFUSALS);
    let every = REFUSALS.map(|(refusal, _)| std::mem::discriminant(&refusal));
    assert_eq!(every.into_iter().collect::<std::collections::HashSet<_>>().len(), 23);
}

#[test]
fn every_trouble_of_slots_and_callers_says_what_is_wrong() {
    told(&GEOMETRIES);
    told(&MISUSES);
}

#[test]
fn every_bad_checkpoint_says_what_is_wrong() {
    told(&BAD_CHECKPOINTS);
    told::<SnapshotError<&str>>(&[
        (SnapshotError::NotAtCheckpoint, &["stand at a checkpoint"]),
        (SnapshotError::Storage("worn out"), &["could not be written: worn out"]),
    ]);
}

/// An error that holds another one says no less than that one.
#[test]
fn nothing_is_lost_on_the_way_up() {
    type Either = Error<&'static str, &'static str>;
    for (refusal, _) in REFUSALS {
        assert_eq!(Either::Refused(refusal).to_string(), refusal.to_string());
        assert_eq!(ApplyError::Refused(refusal).to_string(), refusal.to_string());
        let options = EncodeError::Options(refusal).to_string();
        assert!(options.starts_with("the options") && options.ends_with(&refusal.to_string()));
    }
    for (geometry, _) in GEOMETRIES {
        assert_eq!(Either::Geometry(geometry).to_string(), geometry.to_string());
        assert_eq!(ApplyError::Geometry(geometry).to_string(), geometry.to_string());
    }
    for (misuse, _) in MISUSES {
        assert_eq!(Either::Misuse(misuse).to_string(), misuse.to_string());
        assert!(ApplyError::Bug(misuse).to_string().ends_with(&misuse.to_string()));
    }
    told::<Either>(&[
        (Either::New("worn out"), &["new image failed: worn out"]),
        (Either::Old("worn out"), &["old image failed: worn out"]),
    ]);
    told(&[(ApplyError::WrongResult, &["not the digest"] as &[&str])]);
    let not_proven = EncodeError::NotProven(ApplyError::WrongResult).to_string();
    assert!(not_proven.contains("bug") && not_proven.ends_with(&ApplyError::WrongResult.to_string()));
    let too_long = EncodeError::TooLong {
        bytes: 71,
        bytes_max: 72,
    };
    assert_eq!(
        too_long.to_string(),
        "an image has 71 bytes, and a patch is made for at most 72"
    );
}
