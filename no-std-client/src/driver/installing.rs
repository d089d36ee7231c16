//! The second half: from the decision to a slot whose trial has begun.
//!
//! - A block is received whole into one buffer, authenticated, and decoded; then the next one.
//! - At a checkpoint the decoder is saved. After a reset the same decoding goes on from the newest record; any other decoding
//!   into the slot makes the records go first.

use super::{Need, Stop, Work};
use crate::failure::{Failure, ImageFault};
use crate::flash::{Checkpoints, RegionError, StatePages, Storage, Xip};
use crate::transport::{Ask, Opened, Path};
use crate::update::{Decoding, FellBack, Request, Update, Way};
use core::fmt::Write as _;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_boot::{BootRecords, Slot, VerifiedImage};
use tuffet_patch::{BlockRange, Decoder, Progress, Refusal};
use tuffet_release::FileRef;
use tuffet_wire::hex::Hex;

/// How often a patch that breaks off without a new block is asked for again at once.
const TRIES_MAX: u8 = 3;

/// Pieces in which a slot is read to be hashed: a multiple of every usual read unit.
const PIECE_BYTES: usize = 256;

/// An installation, up to the proof that the slot holds the image. `decoder` and `block` are lent by the function that drives
/// it, so that they stand in its frame and are gone with it.
pub struct Installing<'f, 'd, 'w, F, D> {
    storage: Storage<'f, F, Xip>,
    pages: StatePages<'f, F>,
    checkpoints: Checkpoints<'f, F>,
    /// Gone while the machine moves, and after a refusal.
    update: Option<Update<'d>>,
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

impl<'f, 'd, 'w, F: NorFlash, D: Decoder> Installing<'f, 'd, 'w, F, D> {
    /// Begins what the decision names. The device must be one that [streams](crate::Intake::Streamed) patches of the
    /// decoder's profile; `block` holds a block of [`Profile::block_bytes`](tuffet_patch::Profile::block_bytes).
    pub fn begin(
        storage: Storage<'f, F, Xip>,
        pages: StatePages<'f, F>,
        decided: Update<'d>,
        decoder: &'w mut D,
        block: &'w mut [u8],
    ) -> Result<Self, Failure> {
        Ok(Self {
            storage,
            pages,
            checkpoints: storage.checkpoints(),
            update: Some(decided.install()?),
            decoder,
            block,
            length: 0,
            waits: Waits::Machine,
            path: Path::new_const(),
            range: BlockRange { offset: 0, length: 0 },
            held: 0,
            tries_left: TRIES_MAX,
        })
    }

    /// By which way the image came, and whether a delta was given up for it.
    pub fn way(&self) -> Option<(Way, Option<FellBack>)> {
        let update = self.update.as_ref()?;
        Some((update.way()?, update.fell_back()))
    }

    /// The proof that the slot holds the image.
    pub fn finish(self) -> Result<VerifiedImage, Failure> {
        match (self.waits, self.update) {
            (Waits::Proven, Some(update)) => update.into_image(),
            (_, _) => Err(Failure::Misuse),
        }
    }

    /// Does what the machine asks for, as far as flash goes.
    fn turn(&mut self) -> Result<(), Stop<F::Error>> {
        let update = self.update.take().ok_or(Failure::Misuse)?;
        let next = match update.request() {
            Request::HashSource { slot, offset, .. } | Request::ReadBack { slot, offset, .. } => {
                self.read_slot(update, slot, offset)?
            }
            Request::MarkEmpty(slot) => {
                BootRecords::mark_empty(&mut self.storage.boot_records()?, slot)?;
                update.done()?
            }
            Request::Decode(decoding) => {
                let begun = self.begin_decoding(&decoding)?;
                match begun {
                    Ok(()) => update,
                    Err(fault) => update.failed(fault)?,
                }
            }
            Request::StoreState => {
                self.pages.save_twice(update.state())?;
                update.done()?
            }
            Request::Trial => {
                self.waits = Waits::Proven;
                update
            }
            Request::Metadata(_)
            | Request::Store { .. }
            | Request::Target(_)
            | Request::Stored(_)
            | Request::Decided
            | Request::Download { .. }
            | Request::Unpack { .. } => return Err(Failure::Misuse.into()),
        };
        self.update = Some(next);
        Ok(())
    }

    /// The next piece of a slot, for the machine to hash.
    fn read_slot(&mut self, update: Update<'d>, slot: Slot, offset: u32) -> Result<Update<'d>, Stop<F::Error>> {
        let (Request::HashSource { length, .. } | Request::ReadBack { length, .. }) = update.request() else {
            return Err(Failure::Misuse.into());
        };
        let mut piece = [0; PIECE_BYTES];
        let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(PIECE_BYTES);
        let count = left.min(PIECE_BYTES);
        let read_bytes = count.next_multiple_of(F::READ_SIZE.max(1));
        let target = piece.get_mut(..read_bytes).ok_or(RegionError::OutOfBounds)?;
        self.storage.slot(slot).read(offset, target)?;
        Ok(update.receive_bytes(piece.get(..count).unwrap_or_default())?)
    }

    /// Sets the decoder to this patch, at its start or at the newest checkpoint.
    #[inline(never)]
    fn begin_decoding(&mut self, decoding: &Decoding<'_>) -> Result<Result<(), ImageFault>, Stop<F::Error>> {
        let pinned = decoding.pinned;
        if usize::try_from(pinned.block_bytes).map_or(true, |bytes| bytes > self.block.len()) {
            let block_bytes = pinned.block_bytes;
            return Ok(Err(ImageFault::Patch(Refusal::BlockSize { block_bytes })));
        }
        if !self.checkpoints.resume(self.decoder, decoding)? {
            self.checkpoints.forget()?;
            if let Err(refusal) = self.decoder.begin(pinned, decoding.source, decoding.result) {
                return Ok(Err(ImageFault::Patch(refusal)));
            }
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
        let update = self.update.take().ok_or(Failure::Misuse)?;
        let Request::Decode(decoding) = update.request() else {
            return Err(Failure::Misuse.into());
        };
        let slots = [decoding.slot.other(), decoding.slot];
        let decoded = self.decode(slots)?;
        if !matches!(decoded, Ok(None)) {
            // Complete or wrong: what was saved on the way must not lead to the same end again.
            self.checkpoints.forget()?;
        }
        self.update = Some(match decoded {
            Ok(Some(())) => {
                self.waits = Waits::Machine;
                update.done()?
            }
            Ok(None) => update,
            Err(fault) => {
                self.waits = Waits::Machine;
                update.failed(fault)?
            }
        });
        Ok(())
    }

    /// Authenticates and decodes the block. `Some`: the image is complete; `None`: the next block is waited for.
    #[inline(never)]
    fn decode(&mut self, [old, new]: [Slot; 2]) -> Result<Result<Option<()>, ImageFault>, Stop<F::Error>> {
        let block = self.block.get(..self.held).unwrap_or_default();
        let authenticated = match self.decoder.authenticate(block) {
            Ok(authenticated) => authenticated,
            Err(error) => return Ok(Err(fault_of(error.with_flash())?)),
        };
        let (mut old, mut new) = (self.storage.slot(old), self.storage.slot(new));
        loop {
            match self.decoder.run(&authenticated, &mut old, &mut new) {
                Ok(Progress::NeedsErase { from, to }) => new.erase(from, to)?,
                Ok(Progress::Checkpoint { position }) => {
                    if usize::try_from(position).is_ok_and(|position| position.is_multiple_of(F::ERASE_SIZE)) {
                        self.checkpoints.save(self.decoder)?;
                    }
                }
                Ok(Progress::NeedsBlock) => break,
                Ok(Progress::Done) => return Ok(Ok(Some(()))),
                Err(error) => return Ok(Err(fault_of(error)?)),
            }
        }
        self.tries_left = TRIES_MAX;
        Ok(self.next_block(Waits::Read).map(|()| None))
    }

    fn give_up(&mut self, fault: ImageFault) -> Result<(), Stop<F::Error>> {
        let update = self.update.take().ok_or(Failure::Misuse)?;
        self.waits = Waits::Machine;
        self.update = Some(update.failed(fault)?);
        Ok(())
    }
}

impl<F: NorFlash, D: Decoder> Work<F> for Installing<'_, '_, '_, F, D> {
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
            let block_bytes = self.range.length;
            let index = self.range.offset.checked_div(block_bytes).unwrap_or(0);
            return self.give_up(ImageFault::Patch(Refusal::BlockLength {
                index,
                expected: block_bytes,
                offered: self.held,
            }));
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
