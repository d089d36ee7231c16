//! How a small device reaches its repository: one file at a time, front to back, from any offset on.
//!
//! - A path is relative to the repository: `metadata/timestamp.json`, `targets/HASH.NAME`.
//! - Nothing here is trusted. A transport may end early, lie about what is there, or bring more than was asked for; every
//!   byte is verified behind it.
//! - The blocking and the async trait ask the same things; what a driver does with the answers is the same code.

use arrayvec::ArrayString;

/// Longest path: `metadata/`, a version, a dot, the longest role name with every byte percent-encoded, and `.json`.
pub const PATH_BYTES_MAX: usize = 9 + 20 + 1 + 3 * 64 + 5;
/// Longest entity tag that is used. A longer one is not sent back, and the next peek becomes a whole cycle.
pub const ETAG_BYTES_MAX: usize = 72;

/// A path in a repository.
pub type Path = ArrayString<PATH_BYTES_MAX>;
/// An entity tag, with its quotes, as the server wrote it.
pub type Etag = ArrayString<ETAG_BYTES_MAX>;

/// A file to open.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// Where it lies in the repository.
    pub path: &'a str,
    /// Which byte comes first. What a server sends in front of it is dropped by the transport; at or behind the end of the file
    /// it is [`Present`](Opened::Present) with no bytes.
    pub offset: u32,
    /// How many bytes will be read at most, from `offset` on: the transport may close behind them.
    pub bytes_max: u32,
    /// Only if it is another file than the one with this tag.
    pub unless: Option<&'a Etag>,
}

/// What a repository says about a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// There is none: 404 or 403, and nothing else. Any other refusal is an error.
    Absent,
    /// It is the one that was named by [`Ask::unless`].
    NotModified,
    /// It comes: [`read`](Transport::read) it.
    Present {
        /// Its tag.
        etag: Option<Etag>,
    },
}

/// A transport that waits.
pub trait Transport {
    /// Why it failed.
    type Error;

    /// Asks for a file. What was open before is closed.
    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, Self::Error>;

    /// Brings more bytes of the open file, at least one; 0 at its end.
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error>;

    /// After an error: how many seconds the server asked to be left alone.
    fn retry_after_s(&self) -> Option<u32> {
        None
    }
}

/// A transport that is awaited. The futures need not be `Send`: a microcontroller has one executor.
#[allow(async_fn_in_trait, reason = "no caller asks for more than these futures are")]
pub trait AsyncTransport {
    /// Why it failed.
    type Error;

    /// Asks for a file. What was open before is closed.
    async fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, Self::Error>;

    /// Brings more bytes of the open file, at least one; 0 at its end.
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error>;

    /// After an error: how many seconds the server asked to be left alone.
    fn retry_after_s(&self) -> Option<u32> {
        None
    }
}
