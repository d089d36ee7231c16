//! Words that became others.

/// Words that are remembered.
const COUNT: usize = 1 << 14;

/// Words of memory for all of them: what it was, what it became, and how sure that is.
pub(crate) const WORDS_WORDS: usize = COUNT * 4;

/// How sure it can be.
const SURE: u32 = 3;

/// What words became. A new one takes the place of another one.
#[derive(Debug)]
pub(crate) struct Words<'m>(&'m mut [u32]);

impl<'m> Words<'m> {
    pub(crate) fn new(memory: &'m mut [u32]) -> Self {
        let mut words = Self(memory);
        words.clear();
        words
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// What a word became, and how often it did lately, 0 to 3. Zero never becomes anything.
    pub(crate) fn get(&self, old: u32) -> Option<(u32, u32)> {
        let at = Self::place(old);
        match self.0.get(at..at.wrapping_add(4))? {
            [known, new, sure, _] if *known == old && old != 0 => Some((*new, *sure)),
            _ => None,
        }
    }

    /// A word became another one. What came again and again is not forgotten at once.
    pub(crate) fn set(&mut self, old: u32, new: u32) {
        let at = Self::place(old);
        if let Some([known, place, sure, _]) = self.0.get_mut(at..at.wrapping_add(4)) {
            if *known == old && *place == new {
                *sure = sure.wrapping_add(1).min(SURE);
            } else if *known == old && *sure > 1 {
                *sure = 1;
            } else {
                (*known, *place, *sure) = (old, new, 0);
            }
        }
    }

    fn place(old: u32) -> usize {
        let mixed = old.wrapping_mul(0x9E37_79B1).wrapping_shr(18);
        usize::try_from(mixed).unwrap_or(0).wrapping_mul(4)
    }
}
