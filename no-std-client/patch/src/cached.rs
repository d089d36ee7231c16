//! A flash with the pages that were read last in memory, for machines where each read is a call of the operating system.
//!
//! The mixing codec reads its guesses in small pieces from all over both images; mostly they stand beside the last ones.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// Bytes of a page.
const PAGE_BYTES: usize = 1 << 12;

/// Room for a page.
#[derive(Clone, Debug)]
pub struct Page {
    number: u32,
    /// Bytes that are here; none in a page that was never read.
    length: usize,
    bytes: [u8; PAGE_BYTES],
}

impl Page {
    /// Nothing.
    pub const EMPTY: Self = Self {
        number: 0,
        length: 0,
        bytes: [0; PAGE_BYTES],
    };
}

/// A flash that reads pages whole, as far as they are filled, and keeps them. Longer reads, and all writes, go through.
#[derive(Debug)]
pub struct Cached<'p, F> {
    flash: F,
    /// Nothing behind it was written: a slot that is a file ends there.
    filled_bytes: usize,
    pages: &'p mut [Page],
}

impl<'p, F: ReadNorFlash> Cached<'p, F> {
    /// A flash whose first `filled_bytes` can be read; more, when they were written. `pages` is what is kept of it.
    pub fn new(flash: F, filled_bytes: usize, pages: &'p mut [Page]) -> Self {
        for page in pages.iter_mut() {
            page.length = 0;
        }
        Self {
            flash,
            filled_bytes,
            pages,
        }
    }

    /// The flash itself.
    pub const fn flash(&self) -> &F {
        &self.flash
    }

    /// What is there from `from` to `to` is no longer as it was read.
    fn forget(&mut self, from: u32, to: u32) {
        let page_bytes = u32::try_from(PAGE_BYTES).unwrap_or(u32::MAX);
        let is_touched = |page: &Page| {
            let start = page.number.saturating_mul(page_bytes);
            from < start.saturating_add(page_bytes) && start < to
        };
        for page in self.pages.iter_mut().filter(|page| is_touched(page)) {
            page.length = 0;
        }
    }

    /// Reads what lies in one page.
    fn read_in_page(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        let page_bytes = u32::try_from(PAGE_BYTES).unwrap_or(u32::MAX);
        let number = offset.checked_div(page_bytes).unwrap_or(0);
        let start = number.saturating_mul(page_bytes);
        // Invariant: a page is longer than what is in front of the offset.
        let inside = usize::try_from(offset.wrapping_sub(start)).unwrap_or(PAGE_BYTES);
        let needed = inside.saturating_add(bytes.len());
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_rem(self.pages.len()));
        let Some(page) = place.and_then(|place| self.pages.get_mut(place)) else {
            return self.flash.read(offset, bytes);
        };
        if page.number != number || page.length < needed {
            let before = usize::try_from(start).unwrap_or(usize::MAX);
            let filled = self.filled_bytes.saturating_sub(before).max(needed).min(PAGE_BYTES);
            page.length = 0;
            if let Some(target) = page
                .bytes
                .get_mut(..filled.checked_next_multiple_of(F::READ_SIZE).unwrap_or(usize::MAX))
            {
                self.flash.read(start, target)?;
                page.length = filled;
                page.number = number;
            }
        }
        match page.bytes.get(inside..needed).filter(|_| needed <= page.length) {
            Some(found) => bytes.copy_from_slice(found),
            // A read unit that does not divide a page.
            None => self.flash.read(offset, bytes)?,
        }
        Ok(())
    }
}

impl<F: ErrorType> ErrorType for Cached<'_, F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> ReadNorFlash for Cached<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        if bytes.len() > PAGE_BYTES {
            return self.flash.read(offset, bytes);
        }
        // In at most two pages.
        let inside = usize::try_from(offset).unwrap_or(0) & PAGE_BYTES.wrapping_sub(1);
        let first = bytes.len().min(PAGE_BYTES.saturating_sub(inside));
        let (one, other) = bytes.split_at_mut(first);
        self.read_in_page(offset, one)?;
        match other.is_empty() {
            true => Ok(()),
            false => {
                let behind = u32::try_from(first).ok().and_then(|first| offset.checked_add(first));
                // Invariant: a flash has no offsets above 32 bits.
                self.read_in_page(behind.unwrap_or(u32::MAX), other)
            }
        }
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: NorFlash> NorFlash for Cached<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), F::Error> {
        self.forget(from, to);
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), F::Error> {
        let end = u32::try_from(bytes.len()).map_or(u32::MAX, |count| offset.saturating_add(count));
        self.forget(offset, end);
        self.flash.write(offset, bytes)?;
        self.filled_bytes = self.filled_bytes.max(usize::try_from(end).unwrap_or(usize::MAX));
        Ok(())
    }
}
