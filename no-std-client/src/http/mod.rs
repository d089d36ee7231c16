//! The transport of a small device as HTTP/1.1, over any stream of bytes.
//!
//! - The stream is what a vendor brings: [`Connect`] or [`AsyncConnect`] over the traits of `embedded-io`. Names, addresses
//!   and TLS are its business, and so is time: a read that brings nothing for long must end with an error.
//! - One connection a request, closed behind the last byte that is wanted of its answer. What is asked for is a file of the
//!   repository, from an offset on, or only if it changed.
//! - It is not trusted: it moves bytes, and everything is verified behind it. But it is bounded, and an answer that it does
//!   not understand is an error, never a guess.
//! - 404 and 403 mean "there is no such file". A server that answers 200 instead of 206 sends the bytes before the offset
//!   again; they are dropped here. 416 means that the file ends at or before the offset. A redirection is an error: whoever
//!   moves a repository says so to its devices.
//! - What is parsed is one machine without I/O for both traits.
//!
//! ```no_run
//! # use tuffet_no_std_client::http::{Connect, Http};
//! # use tuffet_no_std_client::transport::{Ask, Transport};
//! # fn example(stream: impl Connect) -> Result<(), ()> {
//! let mut buffer = [0; 512];
//! let mut http = Http::new(stream, "updates.example", "/lamp/", &mut buffer);
//! http.open(&Ask { path: "metadata/timestamp.json", offset: 0, bytes_max: 1024, unless: None })?;
//! # Ok(())
//! # }
//! ```

mod awaited;
mod blocking;
mod body;
mod error;
mod exchange;
mod head;
mod request;

pub use awaited::AsyncConnect;
pub use blocking::Connect;
pub use error::{HttpError, Unclear};
pub use exchange::Received;
pub use head::{HEAD_BYTES_MAX, HEADERS_MAX};

use embedded_io::ErrorType;
use exchange::Exchange;

/// The way to a repository: a [`Transport`](crate::transport::Transport) if the stream is one that waits, an
/// [`AsyncTransport`](crate::transport::AsyncTransport) if it is awaited.
pub struct Http<'b, C: ErrorType> {
    stream: C,
    host: &'b str,
    base: &'b str,
    exchange: Exchange<'b>,
    failed: Option<HttpError<C::Error>>,
}

impl<'b, C: ErrorType> Http<'b, C> {
    /// A repository behind `stream`. `host` is what the server is called, with its port if that is not the usual one; `base`
    /// is the path of the repository, and begins and ends with a slash. Requests and heads of answers pass through `buffer`:
    /// any length does, and a few hundred bytes save system calls or packets.
    pub const fn new(stream: C, host: &'b str, base: &'b str, buffer: &'b mut [u8]) -> Self {
        Self {
            stream,
            host,
            base,
            exchange: Exchange::new(buffer),
            failed: None,
        }
    }

    /// What came so far.
    #[must_use]
    pub const fn received(&self) -> Received {
        self.exchange.received()
    }

    /// Why the last request or its answer failed; `None` if it did not. The driver keeps nothing of it.
    #[must_use]
    pub const fn failed(&self) -> Option<&HttpError<C::Error>> {
        self.failed.as_ref()
    }

    /// The stream.
    #[must_use]
    pub const fn stream(&self) -> &C {
        &self.stream
    }

    fn asked_to_wait_s(&self) -> Option<u32> {
        match self.failed {
            Some(HttpError::Status { retry_after_s, .. }) => retry_after_s,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
