//! The transport of the simulated device: HTTP/1.1 over a plain socket, with no more than an update needs.
//!
//! - One connection a request. What is asked for is always a file of the repository, from an offset on.
//! - It is not trusted: it moves bytes, and everything is verified behind it. But it is bounded, in the length of a head and
//!   in time, and an answer that it does not understand is an error, never a guess.
//! - 404 and 403 mean "there is no such file". A server that answers 200 instead of 206 sends the bytes before the offset
//!   again; they are dropped here.
//! - It reaches this machine only: there is no TLS on it, and it is not for a network.

mod answer;

use answer::{Answer, Head, READ_TIMEOUT};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;
use tuffet_no_std_client::transport::{Ask, Etag, Opened, Transport};

/// The longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why bytes did not come. All of these may be tried again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it ended in the middle.
    #[error("the connection failed: {reason}")]
    Broken {
        /// What the system said, or what is missing.
        reason: String,
    },
    /// The head of the answer is longer than it may be.
    #[error("the server's answer to {path} has a head of more than {bytes_max} bytes")]
    HeadTooLong {
        /// The path that was asked for.
        path: String,
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// The answer is no HTTP that is understood here.
    #[error("the server's answer to {path} is not understood: {fault}")]
    Malformed {
        /// The path that was asked for.
        path: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The answer is not one that the update protocol knows.
    #[error("the server answered {status} for {path}")]
    Status {
        /// The HTTP status code.
        status: u16,
        /// The path that was asked for.
        path: String,
        /// Seconds which the server asks to wait.
        retry_after_s: Option<u32>,
    },
    /// A range answer that does not fit what was asked for.
    #[error("the server answered with another range of {path} than the one asked for")]
    WrongRange {
        /// The path that was asked for.
        path: String,
    },
}

/// An address that this transport does not reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is not http:// on this machine (such as http://127.0.0.1:8080)")]
pub struct BadAddress {
    address: String,
}

/// What came so far, and for how many requests.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Number of requests.
    pub requests: u64,
    /// Bytes of bodies, also of those that were dropped: what `tuffet-client` counts.
    pub body_bytes: u64,
    /// Bytes around them: heads, and the frames of chunks.
    pub head_bytes: u64,
}

/// The way to a repository on this machine.
pub struct Http {
    server: SocketAddr,
    /// What goes into `Host`.
    host: String,
    /// Begins and ends with a slash.
    base: String,
    answer: Option<Answer>,
    received: Received,
    failed: Option<HttpError>,
}

impl Http {
    /// The transport for an address, `http://127.0.0.1:PORT` with or without a path.
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
            answer: None,
            received: Received::default(),
            failed: None,
        })
    }

    /// What came so far.
    #[must_use]
    pub fn received(&self) -> Received {
        self.received
    }

    /// Why the last request or its answer failed; `None` if it did not.
    #[must_use]
    pub fn failed(&self) -> Option<&HttpError> {
        self.failed.as_ref()
    }

    fn request(&mut self, ask: &Ask<'_>) -> Result<Opened, HttpError> {
        let stream = TcpStream::connect_timeout(&self.server, CONNECT_TIMEOUT).map_err(broken)?;
        stream.set_write_timeout(Some(READ_TIMEOUT)).map_err(broken)?;
        let (host, base) = (&self.host, &self.base);
        let mut request = format!(
            "GET {base}{} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tuffet\r\nConnection: close\r\n",
            ask.path
        );
        if ask.offset > 0 {
            request.push_str(&format!("Range: bytes={}-\r\n", ask.offset));
        }
        if let Some(etag) = ask.unless {
            request.push_str(&format!("If-None-Match: {etag}\r\n"));
        }
        request.push_str("\r\n");
        (&stream).write_all(request.as_bytes()).map_err(broken)?;
        self.received.requests += 1;
        let (head, answer) = Answer::begin(stream, ask.path, &mut self.received)?;
        self.opened(ask, head, answer)
    }

    fn opened(&mut self, ask: &Ask<'_>, head: Head, mut answer: Answer) -> Result<Opened, HttpError> {
        let path = || ask.path.to_owned();
        match head.status {
            // The server does not do ranges: what is here already comes once more.
            200 => answer.skip(u64::from(ask.offset), &mut self.received)?,
            206 if ask.offset > 0 => {
                let range = head.content_range.unwrap_or_default();
                if !range.starts_with(&format!("bytes {}-", ask.offset)) {
                    return Err(HttpError::WrongRange { path: path() });
                }
            }
            304 if ask.unless.is_some() => return Ok(Opened::NotModified),
            403 | 404 => return Ok(Opened::Absent),
            status => {
                return Err(HttpError::Status {
                    status,
                    path: path(),
                    retry_after_s: head.retry_after_s,
                });
            }
        }
        self.answer = Some(answer);
        // A tag that is too long to keep is none.
        let etag = head.etag.and_then(|etag| Etag::from(&etag).ok());
        Ok(Opened::Present { etag })
    }

    fn note<T>(&mut self, outcome: Result<T, HttpError>) -> Result<T, ()> {
        outcome.map_err(|error| {
            self.answer = None;
            self.failed = Some(error);
        })
    }
}

impl Transport for Http {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        (self.answer, self.failed) = (None, None);
        let opened = self.request(ask);
        self.note(opened)
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let read = match &mut self.answer {
            Some(answer) => answer.read(space, &mut self.received),
            None => Err(HttpError::Broken {
                reason: "nothing is open".to_owned(),
            }),
        };
        self.note(read)
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self.failed {
            Some(HttpError::Status { retry_after_s, .. }) => retry_after_s,
            _ => None,
        }
    }
}

fn broken(error: std::io::Error) -> HttpError {
    HttpError::Broken {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
