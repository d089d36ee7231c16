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
    /// How many come from in front of each multiple of `1 << shift`, as far as there are any.
    index: &'m mut [u32],
    shift: u32,
    indexed: usize,
}

/// Words of memory for the index.
pub(crate) const INDEX_WORDS: usize = 1 << 18;

impl<'m> Covers<'m> {
    /// As many as there is memory for.
    pub(crate) fn new(memory: &'m mut [u32]) -> Self {
        let (index, memory) = memory.split_at_mut(INDEX_WORDS.min(memory.len()));
        let count_max = memory.len().checked_div(COVER_WORDS).unwrap_or(0);
        let (words, order) = memory.split_at_mut(count_max.wrapping_mul(3));
        Self {
            words,
            order,
            count: 0,
            index,
            shift: 0,
            indexed: 0,
        }
    }

    pub(crate) const fn clear(&mut self) {
        self.count = 0;
        self.indexed = 0;
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
        let last = order.last().map_or(0, |[from, _]| *from);
        // Invariant: one more place than half of the index is used.
        self.shift = 32_u32
            .wrapping_sub(last.leading_zeros())
            .saturating_sub(INDEX_WORDS.ilog2().wrapping_sub(1));
        let mut behind = order.iter().map(|[from, _]| from.wrapping_shr(self.shift)).peekable();
        let mut passed = 0_u32;
        self.indexed = 0;
        for (place, bucket) in self.index.iter_mut().zip(0_u32..) {
            while behind.next_if(|from| *from < bucket).is_some() {
                passed = passed.wrapping_add(1);
            }
            *place = passed;
            self.indexed = self.indexed.wrapping_add(1);
            if behind.peek().is_none() {
                break;
            }
        }
    }

    /// The cover that begins at `old` or before it, as near as there is one.
    pub(crate) fn before(&self, old: u32) -> Option<Cover> {
        let (order, _) = self.order.as_chunks::<2>();
        let order = order.get(..self.count)?;
        let index = self.index.get(..self.indexed)?;
        let bucket = usize::try_from(old.wrapping_shr(self.shift)).ok()?;
        let place = |bucket: usize| index.get(bucket).and_then(|place| usize::try_from(*place).ok());
        let first = place(bucket).or_else(|| place(self.indexed.checked_sub(1)?))?;
        let end = place(bucket.checked_add(1)?).unwrap_or(order.len());
        let inside = order.get(first..end)?;
        let behind = inside.partition_point(|[from, _]| *from <= old).wrapping_add(first);
        let [_, index] = order.get(behind.checked_sub(1)?)?;
        self.get(usize::try_from(*index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Against a look at each of them.
    #[test]
    fn nearest_cover_is_found_wherever_they_lie() {
        let mut random = 9_u32;
        for (count, range) in [(0, 0), (1, 4), (300, 8), (300, 16), (300, 24), (300, 31)] {
            let mut memory = vec![7; INDEX_WORDS + count * COVER_WORDS];
            let mut covers = Covers::new(&mut memory);
            assert_eq!(covers.words.len(), 3 * count);
            let mut next = || {
                random = random.wrapping_mul(0x915F_77F5).wrapping_add(1);
                random >> (32 - range).min(31)
            };
            for new in (0_u32..).take(count) {
                let from = next();
                covers.push(Cover {
                    new,
                    from,
                    length: 1,
                    is_verbatim: false,
                });
            }
            covers.sort();
            for old in (0..500).map(|_| next()).chain([0, 1, u32::MAX]) {
                let all = (0..count).filter_map(|index| covers.get(index));
                let nearest = all
                    .filter(|cover| cover.from <= old)
                    .max_by_key(|cover| (cover.from, cover.new));
                assert_eq!(covers.before(old), nearest, "{count} covers, {old}");
            }
        }
    }
}
