//! Applying a patch to a file, in the memory of the decoder: images are read and written by position, a piece at a time.
//!
//! While the decoder works, another thread hashes the old image, and a third one the result as it reads back.

use crate::{
    ApplyError, BulkState, Cached, Chain, Codec, Drive, Error, Header, LargeState, Misuse, Page, Pinned, Profile,
    Progress, Refusal, SmallState, StandardState, bulk_bytes,
};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use std::{boxed::Box, fs::File, io, os::unix::fs::FileExt, panic::resume_unwind, sync::mpsc, thread, vec, vec::Vec};

/// Pages of each image that are kept.
const PAGES: usize = 64;

/// Why a patch was not applied to files.
#[derive(Debug)]
pub enum FilesError {
    /// It is not the patch, or not from this image.
    Apply(ApplyError),
    /// The result could not be written, or read back.
    New(io::Error),
    /// The old image could not be read.
    Old(io::Error),
    /// The patch could not be read.
    Patch(io::Error),
}

impl From<ApplyError> for FilesError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(error)
    }
}

impl From<Refusal> for FilesError {
    fn from(refusal: Refusal) -> Self {
        Self::Apply(ApplyError::Refused(refusal))
    }
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The header of the patch.
    pub header: Header,
    /// Bytes of the decoder's state.
    pub state_bytes: usize,
}

/// Applies a patch to `old` (or to nothing), and compares the digest of the result, as it reads back, with that in the header. `new` is
/// an empty file, open for both; after an error it holds anything.
pub fn apply_files(old: Option<&File>, patch: &File, new: &File, pinned: Pinned) -> Result<Applied, FilesError> {
    let header = authentic_header(patch, pinned)?;
    let old_bytes = old
        .map_or(Ok(0), |old| old.metadata().map(|about| about.len()))
        .map_err(FilesError::Old)?;
    if old_bytes != u64::from(header.source.length) {
        return Err(Refusal::WrongSource.into());
    }
    let (told, positions) = mpsc::channel();
    thread::scope(|scope| {
        let source = scope.spawn(move || old.map_or(Ok([0; 32]), |old| digest(old, [old_bytes])));
        let result = scope.spawn(move || digest(new, positions));
        let (mut old_pages, mut new_pages) = (vec![Page::EMPTY; PAGES], vec![Page::EMPTY; PAGES]);
        let old = Old {
            file: old,
            bytes: old_bytes,
        };
        let new = New {
            file: new,
            bytes: u64::from(header.result.length),
            told,
        };
        let mut slots = Slots {
            old: Cached::new(old, old_bytes as usize, &mut old_pages),
            new: Cached::new(new, 0, &mut new_pages),
        };
        let decoded = slots.decode(&header, patch, pinned);
        // Ends the last thread.
        drop(slots);
        let source = source
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
            .map_err(FilesError::Old)?;
        let result = result
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
            .map_err(FilesError::New)?;
        if header.source.length > 0 && source != header.source.digest {
            return Err(Refusal::WrongSource.into());
        }
        let state_bytes = decoded?;
        match result == header.result.digest || header.result.length == 0 {
            true => Ok(Applied { header, state_bytes }),
            false => Err(ApplyError::WrongResult.into()),
        }
    })
}

/// SHA-256 of a file, read as far as the positions say, one after the other.
fn digest(file: &File, positions: impl IntoIterator<Item = u64>) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut at = 0;
    for position in positions {
        while at < position {
            let count = (position - at).min(piece.len() as u64) as usize;
            file.read_exact_at(&mut piece[..count], at)?;
            hash.update(&piece[..count]);
            at += count as u64;
        }
    }
    Ok(hash.finalize().into())
}

/// A block of the patch, or what there is of it.
fn block(patch: &File, offset: u64, length: u32) -> Result<Vec<u8>, FilesError> {
    let mut bytes = vec![0; length as usize];
    let mut there = 0;
    while there < bytes.len() {
        match patch.read_at(&mut bytes[there..], offset + there as u64) {
            Ok(0) => break,
            Ok(count) => there += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FilesError::Patch(error)),
        }
    }
    bytes.truncate(there);
    Ok(bytes)
}

fn authentic_header(patch: &File, pinned: Pinned) -> Result<Header, FilesError> {
    let patch_bytes = patch.metadata().map_err(FilesError::Patch)?.len();
    let mut chain = Chain::new(pinned)?;
    let first = chain.next_block().ok_or(Refusal::Truncated)?;
    let bytes = block(patch, 0, first.length)?;
    let block = chain.authenticate(&bytes)?;
    let (header, _) = Header::parse(block.payload())?;
    match patch_bytes > u64::from(pinned.length) {
        true => Err(Refusal::ExtraBlock.into()),
        false => Ok(header),
    }
}

struct Slots<'f, 'p> {
    old: Cached<'p, Old<'f>>,
    new: Cached<'p, New<'f>>,
}

impl Slots<'_, '_> {
    /// Decodes with the decoder of the header, and says how large that is.
    fn decode(&mut self, header: &Header, patch: &File, pinned: Pinned) -> Result<usize, FilesError> {
        match (header.codec, header.profile) {
            (Codec::Bulk, _) => {
                let mut memory = vec![0_u32; bulk_bytes(header.source.length.max(header.result.length)) / 4];
                let memory_bytes = size_of_val(memory.as_slice());
                let decoder = BulkState::new(&mut memory).ok_or(ApplyError::Bug(Misuse::NotRunning))?;
                let mut decoder = Box::new(decoder);
                Ok(memory_bytes + self.drive(&mut *decoder, header, patch, pinned)?)
            }
            (Codec::Mixing, Profile::Small) => self.drive(&mut *Box::new(SmallState::new()), header, patch, pinned),
            (Codec::Mixing, Profile::Standard) => {
                self.drive(&mut *Box::new(StandardState::new()), header, patch, pinned)
            }
            (Codec::Mixing, Profile::Large) => self.drive(&mut *Box::new(LargeState::new()), header, patch, pinned),
        }
    }

    fn drive<D: Drive>(
        &mut self,
        decoder: &mut D,
        header: &Header,
        patch: &File,
        pinned: Pinned,
    ) -> Result<usize, FilesError> {
        decoder.begin(pinned, header.source, header.result)?;
        while let Some(range) = decoder.next_block() {
            let bytes = block(patch, u64::from(range.offset), range.length)?;
            // The chain says what is missing.
            if bytes.is_empty() {
                break;
            }
            let block = decoder.authenticate(&bytes).map_err(Error::with_flash).map_err(of)?;
            while let Progress::Checkpoint { .. } | Progress::NeedsErase { .. } =
                decoder.run(&block, &mut self.old, &mut self.new).map_err(of)?
            {}
        }
        decoder.chain().map_or(Ok(()), |chain| chain.finish())?;
        Ok(size_of::<D>())
    }
}

fn of(error: Error<SlotError, SlotError>) -> FilesError {
    match error {
        Error::Refused(refusal) => refusal.into(),
        Error::Geometry(geometry) => ApplyError::Geometry(geometry).into(),
        Error::Misuse(misuse) => ApplyError::Bug(misuse).into(),
        Error::Old(SlotError(error)) => FilesError::Old(error),
        Error::New(SlotError(error)) => FilesError::New(error),
    }
}

/// What the file system said.
#[derive(Debug)]
struct SlotError(io::Error);

impl NorFlashError for SlotError {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// The old image as a slot.
struct Old<'f> {
    file: Option<&'f File>,
    bytes: u64,
}

impl ErrorType for Old<'_> {
    type Error = SlotError;
}

impl ReadNorFlash for Old<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SlotError> {
        match self.file {
            Some(file) => file.read_exact_at(bytes, u64::from(offset)).map_err(SlotError),
            None => Err(SlotError(io::ErrorKind::NotFound.into())),
        }
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

/// The result as a slot, and whom to tell how far it is written.
struct New<'f> {
    file: &'f File,
    bytes: u64,
    told: mpsc::Sender<u64>,
}

impl ErrorType for New<'_> {
    type Error = SlotError;
}

impl ReadNorFlash for New<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SlotError> {
        self.file.read_exact_at(bytes, u64::from(offset)).map_err(SlotError)
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

impl NorFlash for New<'_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, _from: u32, _to: u32) -> Result<(), SlotError> {
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SlotError> {
        self.file.write_all_at(bytes, u64::from(offset)).map_err(SlotError)?;
        // The thread that listens ends early only by an error of its own, which is found when it is joined.
        let _ = self.told.send(u64::from(offset) + bytes.len() as u64);
        Ok(())
    }
}
