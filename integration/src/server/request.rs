//! Requests, as they came.

use std::io::{self, BufRead, Read};
use std::time::Instant;

/// The most bytes that the head of a request may have.
const HEAD_BYTES_MAX: u64 = 16 * 1024;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, …
    pub method: String,
    /// The path without the slash in front.
    pub path: String,
    /// All headers in their order, names in lowercase.
    pub headers: Vec<(String, String)>,
    /// When its last header had been read.
    pub at: Instant,
}

impl Request {
    /// The value of a header (name in lowercase).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first byte that was asked for, when a range was asked for.
    #[must_use]
    pub fn range_from(&self) -> Option<usize> {
        self.header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }

    /// The entity tags that the client has already.
    #[must_use]
    pub fn if_none_match(&self) -> Option<&str> {
        self.header("if-none-match")
    }

    pub(super) fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads the next request; `None` when the client is done.
pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = reader.take(HEAD_BYTES_MAX);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (method, path) = (method.to_owned(), target.trim_start_matches('/').to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some(Request {
                method,
                path,
                headers,
                at: Instant::now(),
            }));
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}
