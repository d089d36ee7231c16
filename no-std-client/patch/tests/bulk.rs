//! The bulk codec: what it makes of large images, and of hostile ones.

#[path = "support/model/slot.rs"]
#[allow(dead_code, reason = "the model uses more of it")]
mod slot;
mod support;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use slot::Slot;
use std::{
    convert::Infallible,
    io::{Seek as _, Write as _},
};
use support::elf::Program;
use support::*;
use tuffet_patch::{
    ApplyError, BULK_BYTES, BulkState, Codec, EncodeError, Encoded, Error, FilesError, Image, Options, Profile,
    Progress, Refusal, apply, apply_files, encode_with,
    hostile::{self, BulkCover, BulkPlan, BulkSegment},
    info,
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

/// From 1 MiB on, if nothing is said: sometimes that is one codec, sometimes the other.
#[test]
fn the_codec_of_the_shorter_patch_is_taken() {
    let old = firmware(1_100_000, 1);
    for (new, wanted) in [(old.clone(), Codec::Bulk), (next_version(&old, 2), Codec::Mixing)] {
        let [chosen, bulk, mixing] = [None, Some(Codec::Bulk), Some(Codec::Mixing)].map(|codec| {
            let options = Options {
                codec,
                ..Options::of(Profile::Large)
            };
            encode_with(Some(&old), &new, &options).unwrap()
        });
        assert_eq!(
            chosen.header.codec,
            wanted,
            "{} {}",
            bulk.bytes.len(),
            mixing.bytes.len()
        );
        assert_eq!(chosen.bytes.len(), bulk.bytes.len().min(mixing.bytes.len()));
    }
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

/// Coded bytes of the bulk codec in the place of those between two images, as the vendor's tool and a device take them. The slots of
/// the device panic at whatever lies outside.
struct Offer {
    old: Vec<u8>,
    new: Vec<u8>,
    header: Vec<u8>,
}

/// What came of it, and how much of the old image was read and of the new one written.
struct Outcome {
    refused: Option<Refusal>,
    read: u64,
    written: usize,
}

impl Offer {
    const OLD_BYTES: u32 = 3_000;
    const NEW_BYTES: u32 = 5_000;

    /// The new image has the beginning of the old one at 1,000, and at 4,000 what it has itself at 500.
    fn new() -> Self {
        let old = Random(81).bytes(Self::OLD_BYTES as usize);
        let mut new = Random(82).bytes(Self::NEW_BYTES as usize);
        new[1_000..3_000].copy_from_slice(&old[..2_000]);
        new.copy_within(500..900, 4_000);
        let encoded = encode_with(Some(&old), &new, &bulk(1 << 10)).unwrap();
        let header = payload(&encoded)[..encoded.header.bytes()].to_vec();
        Self { old, new, header }
    }

    fn plan(&self, plan: &BulkPlan) -> Outcome {
        self.coded(&hostile::bulk(plan, Self::OLD_BYTES, &self.new))
    }

    fn coded(&self, coded: &[u8]) -> Outcome {
        let (file, pinned) = chained(&[&self.header[..], coded].concat(), 1 << 10);
        // Where memory begins decides for how many covers it has room.
        let mut memory = vec![0; BULK_BYTES / 4 + 16];
        let start = memory.as_ptr().align_offset(64);
        let mut decoder = BulkState::new(&mut memory[start..][..BULK_BYTES / 4]).unwrap();
        let (mut running, mut spare) = (Slot::<1>::holding(&self.old), Slot::<1>::old(self.new.len()));
        decoder.begin(pinned, image(&self.old), image(&self.new)).unwrap();
        let refused = self.decode(&mut decoder, &file, &mut running, &mut spare);
        let made = apply(Some(&self.old), &file, pinned);
        match refused {
            Some(Refusal::Pieces { .. }) => {
                assert!(
                    matches!(made, Err(ApplyError::Refused(Refusal::Pieces { .. }))),
                    "{made:?}"
                );
            }
            Some(refusal) => assert_eq!(made, Err(ApplyError::Refused(refusal))),
            None => assert!(made.as_deref() == Ok(&spare.bytes[..self.new.len()])),
        }
        assert!(spare.written <= self.new.len());
        Outcome {
            refused,
            read: running.read,
            written: spare.written,
        }
    }

    fn decode(
        &self,
        decoder: &mut BulkState<'_>,
        file: &[u8],
        running: &mut Slot<1>,
        spare: &mut Slot<1>,
    ) -> Option<Refusal> {
        while let Some(range) = decoder.next_block() {
            let rest = &file[range.offset as usize..];
            if rest.is_empty() {
                return decoder.chain().unwrap().finish().err();
            }
            let block = decoder.authenticate(&rest[..rest.len().min(range.length as usize)]);
            let block = block.map_err(refusal).unwrap();
            loop {
                match decoder.run(&block, running, spare) {
                    Ok(Progress::NeedsErase { from, to }) => spare.erase(from, to).unwrap(),
                    Ok(Progress::NeedsBlock) => break,
                    Ok(Progress::Done) => return None,
                    Ok(Progress::Checkpoint { .. }) => panic!("there are none"),
                    Err(Error::Refused(refusal)) => return Some(refusal),
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
        panic!("neither done nor refused, and no block is left");
    }
}

const fn segment(start: u32, length: u32) -> BulkSegment {
    BulkSegment { start, length }
}

const fn cover(new: u32, from: u32, length: u32, is_verbatim: bool) -> BulkCover {
    BulkCover {
        new,
        from,
        length,
        is_verbatim,
    }
}

/// Segments at all ends of an image, and covers of all of the old one that is in the new one, and of the new one.
fn right_plan() -> BulkPlan {
    BulkPlan {
        olds: vec![segment(0, 100), segment(100, 0), segment(200, 2_800)],
        news: vec![segment(8, 4_992)],
        covers: vec![
            cover(1_000, 0, 1_900, true),
            cover(2_900, 1_900, 100, false),
            cover(4_000, Offer::OLD_BYTES + 500, 400, true),
        ],
        ..BulkPlan::default()
    }
}

/// A slot without end, which nothing may be done with.
struct Vast;

impl ErrorType for Vast {
    type Error = Infallible;
}

impl ReadNorFlash for Vast {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        panic!("read of {} at {offset}", bytes.len());
    }

    fn capacity(&self) -> usize {
        u32::MAX as usize
    }
}

impl NorFlash for Vast {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        panic!("erase from {from} to {to}");
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        panic!("write of {} at {offset}", bytes.len());
    }
}

/// A plan keeps 31 bits of a length, so one that has more is refused, though both images are as long.
#[test]
fn plan_cover_longer_than_can_be_kept() {
    let offer = Offer::new();
    let vast = |bytes: &[u8]| Image {
        length: 0xF000_0000,
        ..image(bytes)
    };
    let (source, result) = (vast(&offer.old), vast(&offer.new));
    let mut header = offer.header.clone();
    for (image, digest) in [(source, source.digest), (result, result.digest)] {
        let at = header.windows(32).position(|bytes| bytes == digest).unwrap();
        header[at - 4..at].copy_from_slice(&image.length.to_le_bytes());
    }
    let mut memory = vec![0; BULK_BYTES / 4];
    let mut decoder = BulkState::new(&mut memory).unwrap();
    let mut offered = |length| {
        let plan = BulkPlan {
            covers: vec![cover(7, 9, length, true), cover(7 + length, u32::MAX, 1, false)],
            ..BulkPlan::default()
        };
        let coded = hostile::bulk(&plan, source.length, &[]);
        // So that all of the plan is there.
        let (file, pinned) = chained(&[&header[..], &coded, &[0; 64]].concat(), 1 << 10);
        decoder.begin(pinned, source, result).unwrap();
        let block = decoder.authenticate(&file).unwrap();
        decoder.run(&block, &mut Vast, &mut Vast).map_err(refusal)
    };
    for length in [1 << 31, (1 << 31) + 1, 0xE000_0000] {
        let refused = Refusal::CoverOutside {
            offset: 7,
            result_bytes: result.length,
        };
        assert_eq!(offered(length), Err(refused), "{length}");
    }
    // The longest one is not what is wrong.
    assert!(matches!(offered((1 << 31) - 1), Err(Refusal::CopyAhead { .. })));
}

/// Else whatever is wrong below might be refused for another reason.
#[test]
fn plan_with_right_numbers() {
    let outcome = Offer::new().plan(&right_plan());
    assert_eq!(outcome.refused, None);
    assert_eq!((outcome.read > 0, outcome.written), (true, 5_000));
}

#[test]
fn plan_segment_outside() {
    let offer = Offer::new();
    let olds = |segments: &[BulkSegment]| BulkPlan {
        olds: segments.to_vec(),
        ..right_plan()
    };
    let news = |segments: &[BulkSegment]| BulkPlan {
        news: segments.to_vec(),
        ..right_plan()
    };
    for image_bytes in [Offer::OLD_BYTES, Offer::NEW_BYTES] {
        let rows = [
            ("one byte too long", vec![segment(0, image_bytes + 1)]),
            ("behind the end", vec![segment(image_bytes, 1)]),
            ("empty behind the end", vec![segment(image_bytes + 1, 0)]),
            ("far behind the end", vec![segment(u32::MAX, 1)]),
            ("length wraps to inside", vec![segment(100, u32::MAX)]),
            ("length wraps to zero", vec![segment(8, u32::MAX - 7)]),
            ("overlaps", vec![segment(0, 100), segment(99, 10)]),
            ("gap wraps to the beginning", vec![segment(100, 100), segment(0, 10)]),
            (
                "gap wraps to the one before",
                vec![segment(100, 100), segment(100, 100)],
            ),
            (
                "second one too long",
                vec![segment(0, 100), segment(100, image_bytes - 99)],
            ),
        ];
        for (name, segments) in rows {
            let plan = match image_bytes {
                Offer::OLD_BYTES => olds(&segments),
                _ => news(&segments),
            };
            let offset = segments.last().unwrap().start;
            let outcome = offer.plan(&plan);
            let refused = Refusal::SegmentOutside { offset, image_bytes };
            assert_eq!(outcome.refused, Some(refused), "{name}, of {image_bytes}");
            assert_eq!((outcome.read, outcome.written), (0, 0), "{name}");
        }
    }
}

#[test]
fn plan_cover_outside_the_result() {
    let offer = Offer::new();
    let result_bytes = Offer::NEW_BYTES;
    for (name, new, length) in [
        ("one byte too long", 4_990, 11),
        ("behind the end", 5_000, 1),
        ("far behind the end", u32::MAX, 1),
        ("of nothing", 2_000, 0),
        ("length wraps to inside", 2_000, u32::MAX),
        ("length wraps to zero", 2_000, u32::MAX - 1_999),
        ("longer than a plan can keep", 2_000, 1 << 31),
        ("as long, less what it keeps", 2_000, (1 << 31) + 1),
        ("overlaps", 1_049, 10),
        ("gap wraps to the beginning", 0, 10),
        ("gap wraps to the one before", 1_000, 50),
    ] {
        for is_verbatim in [false, true] {
            let plan = BulkPlan {
                covers: vec![cover(1_000, 0, 50, true), cover(new, 100, length, is_verbatim)],
                ..right_plan()
            };
            let outcome = offer.plan(&plan);
            let refused = Refusal::CoverOutside {
                offset: new,
                result_bytes,
            };
            assert_eq!(outcome.refused, Some(refused), "{name}");
            assert_eq!((outcome.read, outcome.written), (0, 0), "{name}");
        }
    }
}

#[test]
fn plan_cover_of_what_is_not_there() {
    let offer = Offer::new();
    let source_bytes = Offer::OLD_BYTES;
    let outside = |offset| Refusal::CopyOutsideSource { offset, source_bytes };
    let ahead = |distance| Refusal::CopyAhead {
        position: 2_000,
        distance,
    };
    for (name, from, length, is_verbatim, refused) in [
        ("one byte too long", 2_990, 11, true, outside(2_990)),
        ("with changes, one byte too long", 2_990, 11, false, outside(2_990)),
        ("from the last byte on", 2_999, 2, false, outside(2_999)),
        (
            "longer than the source less where it begins",
            1,
            3_000,
            true,
            outside(1),
        ),
        ("of itself", source_bytes + 2_000, 10, true, ahead(0)),
        ("of what follows", source_bytes + 2_001, 10, true, ahead(u32::MAX)),
        (
            "of what is behind the result",
            source_bytes + 5_000,
            1,
            true,
            ahead(u32::MAX - 2_999),
        ),
        ("of what nothing has", u32::MAX, 1, true, ahead(2_001 + source_bytes)),
        ("of the result, with changes", source_bytes, 10, false, ahead(2_000)),
        (
            "of what follows, with changes",
            source_bytes + 2_000,
            10,
            false,
            ahead(0),
        ),
    ] {
        for before in [vec![], vec![cover(1_000, 0, 50, true)]] {
            let wrong = cover(2_000, from, length, is_verbatim);
            let plan = BulkPlan {
                covers: [before, vec![wrong]].concat(),
                ..right_plan()
            };
            let outcome = offer.plan(&plan);
            assert_eq!(outcome.refused, Some(refused), "{name}");
            assert_eq!((outcome.read, outcome.written), (0, 0), "{name}");
        }
    }
}

/// More than there is room for are refused before the first one is read.
#[test]
fn plan_of_too_many() {
    let offer = Offer::new();
    let covers = |said| BulkPlan {
        covers_said: Some(said),
        ..right_plan()
    };
    let olds = |said| BulkPlan {
        olds_said: Some(said),
        ..right_plan()
    };
    let news = |said| BulkPlan {
        news_said: Some(said),
        ..right_plan()
    };
    let refused = |pieces, pieces_max| Some(Refusal::Pieces { pieces, pieces_max });
    for (plan, refused) in [
        (covers(u32::MAX), refused(u32::MAX, 500_000)),
        (covers(500_001), refused(500_001, 500_000)),
        (olds(u32::MAX), refused(u32::MAX, 4_096)),
        (olds(4_097), refused(4_097, 4_096)),
        (news(u32::MAX), refused(u32::MAX, 4_096)),
        (news(4_097), refused(4_097, 4_096)),
    ] {
        let outcome = offer.plan(&plan);
        assert_eq!(outcome.refused, refused);
        assert_eq!((outcome.read, outcome.written), (0, 0));
    }
    // What is read as one of them next is none.
    for plan in [covers(500_000), olds(4_096), news(4_096)] {
        let refused = offer.plan(&plan).refused;
        assert!(!matches!(refused, None | Some(Refusal::Pieces { .. })), "{refused:?}");
    }
}

#[test]
fn literals_more_or_less_than_the_result_has() {
    let offer = Offer::new();
    let coded = |new: &[u8]| offer.coded(&hostile::bulk(&right_plan(), Offer::OLD_BYTES, new));
    let more = coded(&[&offer.new[..], &Random(83).bytes(900)].concat());
    assert_eq!(
        (more.refused, more.written),
        (Some(Refusal::ExtraBytes), offer.new.len())
    );
    let less = coded(&offer.new[..4_900]);
    assert_eq!(less.refused, Some(Refusal::Truncated));
    let nothing = offer.coded(&[]);
    assert_eq!(
        (nothing.refused, nothing.read, nothing.written),
        (Some(Refusal::Truncated), 0, 0)
    );
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
