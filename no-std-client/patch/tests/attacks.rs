//! What an attacker can do to a patch, with and without the key that signs its chain.

mod support;

use support::*;
use tuffet_patch::{
    ApplyError, Chain, Encoded, Error, Geometry, Header, Misuse, Options, Pinned, Profile, Refusal, SmallState, apply,
    encode_with,
};

struct Case {
    old: Vec<u8>,
    new: Vec<u8>,
    encoded: Encoded,
}

fn case(seed: u64) -> Case {
    let old = firmware(4_000, seed);
    let mut new = next_version(&old, seed ^ 5);
    // What nobody can guess, so that there is more than one block.
    new.splice(1_500..1_500, Random(seed).bytes(700));
    let options = Options {
        block_bytes: 256,
        ..Options::of(Profile::Small)
    };
    let encoded = encode_with(Some(&old), &new, &options).unwrap();
    assert!(
        encoded.bytes.len() > 3 * 256,
        "four blocks or more: {}",
        encoded.bytes.len()
    );
    Case { old, new, encoded }
}

impl Case {
    fn decode(&self, file: &[u8], pinned: Pinned) -> Result<Vec<u8>, Stopped> {
        decode(&self.old, self.new.len(), file, pinned, image(&self.new))
    }
}

#[test]
fn every_byte_is_authenticated() {
    let case = case(21);
    let pinned = case.encoded.pinned;
    for at in 0..case.encoded.bytes.len() {
        let mut file = case.encoded.bytes.clone();
        file[at] ^= 1 << (at % 8);
        let index = at as u32 / pinned.block_bytes;
        assert_eq!(
            case.decode(&file, pinned).map_err(refusal),
            Err(Refusal::WrongBlock { index }),
            "byte {at}"
        );
    }
}

/// The vendor's tool too: an edited header is a wrong block, not whatever the edit makes of it.
#[test]
fn no_header_is_read_before_it_is_authenticated() {
    let case = case(28);
    let pinned = case.encoded.pinned;
    for at in 0..case.encoded.header.bytes() {
        let mut file = case.encoded.bytes.clone();
        file[at] ^= 1 << (at % 8);
        let refused = Err(ApplyError::Refused(Refusal::WrongBlock { index: 0 }));
        assert_eq!(apply(Some(&case.old), &file, pinned), refused, "byte {at}");
    }
}

#[test]
fn blocks_in_any_other_order() {
    let (one, other) = (case(22), case(23));
    let blocks: Vec<&[u8]> = one.encoded.bytes.chunks(256).collect();
    let last = blocks.len() - 1;
    let fed = |order: &[&[u8]]| {
        let mut chain = Chain::new(one.encoded.pinned).unwrap();
        let fed = order.iter().try_for_each(|block| chain.authenticate(block).map(drop));
        fed.and_then(|()| chain.finish())
    };
    assert_eq!(fed(&blocks), Ok(()));
    let mut swapped = blocks.clone();
    swapped.swap(1, 2);
    assert_eq!(fed(&swapped), Err(Refusal::WrongBlock { index: 1 }));
    assert_eq!(fed(&blocks[1..]), Err(Refusal::WrongBlock { index: 0 }));
    assert_eq!(fed(&[blocks[0], blocks[0]]), Err(Refusal::WrongBlock { index: 1 }));
    assert_eq!(
        fed(&blocks[..last]),
        Err(Refusal::LastBlockMissing { index: last as u32 })
    );
    let extra = [&blocks[..], &[blocks[last]]].concat();
    assert_eq!(fed(&extra), Err(Refusal::ExtraBlock));
    let foreign: Vec<&[u8]> = other.encoded.bytes.chunks(256).collect();
    assert_eq!(fed(&[blocks[0], foreign[1]]), Err(Refusal::WrongBlock { index: 1 }));
    let short = Refusal::BlockLength {
        index: 0,
        expected: 256,
        offered: 255,
    };
    assert_eq!(fed(&[&blocks[0][..255]]), Err(short));
}

/// A refused block can be fetched again.
#[test]
fn a_refusal_moves_nothing() {
    let case = case(24);
    let mut chain = Chain::new(case.encoded.pinned).unwrap();
    let mut damaged = case.encoded.bytes[..256].to_vec();
    damaged[9] ^= 1;
    assert!(chain.authenticate(&damaged).is_err());
    let block = chain.authenticate(&case.encoded.bytes[..256]).unwrap();
    assert_eq!((block.index(), block.payload().len()), (0, 224));
}

#[test]
fn lengths_from_outside() {
    let case = case(25);
    let pinned = case.encoded.pinned;
    let length = pinned.length;
    let with = |length| Pinned { length, ..pinned };
    let blocks = length.div_ceil(256);
    // A length that ends a block earlier turns a hash into coded bytes; the missing end is then noticed.
    let shorter = case.decode(&case.encoded.bytes[..512], with(512)).map_err(refusal);
    assert!(
        matches!(
            shorter,
            Err(Refusal::Truncated | Refusal::ExtraBytes | Refusal::CopyOutsideSource { .. })
        ),
        "{shorter:?}"
    );
    let missing = case.decode(&case.encoded.bytes[..512], pinned).map_err(refusal);
    assert_eq!(missing, Err(Refusal::LastBlockMissing { index: 2 }));
    let cut = case.decode(&case.encoded.bytes[..600], pinned).map_err(refusal);
    assert_eq!(
        cut,
        Err(Refusal::BlockLength {
            index: 2,
            expected: 256,
            offered: 88
        })
    );
    let longer = case.decode(&case.encoded.bytes, with(length + 1)).map_err(refusal);
    assert!(
        matches!(longer, Err(Refusal::BlockLength { index, .. }) if index == blocks - 1),
        "{longer:?}"
    );
    assert_eq!(
        case.decode(&[], with(0)).map_err(refusal),
        Err(Refusal::TooShort { length: 0 })
    );
    for block_bytes in [0, 1, 128, 300, 1 << 17, u32::MAX] {
        let odd = Pinned { block_bytes, ..pinned };
        assert_eq!(
            case.decode(&case.encoded.bytes, odd).map_err(refusal),
            Err(Refusal::BlockSize { block_bytes })
        );
    }
}

#[test]
fn another_base_or_result() {
    let (one, other) = (case(26), case(27));
    let (file, pinned) = (&one.encoded.bytes, one.encoded.pinned);
    let begin = |old: &[u8], result| decode(old, one.new.len(), file, pinned, result).map_err(refusal);
    assert_eq!(begin(&other.old, image(&one.new)), Err(Refusal::WrongSource));
    assert_eq!(begin(&[], image(&one.new)), Err(Refusal::WrongSource));
    assert_eq!(begin(&one.old, image(&other.new)), Err(Refusal::WrongResult));
}

/// The header says another block size than the signed document: the chain fits, and the patch is refused all the same.
#[test]
fn header_names_its_own_blocks() {
    let case = case(28);
    let (file, pinned) = chained(&payload(&case.encoded), 512);
    let refused = Refusal::BlockSizeMismatch {
        pinned: 512,
        header: 256,
    };
    assert_eq!(case.decode(&file, pinned).map_err(refusal), Err(refused));
}

#[test]
fn slots_that_do_not_fit() {
    let case = case(29);
    let (file, pinned) = (&case.encoded.bytes, case.encoded.pinned);
    let run = |old_bytes: usize, new_bytes: usize| {
        let mut device = Device::new(&case.old[..old_bytes], new_bytes, file);
        let mut state = SmallState::new();
        state.begin(pinned, image(&case.old), image(&case.new)).unwrap();
        let stopped = device.finish(&mut state).unwrap_err();
        assert_eq!((device.new.written, device.new.erases.len()), (0, 0));
        stopped
    };
    assert!(matches!(
        run(4_000, 2_048),
        Error::Geometry(Geometry::ResultTooLong { slot_bytes: 2_048, .. })
    ));
    assert!(matches!(
        run(1_000, 8_192),
        Error::Geometry(Geometry::SourceTooLong { slot_bytes: 1_024, .. })
    ));
}

#[test]
fn calls_out_of_order() {
    let (one, other) = (case(30), case(31));
    let (mut state, mut old, mut new) = (
        SmallState::new(),
        flash::Slot::holding(&one.old),
        flash::Slot::filled(one.new.len(), 0),
    );
    let first = &one.encoded.bytes[..256];
    assert_eq!(
        state.authenticate(first).unwrap_err(),
        Error::Misuse(Misuse::NotRunning)
    );
    state
        .begin(one.encoded.pinned, image(&one.old), image(&one.new))
        .unwrap();
    let mut foreign = Chain::new(other.encoded.pinned).unwrap();
    let foreign = foreign.authenticate(&other.encoded.bytes[..256]).unwrap();
    let none = Misuse::BlockNotAtHand {
        expected: None,
        offered: 0,
    };
    assert_eq!(state.run(&foreign, &mut old, &mut new), Err(Error::Misuse(none)));
    let block = state.authenticate(first).unwrap();
    let not_ours = Misuse::BlockNotAtHand {
        expected: Some(0),
        offered: 0,
    };
    assert_eq!(state.run(&foreign, &mut old, &mut new), Err(Error::Misuse(not_ours)));
    assert!(matches!(
        state.authenticate(&one.encoded.bytes[256..512]),
        Err(Error::Misuse(Misuse::BlockNotAtHand { .. }))
    ));
    // Misuse breaks nothing.
    assert!(state.run(&block, &mut old, &mut new).is_ok());
}

/// With a valid chain around any change: it ends, it reads and writes only where it may (else the slots panic), and it says
/// something or makes some image.
#[test]
fn a_publisher_gone_bad() {
    let case = case(32);
    let payload = payload(&case.encoded);
    let mut outcomes = [0_usize; 2];
    let mut attack = |payload: &[u8]| {
        let (file, pinned) = chained(payload, 256);
        let (source, result) = match Header::parse(payload) {
            Ok((header, _)) => (header.source, header.result),
            Err(_) => (image(&case.old), image(&case.new)),
        };
        let mut device = Device::new(&case.old, 3 * 4_096, &file);
        // The caller claims that the source is what the header says; reads may go so far and no further.
        device.old.readable = (source.length as usize).next_multiple_of(4).min(device.old.bytes.len());
        let mut state = SmallState::new();
        state.begin(pinned, source, result).unwrap();
        let outcome = device.finish(&mut state);
        outcomes[usize::from(outcome.is_ok())] += 1;
        assert!(device.new.written <= 3 * 4_096);
        // The tool has the same decoder, and compares the digest.
        assert!(apply(Some(&case.old), &file, pinned).map_or(true, |made| made == case.new));
    };
    attack(&payload);
    let mut random = Random(99);
    for at in 0..payload.len() {
        let mut changed = payload.clone();
        changed[at] ^= 1 << random.below(8);
        attack(&changed);
    }
    for _ in 0..150 {
        let mut changed = payload.clone();
        let from = random.below(payload.len() - 83) + 83;
        let noise = random.bytes(payload.len() - from);
        changed[from..].copy_from_slice(&noise);
        attack(&changed);
        changed.truncate(from);
        attack(&changed);
    }
    let [refused, finished] = outcomes;
    assert!(refused > 300 && finished > 0, "{outcomes:?}");
}
