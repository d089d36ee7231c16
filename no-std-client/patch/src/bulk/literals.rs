//! The last literals, and what followed the ones before when they came before.

/// Words in which they are kept, four in each.
const RING_WORDS: usize = 1 << 19;
/// The number of a literal in the ring.
const RING_MASK: u32 = (1 << 21) - 1;
/// Places that are found by the four literals before.
const PLACES_LOG2: u32 = 16;

/// Bits of the hash that stand below the number of a literal.
const CHECK_BITS: u32 = 11;
const CHECK_MASK: u32 = (1 << CHECK_BITS) - 1;

/// Words of memory for all of it.
pub(crate) const LITERALS_WORDS: usize = RING_WORDS + (1 << PLACES_LOG2);

/// The last literals.
#[derive(Debug)]
pub(crate) struct Literals<'m> {
    ring: &'m mut [u32],
    /// By the hash of four literals, the number of the one behind them; 0 for none.
    places: &'m mut [u32],
    count: u32,
    /// The number of the literal that followed the same ones, and how many of these were the same since it was found.
    matched: u32,
    held: u32,
}

impl<'m> Literals<'m> {
    pub(crate) fn new(memory: &'m mut [u32]) -> Self {
        let (ring, places) = memory.split_at_mut(RING_WORDS.min(memory.len()));
        let mut literals = Self {
            ring,
            places,
            count: 0,
            matched: 0,
            held: 0,
        };
        literals.clear();
        literals
    }

    /// What the ring holds is found by nothing then.
    pub(crate) fn clear(&mut self) {
        self.places.fill(0);
        (self.count, self.matched, self.held) = (0, 0, 0);
    }

    /// How many literals were guessed in a row.
    pub(crate) const fn held(&self) -> u32 {
        self.held
    }

    /// Something else came in between.
    pub(crate) const fn interrupt(&mut self) {
        self.held = 0;
    }

    /// The literal that followed the last ones, if they came before.
    pub(crate) fn matched(&self) -> Option<u8> {
        if self.matched == 0 {
            return None;
        }
        let at = self.matched & RING_MASK;
        let word = self.ring.get(usize::try_from(at.wrapping_shr(2)).ok()?)?;
        u8::try_from(word.wrapping_shr((at & 3).wrapping_mul(8)) & 0xFF).ok()
    }

    /// Adds one, with which the last four bytes of the result are `recent`.
    pub(crate) fn push(&mut self, byte: u8, recent: u32) {
        self.held = if self.matched() == Some(byte) {
            self.held.saturating_add(1)
        } else {
            0
        };
        let at = self.count & RING_MASK;
        let word = usize::try_from(at.wrapping_shr(2))
            .ok()
            .and_then(|at| self.ring.get_mut(at));
        if let Some(word) = word {
            let low = (at & 3).wrapping_mul(8);
            *word = *word & !0xFF_u32.wrapping_shl(low) | u32::from(byte).wrapping_shl(low);
        }
        self.count = self.count.wrapping_add(1);
        self.matched = self.matched.wrapping_add(1);
        let hash = recent.wrapping_mul(0x9E37_79B1);
        let place = hash.wrapping_shr(32_u32.wrapping_sub(PLACES_LOG2));
        let place = usize::try_from(place).ok().and_then(|place| self.places.get_mut(place));
        let check = hash & CHECK_MASK;
        if let Some(place) = place {
            if self.held == 0 {
                let known = *place;
                self.matched = match known & CHECK_MASK == check {
                    true => known.wrapping_shr(CHECK_BITS),
                    false => 0,
                };
            }
            *place = self.count.wrapping_shl(CHECK_BITS) | check;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::appended;

    #[test]
    fn what_came_before_is_guessed() {
        let mut memory = std::vec![0; LITERALS_WORDS];
        let mut literals = Literals::new(&mut memory);
        let mut recent = 0;
        let mut guessed = 0;
        for byte in b"once upon a time; once upon a time; once".iter().copied() {
            guessed += u32::from(literals.matched() == Some(byte));
            recent = appended(recent, byte);
            literals.push(byte, recent);
        }
        assert_eq!((guessed, literals.held()), (18, 18));
        literals.interrupt();
        assert_eq!(literals.held(), 0);
    }
}
