//! The second half: from the decision to a slot whose trial has begun.
//!
//! - A block is received whole into one buffer, authenticated, and decoded; then the next one.
//! - At a checkpoint the decoder is saved. After a reset the same decoding goes on from the newest record; any other decoding
//!   makes the records go before it erases the first unit of the slot.

use super::{Need, Stop, Work};
use crate::failure::{Failure, ImageFault};
use crate::flash::{Checkpoints, RegionError, StatePages, Storage, Strategy};
use crate::transport::{Ask, Opened, Path};
use crate::update::{Installation, Request};
use core::fmt::Write as _;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_boot::{Slot, State, VerifiedImage};
use tuffet_patch::{BlockRange, Decoder, Progress, Refusal};
use tuffet_release::FileRef;
use tuffet_wire::hex::Hex;

/// How often a patch that breaks off without a new block is asked for again at once.
const TRIES_MAX: u8 = 3;

/// Pieces in which a slot is read to be hashed: a multiple of every usual read unit.
const PIECE_BYTES: usize = 256;

/// An installation, up to the proof that the slot holds the image. `decoder` and `block` are lent by the function that drives
/// it, so that they stand in its frame and are gone with it.
pub struct Installing<'f, 'd, 'w, F, S, D> {
    storage: Storage<'f, F, S>,
    pages: StatePages<'f, F>,
    checkpoints: Checkpoints<'f, F>,
    installation: &'w mut Installation<'d>,
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
    /// The slot holds the image.
    Proven,
}

impl<'f, 'd, 'w, F: NorFlash, S: Strategy, D: Decoder> Installing<'f, 'd, 'w, F, S, D> {
    /// Begins what the decision names. The device must be one that [streams](crate::Intake::Streamed) patches of the
    /// decoder's profile; `block` holds a block of [`Profile::block_bytes`](tuffet_patch::Profile::block_bytes).
    pub fn begin(
        storage: Storage<'f, F, S>,
        pages: StatePages<'f, F>,
        installation: &'w mut Installation<'d>,
        decoder: &'w mut D,
        block: &'w mut [u8],
    ) -> Self {
        Self {
            storage,
            pages,
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

    /// The proof that the slot holds the image.
    pub fn finish(self) -> Result<VerifiedImage, Failure> {
        match self.waits {
            Waits::Proven => self.installation.image(),
            Waits::Machine | Waits::Open | Waits::Read => Err(Failure::Misuse),
        }
    }

    /// Does what the machine asks for, as far as flash goes.
    fn turn(&mut self) -> Result<(), Stop<F::Error>> {
        match self.installation.request() {
            Request::HashSource { slot, offset, length } => self.read_slot(slot, offset, length)?,
            Request::ReadBack { slot, offset, length } => {
                let read = self.read_slot(slot, offset, length);
                let holds_so_far = matches!(
                    self.installation.request(),
                    Request::ReadBack { .. } | Request::StoreState
                );
                // Not the image, or a place that cannot be read: what was saved on the way must not lead to the same end again.
                let forgotten = match &read {
                    Ok(()) if holds_so_far => Ok(()),
                    Ok(()) | Err(_) => self.checkpoints.forget(),
                };
                read?;
                forgotten?;
            }
            Request::MarkEmpty(slot) => {
                // Not `?`: that would copy the records.
                match self.storage.boot_records() {
                    Ok(ref mut records) => records.mark_empty(slot)?,
                    Err(error) => return Err(error.into()),
                }
                self.installation.done()?;
            }
            Request::Decode(_) => {
                if let Err(fault) = self.begin_decoding()? {
                    self.installation.failed(fault)?;
                }
            }
            Request::StoreState => {
                self.pages.save_twice(self.installation.state())?;
                self.installation.done()?;
            }
            Request::Trial => self.waits = Waits::Proven,
            Request::Metadata(_)
            | Request::Store { .. }
            | Request::Target(_)
            | Request::Stored(_)
            | Request::Decided
            | Request::Download { .. }
            | Request::Unpack { .. } => return Err(Failure::Misuse.into()),
        }
        Ok(())
    }

    /// The next piece of a slot, for the machine to hash.
    #[inline(never)]
    fn read_slot(&mut self, slot: Slot, offset: u32, length: u32) -> Result<(), Stop<F::Error>> {
        let mut piece = [0; PIECE_BYTES];
        let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(PIECE_BYTES);
        let count = left.min(PIECE_BYTES);
        let read_bytes = count.next_multiple_of(F::READ_SIZE.max(1));
        let target = piece.get_mut(..read_bytes).ok_or(RegionError::OutOfBounds)?;
        self.storage.slot(slot)?.read(offset, target)?;
        Ok(self
            .installation
            .receive_bytes(piece.get(..count).unwrap_or_default())?)
    }

    /// Refuses to write while the confirmed image lies elsewhere than it runs: what lies in the other slot may be the program that
    /// runs, whose trial has failed. The next reset brings the confirmed image back.
    #[inline(never)]
    fn check_confirmed_runs(&self) -> Result<(), Stop<F::Error>> {
        let (State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. }) =
            self.storage.boot_records()?.state()
        else {
            return Ok(());
        };
        let slot = confirmed.slot;
        if S::place(&self.storage, slot)? == self.storage.map().slots.runs_at(slot) {
            Ok(())
        } else {
            Err(RegionError::Unsettled.into())
        }
    }

    /// Sets the decoder to this patch, at its start or at the newest checkpoint.
    #[inline(never)]
    fn begin_decoding(&mut self) -> Result<Result<(), ImageFault>, Stop<F::Error>> {
        let Request::Decode(decoding) = self.installation.request() else {
            return Err(Failure::Misuse.into());
        };
        let pinned = decoding.pinned;
        self.check_confirmed_runs()?;
        if usize::try_from(pinned.block_bytes).map_or(true, |bytes| bytes > self.block.len()) {
            let block_bytes = pinned.block_bytes;
            return Ok(Err(ImageFault::Patch(Refusal::BlockSize { block_bytes })));
        }
        // Records of another decoding stay until this one writes over the slot that they are about.
        self.forgets = !self.checkpoints.resume(self.decoder, &decoding)?;
        if self.forgets
            && let Err(refusal) = self.decoder.begin(pinned, decoding.source, decoding.result)
        {
            return Ok(Err(ImageFault::Patch(refusal)));
        }
        self.length = pinned.length;
        self.tries_left = TRIES_MAX;
        self.path.clear();
        let FileRef { digest, name, .. } = decoding.file;
        write!(self.path, "targets/{}.{name}", Hex(digest)).map_err(|_| Failure::Misuse)?;
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

impl<F: NorFlash, S: Strategy, D: Decoder> Work<F> for Installing<'_, '_, '_, F, S, D> {
    fn need(&mut self) -> Result<Need<'_>, Stop<F::Error>> {
        while self.waits == Waits::Machine {
            self.turn()?;
        }
        Ok(match self.waits {
            Waits::Machine | Waits::Proven => Need::Nothing,
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
            (Waits::Machine | Waits::Read | Waits::Proven, _) => Err(Failure::Misuse.into()),
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
