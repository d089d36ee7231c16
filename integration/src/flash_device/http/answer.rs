//! An answer of an HTTP server: its head, and its body piece by piece.

use super::{HttpError, Received, broken};
use std::io::{self, BufRead as _, BufReader, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The most bytes of a head, of the frame of a chunk, or of what follows the last chunk.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// The longest silence of a server.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time for a whole answer, however little a server sends at a time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);

/// What is used of a head.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub status: u16,
    pub content_range: Option<String>,
    pub etag: Option<String>,
    pub retry_after_s: Option<u32>,
    content_length: Option<u64>,
    is_chunked: bool,
}

/// An answer whose head was read.
pub(super) struct Answer {
    reader: BufReader<Timed>,
    path: String,
    body: Body,
}

/// What is left of a body.
enum Body {
    /// So many bytes of the chunk that is read; then there are more chunks.
    Chunked(u64),
    /// So many bytes.
    Sized(u64),
    /// As many as come.
    UntilClose,
}

/// A connection that ends when its time is over.
struct Timed {
    stream: TcpStream,
    ends_at: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server takes too long for one answer",
            ));
        }
        self.stream.set_read_timeout(Some(left.min(READ_TIMEOUT)))?;
        self.stream.read(buffer)
    }
}

impl Answer {
    /// Reads the head of what comes.
    pub fn begin(stream: TcpStream, path: &str, received: &mut Received) -> Result<(Head, Self), HttpError> {
        let timed = Timed {
            stream,
            ends_at: Instant::now() + ANSWER_TIME_MAX,
        };
        let mut answer = Self {
            reader: BufReader::new(timed),
            path: path.to_owned(),
            body: Body::UntilClose,
        };
        let head = answer.head(received)?;
        answer.body = match (head.is_chunked, head.content_length) {
            (true, None) => Body::Chunked(0),
            (true, Some(_)) => return Err(answer.malformed("it has two lengths")),
            (false, Some(length)) => Body::Sized(length),
            (false, None) => Body::UntilClose,
        };
        Ok((head, answer))
    }

    fn head(&mut self, received: &mut Received) -> Result<Head, HttpError> {
        let mut bytes_left = HEAD_BYTES_MAX;
        let first = self.line(&mut bytes_left, received)?;
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| first.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok());
        let mut head = Head {
            status: status.ok_or_else(|| self.malformed("it does not begin with a status"))?,
            ..Head::default()
        };
        loop {
            let line = self.line(&mut bytes_left, received)?;
            if line.is_empty() {
                return Ok(head);
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| self.malformed("a header has no value"))?;
            self.header(&mut head, &name.to_ascii_lowercase(), value.trim())?;
        }
    }

    fn header(&self, head: &mut Head, name: &str, value: &str) -> Result<(), HttpError> {
        match name {
            "content-length" => {
                let length = digits(value).ok_or_else(|| self.malformed("its length is no number"))?;
                if head.content_length.is_some_and(|before| before != length) {
                    return Err(self.malformed("it has two lengths"));
                }
                head.content_length = Some(length);
            }
            "transfer-encoding" => {
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err(self.malformed("it has an encoding that was not asked for"));
                }
                head.is_chunked = true;
            }
            "content-range" => head.content_range = Some(value.to_owned()),
            "etag" => head.etag = Some(value.to_owned()),
            // A date is not understood, and is no reason to wait.
            "retry-after" => head.retry_after_s = digits(value).map(|s| u32::try_from(s).unwrap_or(u32::MAX)),
            _ => {}
        }
        Ok(())
    }

    /// Reads more of the body; 0 bytes at its end.
    pub fn read(&mut self, space: &mut [u8], received: &mut Received) -> Result<usize, HttpError> {
        if let Body::Chunked(0) = self.body {
            self.begin_chunk(received)?;
        }
        let left = match self.body {
            Body::Chunked(left) | Body::Sized(left) => left,
            Body::UntilClose => u64::MAX,
        };
        let room = space.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let count = self.read_some(&mut space[..room])?;
        received.body_bytes += count as u64;
        match &mut self.body {
            Body::UntilClose => {}
            Body::Chunked(_) | Body::Sized(_) if count == 0 => return Err(ended_early()),
            Body::Chunked(left) | Body::Sized(left) => *left -= count as u64,
        }
        if let Body::Chunked(0) = self.body {
            self.end_chunk(received)?;
        }
        Ok(count)
    }

    /// Reads and drops so many bytes of the body.
    pub fn skip(&mut self, bytes: u64, received: &mut Received) -> Result<(), HttpError> {
        let (mut left, mut piece) = (bytes, [0; 1_024]);
        while left > 0 {
            let room = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.read(&mut piece[..room], received)? {
                0 => return Err(ended_early()),
                count => left -= count as u64,
            }
        }
        Ok(())
    }

    /// Reads the length of the next chunk. After the last one there is no more.
    fn begin_chunk(&mut self, received: &mut Received) -> Result<(), HttpError> {
        let mut bytes_left = HEAD_BYTES_MAX;
        let line = self.line(&mut bytes_left, received)?;
        let number = line.split(';').next().unwrap_or_default().trim();
        let is_hex = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit());
        let length = u64::from_str_radix(number, 16).ok().filter(|_| is_hex);
        let length = length.ok_or_else(|| self.malformed("the length of a chunk is no number"))?;
        self.body = Body::Chunked(length);
        if length == 0 {
            while !self.line(&mut bytes_left, received)?.is_empty() {}
            self.body = Body::Sized(0);
        }
        Ok(())
    }

    fn end_chunk(&mut self, received: &mut Received) -> Result<(), HttpError> {
        match self.line(&mut 2, received) {
            Ok(line) if line.is_empty() => Ok(()),
            Ok(_) | Err(HttpError::HeadTooLong { .. }) => Err(self.malformed("a chunk is longer than it says")),
            Err(error) => Err(error),
        }
    }

    /// A line without its end; `bytes_left` is counted down.
    fn line(&mut self, bytes_left: &mut usize, received: &mut Received) -> Result<String, HttpError> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.reader).take(*bytes_left as u64);
        let count = limited.read_until(b'\n', &mut bytes).map_err(broken)?;
        *bytes_left -= count;
        received.head_bytes += count as u64;
        if bytes.pop() != Some(b'\n') {
            return Err(match *bytes_left {
                0 => HttpError::HeadTooLong {
                    path: self.path.clone(),
                    bytes_max: HEAD_BYTES_MAX,
                },
                _ => ended_early(),
            });
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        String::from_utf8(bytes).map_err(|_| self.malformed("it is no text"))
    }

    fn read_some(&mut self, space: &mut [u8]) -> Result<usize, HttpError> {
        loop {
            match self.reader.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(broken),
            }
        }
    }

    fn malformed(&self, fault: &'static str) -> HttpError {
        HttpError::Malformed {
            path: self.path.clone(),
            fault,
        }
    }
}

fn ended_early() -> HttpError {
    HttpError::Broken {
        reason: "the server ended the answer early".to_owned(),
    }
}

/// Digits and nothing else: no sign, no blank.
fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
