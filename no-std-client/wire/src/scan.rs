//! What a strict document is made of, as a [`Sink`] sees it.

/// Deepest nesting of objects and arrays.
pub const DEPTH_MAX: usize = 8;
/// Largest integer: 2^53 - 1, the last one that every JSON reader keeps exactly.
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;
/// Longest string that reaches a sink, and longest object key, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// All object keys on the way to a value together, in bytes.
pub const PATH_BYTES_MAX: usize = 256;

/// Takes what a [`Scanner`](crate::Scanner) finds, in document order.
pub trait Sink {
    /// Why the sink wants no more of this document.
    type Refusal;

    /// An object or array begins; called before its `{` or `[` is handed to [`Sink::canonical`].
    fn open(&mut self, _path: &Path<'_>, _kind: Container) -> Result<(), Self::Refusal> {
        Ok(())
    }

    /// A string, integer, boolean or null, after its last byte was handed to [`Sink::canonical`].
    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Self::Refusal>;

    /// An object or array is complete; called after its `}` or `]` was handed to [`Sink::canonical`].
    fn close(&mut self, _path: &Path<'_>, _kind: Container) -> Result<(), Self::Refusal> {
        Ok(())
    }

    /// The accepted bytes in document order, with control characters raw: the OLPC canonical form.
    fn canonical(&mut self, _bytes: &[u8]) {}
}

/// The two kinds of container.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// `[..]`
    Array,
    /// `{..}`
    Object,
}

/// A value that is no container.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number up to [`INTEGER_MAX`].
    Integer(u64),
    /// A whole number below zero. No field has a use for one, so nothing but its being there is told.
    Negative,
    /// `null`
    Null,
    /// A string, with its escapes resolved.
    String(Text<'a>),
}

/// A string, as far as it fits the scanner's memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Longer than [`TEXT_BYTES_MAX`]: valid, but not kept.
    TooLong,
    /// The whole string.
    Whole(&'a str),
}

/// One step on the way from the document to a value.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Position in an array, from 0.
    Index(u32),
    /// Key in an object.
    Key(&'a str),
}

/// Where in the document a value stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    segments: [Segment<'a>; DEPTH_MAX],
    depth: usize,
}

impl<'a> Path<'a> {
    /// The path of the document itself.
    pub(crate) const ROOT: Self = Self {
        segments: [Segment::Index(0); DEPTH_MAX],
        depth: 0,
    };

    /// This path and one step more; nothing if it is too deep.
    #[cfg(feature = "lenient")]
    pub(crate) fn then(mut self, segment: Segment<'a>) -> Option<Self> {
        self.push(segment).then_some(self)
    }

    /// Goes one step further; says whether there was room for it.
    pub(crate) fn push(&mut self, segment: Segment<'a>) -> bool {
        match self.segments.get_mut(self.depth) {
            Some(place) => {
                *place = segment;
                self.depth = self.depth.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// From the outermost key to the innermost; empty for the document itself.
    pub fn segments(&self) -> &[Segment<'a>] {
        self.segments.get(..self.depth).unwrap_or_default()
    }
}

/// What is wrong with the spelling of a document.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An escape that the strict form does not use.
    BadEscape,
    /// Not `true`, `false` or `null`.
    BadLiteral,
    /// A control character that is not escaped.
    ControlCharacter,
    /// A number above [`INTEGER_MAX`].
    IntegerTooLarge,
    /// An object key that is not after the one before it.
    KeyOrder,
    /// An object key longer than [`TEXT_BYTES_MAX`].
    KeyTooLong,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A sign, a fraction, an exponent or a leading zero.
    NumberForm,
    /// Keys on the way to a value are longer than [`PATH_BYTES_MAX`] together.
    PathTooLong,
    /// An object key that occurs twice.
    RepeatedKey,
    /// More than [`DEPTH_MAX`] containers inside each other.
    TooDeep,
    /// Bytes after the end of the document.
    TrailingBytes,
    /// The document ends too early.
    Truncated,
    /// A byte that cannot stand here; also white space.
    UnexpectedByte,
}

/// Why a scan stopped.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ScanError<R> {
    /// The document is not in the strict form.
    Malformed {
        /// Offset of the byte in bytes.
        at: u32,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The sink refused what it saw.
    Refused {
        /// Offset of the byte that completed it, in bytes.
        at: u32,
        /// The sink's reason.
        refusal: R,
    },
}
