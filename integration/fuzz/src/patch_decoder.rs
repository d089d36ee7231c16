//! The patch decoder on any bytes in a valid chain: what a stolen release key can sign.
//!
//! - The slots panic on what a part would not take: an access outside, a second write, an unaligned one.
//! - A decoder that is saved at every checkpoint and taken up from the record comes to the same end as one that is not.
//! - Any bytes offered as a saved decoder are refused, or lead to an end like any other.

#[path = "../../../no-std-client/patch/tests/support/flash.rs"]
#[allow(dead_code)]
mod flash;

use std::convert::Infallible;

use sha2::{Digest as _, Sha256};
use tuffet_patch::hostile::chained;
use tuffet_patch::{Error, Header, Image, PIECE_BYTES, Pinned, Progress, SmallState};

use self::flash::Slot;
use super::Script;

const SLOT_BYTES: usize = 24 * 1024;
const BLOCK_BYTES: usize = 1 << 10;

/// How decoding ended, and what stands in the slot then.
type End = (Result<(), Error<Infallible, Infallible>>, Vec<u8>);

/// The first byte says what is offered as a saved decoder; then come the length of the old image and the payload.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let hostile_record = script.byte();
    let old = old_image(usize::from(script.number()) % SLOT_BYTES);
    let payload = script.bytes(data.len());
    let (file, pinned) = chained(payload, BLOCK_BYTES as u32);
    // What the caller knows is what the header says, where it says anything: else every run would end there.
    let (source, result) = match Header::parse(payload) {
        Ok((header, _)) => (header.source, header.result),
        Err(_) => (Image::NOTHING, Image::NOTHING),
    };
    let plain = decode(&old, &file, pinned, source, result, false);
    let saved = decode(&old, &file, pinned, source, result, true);
    assert!(plain == saved, "a saved decoder comes to another end");
    if hostile_record != 0 {
        resume_hostile(hostile_record, payload, &old, &file, pinned, source, result);
    }
}

/// Something that patches can be made from.
fn old_image(length: usize) -> Vec<u8> {
    (0..length.max(1)).map(|place| (place * 7 % 251) as u8).collect()
}

fn decode(old: &[u8], file: &[u8], pinned: Pinned, source: Image, result: Image, saves: bool) -> End {
    let mut state = Box::new(SmallState::new());
    let mut new = Slot::filled(SLOT_BYTES, 0x5A);
    let end = match state.begin(pinned, source, result) {
        Ok(()) => finish(&mut state, old, &mut new, file, (pinned, source, result), saves),
        Err(refusal) => Err(Error::Refused(refusal)),
    };
    (end, new.bytes)
}

/// Decodes to the end; where it says so, at each checkpoint by way of a record and a new decoder.
fn finish(
    state: &mut Box<SmallState>,
    old: &[u8],
    new: &mut Slot,
    file: &[u8],
    (pinned, source, result): (Pinned, Image, Image),
    saves: bool,
) -> Result<(), Error<Infallible, Infallible>> {
    let mut old = Slot::holding(old);
    let blocks_max = file.len() / BLOCK_BYTES + 10;
    let mut blocks = 0;
    'blocks: while let Some(range) = state.next_block() {
        blocks += 1;
        assert!(blocks <= blocks_max, "the decoder asks for ever");
        let start = range.offset as usize;
        let block = state.authenticate(&file[start..start + range.length as usize])?;
        loop {
            match state.run(&block, &mut old, new)? {
                Progress::NeedsErase { from, to } => new.erase_units(from, to),
                Progress::Checkpoint { .. } if saves => {
                    let mut record = Vec::new();
                    let saved = state.snapshot(|piece| {
                        record.extend_from_slice(piece);
                        Ok::<_, Infallible>(())
                    });
                    assert!(saved.is_ok(), "a decoder at a checkpoint can be saved");
                    let mut fresh = Box::new(SmallState::new());
                    take_up(&mut fresh, &record, pinned, source, result).expect("its own record is taken up");
                    *state = fresh;
                    // The block is asked for again: it was in RAM.
                    blocks -= 1;
                    continue 'blocks;
                }
                Progress::Checkpoint { .. } => {}
                Progress::NeedsBlock => continue 'blocks,
                Progress::Done => return Ok(()),
            }
        }
    }
    Err(Error::Refused(tuffet_patch::Refusal::Truncated))
}

fn take_up(
    state: &mut SmallState,
    record: &[u8],
    pinned: Pinned,
    source: Image,
    result: Image,
) -> Result<(), tuffet_patch::BadCheckpoint<()>> {
    let mut pieces = record.chunks_exact(PIECE_BYTES);
    let read = |piece: &mut [u8; PIECE_BYTES]| {
        piece.copy_from_slice(pieces.next().ok_or(())?);
        Ok(())
    };
    state.resume(read, pinned, source, result)
}

/// A record of any bytes, with a checksum that fits every second time: an attacker can compute one.
fn resume_hostile(kind: u8, payload: &[u8], old: &[u8], file: &[u8], pinned: Pinned, source: Image, result: Image) {
    let mut record: Vec<u8> = payload
        .iter()
        .copied()
        .cycle()
        .take(SmallState::SNAPSHOT_BYTES)
        .collect();
    if record.len() < SmallState::SNAPSHOT_BYTES {
        return;
    }
    if kind.is_multiple_of(2) {
        let end = record.len() - 32;
        let digest = Sha256::digest(&record[..end]);
        record[end..].copy_from_slice(&digest);
    }
    let mut state = Box::new(SmallState::new());
    if take_up(&mut state, &record, pinned, source, result).is_ok() {
        let mut new = Slot::filled(SLOT_BYTES, 0xFF);
        let _ = finish(&mut state, old, &mut new, file, (pinned, source, result), false);
    }
}
