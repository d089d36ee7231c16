//! Decoding a patch into the spare slot.
//!
//! - The patch lies in the part file, and the machine has hashed it whole. Each block is authenticated all the same: there is
//!   no other way into the decoder.
//! - One block, the decoder's state and its buffers are all that stands in memory: below 64 MiB, however large the images are.
//! - Done is no proof: the machine has the slot read back.

use crate::error::{ClientError, StorageError};
use crate::files::sync_folder_of;
use crate::slot_file::{RunningSlot, SpareSlot};
use crate::slots::Filled;
use embedded_storage::nor_flash::ReadNorFlash as _;
use indicatif::ProgressBar;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tuffet_no_std_client::patch::{
    Authenticated, BulkState, Cached, Codec, Drive, Error, HEADER_BYTES_MAX, Header, LargeState, Page, Progress,
    bulk_bytes,
};
use tuffet_no_std_client::{Decoding, Failure, ImageFault};

/// Pages of each slot that are kept in memory.
const PAGES: usize = 64;

/// The files that a decoding works with.
pub struct Places<'p> {
    /// The downloaded patch.
    pub patch: &'p Path,
    /// The slot that runs; a patch from nothing does without.
    pub running: &'p Path,
    /// The slot to fill.
    pub spare: &'p Path,
    /// The largest image that a slot can hold, in bytes.
    pub slot_bytes: u32,
}

/// Decodes a patch into the spare slot; the file's length is the image's in the end.
pub fn decode(decoding: &Decoding<'_>, places: &Places<'_>, bar: &ProgressBar) -> Result<Filled, ClientError> {
    let patch = File::open(places.patch).map_err(|error| StorageError::new("open", places.patch, error))?;
    let running = match decoding.source.length {
        0 => RunningSlot::NOTHING,
        _ => RunningSlot::open(places.running).map_err(|error| StorageError::new("open", places.running, error))?,
    };
    let spare = SpareSlot::create(places.spare, places.slot_bytes)
        .map_err(|error| StorageError::new("open", places.spare, error))?;
    let (mut running_pages, mut spare_pages) = (vec![Page::EMPTY; PAGES], vec![Page::EMPTY; PAGES]);
    let running_bytes = running.capacity();
    let mut slots = Slots {
        running: Cached::new(running, running_bytes, &mut running_pages),
        spare: Cached::new(spare, 0, &mut spare_pages),
    };
    let filled = slots.fill(decoding, places, &patch, bar);
    slots
        .spare
        .flash()
        .sync()
        .and_then(|()| sync_folder_of(places.spare))
        .map_err(|error| StorageError::new("write", places.spare, error))?;
    match filled {
        Ok(()) => Ok(Filled::Whole),
        Err(Stop::Fault(fault)) => Ok(Filled::Fault(fault)),
        Err(Stop::Bug) => Err(Failure::Misuse.into()),
        Err(Stop::Storage(error)) => Err(error.into()),
    }
}

/// Why the decoder stopped before its end.
enum Stop {
    /// It was driven wrongly.
    Bug,
    /// The patch, or what the release says about it, is not what it must be.
    Fault(ImageFault),
    /// The file system said no.
    Storage(StorageError),
}

struct Slots<'p> {
    running: Cached<'p, RunningSlot>,
    spare: Cached<'p, SpareSlot>,
}

impl Slots<'_> {
    fn fill(
        &mut self,
        decoding: &Decoding<'_>,
        places: &Places<'_>,
        patch: &File,
        bar: &ProgressBar,
    ) -> Result<(), Stop> {
        match codec(&patch_start(patch, decoding, places)?) {
            Some(Codec::Bulk) => {
                let mut memory =
                    vec![0; bulk_bytes(decoding.source.length.max(decoding.result.length)) / size_of::<u32>()];
                // There is always room for what each patch needs.
                let mut state = Box::new(BulkState::new(&mut memory).ok_or(Stop::Bug)?);
                self.drive(&mut *state, decoding, places, patch, bar)
            }
            // What is no patch at all is refused by any decoder.
            Some(Codec::Mixing) | None => self.drive(&mut *decoder(), decoding, places, patch, bar),
        }
    }

    /// Decodes all of a patch.
    fn drive<D: Drive>(
        &mut self,
        state: &mut D,
        decoding: &Decoding<'_>,
        places: &Places<'_>,
        patch: &File,
        bar: &ProgressBar,
    ) -> Result<(), Stop> {
        let refused = |refusal| Stop::Fault(ImageFault::Patch(refusal));
        state
            .begin(decoding.pinned, decoding.source, decoding.result)
            .map_err(refused)?;
        let mut bytes = Vec::new();
        while let Some(range) = state.next_block() {
            // The chain knows no block above 64 KiB.
            bytes.resize(usize::try_from(range.length).unwrap_or(usize::MAX), 0);
            patch
                .read_exact_at(&mut bytes, u64::from(range.offset))
                .map_err(|error| Stop::Storage(StorageError::new("read", places.patch, error)))?;
            let block = state.authenticate(&bytes).map_err(without_io)?;
            let is_done = self.take(state, &block, places)?;
            bar.set_position(u64::from(state.position()));
            if is_done {
                break;
            }
        }
        // The decoder is done only in the last block; this says so once more, where it costs nothing.
        state.chain().map_or(Ok(()), |chain| chain.finish()).map_err(refused)
    }

    /// Uses one block up; whether the image is complete then.
    fn take<D: Drive>(&mut self, state: &mut D, block: &Authenticated<'_>, places: &Places<'_>) -> Result<bool, Stop> {
        loop {
            match state.run(block, &mut self.running, &mut self.spare) {
                Ok(Progress::Checkpoint { .. } | Progress::NeedsErase { .. }) => {}
                Ok(Progress::NeedsBlock) => return Ok(false),
                Ok(Progress::Done) => return Ok(true),
                Err(Error::New(error)) => {
                    return Err(Stop::Storage(StorageError::new("write", places.spare, error.0)));
                }
                Err(Error::Old(error)) => {
                    return Err(Stop::Storage(StorageError::new("read", places.running, error.0)));
                }
                Err(Error::Geometry(geometry)) => return Err(Stop::Fault(ImageFault::Geometry(geometry))),
                Err(Error::Refused(refusal)) => return Err(Stop::Fault(ImageFault::Patch(refusal))),
                // `Error` may grow: what this client does not know, it cannot have caused by a patch.
                Err(Error::Misuse(_) | _) => return Err(Stop::Bug),
            }
        }
    }
}

/// The first bytes of the patch, for its header.
fn patch_start(patch: &File, decoding: &Decoding<'_>, places: &Places<'_>) -> Result<Vec<u8>, Stop> {
    let length = usize::try_from(decoding.pinned.length).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(HEADER_BYTES_MAX)];
    match patch.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Stop::Storage(StorageError::new("read", places.patch, error))),
    }
}

/// How a patch is coded, as it says itself: only to choose the decoder, which authenticates it and looks again.
fn codec(start: &[u8]) -> Option<Codec> {
    Header::parse(start).ok().map(|(header, _)| header.codec)
}

/// In a function of its own, so that the stack is free of it again: it is nearly a MiB large.
#[inline(never)]
fn decoder() -> Box<LargeState> {
    Box::new(LargeState::new())
}

fn without_io(error: Error<std::convert::Infallible, std::convert::Infallible>) -> Stop {
    match error {
        Error::Refused(refusal) => Stop::Fault(ImageFault::Patch(refusal)),
        Error::Geometry(geometry) => Stop::Fault(ImageFault::Geometry(geometry)),
        Error::Old(never) | Error::New(never) => match never {},
        Error::Misuse(_) | _ => Stop::Bug,
    }
}
