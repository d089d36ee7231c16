//! One patch, decoded into a slot.
//!
//! - A block is received whole into one buffer, authenticated, and decoded; then the next one.
//! - At a checkpoint the decoder is saved. After a reset the same decoding goes on from the newest record; any other decoding
//!   makes the records go before it erases the first unit of the slot.

use super::checking::write_target;
use super::{Stop, Turn, Work};
use crate::failure::{Failure, ImageFault};
use crate::flash::{Checkpoints, RegionError, Storage, Strategy};
use crate::transport::{Ask, Opened, Path};
use crate::update::{Installation, Request};
use embedded_storage::nor_flash::NorFlash;
use tuffet_patch::{BlockRange, Decoder, Error, Progress, Refusal};
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
    path: Path,
    /// The block that is waited for, and how much of it is here.
    range: BlockRange,
    held: usize,
    tries_left: u8,
    /// The records in flash are of another decoding: they go before the slot is written from its start.
    forgets: bool,
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
            path: Path::new_const(),
            range: BlockRange { offset: 0, length: 0 },
            held: 0,
            tries_left: TRIES_MAX,
            forgets: false,
        }
    }

    /// Sets the decoder to the patch that the installation needs, if it does, at its start or at the newest checkpoint.
    #[inline(never)]
    fn begin_decoding(&mut self) -> Result<Turn, Stop<F::Error>> {
        // By reference: it is long, and one of it is enough.
        let request = self.installation.request();
        let Request::Decode(decoding) = &request else {
            return Ok(Turn::Done);
        };
        let pinned = &decoding.pinned;
        if usize::try_from(pinned.block_bytes).map_or(true, |bytes| bytes > self.block.len()) {
            let block_bytes = pinned.block_bytes;
            return self.give_up(ImageFault::Patch(Refusal::BlockSize { block_bytes }));
        }
        // Records of another decoding stay until this one writes over the slot that they are about.
        self.forgets = !self.checkpoints.resume(self.decoder, decoding)?;
        if self.forgets
            && let Err(refusal) = self.decoder.begin(*pinned, decoding.source, decoding.result)
        {
            return self.give_up(ImageFault::Patch(refusal));
        }
        self.length = pinned.length;
        self.tries_left = TRIES_MAX;
        let FileRef { digest, name, .. } = decoding.file;
        write_target(&mut self.path, digest, name.as_str()).ok_or(Failure::Misuse)?;
        self.next_block(Turn::Open)
    }

    /// Waits for the block that comes next.
    fn next_block(&mut self, turn: Turn) -> Result<Turn, Stop<F::Error>> {
        let Some(range) = self.decoder.next_block() else {
            // The decoder asks for more than the signed length.
            return self.give_up(ImageFault::Patch(Refusal::Truncated));
        };
        (self.range, self.held) = (range, 0);
        Ok(turn)
    }

    /// A whole block is here: authenticates and decodes it.
    #[inline(never)]
    fn decode_block(&mut self) -> Result<Turn, Stop<F::Error>> {
        let block = self.block.get(..self.held).unwrap_or_default();
        let authenticated = match self.decoder.authenticate(block) {
            Ok(authenticated) => authenticated,
            Err(error) => {
                // A bit that fell over on the way costs this block and not the update: it is asked for again.
                if matches!(error, Error::Refused(_)) && self.broken() {
                    self.held = 0;
                    return Ok(Turn::Open);
                }
                return self.give_up_for(error.with_flash(), Records::Stay);
            }
        };
        let slot = self.installation.slot();
        let (mut old, mut new) = (self.storage.slot(slot.other())?, self.storage.slot(slot)?);
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
                Ok(Progress::Done) => {
                    self.installation.done::<Stop<F::Error>>()?;
                    return Ok(Turn::Work);
                }
                Err(error) => return self.give_up_for(error, Records::Go),
            }
        }
        self.tries_left = TRIES_MAX;
        self.next_block(Turn::Read)
    }

    /// Gives up a patch for what is wrong with it; anything else stops the driver.
    #[inline(never)]
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the core's promise to grow: what it may add is at least no success"
    )]
    fn give_up_for(&mut self, error: Fault<F::Error>, records: Records) -> Result<Turn, Stop<F::Error>> {
        let fault = match error {
            Error::Refused(refusal) => ImageFault::Patch(refusal),
            Error::Geometry(geometry) => ImageFault::Geometry(geometry),
            Error::Old(error) | Error::New(error) => return Err(Stop::Flash(error)),
            Error::Misuse(_) | _ => return Err(Failure::Misuse.into()),
        };
        match records {
            Records::Stay => {}
            // As after a slot that is not the image.
            Records::Go => self.checkpoints.forget()?,
        }
        self.give_up(fault)
    }

    #[inline(never)]
    fn give_up(&mut self, fault: ImageFault) -> Result<Turn, Stop<F::Error>> {
        self.installation.failed::<Stop<F::Error>>(fault)?;
        Ok(Turn::Work)
    }
}

/// What becomes of the records in flash when a patch is given up.
enum Records {
    Stay,
    Go,
}

/// What stops a decoder.
type Fault<E> = Error<RegionError<E>, RegionError<E>>;

impl<F: NorFlash, S: Strategy, D: Decoder> Work<F> for Filling<'_, '_, F, S, D> {
    fn work(&mut self) -> Result<Turn, Stop<F::Error>> {
        self.begin_decoding()
    }

    fn ask(&self) -> Ask<'_> {
        let held = u32::try_from(self.held).unwrap_or(0);
        let offset = self.range.offset.saturating_add(held);
        Ask {
            path: &self.path,
            offset,
            bytes_max: self.length.saturating_sub(offset),
            unless: None,
        }
    }

    fn opened(&mut self, opened: Opened) -> Result<Turn, Stop<F::Error>> {
        match opened {
            Opened::Present { .. } => Ok(Turn::Read),
            Opened::Absent => self.give_up(ImageFault::Missing),
            // Nothing was asked conditionally.
            Opened::NotModified => Err(Stop::Transport),
        }
    }

    fn space(&mut self) -> &mut [u8] {
        let end = usize::try_from(self.range.length).unwrap_or(usize::MAX);
        self.block.get_mut(self.held..end).unwrap_or_default()
    }

    fn filled(&mut self, count: usize) -> Result<Turn, Stop<F::Error>> {
        self.held = self.held.saturating_add(count);
        let length = usize::try_from(self.range.length).unwrap_or(usize::MAX);
        // The file is shorter than it was signed, or the connection ended quietly.
        if count == 0 && self.broken() {
            return Ok(Turn::Open);
        }
        if count == 0 || self.held >= length {
            // The chain says which block it is, and how long it must be.
            return self.decode_block();
        }
        Ok(Turn::Read)
    }

    fn broken(&mut self) -> bool {
        let Some(tries_left) = self.tries_left.checked_sub(1) else {
            return false;
        };
        self.tries_left = tries_left;
        true
    }
}
