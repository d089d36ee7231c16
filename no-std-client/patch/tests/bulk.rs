//! The bulk codec: what it makes of large images, and of hostile ones.

#[path = "support/model/slot.rs"]
#[allow(dead_code, reason = "the model uses more of it")]
mod slot;
mod support;

use embedded_storage::nor_flash::NorFlash as _;
use slot::Slot;
use std::io::{Seek as _, Write as _};
use support::elf::Program;
use support::*;
use tuffet_patch::{
    ApplyError, BULK_BYTES, BulkState, Codec, EncodeError, Encoded, FilesError, Options, Profile, Progress, Refusal,
    apply, apply_files, encode_with, info,
};

fn bulk(block_bytes: u32) -> Options {
    Options {
        block_bytes,
        codec: Some(Codec::Bulk),
        ..Options::of(Profile::Large)
    }
}

fn encoded(old: &[u8], new: &[u8]) -> Encoded {
    encode_with((!old.is_empty()).then_some(old), new, &bulk(1 << 16)).unwrap()
}

/// A file system with a program between other files, and what it is in the next version.
fn versions(functions: usize) -> (Vec<u8>, Vec<u8>) {
    let program = Program::new(functions, 3);
    let (before, behind) = (firmware(70_000, 1), firmware(150_000, 2));
    let old = [&before[..], &program.link(), &behind].concat();
    let before = next_version(&before, 4);
    let new = [&before[..], &program.next(5).link(), &behind, b"one more file"].concat();
    (old, new)
}

/// Each is encoded, decoded by the encoder itself, and decoded here.
#[test]
fn any_pair_comes_out_as_it_went_in() {
    let noise = Random(8).bytes(100_000);
    let (old, new) = versions(300);
    let pairs: [(&[u8], &[u8]); 12] = [
        (&old, &new),
        (&new, &old),
        (&old, &old),
        (&[], &new),
        (&old, &[7]),
        (&[7], &old),
        (&noise, &noise[1..]),
        (&noise, &new),
        (&[0; 200_000], &[0; 300_001]),
        (&[], &[0xFF; 200_000]),
        (&noise, &[&noise[50_000..], &noise[..70_000]].concat()),
        (&[], &[&noise[..], &noise, &noise].concat()),
    ];
    for (old, new) in pairs {
        let encoded = encoded(old, new);
        assert_eq!(encoded.header.codec, Codec::Bulk);
        let result = apply((!old.is_empty()).then_some(old), &encoded.bytes, encoded.pinned);
        assert!(result.as_deref() == Ok(new), "{} to {} bytes", old.len(), new.len());
    }
    // What comes again costs nothing.
    let again = encoded(&[], &[&noise[..], &noise, &noise].concat()).bytes.len();
    assert!(again < noise.len() * 21 / 20, "{again}");
    assert!(encoded(&[], &[0xFF; 200_000]).bytes.len() < 400);
}

#[test]
fn blocks_of_any_size_carry_the_same() {
    let (old, new) = versions(100);
    let one = encoded(&old, &new);
    for block_bytes in [256, 1 << 10, 1 << 13] {
        let other = encode_with(Some(&old), &new, &bulk(block_bytes)).unwrap();
        let header = other.header.bytes();
        assert_eq!(payload(&other)[header..], payload(&one)[header..]);
        assert!(apply(Some(&old), &other.bytes, other.pinned) == Ok(new.clone()));
    }
}

#[test]
fn what_programs_name_is_followed() {
    let (old, new) = versions(2_000);
    let followed = encoded(&old, &new).bytes.len();
    // The same without what says that it is a program.
    let hidden = |image: &[u8]| {
        let mut image = image.to_vec();
        let at = image.windows(4).position(|bytes| bytes == b"\x7fELF").unwrap();
        image[at] = 0;
        image
    };
    let plain = encoded(&hidden(&old), &hidden(&new)).bytes.len();
    println!("{followed} instead of {plain}");
    assert!(followed * 2 < plain, "{followed} instead of {plain}");
}

#[test]
fn no_microcontroller_has_room_for_it() {
    let options = Options {
        profile: Profile::Standard,
        ..bulk(1 << 12)
    };
    let refused = encode_with(None, &firmware(3_000, 6), &options).unwrap_err();
    assert_eq!(refused, EncodeError::Options(Refusal::UnknownCodec { codec: 1 }));
}

#[test]
fn state_is_as_large_as_the_image_asks_for() {
    let state_bytes = |result_bytes: u32| {
        let mut encoded = encoded(&[], &[1; 300]);
        encoded.bytes[44..48].copy_from_slice(&result_bytes.to_le_bytes());
        info(&encoded.bytes).unwrap().state_bytes
    };
    assert!(state_bytes(64 << 20) <= 16 << 20);
    assert!((16 << 20..=40 << 20).contains(&state_bytes(1 << 30)));
}

/// An empty file that is gone again.
fn file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn contents(file: &mut std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    std::io::Read::read_to_end(file, &mut bytes).unwrap();
    bytes
}

#[test]
fn files_are_applied_in_every_profile() {
    let (old, new) = versions(60);
    let options = Profile::ALL.map(Options::of).into_iter().chain([bulk(1 << 12)]);
    for options in options {
        let encoded = encode_with(Some(&old), &new, &options).unwrap();
        let mut out = file(&[]);
        let applied = apply_files(Some(&file(&old)), &file(&encoded.bytes), &out, encoded.pinned).unwrap();
        assert_eq!(applied.header, encoded.header);
        assert_eq!(applied.state_bytes, info(&encoded.bytes).unwrap().state_bytes);
        assert!(contents(&mut out) == new);
    }
}

#[test]
fn files_that_are_not_right_are_refused() {
    let (old, new) = versions(60);
    let encoded = encoded(&old, &new);
    let refused = |old: Option<&[u8]>, patch: &[u8]| {
        let old = old.map(file);
        match apply_files(old.as_ref(), &file(patch), &file(&[]), encoded.pinned) {
            Err(FilesError::Apply(ApplyError::Refused(refusal))) => refusal,
            other => panic!("{other:?}"),
        }
    };
    let mut other = old.clone();
    other[50_000] ^= 1;
    assert_eq!(refused(Some(&other), &encoded.bytes), Refusal::WrongSource);
    assert_eq!(refused(Some(&old[1..]), &encoded.bytes), Refusal::WrongSource);
    assert_eq!(refused(None, &encoded.bytes), Refusal::WrongSource);
    let cut = &encoded.bytes[..encoded.bytes.len() - 1];
    assert!(matches!(refused(Some(&old), cut), Refusal::BlockLength { .. }));
    assert!(matches!(refused(Some(&old), &[]), Refusal::BlockLength { .. }));
    let longer = [&encoded.bytes[..], &[0]].concat();
    assert_eq!(refused(Some(&old), &longer), Refusal::ExtraBlock);
    let mut edited = encoded.bytes.clone();
    *edited.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(Some(&old), &edited), Refusal::WrongBlock { .. }));
}

/// A stolen key signs anything: the decoder stays inside both images and comes to an end. In this build every sum that leaves its type
/// panics.
#[test]
fn hostile_bytes_end_in_a_refusal_or_a_wrong_image() {
    let (old, new) = versions(40);
    let encoded = encoded(&old, &new);
    let bytes = payload(&encoded);
    let header = encoded.header.bytes();
    let mut random = Random(11);
    let (mut refused, mut wrong) = (0, 0);
    for round in 0..400 {
        let mut bytes = bytes.clone();
        // The plan stands in front, so half of the edits are there. Behind one near the end as much is read as there is.
        let (start, end) = match round % 4 {
            0 | 2 => (header, header + 200),
            1 => (header, bytes.len()),
            _ => (bytes.len() - 20, bytes.len()),
        };
        for _ in 0..=random.below(3) {
            let at = start + random.below(end.min(bytes.len()) - start);
            bytes[at] = random.next() as u8;
        }
        if random.below(4) == 0 {
            bytes.truncate(header + random.below(bytes.len() - header));
        }
        let (file, pinned) = chained(&bytes, 1 << 16);
        match apply(Some(&old), &file, pinned) {
            Err(ApplyError::Refused(_)) => refused += 1,
            Err(ApplyError::WrongResult) => wrong += 1,
            Ok(result) => assert!(result == new),
            Err(other) => panic!("{other:?}"),
        }
    }
    println!("{refused} refused, {wrong} wrong");
    assert!(refused > 20 && wrong > 5, "{refused} refused, {wrong} wrong");
}

/// What lies behind the end of the old image counts as zero, whatever was read there before.
#[test]
fn nothing_is_known_behind_the_end_of_the_old_image() {
    let mut old = Random(71).bytes(100_000);
    let mut new = old.clone();
    // Of what is read at once, the first is full, and the last ends with the image. Bytes that changed are expected by what follows.
    for at in (0..4_000).step_by(40).chain([old.len() - 4]) {
        old[at..at + 4].copy_from_slice(&[1, 0, 0, 0]);
        new[at..at + 4].copy_from_slice(&[2, 0, 0, 0]);
        old[at + 1..at + 3].copy_from_slice(&Random(at as u64 + 1).bytes(2));
        new[at + 1..at + 3].clone_from_slice(&old[at + 1..at + 3]);
    }
    // Whatever is decoded after that shows whether encoder and decoder agreed.
    new.extend(b"one more line");
    encoded(&old, &new);
}

/// A word of which the image has only the end, or the copy only the beginning, is no word that changed.
#[test]
fn half_a_word_teaches_nothing() {
    let mut old = Random(72).bytes(3_000);
    old.copy_within(0..4, 2_000);
    let mut new = old.clone();
    // The copy of three bytes ends where a long one without changes begins.
    for at in [2, 1_990, 2_010] {
        new[at] ^= 0x40;
    }
    new.extend(b"one more line");
    encoded(&old, &new);
}

/// Short copies from anywhere do not make the decoder read the old image many times over.
#[test]
fn copies_here_and_there_read_a_page_each() {
    let old = Random(73).bytes(1_000_000);
    let mut random = Random(74);
    let mut new = Vec::new();
    for _ in 0..500 {
        let at = random.below(old.len() - 64);
        new.extend_from_slice(&old[at..at + 60]);
        let changed = new.len() - 30;
        new[changed] ^= 1;
    }
    let encoded = encoded(&old, &new);
    let mut memory = vec![0; BULK_BYTES / 4];
    let mut decoder = BulkState::new(&mut memory).unwrap();
    let (mut running, mut spare) = (Slot::<1>::holding(&old), Slot::<1>::old(new.len()));
    let (source, result) = (encoded.header.source, encoded.header.result);
    decoder.begin(encoded.pinned, source, result).unwrap();
    // One block.
    let block = decoder.authenticate(&encoded.bytes).unwrap();
    while let Progress::NeedsErase { from, to } = decoder.run(&block, &mut running, &mut spare).unwrap() {
        spare.erase(from, to).unwrap();
    }
    assert!(spare.bytes[..new.len()] == new);
    println!("{} bytes of the old image were read", running.read);
    assert!(running.read < 600 * 4_096, "{}", running.read);
}

/// A decoder that is started again, wherever it stands, does not go on with what it knows of the patch before.
#[test]
fn a_used_decoder_starts_anew() {
    let (old, new) = versions(60);
    let one = encode_with(Some(&old), &new, &bulk(1 << 10)).unwrap();
    let other = encode_with(Some(&new), &old, &bulk(1 << 10)).unwrap();
    let mut memory = vec![0; BULK_BYTES / 4];
    let mut decoder = BulkState::new(&mut memory).unwrap();
    let mut decoded = |old: &[u8], new: &[u8], encoded: &Encoded, blocks_max: usize| {
        let (mut running, mut spare) = (Slot::<1>::holding(old), Slot::<1>::old(new.len()));
        let (source, result) = (encoded.header.source, encoded.header.result);
        decoder.begin(encoded.pinned, source, result).unwrap();
        for _ in 0..blocks_max {
            let Some(range) = decoder.next_block() else {
                break;
            };
            let bytes = &encoded.bytes[range.offset as usize..][..range.length as usize];
            let block = decoder.authenticate(bytes).unwrap();
            while let Progress::NeedsErase { from, to } = decoder.run(&block, &mut running, &mut spare).unwrap() {
                spare.erase(from, to).unwrap();
            }
        }
        spare.bytes[..new.len()] == *new
    };
    // Nothing, the plan, or half of it was decoded, or all.
    for blocks in [0, 1, one.bytes.len() / 2_048, usize::MAX] {
        assert_eq!(decoded(&old, &new, &one, blocks), blocks == usize::MAX);
        assert!(decoded(&new, &old, &other, usize::MAX), "after {blocks} blocks");
    }
}
