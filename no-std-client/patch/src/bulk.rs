//! The bulk codec of the large profile: for images of many programs, and for all that are long.
//!
//! The mixing codec asks for each byte whether it is as expected. Here most bytes cost nothing, so that a root filesystem is applied
//! about as fast as it is read and written:
//!
//! - The whole plan stands in front: where programs lie in both images (`segments`), and what is copied from where (`covers`). So it is
//!   known from the first byte on where every place went.
//! - A verbatim cover has no decisions. In any other one, a number says how many bytes are as they were before one that is not.
//! - What names a place in a program (`fields`: calls, pages and the rests of addresses, pointers) is expected to name where that went,
//!   and one decision says whether it does.
//! - The rest is literals, and bytes that changed, each a mixture of three guesses.
//!
//! The caller places the memory. Its length is a limit that a patch cannot exceed; how much of it is touched depends on the number
//! of covers.

pub(crate) mod coding;
pub(crate) mod covers;
mod decoder;
pub(crate) mod fields;
pub(crate) mod literals;
pub(crate) mod model;
mod pending;
pub(crate) mod segments;
pub(crate) mod shifts;
pub(crate) mod words;

use crate::{
    Authenticated, BlockRange, Chain, Codec, Error, Geometry, Header, Image, Layout, Pinned, Profile, Progress,
    Refusal,
    intake::{Intake, Read},
    range_decoder::Input,
};
use core::convert::Infallible;
use decoder::{Decoder, Fault, Pause};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// Why decoding stopped, with the errors of the two drivers.
type Failed<O, N> = Error<<O as ErrorType>::Error, <N as ErrorType>::Error>;

/// Bytes of memory for images of at most 64 MiB, the state itself aside.
pub const BULK_BYTES: usize = 15 << 20;

/// Bytes of memory for longer images, the state itself aside.
pub const BULK_BYTES_ABOVE: usize = 39 << 20;

/// Most covers of a patch between images of at most [`BULK_IMAGE_BYTES`], and between longer ones.
const COVERS_MAX: usize = 500_000;
const COVERS_MAX_ABOVE: usize = 1_750_000;

const _: () = assert!(model::memory_words(COVERS_MAX) * 4 <= BULK_BYTES);
const _: () = assert!(model::memory_words(COVERS_MAX_ABOVE) * 4 <= BULK_BYTES_ABOVE);
const _: () = assert!(size_of::<BulkState<'_>>() <= 1 << 19);

/// Longest image for which [`BULK_BYTES`] are enough.
pub const BULK_IMAGE_BYTES: u32 = 64 << 20;

/// Most covers where the longer image has this length: a part of the format, whatever memory there is.
pub(crate) const fn covers_max(image_bytes: u32) -> usize {
    if image_bytes <= BULK_IMAGE_BYTES {
        COVERS_MAX
    } else {
        COVERS_MAX_ABOVE
    }
}

/// Bytes of memory for an image of this length.
pub const fn bulk_bytes(image_bytes: u32) -> usize {
    if image_bytes <= BULK_IMAGE_BYTES {
        BULK_BYTES
    } else {
        BULK_BYTES_ABOVE
    }
}

/// A decoder of the bulk codec. It is driven as [`State`](crate::State) is, and has no checkpoints: it is quick enough to begin
/// again.
///
/// - Both slots are read and written by the byte: their read and write units are 1.
/// - `old` is read only below the length of the source, `new` only below what was written.
/// - `new` is written front to back, each byte once.
#[derive(Debug)]
pub struct BulkState<'m> {
    intake: Intake,
    decoder: Decoder<'m>,
    /// Everything in front of this was erased.
    erased_to: u32,
}

impl<'m> BulkState<'m> {
    /// The profile whose patches it decodes.
    pub const PROFILE: Profile = Profile::Large;

    /// A decoder that works in `memory`, of a length in words as [`bulk_bytes`] says in bytes. None if it is not enough for any
    /// patch.
    pub fn new(memory: &'m mut [u32]) -> Option<Self> {
        Some(Self {
            intake: Intake::new(),
            decoder: Decoder::new(memory)?,
            erased_to: 0,
        })
    }

    /// Starts a patch, and forgets the one before. Arguments are those of [`State::begin`](crate::State::begin).
    pub fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal> {
        if self.decoder.range.is_filled() {
            self.decoder.restart();
        }
        self.erased_to = 0;
        self.intake.begin(&pinned, [&source, &result])
    }

    /// The block to fetch when [`Progress::NeedsBlock`] says so, and after [`begin`](Self::begin).
    pub fn next_block(&self) -> Option<BlockRange> {
        self.intake.next_block()
    }

    /// The place in the chain.
    pub const fn chain(&self) -> Option<&Chain> {
        self.intake.chain()
    }

    /// The header, once it was read.
    pub const fn header(&self) -> Option<&Header<()>> {
        self.intake.header()
    }

    /// Bytes of the result that are known.
    pub fn position(&self) -> u32 {
        self.decoder.output.position()
    }

    /// Hashes a block. Only what this returns can be decoded.
    pub fn authenticate<'b>(&mut self, block: &'b [u8]) -> Result<Authenticated<'b>, Error<Infallible, Infallible>> {
        self.intake.authenticate(block)
    }

    /// Decodes until something is needed, as [`State::run`](crate::State::run) does.
    pub fn run<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        block: &Authenticated<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<Progress, Failed<O, N>> {
        let mut input = self.intake.offer(block)?;
        // No field is followed by a layout here: segments say where things lie.
        let mut layout = Layout::UNKNOWN;
        let read = self
            .intake
            .read_header(&mut input, Self::PROFILE, Codec::Bulk, &mut layout)?;
        if read.is_first {
            check_slots(&read, old, new)?;
            self.decoder.begin(read.source_bytes, read.result_bytes);
        }
        let progress = self.advance(read.result_bytes, &mut input, old, new)?;
        self.intake.keep(block, &input, progress);
        Ok(progress)
    }

    fn advance<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        result_bytes: u32,
        input: &mut Input<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<Progress, Failed<O, N>> {
        loop {
            let pause = self.decoder.run(input, old, new).map_err(|fault| match fault {
                Fault::Refused(refusal) => Error::Refused(refusal),
                Fault::Old(error) => Error::Old(error),
                Fault::New(error) => Error::New(error),
            })?;
            if pause == Pause::Input {
                return Ok(Progress::NeedsBlock);
            }
            let output = &mut self.decoder.output;
            let end = output.written.saturating_add(output.ready());
            if end > self.erased_to {
                let from = self.erased_to;
                let unit = u32::try_from(N::ERASE_SIZE).unwrap_or(u32::MAX);
                // Invariant: the rounded length of the result fits the slot (checked), whose offsets have 32 bits.
                self.erased_to = end.checked_next_multiple_of(unit).unwrap_or(u32::MAX);
                return Ok(Progress::NeedsErase {
                    from,
                    to: self.erased_to,
                });
            }
            if !output.is_empty() {
                output.write(new).map_err(Error::New)?;
            }
            if output.written == result_bytes {
                return match self.decoder.range.is_at_end(input) {
                    true => Ok(Progress::Done),
                    false => Err(Refusal::ExtraBytes.into()),
                };
            }
        }
    }
}

fn check_slots<O: ReadNorFlash, N: NorFlash>(read: &Read, old: &O, new: &N) -> Result<(), Geometry> {
    if N::READ_SIZE != 1 || N::WRITE_SIZE != 1 || N::ERASE_SIZE == 0 {
        return Err(Geometry::NewUnits {
            read_bytes: N::READ_SIZE,
            write_bytes: N::WRITE_SIZE,
            erase_bytes: N::ERASE_SIZE,
        });
    }
    let needed = usize::try_from(read.result_bytes).ok();
    let needed = needed.and_then(|bytes| bytes.checked_next_multiple_of(N::ERASE_SIZE));
    if needed.is_none_or(|bytes| bytes > new.capacity()) {
        return Err(Geometry::ResultTooLong {
            result_bytes: read.result_bytes,
            slot_bytes: new.capacity(),
        });
    }
    if O::READ_SIZE != 1 {
        return Err(Geometry::OldUnits {
            read_bytes: O::READ_SIZE,
        });
    }
    if usize::try_from(read.source_bytes).is_ok_and(|bytes| bytes > old.capacity()) {
        return Err(Geometry::SourceTooLong {
            source_bytes: read.source_bytes,
            slot_bytes: old.capacity(),
        });
    }
    Ok(())
}
