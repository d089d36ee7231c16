//! Where the parts of an image lie when it runs.

use super::Architecture;
use crate::Refusal;
use core::num::NonZeroU8;

/// Most ranges of an image.
pub const RANGES_MAX: usize = 6;

/// A part of an image that lies at one place of an address space: it goes on to where the next one begins.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// Its first byte, in the image.
    pub start: u32,
    /// Address of a byte of it, less the byte's place in the image; the lower half, where addresses have 64 bits.
    pub base: u32,
}

impl Range {
    /// The address of its first byte.
    pub const fn address(&self) -> u32 {
        self.start.wrapping_add(self.base)
    }

    const ZERO: Self = Self { start: 0, base: 0 };
}

/// All ranges of an image, in its order. The first one begins with the image.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Ranges {
    count: NonZeroU8,
    /// What is behind `count` is zero.
    ranges: [Range; RANGES_MAX],
}

impl Ranges {
    /// One range, at this address.
    pub const fn whole(base: u32) -> Self {
        let mut ranges = [Range::ZERO; RANGES_MAX];
        let [first, ..] = &mut ranges;
        first.base = base;
        let count = NonZeroU8::MIN;
        Self { count, ranges }
    }

    /// These ranges, of which the first one begins with the image.
    pub fn new(ranges: &[Range]) -> Result<Self, Refusal> {
        let mut known = Self::whole(0);
        let places = known.ranges.get_mut(..ranges.len()).ok_or(Refusal::Ranges)?;
        places.copy_from_slice(ranges);
        let count = u8::try_from(ranges.len()).ok().and_then(NonZeroU8::new);
        known.count = count.ok_or(Refusal::Ranges)?;
        if known.are_inside(u32::MAX) {
            Ok(known)
        } else {
            Err(Refusal::Ranges)
        }
    }

    /// How many.
    pub(crate) const fn count(&self) -> u8 {
        self.count.get()
    }

    /// The ranges.
    pub fn known(&self) -> &[Range] {
        self.ranges.get(..usize::from(self.count.get())).unwrap_or(&[])
    }

    /// As many as `count` says, of which `read` has starts and bases one after the other, but for the start of the first one.
    pub(crate) fn read(&mut self, count: NonZeroU8, mut read: impl FnMut() -> u32) {
        self.count = count;
        let mut is_first = true;
        for range in self.ranges.iter_mut().take(usize::from(count.get())) {
            if !is_first {
                range.start = read();
            }
            is_first = false;
            range.base = read();
        }
    }

    /// Whether they are not too many, and begin one behind the other inside of an image of so many bytes: the first one with it.
    pub(crate) fn are_inside(&self, length: u32) -> bool {
        let mut last = None;
        let mut is_behind = |range: &Range| {
            let is_behind = match last {
                None => range.start == 0,
                Some(last) => last < range.start && range.start < length,
            };
            last = Some(range.start);
            is_behind
        };
        let is_known = usize::from(self.count.get()) <= RANGES_MAX;
        is_known && self.known().iter().all(&mut is_behind)
    }

    /// The address of a place.
    #[inline(never)]
    pub(crate) fn address(&self, offset: u32) -> u32 {
        let range = self.known().iter().rev().find(|range| range.start <= offset);
        range.map_or(0, |range| range.base).wrapping_add(offset)
    }

    /// The place with this address. What lies in no range is behind the last one, outside of the image.
    #[inline(never)]
    pub(crate) fn offset(&self, address: u32) -> u32 {
        let mut rest = self.known();
        while let Some((range, behind)) = rest.split_first() {
            let offset = address.wrapping_sub(range.base);
            let end = behind.first().map_or(u32::MAX, |next| next.start.wrapping_sub(1));
            if (range.start..=end).contains(&offset) {
                return offset;
            }
            rest = behind;
        }
        u32::MAX
    }
}

/// Where both images lie when they run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Bases {
    /// The old image.
    pub old: Ranges,
    /// The new image.
    pub new: Ranges,
}

impl Bases {
    /// Each image in one piece, at these addresses.
    pub const fn whole(old: u32, new: u32) -> Self {
        Self {
            old: Ranges::whole(old),
            new: Ranges::whole(new),
        }
    }
}

/// What is known of both images.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The instructions in them.
    pub architecture: Architecture,
    /// Where they lie when they run. Without it no address in a word is followed.
    pub bases: Option<Bases>,
}

impl Layout {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        architecture: Architecture::Unknown,
        bases: None,
    };

    /// Becomes [`UNKNOWN`](Self::UNKNOWN), in place.
    pub(crate) fn forget(&mut self) {
        self.architecture = Architecture::Unknown;
        self.bases = None;
    }

    /// Bytes that a header has for it, beside those that every header has.
    pub(crate) fn header_bytes(&self) -> usize {
        self.bases.map_or(0, |bases| {
            let count = usize::from(bases.old.count().saturating_add(bases.new.count()));
            // How many, and two starts less than ranges.
            count.saturating_mul(8).saturating_sub(7)
        })
    }

    /// The address of a place in the old image.
    pub(crate) fn old_address(&self, offset: u32) -> u32 {
        self.bases.as_ref().map_or(offset, |bases| bases.old.address(offset))
    }

    /// The address of a place in the new image.
    pub(crate) fn new_address(&self, offset: u32) -> u32 {
        self.bases.as_ref().map_or(offset, |bases| bases.new.address(offset))
    }

    /// The place in the old image with this address, inside or not.
    pub(crate) fn old_offset(&self, address: u32) -> u32 {
        self.bases.as_ref().map_or(address, |bases| bases.old.offset(address))
    }

    /// The place in the new image with this address, inside or not.
    pub(crate) fn new_offset(&self, address: u32) -> u32 {
        self.bases.as_ref().map_or(address, |bases| bases.new.offset(address))
    }

    /// The place in an old image of `length` bytes whose address this word is.
    pub(crate) fn pointed(&self, word: u32, length: u32) -> Option<u32> {
        let offset = self.bases.as_ref()?.old.offset(word) & !self.architecture.tag();
        (offset < length).then_some(offset)
    }

    /// Whether these can be the upper 32 bits of an address: of programs, or of kernels.
    pub(crate) const fn is_upper_half(word: u32) -> bool {
        word == 0 || word >= 0xFFFF_0000
    }

    /// The place in the new image whose address this word is, inside or not.
    pub(crate) fn new_pointed(&self, word: u32) -> u32 {
        self.new_offset(word) & !self.architecture.tag()
    }

    /// The address of a place in the new image, as `word` was the one of its place in the old image.
    pub(crate) fn pointer(&self, offset: u32, word: u32) -> u32 {
        self.new_address(offset) | word & self.architecture.tag()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_inside_an_image_are_places() {
        let layout = Layout {
            architecture: Architecture::Thumb,
            bases: Some(Bases::whole(0x0800_0000, 0x0801_0000)),
        };
        assert_eq!(layout.pointed(0x0800_0101, 0x1000), Some(0x100));
        assert_eq!(layout.pointed(0x0800_1001, 0x1000), None);
        assert_eq!(layout.pointed(0x07FF_FFFF, 0x1000), None);
        assert_eq!(layout.pointer(0x104, 0x0800_0101), 0x0801_0105);
        assert_eq!(layout.new_pointed(0x0801_0105), 0x104);
        assert_eq!(Layout::UNKNOWN.pointed(0x100, 0x1000), None);
    }

    /// Code, then variables that run elsewhere, below the code.
    #[test]
    fn each_range_has_its_own_addresses() {
        let range = |start, address: u32| Range {
            start,
            base: address.wrapping_sub(start),
        };
        let ranges = Ranges::new(&[
            range(0, 0x4000_0000),
            range(0x100, 0x2000_0000),
            range(0x180, 0x5000_0000),
        ]);
        let ranges = ranges.unwrap_or(Ranges::whole(0));
        for (offset, address) in [
            (0, 0x4000_0000),
            (0xFF, 0x4000_00FF),
            (0x100, 0x2000_0000),
            (0x17F, 0x2000_007F),
            (0x180, 0x5000_0000),
            (0x1_0000, 0x5000_FE80),
        ] {
            assert_eq!(ranges.address(offset), address);
            assert_eq!(ranges.offset(address), offset);
        }
        for address in [0x4000_0100, 0x3FFF_FFFF, 0x2000_0080, 0x1FFF_FFFF, 0x4FFF_FFFF, 0] {
            assert!(ranges.offset(address) >= 0x0FFF_FF00, "{address:08x}");
        }
        assert!(ranges.are_inside(0x181));
        assert!(!ranges.are_inside(0x180));
    }

    #[test]
    fn ranges_that_mean_nothing() {
        let new = |starts: &[u32]| {
            let ranges = starts.iter().map(|start| Range { start: *start, base: 7 });
            Ranges::new(&ranges.collect::<std::vec::Vec<_>>()).map(drop)
        };
        assert_eq!(new(&[0, 1, 2]), Ok(()));
        for starts in [
            &[][..],
            &[1],
            &[0, 0],
            &[0, 2, 1],
            &[0, 2, 2],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8],
        ] {
            assert_eq!(new(starts), Err(Refusal::Ranges), "{starts:?}");
        }
    }
}
