//! What followed the last time that the same bytes came.
//!
//! A table finds, for the last few bytes, where they stood before. The byte behind them is a guess of the next one. Nothing is
//! compared: a guess that comes from other bytes with the same place in the table is a wrong guess, and what a guess is worth is
//! learned by how often the ones before it held.

/// Most guesses in a row that are told apart.
pub(crate) const HELD_MAX: u32 = 15;

/// Where the same bytes stood. Places count through the old image and then the new one, from 1; 0 is none.
#[derive(Clone, Debug)]
pub(crate) struct Matcher<const SLOTS: usize> {
    pub(crate) slots: [u32; SLOTS],
    /// What is expected next.
    pub(crate) place: u32,
    /// Guesses that held in a row.
    pub(crate) held: u32,
    /// Bytes that came, the old image first.
    pub(crate) seen: u32,
}

impl<const SLOTS: usize> Matcher<SLOTS> {
    pub(crate) const ZERO: Self = Self {
        slots: [0; SLOTS],
        place: 0,
        held: 0,
        seen: 0,
    };

    /// Forgets everything, in place. `seen` bytes came that nobody tells it of.
    pub(crate) fn reset(&mut self, seen: u32) {
        self.slots.fill(0);
        self.place = 0;
        self.held = 0;
        self.seen = seen;
    }

    /// Whether there is room for the old image too, before the first byte.
    pub(crate) const IS_PRIMED: bool = SLOTS >= 1 << 16;

    /// A byte came, and nothing was guessed; `recent` ends with it.
    pub(crate) fn prime(&mut self, recent: u32) {
        self.seen = self.seen.wrapping_add(1);
        if let Some(slot) = self.slots.get_mut(Self::index(recent)) {
            *slot = self.seen.wrapping_add(1);
        }
    }

    /// The byte that may come next: its place, counted from 0.
    pub(crate) const fn next(&self) -> Option<u32> {
        self.place.checked_sub(1)
    }

    /// A byte came; `recent` ends with it. `guess` is what was expected.
    pub(crate) fn came(&mut self, recent: u32, guess: Option<u8>) {
        if SLOTS == 0 {
            return;
        }
        let byte = recent & 0xFF;
        if self.place != 0 && guess.map(u32::from) == Some(byte) {
            self.held = self.held.saturating_add(1).min(HELD_MAX);
            self.place = self.place.wrapping_add(1);
        } else {
            self.place = 0;
            self.held = 0;
        }
        let known = self.slots.get(Self::index(recent)).copied().unwrap_or(0);
        if self.place == 0 {
            self.place = known;
        }
        self.prime(recent);
    }

    fn index(recent: u32) -> usize {
        let count = u32::try_from(SLOTS).unwrap_or(0);
        let mixed = recent.wrapping_mul(0x9E37_79B1);
        let index = u64::from(mixed).wrapping_mul(u64::from(count)).wrapping_shr(32);
        usize::try_from(index).unwrap_or(0)
    }
}
