//! Addresses that became others than the map says, and words of which nothing else is known.

use super::shift_in;

/// What an address or a word became.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pair {
    pub(crate) old: u32,
    pub(crate) new: u32,
}

impl Pair {
    const NOTHING: Self = Self { old: 0, new: 0 };
}

/// How many words are looked at for one that is near.
pub(crate) const RECENT: usize = 16;
/// How far a word may be from one that is called near.
const NEAR: u32 = 1 << 12;

/// A table in which each new pair takes the place of another one, and a few words that changed last.
#[derive(Clone, Debug)]
pub(crate) struct Learned<const PAIRS: usize> {
    pub(crate) pairs: [Pair; PAIRS],
    pub(crate) recent: [Pair; RECENT],
}

impl<const PAIRS: usize> Learned<PAIRS> {
    pub(crate) const ZERO: Self = Self {
        pairs: [Pair::NOTHING; PAIRS],
        recent: [Pair::NOTHING; RECENT],
    };

    pub(crate) fn clear(&mut self) {
        self.pairs.fill(Pair::NOTHING);
        self.recent.fill(Pair::NOTHING);
    }

    fn index(old: u32) -> usize {
        let count = u32::try_from(PAIRS).unwrap_or(u32::MAX);
        let mixed = old.wrapping_mul(0x9E37_79B1).wrapping_shr(16);
        // Invariant: below PAIRS, which is at most 65,536.
        usize::try_from(mixed.wrapping_mul(count).wrapping_shr(16)).unwrap_or(0)
    }

    /// What `old` became, if it was seen.
    pub(crate) fn exact(&self, old: u32) -> Option<u32> {
        let pair = self.pairs.get(Self::index(old))?;
        (pair.old == old && *pair != Pair::NOTHING).then_some(pair.new)
    }

    /// What `old` will be if it moves as the word nearest to it did. Small numbers are no addresses: what is nearer to 0 stays.
    pub(crate) fn near(&self, old: u32) -> Option<u32> {
        let nearest = self.recent.iter().min_by_key(|pair| pair.old.abs_diff(old))?;
        let distance = nearest.old.abs_diff(old);
        (distance < NEAR && distance < old).then(|| old.wrapping_add(nearest.new.wrapping_sub(nearest.old)))
    }

    pub(crate) fn add(&mut self, old: u32, new: u32, is_word: bool) {
        let pair = Pair { old, new };
        if let Some(place) = self.pairs.get_mut(Self::index(old)) {
            *place = pair;
        }
        if is_word {
            shift_in(self.recent.iter_mut(), pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Learned, NEAR, RECENT};

    #[test]
    fn what_was_seen_is_known_and_what_is_near_moves_with_it() {
        let mut learned = Learned::<64>::ZERO;
        assert_eq!((learned.exact(0), learned.near(0)), (None, None));
        learned.add(0x2000_0100, 0x2000_0180, true);
        assert_eq!(learned.exact(0x2000_0100), Some(0x2000_0180));
        assert_eq!(learned.exact(0x2000_0104), None);
        assert_eq!(learned.near(0x2000_0104), Some(0x2000_0184));
        assert_eq!(learned.near(0x2000_0100 + NEAR), None);
        learned.add(0x2000_0110, 0x2000_0170, true);
        assert_eq!(learned.near(0x2000_010C), Some(0x2000_016C));
        // 0x800 is as near to 0 as to the one that is known.
        learned.add(0x1000, 0x1010, true);
        assert_eq!((learned.near(0x801), learned.near(0x800)), (Some(0x811), None));
        // A place is no word.
        learned.add(0x500, 0x600, false);
        assert_eq!((learned.exact(0x500), learned.near(0x504)), (Some(0x600), None));
    }

    #[test]
    fn words_are_forgotten_after_a_while() {
        let mut learned = Learned::<64>::ZERO;
        learned.add(0x1000_0000, 0x1000_0004, true);
        for word in (0x2000_0000..).step_by(0x1_0000).take(RECENT - 1) {
            learned.add(word, 1, true);
        }
        assert_eq!(learned.near(0x1000_0008), Some(0x1000_000C));
        learned.add(0x7000_0000, 1, true);
        assert_eq!(learned.near(0x1000_0008), None);
    }
}
