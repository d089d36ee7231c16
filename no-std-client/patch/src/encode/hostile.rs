//! Patches that no encoder makes, with a valid chain: what a stolen release key can sign.

use super::{apply, chained, image, range_encoder::RangeEncoder};
use crate::{
    ApplyError, Checkpoints, Header, Profile, Refusal, SmallState,
    encode::coding::Segment,
    model::{Copy, Expected, Model, Origin, Start},
};
use std::vec::Vec;

const OLD: &[u8] = b"the image that runs, and from which a copy may be taken";
const NEW: &[u8] = b"the image that is to come; its bytes do not matter here";

/// Offers these coded bytes as a patch from OLD to NEW.
fn offer(coded: &[u8]) -> Result<Vec<u8>, ApplyError> {
    let result = image(NEW);
    let header = Header {
        profile: Profile::Small,
        source: image(OLD),
        result,
        block_bytes: 256,
        checkpoints: Checkpoints::new(10, &[], result.length).map_err(ApplyError::Refused)?,
    };
    let (bytes, pinned) = chained(&header, coded);
    apply(Some(OLD), &bytes, pinned)
}

/// Codes `literals` bytes of NEW, and then the start of a copy.
fn copy_behind(literals: u32, copy: Copy) -> Vec<u8> {
    let mut model = Model::<192, 368>::ZERO;
    model.reset();
    let mut coder = RangeEncoder::new();
    for position in 0..literals {
        model.start(&mut coder, position, Start::Literal);
        let at = position as usize;
        model.literal(&mut coder, position, OLD[at], NEW[at]);
    }
    model.start(&mut coder, literals, Start::Copy(copy));
    // What follows does not matter: the start is refused.
    let expected = Expected {
        byte: 0,
        ahead: 0,
        origin: copy.origin,
    };
    model.copied(&mut coder, literals + 1, expected, Some(1));
    coder.finish()
}

#[test]
fn copy_from_outside_the_old_image() {
    let origin = Origin::Old;
    let source_bytes = OLD.len() as u32;
    for (literals, from) in [(0, source_bytes), (3, source_bytes + 1), (0, u32::MAX), (9, 1 << 31)] {
        let refused = Refusal::CopyOutsideSource {
            offset: from,
            source_bytes,
        };
        let outcome = offer(&copy_behind(literals, Copy { origin, from }));
        assert_eq!(outcome, Err(ApplyError::Refused(refused)), "{literals}");
    }
}

#[test]
fn copy_from_ahead_in_the_new_image() {
    let origin = Origin::New;
    for (position, from) in [(0, 0), (5, 5), (5, 6), (0, u32::MAX), (7, u32::MAX - 90)] {
        let refused = Refusal::CopyAhead {
            position,
            distance: u32::wrapping_sub(position, from),
        };
        let outcome = offer(&copy_behind(position, Copy { origin, from }));
        assert_eq!(outcome, Err(ApplyError::Refused(refused)), "{position} {from}");
    }
}

#[test]
fn coded_bytes_missing_or_left_over() {
    let coded = SmallState::code(OLD, NEW, &[]).bytes;
    assert_eq!(offer(&coded), Ok(NEW.to_vec()));
    let refused = |refusal| Err(ApplyError::Refused(refusal));
    // The decoder supplies up to four bytes at the end itself, so one byte more may take the place of one of these.
    assert_eq!(offer(&[&coded[..], &[0; 5]].concat()), refused(Refusal::ExtraBytes));
    assert_eq!(offer(&[&coded[..], &[7; 300]].concat()), refused(Refusal::ExtraBytes));
    assert_eq!(offer(&coded[..coded.len() / 2]), refused(Refusal::Truncated));
    assert_eq!(offer(&[]), refused(Refusal::Truncated));
}

/// The digest of the header is compared with what was made.
#[test]
fn another_image_than_said() {
    let other: Vec<u8> = NEW.iter().rev().copied().collect();
    assert_eq!(
        offer(&SmallState::code(OLD, &other, &[]).bytes),
        Err(ApplyError::WrongResult)
    );
}

/// A copy that follows its own output is allowed: that is how a run is told.
#[test]
fn copy_of_itself() {
    let run = Segment {
        start: 1,
        length: 30,
        origin: Origin::New,
        from: 0,
    };
    let mut image = NEW.to_vec();
    image[..31].fill(b'=');
    let coded = SmallState::code(OLD, &image, &[run]);
    assert_eq!(offer(&coded.bytes), Err(ApplyError::WrongResult));
    let plain = SmallState::code(OLD, &image, &[]);
    assert!(coded.bytes.len() < plain.bytes.len());
}
