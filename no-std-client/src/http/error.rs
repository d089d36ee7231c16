//! Why bytes did not come.

/// Why bytes did not come. All of these may be tried again later. `E` is the error of the stream.
///
/// The codes follow those of [`Failure`](crate::Failure): 500 to 599 are the transport's.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError<E> {
    /// The answer ended in the middle.
    EndedEarly,
    /// The head of the answer, or the frame of a chunk, has more than
    /// [`HEAD_BYTES_MAX`](super::HEAD_BYTES_MAX) bytes or [`HEADERS_MAX`](super::HEADERS_MAX) lines.
    HeadTooLong,
    /// The buffer that was lent has no bytes.
    NoBuffer,
    /// Nothing is open.
    NotOpen,
    /// The answer is not one that the update protocol knows.
    Status {
        /// The HTTP status code.
        status: u16,
        /// Seconds which the server asks to wait.
        retry_after_s: Option<u32>,
    },
    /// The stream failed.
    Stream(E),
    /// The answer is no HTTP that is understood here.
    Unclear(Unclear),
    /// A range answer that does not fit what was asked for.
    WrongRange,
}

/// What is not understood of an answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unclear {
    /// A chunk is longer than it says.
    ChunkEnd,
    /// The length of a chunk is no number.
    ChunkLength,
    /// It has an encoding that was not asked for.
    Encoding,
    /// A line of its head has no name, or no value.
    Header,
    /// Its length is no number.
    Length,
    /// It does not begin with a status of HTTP/1.
    Status,
    /// It has two lengths.
    TwoLengths,
}

impl<E> From<Unclear> for HttpError<E> {
    fn from(unclear: Unclear) -> Self {
        Self::Unclear(unclear)
    }
}

impl<E> HttpError<E> {
    /// The number that never changes its meaning.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Stream(_) => 501,
            Self::EndedEarly => 502,
            Self::HeadTooLong => 503,
            Self::Unclear(_) => 504,
            Self::WrongRange => 505,
            Self::Status { .. } => 506,
            Self::NotOpen => 507,
            Self::NoBuffer => 508,
        }
    }

    /// The name that goes with the number.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stream(_) => "Stream",
            Self::EndedEarly => "EndedEarly",
            Self::HeadTooLong => "HeadTooLong",
            Self::Unclear(_) => "Unclear",
            Self::WrongRange => "WrongRange",
            Self::Status { .. } => "Status",
            Self::NotOpen => "NotOpen",
            Self::NoBuffer => "NoBuffer",
        }
    }
}

impl<E: core::fmt::Display> core::fmt::Display for HttpError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::EndedEarly => "the connection failed: the server ended the answer early",
            Self::HeadTooLong => "the server's answer has a longer head than a device reads",
            Self::NoBuffer => "the buffer of the transport has no bytes; this is a bug in the firmware",
            Self::NotOpen => "no file is open; this is a bug in the client",
            Self::Status { status, .. } => return write!(f, "the server answered {status}"),
            Self::Stream(error) => return write!(f, "the connection failed: {error}"),
            Self::Unclear(unclear) => return write!(f, "the server's answer is not understood: {unclear}"),
            Self::WrongRange => "the server answered with another range than the one asked for",
        })
    }
}

impl core::fmt::Display for Unclear {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::ChunkEnd => "a chunk is longer than it says",
            Self::ChunkLength => "the length of a chunk is no number",
            Self::Encoding => "it has an encoding that was not asked for",
            Self::Header => "a header has no name or no value",
            Self::Length => "its length is no number",
            Self::Status => "it does not begin with a status",
            Self::TwoLengths => "it has two lengths",
        })
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for HttpError<E> {}
