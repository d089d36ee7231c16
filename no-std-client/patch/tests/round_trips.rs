//! What was encoded decodes to the same bytes, on a device with strict flash, whatever the images are.

mod support;

use proptest::prelude::*;
use support::*;
use tuffet_patch::{
    Architecture, EncodeError, Layout, Options, Profile, Refusal, SmallState, SmallThumbState, StandardState, apply,
    encode, encode_with, info,
};

fn check(old: &[u8], new: &[u8], block_bytes: u32) {
    let options = Options {
        block_bytes,
        ..Options::of(Profile::Small)
    };
    let source = (!old.is_empty()).then_some(old);
    let encoded = encode_with(source, new, &options).unwrap();
    assert_eq!(
        encoded,
        encode_with(source, new, &options).unwrap(),
        "the same input makes the same bytes"
    );
    let decoded = decode(old, new.len(), &encoded.bytes, encoded.pinned, image(new)).unwrap();
    assert!(decoded == new);
}

/// A change of an image.
#[derive(Clone, Debug)]
enum Edit {
    Change { at: usize, by: u8 },
    Insert { at: usize, bytes: Vec<u8> },
    Move { from: usize, length: usize, to: usize },
    Run { at: usize, byte: u8, length: usize },
    Shift { at: usize, length: usize, by: u8 },
    Cut { at: usize, length: usize },
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = 0_usize..6_000;
    let length = 0_usize..700;
    prop_oneof![
        (place.clone(), any::<u8>()).prop_map(|(at, by)| Edit::Change { at, by }),
        (place.clone(), proptest::collection::vec(any::<u8>(), 0..90))
            .prop_map(|(at, bytes)| Edit::Insert { at, bytes }),
        (place.clone(), length.clone(), place.clone()).prop_map(|(from, length, to)| Edit::Move { from, length, to }),
        (place.clone(), any::<u8>(), length.clone()).prop_map(|(at, byte, length)| Edit::Run { at, byte, length }),
        (place.clone(), length.clone(), any::<u8>()).prop_map(|(at, length, by)| Edit::Shift { at, length, by }),
        (place, length).prop_map(|(at, length)| Edit::Cut { at, length }),
    ]
}

impl Edit {
    fn apply(&self, image: &mut Vec<u8>) {
        let inside = |at: usize| at.min(image.len());
        match self {
            Self::Change { at, by } => {
                if let Some(byte) = image.get_mut(*at) {
                    *byte = byte.wrapping_add(*by);
                }
            }
            Self::Insert { at, bytes } => {
                let at = inside(*at);
                image.splice(at..at, bytes.iter().copied());
            }
            Self::Move { from, length, to } => {
                let piece: Vec<u8> = image.drain(inside(*from)..inside(from + length)).collect();
                let to = (*to).min(image.len());
                image.splice(to..to, piece);
            }
            Self::Run { at, byte, length } => {
                let at = inside(*at);
                image.splice(at..at, vec![*byte; *length]);
            }
            Self::Shift { at, length, by } => {
                let (start, end) = (inside(*at), inside(at + length));
                image[start..end]
                    .iter_mut()
                    .step_by(4)
                    .for_each(|byte| *byte = byte.wrapping_add(*by));
            }
            Self::Cut { at, length } => drop(image.drain(inside(*at)..inside(at + length))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edited_images(length in 0_usize..6_000, seed in any::<u64>(), edits in proptest::collection::vec(edit(), 0..8)) {
        let old = firmware(length, seed);
        let mut new = old.clone();
        for edit in &edits {
            edit.apply(&mut new);
        }
        check(&old, &new, 256);
    }

    #[test]
    fn any_bytes(old in proptest::collection::vec(0_u8..4, 0..300), new in proptest::collection::vec(0_u8..4, 0..300)) {
        check(&old, &new, 1024);
    }
}

#[test]
fn lengths_around_units_and_blocks() {
    let mut random = Random(11);
    for length in [
        1, 2, 7, 8, 9, 127, 128, 129, 223, 224, 225, 255, 256, 257, 1023, 1024, 1025, 2049,
    ] {
        let noise = random.bytes(length);
        check(&[], &noise, 256);
        check(&noise, &random.bytes(length), 256);
        check(&noise, &noise, 256);
        check(&firmware(length, 3), &noise[..length / 2], 256);
    }
}

#[test]
fn nothing_and_one_byte() {
    check(&[], &[], 1024);
    check(&[7], &[], 1024);
    check(&[], &[7], 1024);
    check(&[7], &[7], 1024);
    check(&[7], &[8], 1024);
}

/// A search that compares along the run for each of its bytes would take minutes.
#[test]
fn long_runs_of_one_byte() {
    let mut old = firmware(20_000, 5);
    old.splice(7_000..7_000, vec![0; 300_000]);
    let mut new = next_version(&old[..9_000], 6);
    new.extend(vec![0; 280_000]);
    new.extend_from_slice(&old[300_000..]);
    let encoded = encode(Some(&old), &new, Profile::Small).unwrap();
    assert!(encoded.bytes.len() < 8_000, "{}", encoded.bytes.len());
}

#[test]
fn profiles_have_their_own_state() {
    let old = firmware(30_000, 1);
    let new = next_version(&old, 2);
    for profile in Profile::ALL {
        let encoded = encode(Some(&old), &new, profile).unwrap();
        assert_eq!(apply(Some(&old), &encoded.bytes, encoded.pinned).unwrap(), new);
        assert_eq!(info(&encoded.bytes).unwrap().header, encoded.header);

        let mut device = Device::new(&old, new.len(), &encoded.bytes);
        let mut small = SmallState::new();
        small.begin(encoded.pinned, image(&old), image(&new)).unwrap();
        let outcome = device.finish(&mut small);
        let wrong = Refusal::WrongProfile {
            decoder: Profile::Small,
            patch: profile,
        };
        assert_eq!(
            outcome.map_err(refusal),
            if profile == Profile::Small { Ok(()) } else { Err(wrong) }
        );
    }

    let encoded = encode(Some(&old), &new, Profile::Standard).unwrap();
    let mut device = Device::new(&old, new.len(), &encoded.bytes);
    let mut state = StandardState::new();
    state.begin(encoded.pinned, image(&old), image(&new)).unwrap();
    device.finish(&mut state).unwrap();
    assert!(device.new.bytes[..new.len()] == new);
}

#[test]
fn decoder_of_a_cortex_m_follows_its_own_instructions_and_no_others() {
    let old = firmware(30_000, 3);
    let new = next_version(&old, 4);
    for (architecture, refused) in [
        (Architecture::Unknown, None),
        (Architecture::Thumb, None),
        (Architecture::RiscV, Some(2)),
        (Architecture::Xtensa, Some(3)),
        (Architecture::XtensaBig, Some(6)),
    ] {
        let layout = Layout {
            architecture,
            bases: None,
        };
        let options = Options {
            layout: Some(layout),
            ..Options::of(Profile::Small)
        };
        let encoded = encode_with(Some(&old), &new, &options).unwrap();
        let refused = refused.map(|architecture| Refusal::UnknownArchitecture { architecture });
        let begun = || {
            let mut state = Box::new(SmallThumbState::new());
            state.begin(encoded.pinned, image(&old), image(&new)).unwrap();
            state
        };

        let mut device = Device::new(&old, new.len(), &encoded.bytes);
        let outcome = device.finish(&mut *begun()).map_err(refusal);
        assert_eq!(outcome.err(), refused, "{architecture:?}");
        assert_eq!(device.new.erases.is_empty(), refused.is_some());
        assert_eq!(device.new.bytes[..new.len()] == new, refused.is_none());

        // Nor does it go on where one that follows more was saved.
        let mut other = Device::new(&old, new.len(), &encoded.bytes);
        let mut state = Box::new(SmallState::new());
        state.begin(encoded.pinned, image(&old), image(&new)).unwrap();
        other.finish(&mut *state).unwrap();
        let (_, record) = &other.saved[0];
        let resumed = resume(&mut *begun(), record, encoded.pinned, image(&old), image(&new));
        assert_eq!(resumed.is_err(), refused.is_some(), "{architecture:?}: {resumed:?}");
    }
}

/// What the decoder writes and erases: each unit once, in order, nothing behind the image.
#[test]
fn flash_is_written_once_and_front_to_back() {
    let old = firmware(9_000, 8);
    let new = next_version(&old, 9);
    let encoded = encode(Some(&old), &new, Profile::Small).unwrap();
    let mut device = Device::new(&old, new.len() + 5_000, &encoded.bytes);
    let mut state = SmallState::new();
    state.begin(encoded.pinned, image(&old), image(&new)).unwrap();
    device.finish(&mut state).unwrap();
    let units = new.len().div_ceil(flash::ERASE_BYTES) as u32;
    let erases: Vec<_> = (0..units).map(|unit| (unit * 1024, (unit + 1) * 1024)).collect();
    assert_eq!(device.new.erases, erases);
    assert_eq!(device.new.written, new.len().next_multiple_of(flash::WRITE_BYTES));
}

#[test]
fn options_out_of_range() {
    let options = Options {
        block_bytes: 1_000,
        ..Options::of(Profile::Small)
    };
    let refused = EncodeError::Options(Refusal::BlockSize { block_bytes: 1_000 });
    assert_eq!(encode_with(None, b"x", &options), Err(refused));
    let options = Options {
        checkpoint_unit: 512,
        ..Options::of(Profile::Small)
    };
    assert_eq!(
        encode_with(None, b"x", &options),
        Err(EncodeError::Options(Refusal::Checkpoints))
    );
}
