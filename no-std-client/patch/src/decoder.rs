//! The decoder: blocks in, flash writes out.

use crate::{
    Authenticated, BlockRange, Chain, Codec, Error, Geometry, Header, Image, Pinned, Profile, Refusal,
    buffers::{Output, Window},
    intake::Intake,
    matcher::Matcher,
    model::{Copy, Expected, Model, Origin, Start, appended},
    predict::Piece,
    range_decoder::{Input, RangeDecoder, Reader},
};
use core::convert::Infallible;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// Why decoding stopped, with the errors of the two flash drivers.
type Failed<O, N> =
    Error<<O as embedded_storage::nor_flash::ErrorType>::Error, <N as embedded_storage::nor_flash::ErrorType>::Error>;

/// What the decoder needs to go on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The decoder stands at a checkpoint: everything before `position` is in flash. [`State::snapshot`] may be called now; it
    /// need not.
    Checkpoint {
        /// Bytes of the result so far.
        position: u32,
    },
    /// The result is complete and in flash. That is no proof: the caller hashes the slot as it reads back.
    Done,
    /// The block at hand is used up.
    NeedsBlock,
    /// The next bytes come into these erase units, which the caller erases before it goes on.
    NeedsErase {
        /// First byte.
        from: u32,
        /// First byte behind.
        to: u32,
    },
}

/// The whole state of a decoder: tables, position, buffers. The caller places it, in a static or in a frame of its own, and
/// clears it with [`begin`](Self::begin). See [`SmallState`], [`StandardState`], [`LargeState`].
///
/// - `old` and `new` are the slots: offset 0 is the first byte of the image. A patch from nothing never reads `old`.
/// - `old` is read only below the length of the source, `new` only below what was written, both rounded up to the read unit.
/// - `new` is written front to back, each unit once, in pieces of the buffer size, the last one filled up to a write unit.
#[derive(Clone, Debug)]
pub struct State<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
> {
    pub(crate) intake: Intake,
    pub(crate) range: RangeDecoder,
    pub(crate) copy: Option<Copy>,
    pub(crate) model: Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS>,
    pub(crate) old_window: Window<BUFFER_BYTES>,
    pub(crate) new_window: Window<BUFFER_BYTES>,
    /// What guesses are read from, and of which image.
    pub(crate) guess_window: Window<GUESS_BYTES>,
    pub(crate) guess_origin: Origin,
    pub(crate) output: Output<BUFFER_BYTES>,
    /// Everything in front of this was erased.
    pub(crate) erased_to: u32,
    /// The last checkpoint that was reported.
    pub(crate) reported: u32,
    /// Pieces of the map that are still to be read, in front of everything else.
    pub(crate) pieces_left: u32,
    /// Whether the matcher knows what came before, if it is to.
    pub(crate) is_primed: bool,
}

/// Bytes that are read for a guess: the next ones are likely to be guesses, too.
const GUESS_BYTES: usize = 32;

/// At most 8 KiB.
pub type SmallState = State<160, 214, 128, 48, 0>;
/// At most 32 KiB.
pub type StandardState = State<840, 1064, 256, 192, 768>;
/// For machines with an operating system: nearly one MiB.
pub type LargeState = State<22_528, 24_576, 4096, 4096, 65_536>;

const _: () = assert!(size_of::<SmallState>() <= 8 * 1024 && SmallState::SNAPSHOT_BYTES <= 8 * 1024);
const _: () = assert!(size_of::<StandardState>() <= 32 * 1024);
const _: () = assert!(size_of::<LargeState>() <= 1024 * 1024);

impl<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
> State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS>
{
    /// A decoder that has nothing to do yet.
    pub const fn new() -> Self {
        Self {
            intake: Intake::new(),
            range: RangeDecoder::new(),
            copy: None,
            model: Model::ZERO,
            old_window: Window::new(),
            new_window: Window::new(),
            guess_window: Window::new(),
            guess_origin: Origin::New,
            output: Output::at(0),
            erased_to: 0,
            reported: 0,
            pieces_left: 0,
            is_primed: false,
        }
    }

    /// Most pieces of the map that a patch may bring: the others are for those which it tells by its copies.
    pub(crate) const PIECES_MAX: usize = PLACES / 2;

    /// The profile whose patches it decodes. Tables of any other size are no profile, and do not compile.
    #[allow(clippy::panic, reason = "evaluated by the compiler")]
    pub const PROFILE: Profile = match (HIT_CELLS, BYTE_CELLS, BUFFER_BYTES) {
        (160, 214, 128) => Profile::Small,
        (840, 1064, 256) => Profile::Standard,
        (22_528, 24_576, 4096) => Profile::Large,
        _ => panic!("no profile has tables of these sizes"),
    };

    /// Starts a patch. `pinned` is what a signed document says about the file; `source` is what the caller found in the running
    /// slot when it hashed it, [`Image::NOTHING`] for a full image; `result` is the image that the signed document wants.
    pub fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal> {
        self.intake.begin(pinned, source, result)?;
        self.range = RangeDecoder::new();
        self.copy = None;
        self.model.reset();
        self.at_position(0);
        Ok(())
    }

    /// Takes up at `position`, with nothing in the buffers.
    pub(crate) fn at_position(&mut self, position: u32) {
        self.old_window.forget();
        self.new_window.forget();
        self.guess_window.forget();
        self.output = Output::at(position);
        self.erased_to = position;
        self.reported = position;
        self.pieces_left = 0;
        self.is_primed = false;
    }

    /// The block to fetch when [`Progress::NeedsBlock`] says so, and after [`begin`](Self::begin) and [`resume`](Self::resume).
    pub fn next_block(&self) -> Option<BlockRange> {
        self.intake.next_block()
    }

    /// The place in the chain. When the file ends, [`Chain::finish`] says whether it may.
    pub const fn chain(&self) -> Option<&Chain> {
        self.intake.chain()
    }

    /// The header, once it was read.
    pub const fn header(&self) -> Option<&Header<()>> {
        self.intake.header()
    }

    /// Bytes of the result that are known.
    pub const fn position(&self) -> u32 {
        self.output.position()
    }

    /// Hashes a block. Only what this returns can be decoded. After a refusal the same block can be fetched and offered again.
    pub fn authenticate<'b>(&mut self, block: &'b [u8]) -> Result<Authenticated<'b>, Error<Infallible, Infallible>> {
        self.intake.authenticate(block)
    }

    /// Decodes until something is needed. The same `block` is given again after [`Progress::NeedsErase`] and
    /// [`Progress::Checkpoint`], the next one after [`Progress::NeedsBlock`].
    ///
    /// A loop of `run` ends: each event that makes no byte is followed by one that does, and each block is used once.
    pub fn run<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        block: &Authenticated<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<Progress, Failed<O, N>> {
        let mut input = self.intake.offer(block)?;
        let progress = self.advance(&mut input, old, new)?;
        self.intake.keep(block, &input, progress);
        Ok(progress)
    }

    fn advance<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        input: &mut Input<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<Progress, Failed<O, N>> {
        let layout = &mut self.model.addresses.layout;
        let (header, is_first) = self.intake.read_header(input, Self::PROFILE, Codec::Mixing, layout)?;
        if is_first {
            self.model.begin(self.model.addresses.layout, header.source.length);
        }
        self.check_slots(&header, old, new)?;
        if !self.is_primed {
            self.prime(&header, old, new)?;
        }
        loop {
            let complete = self.position() == header.result.length;
            if self.output.is_full() || (complete && !self.output.is_empty()) {
                if let Some(erase) = self.erase_before_write::<N>() {
                    return Ok(erase);
                }
                self.output.write(new).map_err(Error::New)?;
            }
            if complete {
                return match self.range.is_at_end(input) {
                    true => Ok(Progress::Done),
                    false => Err(Refusal::ExtraBytes.into()),
                };
            }
            if let Some(checkpoint) = self.checkpoint::<N>(&header) {
                return Ok(checkpoint);
            }
            if !self.range.is_ready(input) {
                self.range.carry(input);
                return Ok(Progress::NeedsBlock);
            }
            self.event(&header, input, old, new)?;
            if self.range.is_overdrawn() {
                return Err(Refusal::Truncated.into());
            }
        }
    }

    /// Reads again what came before `position`, where there is room for what all of the old image teaches.
    fn prime<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        header: &Header<()>,
        old: &mut O,
        new: &mut N,
    ) -> Result<(), Failed<O, N>> {
        self.is_primed = true;
        if !Matcher::<SLOTS>::IS_PRIMED {
            return Ok(());
        }
        let matcher = &mut self.model.matcher;
        let (place, held) = (matcher.place, matcher.held);
        matcher.reset(0);
        let source_bytes = header.source.length;
        let mut recent = 0;
        for offset in 0..source_bytes {
            let byte = self.old_window.byte(old, offset, source_bytes).map_err(Error::Old)?;
            recent = appended(recent, byte);
            matcher.prime(recent);
        }
        let position = self.output.position();
        let mut recent = 0;
        for offset in 0..position {
            let byte = self.new_window.byte(new, offset, position).map_err(Error::New)?;
            recent = appended(recent, byte);
            matcher.prime(recent);
        }
        (matcher.place, matcher.held) = (place, held);
        Ok(())
    }

    fn check_slots<O: ReadNorFlash, N: NorFlash>(&self, header: &Header<()>, old: &O, new: &N) -> Result<(), Geometry> {
        let divides = |unit: usize| unit != 0 && BUFFER_BYTES.is_multiple_of(unit);
        let reads = |unit: usize| unit != 0 && (GUESS_BYTES.is_multiple_of(unit) || SLOTS == 0) && divides(unit);
        if !reads(N::READ_SIZE) || !divides(N::WRITE_SIZE) || N::ERASE_SIZE == 0 {
            return Err(Geometry::NewUnits {
                read_bytes: N::READ_SIZE,
                write_bytes: N::WRITE_SIZE,
                erase_bytes: N::ERASE_SIZE,
            });
        }
        // A multiple of the erase unit at any time, unless it came with a checkpoint.
        if !usize::try_from(self.erased_to).is_ok_and(|bytes| bytes.is_multiple_of(N::ERASE_SIZE)) {
            return Err(Geometry::CheckpointNotErasable {
                position: self.erased_to,
                erase_bytes: N::ERASE_SIZE,
            });
        }
        let needed = usize::try_from(header.result.length).ok();
        let needed = needed.and_then(|bytes| bytes.checked_next_multiple_of(N::ERASE_SIZE));
        if needed.is_none_or(|bytes| bytes > new.capacity()) {
            return Err(Geometry::ResultTooLong {
                result_bytes: header.result.length,
                slot_bytes: new.capacity(),
            });
        }
        if header.source.length == 0 {
            return Ok(());
        }
        if !reads(O::READ_SIZE) {
            return Err(Geometry::OldUnits {
                read_bytes: O::READ_SIZE,
            });
        }
        let needed = usize::try_from(header.source.length).ok();
        let needed = needed.and_then(|bytes| bytes.checked_next_multiple_of(O::READ_SIZE));
        if needed.is_none_or(|bytes| bytes > old.capacity()) {
            return Err(Geometry::SourceTooLong {
                source_bytes: header.source.length,
                slot_bytes: old.capacity(),
            });
        }
        Ok(())
    }

    /// What must be erased before the buffer is written, said once.
    fn erase_before_write<N: NorFlash>(&mut self) -> Option<Progress> {
        let end = self.position();
        if end <= self.erased_to {
            return None;
        }
        let from = self.erased_to;
        // Invariant: the rounded length of the result fits the slot (checked), whose offsets have 32 bits.
        let unit = u32::try_from(N::ERASE_SIZE).ok()?;
        let to = end.checked_next_multiple_of(unit)?;
        self.erased_to = to;
        Some(Progress::NeedsErase { from, to })
    }

    /// A checkpoint, if one is here: everything is written, and the rest begins with an erase unit.
    fn checkpoint<N: NorFlash>(&mut self, header: &Header<()>) -> Option<Progress> {
        let position = self.position();
        if !self.output.is_empty() || position == self.reported {
            return None;
        }
        let listed = header.checkpoints.positions().any(|listed| listed == position);
        let erasable = usize::try_from(position).is_ok_and(|bytes| bytes.is_multiple_of(N::ERASE_SIZE));
        (listed && erasable).then(|| {
            self.reported = position;
            Progress::Checkpoint { position }
        })
    }

    /// Decodes a piece of the map, a literal, a byte of a copy, the start of a copy with its first byte, or the end of one.
    fn event<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        header: &Header<()>,
        input: &mut Input<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<(), Failed<O, N>> {
        let position = self.position();
        let source_bytes = header.source.length;
        if self.range.range == 0 {
            self.range.fill(input);
            let mut reader = Reader {
                decoder: &mut self.range,
                input,
            };
            let pieces = self.model.pieces(&mut reader, 0);
            self.pieces_left = check_pieces(pieces, Self::PIECES_MAX)?;
            return Ok(());
        }
        if let Some(left) = self.pieces_left.checked_sub(1) {
            let mut reader = Reader {
                decoder: &mut self.range,
                input,
            };
            self.model.piece(&mut reader, Piece::ZERO);
            self.pieces_left = left;
            return Ok(());
        }
        self.model.guess = self.guess(source_bytes, old, new)?;
        if let Some(copy) = self.copy {
            self.unit(copy, source_bytes, input, old, new)?;
            if self.model.in_unit.sure > 0 {
                return self.sure(header, old, new);
            }
            let expected = self.expected(copy, source_bytes, old, new)?;
            let mut reader = Reader {
                decoder: &mut self.range,
                input,
            };
            match self.model.copied(&mut reader, position, expected, None) {
                Some(byte) => self.copied(copy, source_bytes, byte),
                None => self.copy = None,
            }
            return Ok(());
        }
        let mut reader = Reader {
            decoder: &mut self.range,
            input,
        };
        match self.model.start(&mut reader, position, Start::Literal) {
            Start::Copy(copy) => {
                check_copy(copy, position, source_bytes)?;
                let expected = self.expected(copy, source_bytes, old, new)?;
                self.model.first_of_copy(position, expected);
                self.copied(copy, source_bytes, expected.byte);
            }
            Start::Literal => {
                let beside = self.model.history.beside(position);
                let beside = match beside < source_bytes {
                    true => self.old_window.byte(old, beside, source_bytes).map_err(Error::Old)?,
                    false => 0,
                };
                let byte = self.model.literal(&mut reader, position, beside, 0);
                self.output.push(byte);
            }
        }
        Ok(())
    }

    /// Takes the bytes that are known to be as expected, as far as there is room for them.
    fn sure<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        header: &Header<()>,
        old: &mut O,
        new: &mut N,
    ) -> Result<(), Failed<O, N>> {
        let source_bytes = header.source.length;
        while let Some(copy) = self.copy
            && let Some(byte) = self.model.sure(self.position(), copy)
        {
            self.copied(copy, source_bytes, byte);
            if self.output.is_full() || self.position() == header.result.length {
                break;
            }
            if self.model.in_unit.sure > 0 {
                self.model.guess = self.guess(source_bytes, old, new)?;
            }
        }
        Ok(())
    }

    /// Takes a byte of a copy, which goes on unless the old image ends.
    fn copied(&mut self, copy: Copy, source_bytes: u32, byte: u8) {
        self.output.push(byte);
        let from = copy.from.wrapping_add(1);
        let ends = copy.origin == Origin::Old && from >= source_bytes;
        self.copy = (!ends).then_some(Copy { from, ..copy });
    }

    fn expected<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        copy: Copy,
        source_bytes: u32,
        old: &mut O,
        new: &mut N,
    ) -> Result<Expected, Failed<O, N>> {
        let ([bytes, _], known) = self.ahead(copy, source_bytes, old, new)?;
        let sum = self.sum(copy, bytes, source_bytes, old, new)?;
        Ok(self.model.expect(self.position(), copy, bytes, known, sum))
    }

    /// Begins a unit, if one can begin here: whether all of it is as expected.
    fn unit<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        copy: Copy,
        source_bytes: u32,
        input: &mut Input<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<(), Failed<O, N>> {
        if !self.model.can_begin_unit() {
            return Ok(());
        }
        let (bytes, known) = self.ahead(copy, source_bytes, old, new)?;
        if known == 8 {
            let position = self.position();
            let [low, _] = bytes;
            let sum = self.sum(copy, low, source_bytes, old, new)?;
            let unit = self.model.expect_unit(position, copy, bytes, sum);
            let mut reader = Reader {
                decoder: &mut self.range,
                input,
            };
            self.model.unit(&mut reader, position, unit, false);
        }
        Ok(())
    }

    /// The next eight bytes where a copy is, the first one lowest, and how many of them there are.
    #[inline(never)]
    fn ahead<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        copy: Copy,
        source_bytes: u32,
        old: &mut O,
        new: &mut N,
    ) -> Result<([u32; 2], u32), Failed<O, N>> {
        let end = match copy.origin {
            Origin::New => self.position(),
            Origin::Old => source_bytes,
        };
        let at_hand = match copy.origin {
            Origin::New => None,
            Origin::Old => self.old_window.eight(copy.from),
        };
        let mut bytes = at_hand.unwrap_or([0; 8]);
        if at_hand.is_none() {
            for (byte, offset) in bytes.iter_mut().zip(copy.from..end) {
                *byte = match copy.origin {
                    Origin::New => self.result_byte(offset, new)?,
                    Origin::Old => self.old_window.byte(old, offset, end).map_err(Error::Old)?,
                };
            }
        }
        let known = end.saturating_sub(copy.from).min(8);
        let [a, b, c, d, e, f, g, h] = bytes;
        Ok(([[a, b, c, d], [e, f, g, h]].map(u32::from_le_bytes), known))
    }

    /// What a search finds for an instruction at a copy, if it is one that another one adds to.
    fn sum<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        copy: Copy,
        bytes: u32,
        source_bytes: u32,
        old: &mut O,
        new: &mut N,
    ) -> Result<Option<u32>, Failed<O, N>> {
        let Some(mut search) = self.model.addresses.search(self.position(), copy, bytes) else {
            return Ok(None);
        };
        while let Some(from) = search.next() {
            let ([bytes, _], _) = self.ahead(Copy { from, ..copy }, source_bytes, old, new)?;
            self.model.addresses.saw(&mut search, bytes);
        }
        Ok(search.sum())
    }

    /// The byte that followed what came last, when that came before.
    fn guess<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        source_bytes: u32,
        old: &mut O,
        new: &mut N,
    ) -> Result<Option<u8>, Failed<O, N>> {
        // Without a table there is nothing to guess, and firmware has no code for it.
        if SLOTS == 0 {
            return Ok(None);
        }
        let Some(place) = self.model.matcher.next() else {
            return Ok(None);
        };
        let (origin, offset) = match place.checked_sub(source_bytes) {
            None => (Origin::Old, place),
            Some(offset) => (Origin::New, offset),
        };
        if origin == Origin::New {
            if let Some(byte) = self.output.held(offset) {
                return Ok(Some(byte));
            }
            if offset >= self.output.written() {
                return Ok(None);
            }
        }
        if self.guess_origin != origin {
            self.guess_window.forget();
            self.guess_origin = origin;
        }
        let byte = match origin {
            Origin::Old => self.guess_window.byte(old, offset, source_bytes).map_err(Error::Old)?,
            Origin::New => {
                let written = self.output.written();
                self.guess_window.byte(new, offset, written).map_err(Error::New)?
            }
        };
        Ok(Some(byte))
    }

    /// A byte of the result that is known: from the buffer, or from flash.
    fn result_byte<O, N: NorFlash>(&mut self, offset: u32, new: &mut N) -> Result<u8, Error<O, N::Error>> {
        match self.output.held(offset) {
            Some(byte) => Ok(byte),
            None => {
                let written = self.output.written();
                self.new_window.byte(new, offset, written).map_err(Error::New)
            }
        }
    }
}

impl<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
> Default for State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Refuses more pieces of the map than there is room for.
fn check_pieces(pieces: u32, pieces_max: usize) -> Result<u32, Refusal> {
    let pieces_max = u32::try_from(pieces_max).unwrap_or(u32::MAX);
    if pieces > pieces_max {
        return Err(Refusal::Pieces { pieces, pieces_max });
    }
    Ok(pieces)
}

/// Refuses a copy that begins outside what can be read.
pub(crate) fn check_copy(copy: Copy, position: u32, source_bytes: u32) -> Result<(), Refusal> {
    let offset = copy.from;
    match copy.origin {
        Origin::Old if offset >= source_bytes => Err(Refusal::CopyOutsideSource { offset, source_bytes }),
        Origin::New if offset >= position => Err(Refusal::CopyAhead {
            position,
            distance: position.wrapping_sub(offset),
        }),
        Origin::New | Origin::Old => Ok(()),
    }
}
