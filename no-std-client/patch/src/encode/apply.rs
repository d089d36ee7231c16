//! Applying a patch to files, with the decoder that devices run.

use crate::{
    Authenticated, BulkState, Chain, Codec, Drive, Error, Geometry, Header, Image, LargeState, Misuse, Pinned, Profile,
    Progress, Refusal, SmallState, StandardState, bulk_bytes, encode::image,
};
use core::convert::Infallible;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use std::{vec, vec::Vec};

/// Why a patch was not applied to a file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ApplyError {
    /// The decoder was used wrongly. A defect of this crate.
    Bug(Misuse),
    /// The image does not fit the decoder's addresses.
    Geometry(Geometry),
    /// The patch was refused.
    Refused(Refusal),
    /// The decoder finished, and the result has another digest than the header says.
    WrongResult,
}

/// What a patch says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// The header.
    pub header: Header,
    /// Where the decoder can be saved.
    pub checkpoints: Vec<u32>,
    /// Bytes of the decoder's state.
    pub state_bytes: usize,
    /// Bytes of a checkpoint's record.
    pub snapshot_bytes: usize,
    /// Number of blocks.
    pub blocks: u32,
}

/// What stands in front of the coded bytes. Nothing is authenticated.
pub fn info(patch: &[u8]) -> Result<Info, Refusal> {
    let (header, _) = Header::parse(patch)?;
    let image_bytes = header.source.length.max(header.result.length);
    let (state_bytes, snapshot_bytes) = match (header.codec, header.profile) {
        (Codec::Bulk, _) => (size_of::<BulkState<'_>>() + bulk_bytes(image_bytes), 0),
        (Codec::Mixing, Profile::Small) => (size_of::<SmallState>(), SmallState::SNAPSHOT_BYTES),
        (Codec::Mixing, Profile::Standard) => (size_of::<StandardState>(), StandardState::SNAPSHOT_BYTES),
        (Codec::Mixing, Profile::Large) => (size_of::<LargeState>(), LargeState::SNAPSHOT_BYTES),
    };
    Ok(Info {
        header,
        checkpoints: header.checkpoints.positions().collect(),
        state_bytes,
        snapshot_bytes,
        blocks: (patch.len() as u32).div_ceil(header.block_bytes),
    })
}

/// What a file would have to be pinned as to be accepted as it is: block size and length are believed, and the first block is
/// its own head. For tools that say so; the links between blocks are still checked, the file itself is not authenticated.
pub fn unauthenticated(patch: &[u8]) -> Result<Pinned, Refusal> {
    let (header, _) = Header::parse(patch)?;
    let first = &patch[..patch.len().min(header.block_bytes as usize)];
    Ok(Pinned {
        head: Sha256::digest(first).into(),
        block_bytes: header.block_bytes,
        length: patch.len() as u32,
    })
}

/// Applies a patch to `old` (or to nothing), and compares the result with the digest in the header.
pub fn apply(old: Option<&[u8]>, patch: &[u8], pinned: Pinned) -> Result<Vec<u8>, ApplyError> {
    let old = old.unwrap_or(&[]);
    let header = authentic_header(patch, pinned).map_err(ApplyError::Refused)?;
    let wanted = header.result;
    let result = match (header.codec, header.profile) {
        (Codec::Bulk, _) => {
            let mut memory = vec![0; bulk_bytes(wanted.length.max(header.source.length)) / 4];
            let mut decoder = BulkState::new(&mut memory).ok_or(ApplyError::Bug(Misuse::NotRunning))?;
            driven(&mut decoder, old, patch, pinned, wanted)
        }
        (Codec::Mixing, Profile::Small) => driven(&mut SmallState::new(), old, patch, pinned, wanted),
        (Codec::Mixing, Profile::Standard) => driven(&mut StandardState::new(), old, patch, pinned, wanted),
        (Codec::Mixing, Profile::Large) => driven(&mut LargeState::new(), old, patch, pinned, wanted),
    }?;
    if image(&result) == header.result {
        Ok(result)
    } else {
        Err(ApplyError::WrongResult)
    }
}

/// The header, for the kind of decoder and the size of the result; the decoder reads it again. It is authenticated first, so
/// that an edited one is called so, and not what the edit makes of it.
fn authentic_header(patch: &[u8], pinned: Pinned) -> Result<Header, Refusal> {
    let mut chain = Chain::new(pinned)?;
    let length = chain.next_block().map_or(0, |range| range.length as usize);
    let first = chain.authenticate(&patch[..patch.len().min(length)])?;
    Header::parse(first.payload()).map(|(header, _)| header)
}

/// Decodes all of a patch.
fn driven<D: Drive>(
    decoder: &mut D,
    old: &[u8],
    patch: &[u8],
    pinned: Pinned,
    result: Image,
) -> Result<Vec<u8>, ApplyError> {
    decoder.begin(pinned, image(old), result).map_err(ApplyError::Refused)?;
    let mut old = Old(old);
    let mut new = New {
        bytes: Vec::new(),
        capacity: (result.length as usize).next_multiple_of(New::ERASE_SIZE),
    };
    let mut rest = patch;
    while let Some(range) = decoder.next_block() {
        let (block, behind) = rest.split_at(rest.len().min(range.length as usize));
        if block.is_empty() {
            break;
        }
        rest = behind;
        let block = decoder.authenticate(block).map_err(of_block)?;
        take(decoder, &block, &mut old, &mut new)?;
    }
    let finished = decoder.chain().map_or(Ok(()), |chain| chain.finish());
    finished.map_err(ApplyError::Refused)?;
    if !rest.is_empty() {
        return Err(ApplyError::Refused(Refusal::ExtraBlock));
    }
    new.bytes.truncate(result.length as usize);
    Ok(new.bytes)
}

/// Uses one block up.
fn take<D: Drive>(
    decoder: &mut D,
    block: &Authenticated<'_>,
    old: &mut Old<'_>,
    new: &mut New,
) -> Result<(), ApplyError> {
    loop {
        match decoder.run(block, old, new) {
            Ok(Progress::Checkpoint { .. } | Progress::NeedsErase { .. }) => {}
            // Bytes behind the end are refused by the decoder, and blocks behind it by the chain.
            Ok(Progress::NeedsBlock | Progress::Done) => return Ok(()),
            Err(Error::Refused(refusal)) => return Err(ApplyError::Refused(refusal)),
            Err(Error::Geometry(geometry)) => return Err(ApplyError::Geometry(geometry)),
            Err(Error::Misuse(misuse)) => return Err(ApplyError::Bug(misuse)),
            Err(Error::Old(never) | Error::New(never)) => match never {},
        }
    }
}

fn of_block(error: Error<Infallible, Infallible>) -> ApplyError {
    match error {
        Error::Refused(refusal) => ApplyError::Refused(refusal),
        Error::Geometry(geometry) => ApplyError::Geometry(geometry),
        Error::Misuse(misuse) => ApplyError::Bug(misuse),
        Error::Old(never) | Error::New(never) => match never {},
    }
}

/// The old image as a slot.
struct Old<'a>(&'a [u8]);

impl ErrorType for Old<'_> {
    type Error = Infallible;
}

impl ReadNorFlash for Old<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

/// The new image as a slot that grows while it is written: a length is not believed before there are bytes.
struct New {
    bytes: Vec<u8>,
    capacity: usize,
}

impl ErrorType for New {
    type Error = Infallible;
}

impl ReadNorFlash for New {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl NorFlash for New {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, _from: u32, _to: u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        assert_eq!(self.bytes.len(), offset as usize, "the decoder writes front to back");
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
