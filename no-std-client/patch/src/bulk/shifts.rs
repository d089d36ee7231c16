//! How far things moved: the last ones, and by what they are.

use crate::predict::shift_in;

/// Shifts that are remembered because they came last.
pub(crate) const RECENT: usize = 5;

/// The last different shifts, newest first.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Recent(pub(crate) [u32; RECENT]);

impl Recent {
    pub(crate) const NONE: Self = Self([0; RECENT]);

    /// Puts one in front. If it was there, the ones that came later move behind it; else the last one is forgotten.
    pub(crate) fn push(&mut self, shift: u32) {
        let known = self.0.iter().position(|known| *known == shift);
        let kept = known.map_or(RECENT, |known| known.wrapping_add(1));
        shift_in(self.0.iter_mut().take(kept), shift);
    }
}

/// Keys of which it is known how far they moved.
const COUNT: usize = 1 << 14;

/// Words of memory for them.
pub(crate) const SHIFTS_WORDS: usize = COUNT * 2;

/// Shifts by key. A new one takes the place of another one.
#[derive(Debug)]
pub(crate) struct Shifts<'m>(&'m mut [u32]);

impl<'m> Shifts<'m> {
    pub(crate) fn new(memory: &'m mut [u32]) -> Self {
        let mut shifts = Self(memory);
        shifts.clear();
        shifts
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(crate) fn get(&self, key: u32) -> Option<u32> {
        let at = Self::place(key);
        match self.0.get(at..at.wrapping_add(2))? {
            [known, shift] if *known == key.wrapping_add(1) => Some(*shift),
            _ => None,
        }
    }

    pub(crate) fn set(&mut self, key: u32, shift: u32) {
        let at = Self::place(key);
        if let Some([known, place]) = self.0.get_mut(at..at.wrapping_add(2)) {
            (*known, *place) = (key.wrapping_add(1), shift);
        }
    }

    fn place(key: u32) -> usize {
        let mixed = key.wrapping_mul(0x9E37_79B1).wrapping_shr(18);
        usize::try_from(mixed).unwrap_or(0).wrapping_mul(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_stands_in_front() {
        let mut recent = Recent::NONE;
        for shift in [1, 2, 3, 2] {
            recent.push(shift);
        }
        assert_eq!(recent.0, [2, 3, 1, 0, 0]);
        for shift in [4, 5, 6, 7, 8] {
            recent.push(shift);
        }
        assert_eq!(recent.0, [8, 7, 6, 5, 4]);
    }

    #[test]
    fn shifts_are_found_by_their_keys() {
        let mut memory = std::vec![7; SHIFTS_WORDS];
        let mut shifts = Shifts::new(&mut memory);
        assert_eq!(shifts.get(0), None);
        for key in [0, 5, u32::MAX - 1] {
            shifts.set(key, key ^ 1);
            assert_eq!(shifts.get(key), Some(key ^ 1));
        }
        assert_eq!(shifts.get(6), None);
    }
}
