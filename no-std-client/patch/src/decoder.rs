//! The decoder: blocks in, flash writes out.

use crate::{
    Authenticated, BlockRange, Chain, Codec, Error, Header, Image, Pinned, Profile, Refusal,
    buffers::{Output, Window},
    intake::Intake,
    matcher::Matcher,
    model::{Copy, Expected, Model, Origin, Start, appended},
    predict::{Addresses, Architecture, Piece},
    range_decoder::{Input, RangeDecoder, Reader},
    slots::{Drivers, Needs, Slots, Stopped},
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
///
/// What is short and often used stands in front, where an instruction of two bytes reaches it.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct State<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
> {
    pub(crate) copy: Option<Copy>,
    /// Everything in front of this was erased.
    pub(crate) erased_to: u32,
    /// The last checkpoint that was reported.
    pub(crate) reported: u32,
    /// Pieces of the map that are still to be read, in front of everything else.
    pub(crate) pieces_left: u32,
    /// Whether the matcher knows what came before, if it is to.
    pub(crate) is_primed: bool,
    pub(crate) guess_origin: Origin,
    pub(crate) range: RangeDecoder,
    pub(crate) output: Output<BUFFER_BYTES>,
    pub(crate) intake: Intake,
    pub(crate) model: Model<HIT_CELLS, BYTE_CELLS, PLACES, SLOTS, ONLY_THUMB>,
    pub(crate) old_window: Window<BUFFER_BYTES>,
    pub(crate) new_window: Window<BUFFER_BYTES>,
    /// What guesses are read from, and of which image.
    pub(crate) guess_window: Window<GUESS_BYTES>,
}

/// Bytes that are read for a guess: the next ones are likely to be guesses, too.
const GUESS_BYTES: usize = 32;

/// At most 8 KiB.
pub type SmallState = State<160, 214, 128, 48, 0, false>;
/// The same for a Cortex-M: it follows no other instructions, which is 660 bytes less of flash. A patch that names another architecture
/// is refused, as one that is not known.
pub type SmallThumbState = State<160, 214, 128, 48, 0, true>;
/// At most 32 KiB.
pub type StandardState = State<840, 1064, 256, 192, 768, false>;
/// For machines with an operating system: nearly one MiB.
pub type LargeState = State<22_528, 24_576, 4096, 4096, 65_536, false>;

const _: () = assert!(size_of::<SmallState>() <= 8 * 1024 && SmallState::SNAPSHOT_BYTES <= 8 * 1024);
const _: () = assert!(size_of::<StandardState>() <= 32 * 1024);
const _: () = assert!(size_of::<LargeState>() <= 1024 * 1024);

impl<
    const HIT_CELLS: usize,
    const BYTE_CELLS: usize,
    const BUFFER_BYTES: usize,
    const PLACES: usize,
    const SLOTS: usize,
    const ONLY_THUMB: bool,
> State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS, ONLY_THUMB>
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

    /// Whether this decoder follows the instructions of an architecture that its profile follows.
    pub(crate) const fn follows(architecture: Architecture) -> bool {
        Addresses::<PLACES, ONLY_THUMB>::follows(architecture)
    }

    /// Starts a patch. `pinned` is what a signed document says about the file; `source` is what the caller found in the running
    /// slot when it hashed it, [`Image::NOTHING`] for a full image; `result` is the image that the signed document wants.
    pub fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal> {
        self.start_over(&pinned, [&source, &result])
    }

    #[inline(never)]
    fn start_over(&mut self, pinned: &Pinned, images: [&Image; 2]) -> Result<(), Refusal> {
        self.intake.begin(pinned, images)?;
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
        let mut slots = Drivers::new(old, new);
        let progress = self.decode(block, &mut slots);
        slots.outcome(progress)
    }

    /// The same for any drivers.
    #[inline(never)]
    fn decode(&mut self, block: &Authenticated<'_>, slots: &mut dyn Slots) -> Result<Progress, Stopped> {
        let input = self.intake.offer(block).map_err(|misuse| slots.stop(misuse.into()))?;
        let mut work = Work {
            input,
            slots,
            source_bytes: 0,
            result_bytes: 0,
        };
        self.begin_block(&mut work)?;
        let progress = self.advance(&mut work)?;
        self.intake.keep(block, &work.input, progress);
        Ok(progress)
    }

    /// Reads the header, if it was not read yet, and looks at the slots.
    fn begin_block(&mut self, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        let layout = &mut self.model.addresses.layout;
        let read = self
            .intake
            .read_header(&mut work.input, Self::PROFILE, Codec::Mixing, layout);
        let read = read.map_err(|refusal| work.refuse(refusal))?;
        if !Self::follows(layout.architecture) {
            let architecture = layout.architecture.code();
            return Err(work.refuse(Refusal::UnknownArchitecture { architecture }));
        }
        (work.source_bytes, work.result_bytes) = (read.source_bytes, read.result_bytes);
        if read.is_first {
            self.model.begin(work.source_bytes);
        }
        work.slots.check(&Needs {
            source_bytes: work.source_bytes,
            result_bytes: work.result_bytes,
            erased_to: self.erased_to,
            buffer_bytes: BUFFER_BYTES,
            guess_bytes: if SLOTS == 0 { 0 } else { GUESS_BYTES },
        })?;
        if !self.is_primed {
            self.prime(work)?;
        }
        Ok(())
    }

    fn advance(&mut self, work: &mut Work<'_, '_>) -> Result<Progress, Stopped> {
        loop {
            let complete = self.position() == work.result_bytes;
            if self.output.is_full() || (complete && !self.output.is_empty()) {
                if let Some(erase) = self.erase_before_write(work.slots) {
                    return Ok(erase);
                }
                self.output.write(work.slots)?;
            }
            if complete {
                return match self.range.is_at_end(&work.input) {
                    true => Ok(Progress::Done),
                    false => Err(work.refuse(Refusal::ExtraBytes)),
                };
            }
            if let Some(checkpoint) = self.checkpoint(work.slots) {
                return Ok(checkpoint);
            }
            if !self.range.is_ready(&work.input) {
                self.range.carry(&mut work.input);
                return Ok(Progress::NeedsBlock);
            }
            self.event(work)?;
            if self.range.is_overdrawn() {
                return Err(work.refuse(Refusal::Truncated));
            }
        }
    }

    /// Reads again what came before `position`, where there is room for what all of the old image teaches.
    fn prime(&mut self, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        self.is_primed = true;
        if !Matcher::<SLOTS>::IS_PRIMED {
            return Ok(());
        }
        let matcher = &mut self.model.matcher;
        let (place, held) = (matcher.place, matcher.held);
        matcher.reset(0);
        let ends = [
            (Origin::Old, work.source_bytes, &mut self.old_window),
            (Origin::New, self.output.position(), &mut self.new_window),
        ];
        for (origin, end, window) in ends {
            let mut recent = 0;
            for offset in 0..end {
                let byte = window.byte(work.slots, origin, offset, end)?;
                recent = appended(recent, byte);
                matcher.prime(recent);
            }
        }
        (matcher.place, matcher.held) = (place, held);
        Ok(())
    }

    /// What must be erased before the buffer is written, said once.
    fn erase_before_write(&mut self, slots: &dyn Slots) -> Option<Progress> {
        let end = self.position();
        if end <= self.erased_to {
            return None;
        }
        let from = self.erased_to;
        // Invariant: the rounded length of the result fits the slot (checked), whose offsets have 32 bits.
        let to = slots.erase_end(end)?;
        self.erased_to = to;
        Some(Progress::NeedsErase { from, to })
    }

    /// A checkpoint, if one is here: everything is written, and the rest begins with an erase unit.
    fn checkpoint(&mut self, slots: &dyn Slots) -> Option<Progress> {
        let position = self.position();
        if !self.output.is_empty() || position == self.reported {
            return None;
        }
        let is_listed = self.header().is_some_and(|header| header.checkpoints.has(position));
        if !is_listed || slots.erase_end(position) != Some(position) {
            return None;
        }
        self.reported = position;
        Some(Progress::Checkpoint { position })
    }

    /// Decodes a piece of the map, a literal, a byte of a copy, the start of a copy with its first byte, or the end of one.
    fn event(&mut self, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        if self.range.range == 0 || self.pieces_left > 0 {
            return self.piece(work);
        }
        // Without a table there is nothing to guess, and firmware has no code for it.
        if SLOTS > 0 {
            self.model.guess = self.guess(work)?;
        }
        match self.copy {
            Some(copy) => self.copied_event(copy, work),
            None => self.start(work),
        }
    }

    /// Decodes how many pieces of the map there are, or one of them. Not inlined: they are in front of everything else.
    #[inline(never)]
    fn piece(&mut self, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        let is_count = self.range.range == 0;
        if is_count {
            self.range.fill(&mut work.input);
        }
        let mut reader = Reader {
            decoder: &mut self.range,
            input: &mut work.input,
        };
        if !is_count {
            self.model.piece(&mut reader, Piece::ZERO);
            self.pieces_left = self.pieces_left.wrapping_sub(1);
            return Ok(());
        }
        let pieces = self.model.pieces(&mut reader, 0);
        self.pieces_left = check_pieces(pieces, Self::PIECES_MAX).map_err(|refusal| work.refuse(refusal))?;
        Ok(())
    }

    /// Decodes a byte of a copy, or more of them, or its end.
    fn copied_event(&mut self, copy: Copy, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        self.unit(copy, work)?;
        if self.model.in_unit.sure > 0 {
            return self.sure(work);
        }
        let expected = self.expected(copy, work)?;
        let position = self.position();
        let mut reader = Reader {
            decoder: &mut self.range,
            input: &mut work.input,
        };
        match self.model.copied(&mut reader, position, expected, None) {
            Some(byte) => self.copied(copy, work.source_bytes, byte),
            None => self.copy = None,
        }
        Ok(())
    }

    /// Decodes the start of a copy with its first byte, or a literal.
    fn start(&mut self, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        let position = self.position();
        let source_bytes = work.source_bytes;
        let mut reader = Reader {
            decoder: &mut self.range,
            input: &mut work.input,
        };
        match self.model.start(&mut reader, position, Start::Literal) {
            Start::Copy(copy) => {
                check_copy(copy, position, source_bytes).map_err(|refusal| work.refuse(refusal))?;
                let expected = self.expected(copy, work)?;
                self.model.first_of_copy(position, expected);
                self.copied(copy, source_bytes, expected.byte);
            }
            Start::Literal => {
                let beside = self.model.history.beside(position);
                let beside = match beside < source_bytes {
                    true => self.old_window.byte(work.slots, Origin::Old, beside, source_bytes)?,
                    false => 0,
                };
                let byte = self.model.literal(&mut reader, position, beside, 0);
                self.output.push(byte);
            }
        }
        Ok(())
    }

    /// Takes the bytes that are known to be as expected, as far as there is room for them.
    fn sure(&mut self, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        while let Some(copy) = self.copy
            && let Some(byte) = self.model.sure(self.position(), copy)
        {
            self.copied(copy, work.source_bytes, byte);
            if self.output.is_full() || self.position() == work.result_bytes {
                break;
            }
            if SLOTS > 0 && self.model.in_unit.sure > 0 {
                self.model.guess = self.guess(work)?;
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

    fn expected(&mut self, copy: Copy, work: &mut Work<'_, '_>) -> Result<Expected, Stopped> {
        let ([bytes, _], known) = self.ahead(copy, work)?;
        let sum = self.sum(copy, bytes, work)?;
        Ok(self.model.expect(self.position(), copy, bytes, known, sum))
    }

    /// Begins a unit, if one can begin here: whether all of it is as expected.
    fn unit(&mut self, copy: Copy, work: &mut Work<'_, '_>) -> Result<(), Stopped> {
        if !self.model.can_begin_unit() {
            return Ok(());
        }
        let (bytes, known) = self.ahead(copy, work)?;
        if known == 8 {
            let position = self.position();
            let [low, _] = bytes;
            let sum = self.sum(copy, low, work)?;
            let unit = self.model.expect_unit(position, copy, bytes, sum);
            let mut reader = Reader {
                decoder: &mut self.range,
                input: &mut work.input,
            };
            self.model.unit(&mut reader, position, unit, false);
        }
        Ok(())
    }

    /// The next eight bytes where a copy is, the first one lowest, and how many of them there are.
    #[inline(never)]
    fn ahead(&mut self, copy: Copy, work: &mut Work<'_, '_>) -> Result<([u32; 2], u32), Stopped> {
        let end = match copy.origin {
            Origin::New => self.position(),
            Origin::Old => work.source_bytes,
        };
        let known = end.saturating_sub(copy.from).min(8);
        if copy.origin == Origin::Old
            && let Some(bytes) = self.old_window.eight(copy.from)
        {
            return Ok((bytes, known));
        }
        let [mut low, mut high] = [0_u32; 2];
        for at in (0..known).rev() {
            let offset = copy.from.wrapping_add(at);
            let byte = match copy.origin {
                Origin::New => self.result_byte(offset, work.slots)?,
                Origin::Old => self.old_window.byte(work.slots, Origin::Old, offset, end)?,
            };
            high = high.wrapping_shl(8) | low.wrapping_shr(24);
            low = low.wrapping_shl(8) | u32::from(byte);
        }
        Ok(([low, high], known))
    }

    /// What a search finds for an instruction at a copy, if it is one that another one adds to.
    fn sum(&mut self, copy: Copy, bytes: u32, work: &mut Work<'_, '_>) -> Result<Option<u32>, Stopped> {
        let Some(mut search) = self.model.addresses.search(self.position(), copy, bytes) else {
            return Ok(None);
        };
        while let Some(from) = search.next() {
            let ([bytes, _], _) = self.ahead(Copy { from, ..copy }, work)?;
            self.model.addresses.saw(&mut search, bytes);
        }
        Ok(search.sum())
    }

    /// The byte that followed what came last, when that came before.
    fn guess(&mut self, work: &mut Work<'_, '_>) -> Result<Option<u8>, Stopped> {
        let Some(place) = self.model.matcher.next() else {
            return Ok(None);
        };
        let (origin, offset) = match place.checked_sub(work.source_bytes) {
            None => (Origin::Old, place),
            Some(offset) => (Origin::New, offset),
        };
        let written = self.output.written();
        let end = match origin {
            Origin::Old => work.source_bytes,
            Origin::New => written,
        };
        if origin == Origin::New {
            if let Some(byte) = self.output.held(offset) {
                return Ok(Some(byte));
            }
            if offset >= written {
                return Ok(None);
            }
        }
        if self.guess_origin != origin {
            self.guess_window.forget();
            self.guess_origin = origin;
        }
        self.guess_window.byte(work.slots, origin, offset, end).map(Some)
    }

    /// A byte of the result that is known: from the buffer, or from flash.
    fn result_byte(&mut self, offset: u32, slots: &mut dyn Slots) -> Result<u8, Stopped> {
        match self.output.held(offset) {
            Some(byte) => Ok(byte),
            None => {
                let written = self.output.written();
                self.new_window.byte(slots, Origin::New, offset, written)
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
    const ONLY_THUMB: bool,
> Default for State<HIT_CELLS, BYTE_CELLS, BUFFER_BYTES, PLACES, SLOTS, ONLY_THUMB>
{
    fn default() -> Self {
        Self::new()
    }
}

/// What one call of the decoder works with.
struct Work<'w, 'b> {
    input: Input<'b>,
    slots: &'w mut dyn Slots,
    source_bytes: u32,
    result_bytes: u32,
}

impl Work<'_, '_> {
    /// Stops since the patch is not what it must be. Not inlined: it is rare, and there are many reasons.
    #[inline(never)]
    fn refuse(&mut self, refusal: Refusal) -> Stopped {
        self.slots.stop(refusal.into())
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
