//! Records of a fixed layout, as devices keep them: one field behind another, and nothing between them.
//!
//! - Reading does not fail: where a record ends early there are zeros. So whoever decodes a record encodes what came out, and
//!   believes it only if that is the record again. Then a record has one spelling, and nothing else is ever taken for one.
//!
//! ```
//! use tuffet_wire::record::{Comparer, Output, Reader, Writer};
//!
//! let mut record = [0; 6];
//! let mut out = Writer::new(&mut record);
//! out.put(&[1, 2]);
//! out.put(&7_u32.to_le_bytes());
//!
//! let mut input = Reader::new(&record);
//! assert_eq!(input.take(), [1, 2]);
//! assert_eq!(u32::from_le_bytes(input.take()), 7);
//! assert_eq!(input.take(), [0; 3]);
//!
//! let mut same = Comparer::new(&record);
//! same.put(&[1, 2, 7]);
//! assert!(!same.is_whole());
//! same.skip(3);
//! assert!(same.is_whole());
//! ```

/// Where the fields of a record go.
pub trait Output {
    /// Takes the next field.
    fn put(&mut self, field: &[u8]);

    /// Takes a field of so many zeros.
    fn skip(&mut self, bytes: usize) {
        for _ in 0..bytes {
            self.put(&[0]);
        }
    }
}

/// Writes fields into a record.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut [u8]);

impl<'a> Writer<'a> {
    /// Begins at the start of a record.
    pub fn new(record: &'a mut [u8]) -> Self {
        Self(record)
    }
}

/// A field for which there is no room is left out; that is a mistake in the length of the record.
impl Output for Writer<'_> {
    #[inline(never)]
    fn put(&mut self, field: &[u8]) {
        debug_assert!(field.len() <= self.0.len(), "no room in the record");
        if let Some((place, rest)) = core::mem::take(&mut self.0).split_at_mut_checked(field.len()) {
            for (to, from) in place.iter_mut().zip(field) {
                *to = *from;
            }
            self.0 = rest;
        }
    }
}

/// Holds fields against a record that is there.
#[derive(Debug)]
pub struct Comparer<'a> {
    /// Nothing once a field was another one.
    rest: Option<&'a [u8]>,
}

impl<'a> Comparer<'a> {
    /// Begins at the start of a record.
    pub const fn new(record: &'a [u8]) -> Self {
        Self { rest: Some(record) }
    }

    /// Whether the fields were those of the record, and all of them.
    pub fn is_whole(&self) -> bool {
        self.rest.is_some_and(<[u8]>::is_empty)
    }
}

impl Output for Comparer<'_> {
    fn put(&mut self, field: &[u8]) {
        self.rest = self.rest.and_then(|rest| rest.strip_prefix(field));
    }
}

/// Reads fields out of a record.
#[derive(Copy, Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins at the start of a record.
    pub const fn new(record: &'a [u8]) -> Self {
        Self(record)
    }

    /// The next field; zeros where the record has no more bytes.
    #[must_use]
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        self.fill(&mut field);
        field
    }

    /// Takes the next field into its place.
    #[inline(never)]
    pub fn fill(&mut self, field: &mut [u8]) {
        let (bytes, rest) = self.0.split_at_checked(field.len()).unwrap_or((self.0, &[]));
        for (to, from) in field.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.0 = rest;
    }
}
