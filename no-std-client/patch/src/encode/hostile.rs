//! Coded bytes that no encoder makes: what a stolen release key can sign. For tests of whoever decodes.

mod bulk;

pub use bulk::{BulkCover, BulkPlan, BulkSegment, bulk};

use super::{blocks, range_encoder::RangeEncoder};
use crate::{
    LargeState, Pinned, Profile, SmallState, StandardState, State,
    model::{Copy, Expected, Model, Origin, Start},
    predict::Place,
};
use std::{boxed::Box, vec::Vec};

/// A file with a valid chain around any payload: whatever the bytes are, each block is authentic.
pub fn chained(payload: &[u8], block_bytes: u32) -> (Vec<u8>, Pinned) {
    blocks(payload, block_bytes)
}

/// Codes `new` as literals, but for the byte behind the first `literals`: that one is copied from `old` at `from`, wherever that
/// is. Whoever does not look there goes on to the end, and makes a wrong image.
pub fn copy_from_old(profile: Profile, old: &[u8], new: &[u8], literals: u32, from: u32) -> Vec<u8> {
    let origin = Origin::Old;
    copy(profile, old, new, literals, Copy { origin, from })
}

/// The same, with a copy from `new` itself.
pub fn copy_from_new(profile: Profile, old: &[u8], new: &[u8], literals: u32, from: u32) -> Vec<u8> {
    let origin = Origin::New;
    copy(profile, old, new, literals, Copy { origin, from })
}

fn copy(profile: Profile, old: &[u8], new: &[u8], literals: u32, copy: Copy) -> Vec<u8> {
    match profile {
        Profile::Small => SmallState::copy_behind(old, new, literals, copy),
        Profile::Standard => StandardState::copy_behind(old, new, literals, copy),
        Profile::Large => LargeState::copy_behind(old, new, literals, copy),
    }
}

impl<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
> State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS, ONLY_THUMB>
{
    fn copy_behind(old: &[u8], new: &[u8], literals: u32, copy: Copy) -> Vec<u8> {
        let mut model: Box<Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>> = Box::new(Model::ZERO);
        model.reset();
        let mut coder = RangeEncoder::new();
        model.pieces(&mut coder, 0);
        let read = |from: u32, position: u32| {
            let copy = Copy { from, ..copy };
            let image = match copy.origin {
                Origin::New => &new[..position as usize],
                Origin::Old => old,
            };
            Expected {
                byte: image.get(from as usize).copied().unwrap_or(0),
                ahead: 0,
                copy,
                place: Place::NONE,
            }
        };
        for position in 0..new.len() as u32 {
            if position == literals {
                model.start(&mut coder, position, Start::Copy(copy));
                model.first_of_copy(position, read(copy.from, position));
                continue;
            }
            let from = copy.from.wrapping_add(1);
            let runs_out = copy.origin == Origin::Old && from as usize >= old.len();
            if position == literals + 1 && !runs_out {
                model.copied(&mut coder, position, read(from, position), None);
            }
            model.start(&mut coder, position, Start::Literal);
            let beside = model.history.beside(position) as usize;
            let beside = old.get(beside).copied().unwrap_or(0);
            model.literal(&mut coder, position, beside, new[position as usize]);
        }
        coder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ApplyError, Checkpoints, Codec, Header, Layout, Refusal,
        encode::{
            apply, chained,
            coding::{Coded, Segment},
            image,
            images::Images,
            matches::Matches,
        },
    };

    const OLD: &[u8] = b"the image that runs, and from which a copy may be taken";
    const NEW: &[u8] = b"the image that is to come; its bytes do not matter here";

    fn coded(new: &[u8], copies: &[Segment]) -> Coded {
        let matches = Matches::find(OLD, new);
        SmallState::code(
            &Images::new(OLD, new, &matches, Layout::UNKNOWN, Profile::Small),
            copies,
            &[],
        )
    }

    /// Offers these coded bytes as a patch from OLD to NEW.
    fn offer(coded: &[u8]) -> Result<Vec<u8>, ApplyError> {
        let result = image(NEW);
        let header = Header {
            codec: Codec::Mixing,
            profile: Profile::Small,
            source: image(OLD),
            result,
            block_bytes: 256,
            checkpoints: Checkpoints::new(10, &[], result.length).map_err(ApplyError::Refused)?,
            layout: Layout::UNKNOWN,
        };
        let (bytes, pinned) = chained(&header, coded);
        apply(Some(OLD), &bytes, pinned)
    }

    #[test]
    fn copy_from_outside_the_old_image() {
        let source_bytes = OLD.len() as u32;
        for (literals, from) in [(0, source_bytes), (3, source_bytes + 1), (0, u32::MAX), (9, 1 << 31)] {
            let refused = Refusal::CopyOutsideSource {
                offset: from,
                source_bytes,
            };
            let outcome = offer(&copy_from_old(Profile::Small, OLD, NEW, literals, from));
            assert_eq!(outcome, Err(ApplyError::Refused(refused)), "{literals}");
        }
    }

    #[test]
    fn copy_from_ahead_in_the_new_image() {
        for (position, from) in [(0, 0), (5, 5), (5, 6), (0, u32::MAX), (7, u32::MAX - 90)] {
            let refused = Refusal::CopyAhead {
                position,
                distance: u32::wrapping_sub(position, from),
            };
            let outcome = offer(&copy_from_new(Profile::Small, OLD, NEW, position, from));
            assert_eq!(outcome, Err(ApplyError::Refused(refused)), "{position} {from}");
        }
    }

    /// More pieces of a map than there is room for are refused before the first one is read.
    #[test]
    fn pieces_without_room() {
        let pieces_max = SmallState::PIECES_MAX as u32;
        for pieces in [pieces_max + 1, u32::MAX] {
            let mut model = Box::new(Model::<144, 208, 48, 0, false>::ZERO);
            model.reset();
            let mut coder = RangeEncoder::new();
            model.pieces(&mut coder, pieces);
            let refused = Refusal::Pieces { pieces, pieces_max };
            assert_eq!(offer(&coder.finish()), Err(ApplyError::Refused(refused)));
        }
    }

    #[test]
    fn coded_bytes_missing_or_left_over() {
        let coded = coded(NEW, &[]).bytes;
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
        assert_eq!(offer(&coded(&other, &[]).bytes), Err(ApplyError::WrongResult));
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
        let copied = coded(&image, &[run]);
        assert_eq!(offer(&copied.bytes), Err(ApplyError::WrongResult));
        let plain = coded(&image, &[]);
        assert!(copied.bytes.len() < plain.bytes.len());
    }
}
