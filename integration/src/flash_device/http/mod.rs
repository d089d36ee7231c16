//! The transport of the simulated device: that of every small device, over a plain socket.
//!
//! - It reaches this machine only: there is no TLS on it, and it is not for a network.
//! - It is bounded in time: a server that is silent, or slow for too long, is one that failed.

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};
use tuffet_no_std_client::http::{Connect, Http, HttpError};

/// The longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time for a whole answer, however little a server sends at a time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);
/// What the transport is lent.
const BUFFER_BYTES: usize = 1_024;

/// Why a socket failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SocketError {
    /// What the system said, or what is missing.
    reason: String,
}

/// Why bytes did not come.
pub type SocketHttpError = HttpError<SocketError>;

/// An address that this transport does not reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is not http:// on this machine (such as http://127.0.0.1:8080)")]
pub struct BadAddress {
    address: String,
}

/// A repository on this machine, and what a transport to it works in.
#[derive(Debug)]
pub struct Place {
    server: SocketAddr,
    /// What goes into `Host`.
    host: String,
    /// Begins and ends with a slash.
    base: String,
    buffer: [u8; BUFFER_BYTES],
}

impl Place {
    /// The place of an address, `http://127.0.0.1:PORT` with or without a path.
    pub fn new(address: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress {
            address: address.to_owned(),
        };
        let place = address.strip_prefix("http://").ok_or_else(bad)?;
        let (host, path) = place.split_once('/').unwrap_or((place, ""));
        let named = if host.ends_with(']') || !host.contains(':') {
            format!("{host}:80")
        } else {
            host.to_owned()
        };
        let mut servers = named.to_socket_addrs().map_err(|_| bad())?;
        let server = servers.find(|server| server.ip().is_loopback()).ok_or_else(bad)?;
        let slash = if path.is_empty() || path.ends_with('/') {
            ""
        } else {
            "/"
        };
        Ok(Self {
            server,
            host: host.to_owned(),
            base: format!("/{path}{slash}"),
            buffer: [0; BUFFER_BYTES],
        })
    }

    /// The way there.
    pub fn http(&mut self) -> Http<'_, Socket> {
        Http::new(Socket::to(self.server), &self.host, &self.base, &mut self.buffer)
    }
}

/// A socket that can be connected to its server again and again.
#[derive(Debug)]
pub struct Socket {
    server: SocketAddr,
    open: Option<Open>,
}

/// A connection that ends when its time is over.
#[derive(Debug)]
struct Open {
    stream: TcpStream,
    ends_at: Instant,
}

impl Socket {
    /// A socket of this server. Nothing is connected yet.
    #[must_use]
    pub const fn to(server: SocketAddr) -> Self {
        Self { server, open: None }
    }

    fn open(&mut self) -> Result<&mut Open, SocketError> {
        self.open.as_mut().ok_or_else(|| SocketError {
            reason: "it is not connected".to_owned(),
        })
    }
}

impl embedded_io::Error for SocketError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Socket {
    type Error = SocketError;
}

impl Read for Socket {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, SocketError> {
        self.open()?.read(space).map_err(failed)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, SocketError> {
        self.open()?.stream.write(bytes).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), SocketError> {
        self.open()?.stream.flush().map_err(failed)
    }
}

impl Connect for Socket {
    fn connect(&mut self) -> Result<(), SocketError> {
        self.open = None;
        let stream = TcpStream::connect_timeout(&self.server, CONNECT_TIMEOUT).map_err(failed)?;
        stream.set_write_timeout(Some(READ_TIMEOUT)).map_err(failed)?;
        let ends_at = Instant::now() + ANSWER_TIME_MAX;
        self.open = Some(Open { stream, ends_at });
        Ok(())
    }

    fn close(&mut self) {
        self.open = None;
    }
}

impl Open {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.ends_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the server takes too long for one answer",
                ));
            }
            self.stream.set_read_timeout(Some(left.min(READ_TIMEOUT)))?;
            match self.stream.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

fn failed(error: io::Error) -> SocketError {
    SocketError {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
