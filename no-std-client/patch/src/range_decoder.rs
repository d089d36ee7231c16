//! The range decoder, and where its bytes come from.
//!
//! - Probabilities have 12 bits and never reach 0 or 1, so a decision takes at most two bytes, and an event (one byte of the
//!   result with all its decisions, or the start of a copy) at most [`EVENT_BYTES_MAX`].
//! - An event begins only when that many bytes are at hand or no block is left. So it never stops in the middle, and what a
//!   block has left over is carried to the next one in a buffer of that size.
//! - The encoder leaves zero bytes at the end away; the decoder supplies at most four.

use crate::predict::shift_in;

/// The two directions of one model: a decoder finds the bit, an encoder is told it.
pub(crate) trait BitCoder {
    /// Codes one bit. `probability` is that of a 1, from 1 to 4095.
    fn bit(&mut self, probability: u32, wanted: bool) -> bool;
}

/// Most bytes that one event takes.
///
/// A number has at most eight decisions of 12 bits (six of its class, two of how it is aligned) and 29 plain bits, 125 bits. The
/// longest event is a piece of the map, two numbers. The start of a copy is one number and three decisions, and a byte of a copy has
/// at most eleven, with that of its unit. Four bytes fill the decoder first, before one number.
pub(crate) const EVENT_BYTES_MAX: usize = 40;

/// Most zero bytes behind the end.
pub(crate) const PADDING_BYTES_MAX: u8 = 4;

pub(crate) const TOP: u32 = 1 << 24;

/// State of the range decoder between events, and the bytes of used blocks that it has not taken yet.
#[derive(Clone, Debug)]
pub(crate) struct RangeDecoder {
    pub(crate) range: u32,
    pub(crate) code: u32,
    pub(crate) padding: u8,
    /// Bytes in `carried` that are still to be taken, from its start.
    pub(crate) carried_bytes: u8,
    pub(crate) carried: [u8; EVENT_BYTES_MAX],
}

/// Bytes of the block at hand that were not taken yet.
pub(crate) struct Input<'b> {
    pub(crate) block: &'b [u8],
    /// Whether no block follows.
    pub(crate) last: bool,
}

impl RangeDecoder {
    pub(crate) const fn new() -> Self {
        Self {
            range: 0,
            code: 0,
            padding: 0,
            carried_bytes: 0,
            carried: [0; EVENT_BYTES_MAX],
        }
    }

    /// Whether an event can begin.
    pub(crate) fn is_ready(&self, input: &Input<'_>) -> bool {
        input.last || usize::from(self.carried_bytes).saturating_add(input.block.len()) >= EVENT_BYTES_MAX
    }

    /// Keeps what is left of a block for later. Only when an event cannot begin, so that it fits.
    pub(crate) fn carry(&mut self, input: &mut Input<'_>) {
        let start = usize::from(self.carried_bytes);
        let free = self.carried.iter_mut().skip(start);
        for (target, byte) in free.zip(input.block) {
            *target = *byte;
            self.carried_bytes = self.carried_bytes.saturating_add(1);
        }
        input.block = &[];
    }

    /// Whether all bytes of the patch were taken.
    pub(crate) const fn is_at_end(&self, input: &Input<'_>) -> bool {
        input.last && input.block.is_empty() && self.carried_bytes == 0
    }

    /// Whether more bytes were taken than there are.
    pub(crate) const fn is_overdrawn(&self) -> bool {
        self.padding > PADDING_BYTES_MAX
    }

    /// Whether the first bytes of a stream were taken.
    pub(crate) const fn is_filled(&self) -> bool {
        self.range != 0
    }

    /// Takes the first bytes of a stream.
    pub(crate) fn fill(&mut self, input: &mut Input<'_>) {
        self.range = u32::MAX;
        for _ in 0..4 {
            self.code = self.code.wrapping_shl(8) | self.next(input);
        }
    }

    #[inline(never)]
    fn next(&mut self, input: &mut Input<'_>) -> u32 {
        if self.carried_bytes > 0 {
            let [first, ..] = self.carried;
            shift_in(self.carried.iter_mut().rev(), 0);
            self.carried_bytes = self.carried_bytes.saturating_sub(1);
            return u32::from(first);
        }
        match input.block.split_first() {
            Some((byte, rest)) => {
                input.block = rest;
                u32::from(*byte)
            }
            None => {
                self.padding = self.padding.saturating_add(1);
                0
            }
        }
    }
}

/// A range decoder with its input: what the model reads bits from.
pub(crate) struct Reader<'d, 'i, 'b> {
    pub(crate) decoder: &'d mut RangeDecoder,
    pub(crate) input: &'i mut Input<'b>,
}

impl BitCoder for Reader<'_, '_, '_> {
    // State stays in registers from one bit to the next.
    #[inline]
    fn bit(&mut self, probability: u32, _wanted: bool) -> bool {
        let decoder = &mut *self.decoder;
        let zero = 4096_u32.wrapping_sub(probability);
        let bound = decoder.range.wrapping_shr(12).wrapping_mul(zero);
        let bit = decoder.code >= bound;
        // Without a branch: which way it goes cannot be foreseen.
        let mask = u32::from(bit).wrapping_neg();
        decoder.code = decoder.code.wrapping_sub(bound & mask);
        decoder.range = bound.wrapping_add(decoder.range.wrapping_sub(bound.wrapping_mul(2)) & mask);
        // Invariant: the range was at least 2^24 and its parts are at least 2^12, so this ends after two rounds.
        while decoder.range != 0 && decoder.range < TOP {
            decoder.range = decoder.range.wrapping_shl(8);
            let byte = decoder.next(self.input);
            decoder.code = decoder.code.wrapping_shl(8) | byte;
        }
        bit
    }
}
