//! One patch, decoded into a slot.
//!
//! - A block is received whole into one buffer, authenticated, and decoded; then the next one.
//! - At a checkpoint the decoder is saved. After a reset the same decoding goes on from the newest record; any other decoding
//!   makes the records go before it erases the first unit of the slot.

use super::checking::write_target;
use super::{Need, Stop, Work};
use crate::failure::{Failure, ImageFault};
use crate::flash::{Checkpoints, RegionError, Storage, Strategy};
use crate::transport::{Ask, Opened, Path};
use crate::update::{Installation, Request};
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::Slot;
use tuffet_patch::{BlockRange, Decoder, Progress, Refusal};
use tuffet_release::FileRef;

/// How often a patch that breaks off without a new block is asked for again at once.
const TRIES_MAX: u8 = 3;

/// The step of an installation that has a patch to decode. `decoder` and `block` are lent by the function that drives it, so that they
/// stand in its frame and are gone with it.
pub struct Filling<'f, 'w, F, S, D> {
    storage: Storage<'f, F, S>,
    checkpoints: Checkpoints<'f, F>,
    installation: &'w mut Installation,
    decoder: &'w mut D,
    block: &'w mut [u8],
    /// Bytes of the patch.
    length: u32,
    waits: Waits,
    path: Path,
    /// The block that is waited for, and how much of it is here.
    range: BlockRange,
    held: usize,
    tries_left: u8,
    /// The records in flash are of another decoding: they go before the slot is written from its start.
    forgets: bool,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Waits {
    /// For nothing: the machine is asked.
    Machine,
    /// For the file, or the word that there is none.
    Open,
    /// For bytes of the next block.
    Read,
    /// For nothing more: there is no patch to decode.
    Done,
}

impl<'f, 'w, F: NorFlash, S: Strategy, D: Decoder> Filling<'f, 'w, F, S, D> {
    /// Begins. The device must be one that [streams](crate::Intake::Streamed) patches of the decoder's profile, and
    /// [`go_on`](super::go_on) must have asked for it; `block` holds a block of [`Profile::block_bytes`](tuffet_patch::Profile::block_bytes).
    pub fn begin(
        storage: Storage<'f, F, S>,
        installation: &'w mut Installation,
        decoder: &'w mut D,
        block: &'w mut [u8],
    ) -> Self {
        Self {
            storage,
            checkpoints: storage.checkpoints(),
            installation,
            decoder,
            block,
            length: 0,
            waits: Waits::Machine,
            path: Path::new_const(),
            range: BlockRange { offset: 0, length: 0 },
            held: 0,
            tries_left: TRIES_MAX,
            forgets: false,
        }
    }

    /// Begins to decode, if that is what the installation needs.
    fn turn(&mut self) -> Result<(), Stop<F::Error>> {
        if !matches!(self.installation.request(), Request::Decode(_)) {
            self.waits = Waits::Done;
        } else if let Err(fault) = self.begin_decoding()? {
            self.installation.failed(fault)?;
        }
        Ok(())
    }

    /// Sets the decoder to this patch, at its start or at the newest checkpoint.
    #[inline(never)]
    fn begin_decoding(&mut self) -> Result<Result<(), ImageFault>, Stop<F::Error>> {
        // By reference: it is long, and one of it is enough.
        let request = self.installation.request();
        let Request::Decode(decoding) = &request else {
            return Err(Failure::Misuse.into());
        };
        let pinned = &decoding.pinned;
        if usize::try_from(pinned.block_bytes).map_or(true, |bytes| bytes > self.block.len()) {
            let block_bytes = pinned.block_bytes;
            return Ok(Err(ImageFault::Patch(Refusal::BlockSize { block_bytes })));
        }
        // Records of another decoding stay until this one writes over the slot that they are about.
        self.forgets = !self.checkpoints.resume(self.decoder, decoding)?;
        if self.forgets
            && let Err(refusal) = self.decoder.begin(*pinned, decoding.source, decoding.result)
        {
            return Ok(Err(ImageFault::Patch(refusal)));
        }
        self.length = pinned.length;
        self.tries_left = TRIES_MAX;
        let FileRef { digest, name, .. } = decoding.file;
        write_target(&mut self.path, digest, name.as_str()).ok_or(Failure::Misuse)?;
        Ok(self.next_block(Waits::Open))
    }

    /// Waits for the block that comes next.
    fn next_block(&mut self, waits: Waits) -> Result<(), ImageFault> {
        let Some(range) = self.decoder.next_block() else {
            // The decoder asks for more than the signed length.
            return Err(ImageFault::Patch(Refusal::Truncated));
        };
        (self.range, self.held, self.waits) = (range, 0, waits);
        Ok(())
    }

    /// A whole block is here.
    fn decode_block(&mut self) -> Result<(), Stop<F::Error>> {
        let Request::Decode(decoding) = self.installation.request() else {
            return Err(Failure::Misuse.into());
        };
        let slots = [decoding.slot.other(), decoding.slot];
        match self.decode(slots)? {
            Ok(Some(())) => {
                self.waits = Waits::Machine;
                self.installation.done()?;
            }
            Ok(None) => {}
            Err(fault) => self.give_up(fault)?,
        }
        Ok(())
    }

    /// Authenticates and decodes the block. `Some`: the image is complete; `None`: the next block is waited for.
    #[inline(never)]
    fn decode(&mut self, [old, new]: [Slot; 2]) -> Result<Result<Option<()>, ImageFault>, Stop<F::Error>> {
        let block = self.block.get(..self.held).unwrap_or_default();
        let authenticated = match self.decoder.authenticate(block) {
            Ok(authenticated) => authenticated,
            Err(error) => {
                let fault = fault_of(error.with_flash())?;
                // A bit that fell over on the way costs this block and not the update: it is asked for again.
                if self.broken() {
                    self.held = 0;
                    return Ok(Ok(None));
                }
                return Ok(Err(fault));
            }
        };
        let (mut old, mut new) = (self.storage.slot(old)?, self.storage.slot(new)?);
        loop {
            match self.decoder.run(&authenticated, &mut old, &mut new) {
                Ok(Progress::NeedsErase { from, to }) => {
                    if core::mem::take(&mut self.forgets) {
                        self.checkpoints.forget()?;
                    }
                    new.erase(from, to)?;
                }
                Ok(Progress::Checkpoint { .. }) => self.checkpoints.save(self.decoder)?,
                Ok(Progress::NeedsBlock) => break,
                Ok(Progress::Done) => return Ok(Ok(Some(()))),
                Err(error) => {
                    let fault = fault_of(error)?;
                    // As after a slot that is not the image.
                    self.checkpoints.forget()?;
                    return Ok(Err(fault));
                }
            }
        }
        self.tries_left = TRIES_MAX;
        Ok(self.next_block(Waits::Read).map(|()| None))
    }

    fn give_up(&mut self, fault: ImageFault) -> Result<(), Stop<F::Error>> {
        self.waits = Waits::Machine;
        Ok(self.installation.failed(fault)?)
    }
}

impl<F: NorFlash, S: Strategy, D: Decoder> Work<F> for Filling<'_, '_, F, S, D> {
    fn need(&mut self) -> Result<Need<'_>, Stop<F::Error>> {
        while self.waits == Waits::Machine {
            self.turn()?;
        }
        Ok(match self.waits {
            Waits::Machine | Waits::Done => Need::Nothing,
            Waits::Open => {
                let held = u32::try_from(self.held).unwrap_or(0);
                let offset = self.range.offset.saturating_add(held);
                Need::Open(Ask {
                    path: &self.path,
                    offset,
                    bytes_max: self.length.saturating_sub(offset),
                    unless: None,
                })
            }
            Waits::Read => {
                let end = usize::try_from(self.range.length).unwrap_or(usize::MAX);
                Need::Read(self.block.get_mut(self.held..end).unwrap_or_default())
            }
        })
    }

    fn opened(&mut self, opened: Opened) -> Result<(), Stop<F::Error>> {
        match (self.waits, opened) {
            (Waits::Open, Opened::Present { .. }) => {
                self.waits = Waits::Read;
                Ok(())
            }
            (Waits::Open, Opened::Absent) => self.give_up(ImageFault::Missing),
            (Waits::Open, Opened::NotModified) => Err(Stop::Transport),
            (Waits::Machine | Waits::Read | Waits::Done, _) => Err(Failure::Misuse.into()),
        }
    }

    fn filled(&mut self, count: usize) -> Result<(), Stop<F::Error>> {
        if self.waits != Waits::Read {
            return Err(Failure::Misuse.into());
        }
        self.held = self.held.saturating_add(count);
        let length = usize::try_from(self.range.length).unwrap_or(usize::MAX);
        if count == 0 {
            // The file is shorter than it was signed, or the connection ended quietly.
            if self.broken() {
                return Ok(());
            }
            // The chain says which block it is, and how long it must be.
            return self.decode_block();
        }
        if self.held >= length {
            return self.decode_block();
        }
        Ok(())
    }

    fn broken(&mut self) -> bool {
        if self.waits != Waits::Read {
            return false;
        }
        let Some(tries_left) = self.tries_left.checked_sub(1) else {
            return false;
        };
        self.tries_left = tries_left;
        self.waits = Waits::Open;
        true
    }
}

/// What is wrong with the patch; anything else stops the driver.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the core's promise to grow: what it may add is at least no success"
)]
fn fault_of<E>(error: tuffet_patch::Error<RegionError<E>, RegionError<E>>) -> Result<ImageFault, Stop<E>> {
    match error {
        tuffet_patch::Error::Refused(refusal) => Ok(ImageFault::Patch(refusal)),
        tuffet_patch::Error::Geometry(geometry) => Ok(ImageFault::Geometry(geometry)),
        tuffet_patch::Error::Old(error) | tuffet_patch::Error::New(error) => Err(Stop::Flash(error)),
        tuffet_patch::Error::Misuse(_) | _ => Err(Failure::Misuse.into()),
    }
}
