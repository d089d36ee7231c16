//! What the tests share: images, and a device that decodes a file.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod elf;
pub mod flash;
pub mod pairs;
pub mod program;
pub mod random;

use flash::Slot;
#[allow(unused_imports, reason = "each test file uses its own part")]
pub use pairs::{firmware, next_version};
pub use random::Random;
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use tuffet_patch::{BadCheckpoint, Encoded, Error, Image, PIECE_BYTES, Pinned, Progress, Refusal, SmallState, State};

pub type Stopped = Error<Infallible, Infallible>;

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub fn image(bytes: &[u8]) -> Image {
    match u32::try_from(bytes.len()).unwrap() {
        0 => Image::NOTHING,
        length => Image {
            length,
            digest: sha256(bytes),
        },
    }
}

/// A device in the middle of an update.
pub struct Device<'a> {
    pub old: Slot,
    pub new: Slot,
    pub file: &'a [u8],
    /// Checkpoints at which it stood, with what it saved there.
    pub saved: Vec<(u32, Vec<u8>)>,
}

impl<'a> Device<'a> {
    pub fn new(old: &[u8], slot_bytes: usize, file: &'a [u8]) -> Self {
        Self {
            old: Slot::holding(old),
            new: Slot::filled(slot_bytes, 0x5A),
            file,
            saved: Vec::new(),
        }
    }

    /// Decodes from where `state` stands to the end of the file.
    pub fn finish<const H: usize, const B: usize, const U: usize, const P: usize, const S: usize, const T: bool>(
        &mut self,
        state: &mut State<H, B, U, P, S, T>,
    ) -> Result<(), Stopped> {
        while let Some(range) = state.next_block() {
            let rest = self.file.get(range.offset as usize..).unwrap_or(&[]);
            if rest.is_empty() {
                return state.chain().unwrap().finish().map_err(Error::Refused);
            }
            let block = state.authenticate(&rest[..rest.len().min(range.length as usize)])?;
            loop {
                match state.run(&block, &mut self.old, &mut self.new)? {
                    Progress::NeedsErase { from, to } => self.new.erase_units(from, to),
                    Progress::Checkpoint { position } => {
                        let mut record = Vec::new();
                        let saved = state.snapshot(|piece| {
                            record.extend_from_slice(piece);
                            Ok::<_, Infallible>(())
                        });
                        assert_eq!(
                            (saved, record.len()),
                            (Ok(()), State::<H, B, U, P, S, T>::SNAPSHOT_BYTES)
                        );
                        self.saved.push((position, record));
                    }
                    Progress::NeedsBlock => break,
                    Progress::Done => return Ok(()),
                }
            }
        }
        panic!("neither done nor refused, and no block is left");
    }
}

/// Takes a record up.
pub fn resume<const H: usize, const B: usize, const U: usize, const P: usize, const S: usize, const T: bool>(
    state: &mut State<H, B, U, P, S, T>,
    record: &[u8],
    pinned: Pinned,
    source: Image,
    result: Image,
) -> Result<(), BadCheckpoint<OutOfRecord>> {
    let mut pieces = record.chunks_exact(PIECE_BYTES);
    let read = |piece: &mut [u8; PIECE_BYTES]| {
        piece.copy_from_slice(pieces.next().ok_or(OutOfRecord)?);
        Ok(())
    };
    state.resume(read, pinned, source, result)
}

/// The record ends early.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct OutOfRecord;

/// Decodes a whole file of the small profile as a device does, and looks at the slot.
pub fn decode(old: &[u8], slot_bytes: usize, file: &[u8], pinned: Pinned, result: Image) -> Result<Vec<u8>, Stopped> {
    let mut device = Device::new(old, slot_bytes, file);
    let mut state = Box::new(SmallState::new());
    state.begin(pinned, image(old), result)?;
    device.finish(&mut *state)?;
    device.new.bytes.truncate(result.length as usize);
    Ok(device.new.bytes)
}

pub fn refusal(stopped: Stopped) -> Refusal {
    let Error::Refused(refusal) = stopped else {
        panic!("{stopped:?} is no refusal");
    };
    refusal
}

/// What the blocks of a file carry, without the hashes between them.
pub fn payload(encoded: &Encoded) -> Vec<u8> {
    let block_bytes = encoded.pinned.block_bytes as usize;
    let last = encoded.bytes.len().div_ceil(block_bytes) - 1;
    let blocks = encoded.bytes.chunks(block_bytes).enumerate();
    blocks
        .flat_map(|(index, block)| &block[..if index == last { block.len() } else { block_bytes - 32 }])
        .copied()
        .collect()
}

/// A file with a valid chain around any payload: what a stolen release key can make.
pub fn chained(payload: &[u8], block_bytes: usize) -> (Vec<u8>, Pinned) {
    let mut pieces = Vec::new();
    let mut rest = payload;
    while rest.len() > block_bytes {
        let (piece, behind) = rest.split_at(block_bytes - 32);
        pieces.push(piece.to_vec());
        rest = behind;
    }
    let mut file = rest.to_vec();
    let mut head = sha256(rest);
    for mut piece in pieces.into_iter().rev() {
        piece.extend(head);
        head = sha256(&piece);
        file.splice(0..0, piece);
    }
    let pinned = Pinned {
        head,
        block_bytes: block_bytes as u32,
        length: file.len() as u32,
    };
    (file, pinned)
}
