//! Where programs lie in an image, and at which addresses they run.

/// A piece of an image that lies at one place of an address space.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Segment {
    /// Its first byte in the image.
    pub(crate) start: u32,
    /// Bytes.
    pub(crate) length: u32,
    /// Address of the first byte, without its high half.
    pub(crate) address: u32,
    /// The high half of its addresses.
    pub(crate) high: u32,
    /// Whether it has instructions.
    pub(crate) has_code: bool,
    /// Whether it has addresses of 64 bits.
    pub(crate) has_pointers: bool,
}

impl Segment {
    /// Offset in the image of the byte at an address, wherever that leads.
    pub(crate) const fn place(&self, address: u32) -> u32 {
        address.wrapping_sub(self.address).wrapping_add(self.start)
    }

    /// Address of the byte at an offset of the image.
    pub(crate) const fn address(&self, place: u32) -> u32 {
        place.wrapping_sub(self.start).wrapping_add(self.address)
    }

    /// Whether it holds the byte at an offset of the image.
    pub(crate) const fn holds(&self, place: u32) -> bool {
        place.wrapping_sub(self.start) < self.length
    }

    /// The first byte behind it.
    pub(crate) const fn end(&self) -> u32 {
        self.start.wrapping_add(self.length)
    }
}

/// Most segments of an image.
pub(crate) const SEGMENTS_MAX: usize = 4096;

/// Words of memory for a segment.
pub(crate) const SEGMENT_WORDS: usize = 5;

/// How many neighbours may hold what a segment names.
const NEIGHBOURS: usize = 3;

/// The segments of an image, in its order, none in another one.
#[derive(Debug)]
pub(crate) struct Segments<'m> {
    words: &'m mut [u32],
    count: usize,
}

impl<'m> Segments<'m> {
    pub(crate) fn new(words: &'m mut [u32]) -> Self {
        Self { words, count: 0 }
    }

    pub(crate) const fn clear(&mut self) {
        self.count = 0;
    }

    pub(crate) fn get(&self, index: usize) -> Option<Segment> {
        if index >= self.count {
            return None;
        }
        let at = index.wrapping_mul(SEGMENT_WORDS);
        match self.words.get(at..at.wrapping_add(SEGMENT_WORDS))? {
            [start, length, address, high, flags] => Some(Segment {
                start: *start,
                length: *length,
                address: *address,
                high: *high,
                has_code: flags & 1 == 1,
                has_pointers: flags & 2 == 2,
            }),
            _ => None,
        }
    }

    /// Adds one behind the others.
    pub(crate) fn push(&mut self, segment: Segment) {
        let at = self.count.wrapping_mul(SEGMENT_WORDS);
        let words = self.words.get_mut(at..at.wrapping_add(SEGMENT_WORDS));
        if let Some([start, length, address, high, flags]) = words {
            *start = segment.start;
            *length = segment.length;
            *address = segment.address;
            *high = segment.high;
            *flags = u32::from(segment.has_code) | u32::from(segment.has_pointers).wrapping_mul(2);
            self.count = self.count.wrapping_add(1);
        }
    }

    /// Index of the first segment that ends behind a place.
    pub(crate) fn behind(&self, place: u32) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.wrapping_add(high.wrapping_sub(low).wrapping_shr(1));
            match self.get(middle).is_some_and(|segment| segment.end() <= place) {
                true => low = middle.wrapping_add(1),
                false => high = middle,
            }
        }
        low
    }

    /// Where the byte at an address is, as the segment at `index` means it: in itself, in a neighbour, or where it would be.
    pub(crate) fn place(&self, index: usize, address: u32) -> (u32, bool) {
        let own = self.get(index).unwrap_or_default();
        let place = own.place(address);
        if own.holds(place) {
            return (place, true);
        }
        let neighbours = index.saturating_sub(NEIGHBOURS)..=index.saturating_add(NEIGHBOURS);
        let mut segments = neighbours.filter_map(|index| self.get(index));
        let other = segments.find(|other| other.high == own.high && other.holds(other.place(address)));
        other.map_or((place, false), |other| (other.place(address), true))
    }

    /// The address of a place, as the segment at `index` would say it.
    pub(crate) fn address(&self, index: usize, place: u32) -> u32 {
        let own = self.get(index).unwrap_or_default();
        if own.holds(place) {
            return own.address(place);
        }
        let neighbours = index.saturating_sub(NEIGHBOURS)..=index.saturating_add(NEIGHBOURS);
        let mut segments = neighbours.filter_map(|index| self.get(index));
        let other = segments.find(|other| other.high == own.high && other.holds(place));
        other.unwrap_or(own).address(place)
    }
}
