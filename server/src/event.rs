//! What a running server tells its operator.
//!
//! No event holds a client's address: who asks for which firmware is nobody's business, so it is not even collected.

use std::net::SocketAddr;

use hyper::{Method, StatusCode};

use crate::{error::Error, http::ServedFileError, resign::Resigned};

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Connections are accepted from now on.
    Listening {
        /// The real address, also when port 0 was asked for.
        address: SocketAddr,
    },
    /// A request was answered (the body may still be on its way).
    Request {
        /// GET, HEAD or what was refused.
        method: &'a Method,
        /// The path as sent, without the query.
        path: &'a str,
        /// The answer.
        status: StatusCode,
        /// Length of the body that was announced.
        bytes: u64,
    },
    /// A file is there but could not be sent. The operator has to look.
    FileFailed {
        /// Why.
        error: &'a ServedFileError,
    },
    /// No connection can be accepted at the moment, usually because the process has no file descriptor left.
    AcceptFailed {
        /// What the system says.
        error: &'a std::io::Error,
    },
    /// A client was told to come back later.
    Busy {
        /// As many connections are open.
        connections_max: usize,
    },
    /// Snapshot or timestamp were signed again.
    Resigned {
        /// Which, and until when.
        resigned: Resigned,
    },
    /// Signing again failed. What is served stays valid until it expires.
    ResignFailed {
        /// Why.
        error: &'a Error,
    },
    /// The signal to stop came.
    Stopping {
        /// Connections that still get their answer.
        connections: usize,
    },
    /// The server has stopped.
    Stopped {
        /// Answers that were cut off because they took too long.
        cut_off: usize,
    },
}

/// Where events go.
pub trait Log: Send + Sync + 'static {
    /// Takes one event. Must not block for long.
    fn record(&self, event: &Event<'_>);
}

/// Drops every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Log for Silent {
    fn record(&self, _event: &Event<'_>) {}
}
