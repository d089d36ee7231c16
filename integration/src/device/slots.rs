//! Two slots in memory, and the decoder between them.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::convert::Infallible;
use tuffet_no_std_client::{Decoding, ImageFault};
use tuffet_patch::{Error, LargeState, Progress};

/// The running slot and the one that is filled.
pub struct Slots {
    running: Slot,
    spare: Slot,
}

/// A slot that grows while it is written, up to its capacity.
struct Slot {
    bytes: Vec<u8>,
    capacity: usize,
}

impl Slots {
    /// What runs, and an empty spare slot for so many bytes.
    pub fn new(running: Vec<u8>, capacity: u32) -> Self {
        let capacity = capacity as usize;
        Self {
            running: Slot {
                bytes: running,
                capacity,
            },
            spare: Slot {
                bytes: Vec::new(),
                capacity,
            },
        }
    }

    /// What the spare slot holds.
    pub fn into_spare(self) -> Vec<u8> {
        self.spare.bytes
    }

    /// Decodes a patch of the large profile, whose file is at hand.
    pub fn decode(&mut self, decoding: &Decoding<'_>, patch: &[u8]) -> Result<(), ImageFault> {
        let mut state = decoder();
        state
            .begin(decoding.pinned, decoding.source, decoding.result)
            .map_err(ImageFault::Patch)?;
        while let Some(range) = state.next_block() {
            let start = range.offset as usize;
            let block = state
                .authenticate(&patch[start..start + range.length as usize])
                .map_err(fault)?;
            loop {
                match state.run(&block, &mut self.running, &mut self.spare).map_err(fault)? {
                    Progress::Checkpoint { .. } | Progress::NeedsErase { .. } => {}
                    Progress::NeedsBlock => break,
                    Progress::Done => {
                        return state
                            .chain()
                            .map_or(Ok(()), |chain| chain.finish())
                            .map_err(ImageFault::Patch);
                    }
                }
            }
        }
        unreachable!("the decoder is neither done nor refuses, and no block is left")
    }
}

/// Made by the compiler, and put together in a function of its own: each copy is nearly a MiB large, and the stack of a test is
/// small.
#[inline(never)]
fn decoder() -> Box<LargeState> {
    Box::new(const { LargeState::new() })
}

fn fault(error: Error<Infallible, Infallible>) -> ImageFault {
    match error {
        Error::Refused(refusal) => ImageFault::Patch(refusal),
        Error::Geometry(geometry) => ImageFault::Geometry(geometry),
        other @ (Error::Misuse(_) | _) => unreachable!("{other:?} is a mistake of this device"),
    }
}

impl ErrorType for Slot {
    type Error = Infallible;
}

impl ReadNorFlash for Slot {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        let start = offset as usize;
        bytes.copy_from_slice(&self.bytes[start..start + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl NorFlash for Slot {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, _from: u32, _to: u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        assert_eq!(self.bytes.len(), offset as usize, "a slot is written front to back");
        self.bytes.extend_from_slice(bytes);
        assert!(self.bytes.len() <= self.capacity, "a write outside the slot");
        Ok(())
    }
}
