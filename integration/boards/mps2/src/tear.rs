//! What a cut leaves of a flash operation.

use tuffet_board_layout::control::Tear;

/// Does of an operation what its tear does: of the word at `index` of `words` words, which bits change.
pub(crate) struct Torn {
    tear: Tear,
    done: usize,
    words: usize,
    random: u32,
}

impl Torn {
    pub(crate) fn new(tear: Tear, words: usize, seed: u32) -> Self {
        // Zero is where this generator would stand still.
        let mut random = seed | 1;
        let done = next(&mut random) as usize % words.max(1);
        Self {
            tear,
            done,
            words,
            random,
        }
    }

    /// Which bits of the next word are done: it has to be asked for each word in turn.
    pub(crate) fn mask(&mut self, index: usize) -> u32 {
        let is_done = match self.tear {
            Tear::Before => false,
            Tear::After => true,
            Tear::Head => index < self.done,
            Tear::Tail => index >= self.words - self.done,
            Tear::Bits => return next(&mut self.random),
        };
        if is_done { u32::MAX } else { 0 }
    }
}

/// One step of xorshift.
fn next(random: &mut u32) -> u32 {
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    *random
}
