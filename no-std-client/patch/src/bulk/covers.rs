//! The whole plan of the result, which stands in front of everything else: what is copied from where.

/// A piece of the result that is copied.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cover {
    /// Its first byte in the result.
    pub(crate) new: u32,
    /// Where it is copied from: an offset in the old image, or the length of that plus an offset in the result.
    pub(crate) from: u32,
    /// Bytes, at least 1.
    pub(crate) length: u32,
    /// Whether every byte is as it was there.
    pub(crate) is_verbatim: bool,
}

impl Cover {
    /// The first byte behind it in the result.
    pub(crate) const fn end(&self) -> u32 {
        self.new.wrapping_add(self.length)
    }

    /// How far it moved.
    pub(crate) const fn shift(&self) -> u32 {
        self.new.wrapping_sub(self.from)
    }

    /// Where a byte of the old image stands in the result, if it is part of this.
    pub(crate) fn moved(&self, old: u32) -> Option<u32> {
        let inside = old.checked_sub(self.from).filter(|inside| *inside < self.length)?;
        Some(self.new.wrapping_add(inside))
    }
}

/// Words of memory for a cover: new, from, length with the flag below it, and two for a place in the order of the old image.
pub(crate) const COVER_WORDS: usize = 5;

/// Covers in the order of the result, and their order in the old image.
#[derive(Debug)]
pub(crate) struct Covers<'m> {
    words: &'m mut [u32],
    order: &'m mut [u32],
    count: usize,
}

impl<'m> Covers<'m> {
    /// As many as there is memory for.
    pub(crate) fn new(memory: &'m mut [u32]) -> Self {
        let count_max = memory.len().checked_div(COVER_WORDS).unwrap_or(0);
        let (words, order) = memory.split_at_mut(count_max.wrapping_mul(3));
        Self { words, order, count: 0 }
    }

    /// Most of them.
    pub(crate) fn count_max(&self) -> usize {
        self.words.len().checked_div(3).unwrap_or(0)
    }

    pub(crate) fn get(&self, index: usize) -> Option<Cover> {
        if index >= self.count {
            return None;
        }
        let at = index.wrapping_mul(3);
        match self.words.get(at..at.wrapping_add(3))? {
            [new, from, length] => Some(Cover {
                new: *new,
                from: *from,
                length: length.wrapping_shr(1),
                is_verbatim: length & 1 == 1,
            }),
            _ => None,
        }
    }

    /// Adds one behind the others.
    pub(crate) fn push(&mut self, cover: Cover) {
        let at = self.count.wrapping_mul(3);
        if let Some([new, from, length]) = self.words.get_mut(at..at.wrapping_add(3)) {
            *new = cover.new;
            *from = cover.from;
            *length = cover.length.wrapping_shl(1) | u32::from(cover.is_verbatim);
            self.count = self.count.wrapping_add(1);
        }
    }

    /// Puts them in the order of the old image, once all are there.
    pub(crate) fn sort(&mut self) {
        let froms = self.words.as_chunks::<3>().0.iter().map(|[_, from, _]| *from);
        let (order, _) = self.order.as_chunks_mut::<2>();
        let order = order.get_mut(..self.count).unwrap_or_default();
        for (place, (from, index)) in order.iter_mut().zip(froms.zip(0_u32..)) {
            *place = [from, index];
        }
        order.sort_unstable();
    }

    /// The cover that begins at `old` or before it, as near as there is one.
    pub(crate) fn before(&self, old: u32) -> Option<Cover> {
        let (order, _) = self.order.as_chunks::<2>();
        let order = order.get(..self.count)?;
        let behind = order.partition_point(|[from, _]| *from <= old);
        let [_, index] = order.get(behind.checked_sub(1)?)?;
        self.get(usize::try_from(*index).ok()?)
    }
}
