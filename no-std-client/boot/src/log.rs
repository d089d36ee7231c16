//! The log in flash: two pages, one of which is current.
//!
//! ```text
//! page 0 (half of the region)                     page 1 (the other half)
//! +--------+---------+-----+----------+-----+     +---------------------------------+
//! | Header | carried | ... | appended | ... |     | the log before the last         |
//! | (last) |         |     |          |     |     | compaction, or erased           |
//! +--------+---------+-----+----------+-----+     +---------------------------------+
//!   position 0    1 ..            up to page bytes / 64
//! ```
//!
//! - A page is *complete* if it has a valid Header, or a valid appended record: those are written only after the Header. Of two
//!   complete pages the one with the higher sequence is current.
//! - Compaction erases the page that is not current, writes the carried records from position 1 on, and the Header last. Until
//!   the Header stands, the old page is current and untouched; from then on both say the same. So the only good copy is never
//!   erased, and a Header that breaks before anything was appended costs nothing.
//! - A torn record uses its place up. The next one goes behind it.
//! - What was written is read back, so a worn part is noticed before anything relies on it.

use crate::{
    BadRecord, Error, Geometry, Trial,
    book::Book,
    record::{Found, Kind, Origin, RECORD_BYTES, Record, is_erased},
};
use embedded_storage::nor_flash::NorFlash;

/// Smallest page in bytes: 16 records, of which compaction fills at most 8.
pub const PAGE_BYTES_MIN: u32 = 1024;

/// [`RECORD_BYTES`] as a flash offset counts.
const RECORD_STRIDE: u32 = 64;
const _: () = assert!(RECORD_STRIDE.ilog2() == RECORD_BYTES.ilog2() && RECORD_BYTES.is_power_of_two());

/// A record that is not believed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    /// Page of the log, 0 or 1.
    pub page: u8,
    /// Index of the record in the page.
    pub position: u32,
    /// Why.
    pub reason: BadRecord,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Page {
    First,
    Second,
}

impl Page {
    const BOTH: [Self; 2] = [Self::First, Self::Second];

    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    const fn index(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Log<F> {
    flash: F,
    page_bytes: u32,
    /// The current page and the position behind its last used one.
    current: Option<(Page, u32)>,
    /// Highest sequence in either page.
    sequence: u32,
}

/// What reading a page shows.
#[derive(Default)]
struct Survey {
    /// Position behind the last one that is not erased.
    end: u32,
    complete: bool,
    sequence: u32,
    book: Book,
}

impl<F: NorFlash> Log<F> {
    /// Accepts the region, reads nothing.
    pub(crate) fn new(flash: F) -> Result<Self, Error<F::Error>> {
        let page_bytes = page_bytes(&flash).map_err(Error::Geometry)?;
        Ok(Self {
            flash,
            page_bytes,
            current: None,
            sequence: 0,
        })
    }

    pub(crate) fn close(self) -> F {
        self.flash
    }

    /// Reads both pages, decides which one is current, and makes `book` what that one says. Without a complete page that is nothing but
    /// the counter, the highest in any valid record. Answers whether both pages are erased.
    pub(crate) fn read(&mut self, book: &mut Book) -> Result<bool, Error<F::Error>> {
        let mut nothing = |_| ();
        let (mut first, mut second) = (Survey::default(), Survey::default());
        self.survey(Page::First, &mut first, &mut nothing)?;
        self.survey(Page::Second, &mut second, &mut nothing)?;
        self.sequence = first.sequence.max(second.sequence);
        let current = match (first.complete, second.complete) {
            (true, true) if first.sequence > second.sequence => Some((Page::First, &first)),
            (_, true) => Some((Page::Second, &second)),
            (true, false) => Some((Page::First, &first)),
            (false, false) => None,
        };
        self.current = current.map(|(page, survey)| (page, survey.end));
        *book = current.map_or_else(Book::default, |(_, survey)| survey.book);
        book.counter = first.book.counter.max(second.book.counter);
        Ok(first.end == 0 && second.end == 0)
    }

    /// Shows every record of both pages that is not believed.
    pub(crate) fn ignored(&mut self, visit: &mut impl FnMut(Ignored)) -> Result<(), Error<F::Error>> {
        for page in Page::BOTH {
            self.survey(page, &mut Survey::default(), visit)?;
        }
        Ok(())
    }

    /// Writes one more record behind the others. A full page is compacted first: `book` is what it says.
    pub(crate) fn append(&mut self, book: &Book, kind: Kind, said: &Trial) -> Result<(), Error<F::Error>> {
        let (page, position) = match self.current {
            Some((page, end)) if end < self.positions() => (page, end),
            Some(_) | None => self.compact(book)?,
        };
        let record = Record {
            sequence: self.next_sequence()?,
            counter: book.counter_with(kind, said),
            origin: Origin::Appended,
            kind,
            said: *said,
        };
        self.write(page, position, &record)?;
        self.current = Some((page, position.saturating_add(1)));
        Ok(())
    }

    /// Writes a fresh page that says what `book` says, and makes it the current one.
    pub(crate) fn rewrite(&mut self, book: &Book) -> Result<(), Error<F::Error>> {
        self.compact(book).map(|_| ())
    }

    fn compact(&mut self, book: &Book) -> Result<(Page, u32), Error<F::Error>> {
        let page = self.current.map_or(Page::First, |(page, _)| page.other());
        let from = self.offset(page, 0);
        self.flash
            .erase(from, from.saturating_add(self.page_bytes))
            .map_err(Error::Storage)?;

        let header_sequence = self.next_sequence()?;
        let mut record = Record {
            counter: book.counter,
            origin: Origin::Carried,
            ..Record::BLANK
        };
        let mut position = 0_u32;
        for place in 0..Book::CARRIED_MAX {
            if let Some(kind) = book.carried(place, &mut record.said) {
                position = position.saturating_add(1);
                record.kind = kind;
                record.sequence = self.next_sequence()?;
                self.write(page, position, &record)?;
            }
        }
        (record.kind, record.sequence) = (Kind::Header, header_sequence);
        self.write(page, 0, &record)?;
        let end = position.saturating_add(1);
        self.current = Some((page, end));
        Ok((page, end))
    }

    fn survey(
        &mut self,
        page: Page,
        survey: &mut Survey,
        visit: &mut impl FnMut(Ignored),
    ) -> Result<(), Error<F::Error>> {
        let mut record = Record::BLANK;
        for position in 0..self.positions() {
            let taken = match record.decode(&self.bytes_at(page, position)?) {
                Found::Erased => continue,
                Found::Corrupted(reason) => Err(reason),
                Found::Present => survey.take(position, &record),
            };
            survey.end = position.saturating_add(1);
            if let Err(reason) = taken {
                visit(Ignored {
                    page: page.index(),
                    position,
                    reason,
                });
            }
        }
        Ok(())
    }

    fn write(&mut self, page: Page, position: u32, record: &Record) -> Result<(), Error<F::Error>> {
        let not_kept = Error::NotKept {
            page: page.index(),
            position,
        };
        if !is_erased(&self.bytes_at(page, position)?) {
            return Err(not_kept);
        }
        let bytes = record.encode();
        self.flash
            .write(self.offset(page, position), &bytes)
            .map_err(Error::Storage)?;
        if self.bytes_at(page, position)? != bytes {
            return Err(not_kept);
        }
        Ok(())
    }

    fn bytes_at(&mut self, page: Page, position: u32) -> Result<[u8; RECORD_BYTES], Error<F::Error>> {
        let mut bytes = [0; RECORD_BYTES];
        self.flash
            .read(self.offset(page, position), &mut bytes)
            .map_err(Error::Storage)?;
        Ok(bytes)
    }

    fn next_sequence(&mut self) -> Result<u32, Error<F::Error>> {
        self.sequence = self.sequence.checked_add(1).ok_or(Error::SequenceExhausted)?;
        Ok(self.sequence)
    }

    fn positions(&self) -> u32 {
        self.page_bytes.wrapping_div(RECORD_STRIDE)
    }

    /// Invariant: `position` is below `positions()`, and two pages fit 32 bits (checked in `page_bytes`), so nothing saturates.
    fn offset(&self, page: Page, position: u32) -> u32 {
        let start = match page {
            Page::First => 0,
            Page::Second => self.page_bytes,
        };
        position.saturating_mul(RECORD_STRIDE).saturating_add(start)
    }
}

impl Survey {
    fn take(&mut self, position: u32, record: &Record) -> Result<(), BadRecord> {
        if record.sequence <= self.sequence {
            return Err(BadRecord::OutOfOrder);
        }
        // A Header stands at position 0, and nothing else does.
        let is_header = record.kind == Kind::Header;
        if is_header != (position == 0) {
            return Err(BadRecord::OutOfPlace);
        }
        self.sequence = record.sequence;
        self.book.counter = self.book.counter.max(record.counter);
        self.complete |= is_header || record.origin == Origin::Appended;
        self.book.apply(record.kind, &record.said)
    }
}

fn page_bytes<F: NorFlash>(flash: &F) -> Result<u32, Geometry> {
    let units = [flash.capacity(), F::READ_SIZE, F::WRITE_SIZE, F::ERASE_SIZE].map(u32::try_from);
    let [Ok(capacity), Ok(read_bytes), Ok(write_bytes), Ok(erase_bytes)] = units else {
        return Err(Geometry::TooLong);
    };
    let page_bytes = capacity.wrapping_div(2);
    if !RECORD_STRIDE.is_multiple_of(read_bytes) {
        return Err(Geometry::ReadUnit { read_bytes });
    }
    if !RECORD_STRIDE.is_multiple_of(write_bytes) {
        return Err(Geometry::WriteUnit { write_bytes });
    }
    if page_bytes < PAGE_BYTES_MIN {
        return Err(Geometry::PageTooSmall {
            page_bytes,
            page_bytes_min: PAGE_BYTES_MIN,
        });
    }
    if !page_bytes.is_multiple_of(erase_bytes) || !page_bytes.is_multiple_of(RECORD_STRIDE) {
        return Err(Geometry::PageNotErasable {
            page_bytes,
            erase_bytes,
        });
    }
    Ok(page_bytes)
}
