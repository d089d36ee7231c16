//! The head of an answer, byte by byte.

use super::error::{HttpError, Unclear};
use crate::transport::Etag;
use arrayvec::ArrayVec;

/// Most bytes of a head, of the frame of a chunk, or of what follows the last chunk.
pub const HEAD_BYTES_MAX: u16 = 8 * 1024;
/// Most lines of a head.
pub const HEADERS_MAX: u16 = 100;

/// What is kept of a line: enough for the longest that is used, an entity tag. The rest of a longer one is not looked at.
const LINE_BYTES: usize = 96;

/// A head on its way in, and what is used of it.
pub(super) struct Head {
    line: ArrayVec<u8, LINE_BYTES>,
    /// The line goes on past what is kept of it.
    is_cut: bool,
    bytes_left: u16,
    lines_left: u16,
    /// 0 until the first line is complete.
    pub status: u16,
    pub is_chunked: bool,
    pub content_length: Option<u32>,
    /// First byte of the range that comes.
    pub range_from: Option<u32>,
    pub etag: Option<Etag>,
    pub retry_after_s: Option<u32>,
}

impl Head {
    pub const fn new() -> Self {
        Self {
            line: ArrayVec::new_const(),
            is_cut: false,
            bytes_left: HEAD_BYTES_MAX,
            lines_left: HEADERS_MAX,
            status: 0,
            is_chunked: false,
            content_length: None,
            range_from: None,
            etag: None,
            retry_after_s: None,
        }
    }

    /// Takes the next byte. `true`: it was the last one.
    pub fn push<E>(&mut self, byte: u8) -> Result<bool, HttpError<E>> {
        self.bytes_left = self.bytes_left.checked_sub(1).ok_or(HttpError::HeadTooLong)?;
        if byte != b'\n' {
            self.is_cut |= self.line.try_push(byte).is_err();
            return Ok(false);
        }
        self.lines_left = self.lines_left.checked_sub(1).ok_or(HttpError::HeadTooLong)?;
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let is_last = self.line_ended()?;
        self.line.clear();
        self.is_cut = false;
        if is_last && (100..200).contains(&self.status) {
            // An answer that only says that there will be one.
            *self = Self {
                bytes_left: self.bytes_left,
                lines_left: self.lines_left,
                ..Self::new()
            };
            return Ok(false);
        }
        Ok(is_last)
    }

    /// Looks at a line without its end. `true`: the head is complete.
    fn line_ended(&mut self) -> Result<bool, Unclear> {
        if self.status == 0 {
            self.status = status(&self.line).ok_or(Unclear::Status)?;
            return Ok(false);
        }
        if self.line.is_empty() {
            return Ok(true);
        }
        let line = core::mem::take(&mut self.line);
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            return Err(Unclear::Header);
        };
        // A line that goes on with the one before it begins with a blank, too.
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ') {
            return Err(Unclear::Header);
        }
        self.header(name, value.trim_ascii())?;
        Ok(false)
    }

    fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Unclear> {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let whole = (!self.is_cut).then_some(value);
        if is("content-length") {
            let length = whole.and_then(number).ok_or(Unclear::Length)?;
            if self.content_length.is_some_and(|before| before != length) {
                return Err(Unclear::TwoLengths);
            }
            self.content_length = Some(length);
        } else if is("transfer-encoding") {
            if self.is_chunked || !whole.is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
                return Err(Unclear::Encoding);
            }
            self.is_chunked = true;
        } else if is("content-encoding") {
            if !value.eq_ignore_ascii_case(b"identity") {
                return Err(Unclear::Encoding);
            }
        } else if is("content-range") {
            self.range_from = range_from(value);
        } else if is("etag") {
            // One that is too long to keep is none; one that would not go back as it came is none, too.
            self.etag = whole.filter(|tag| tag.iter().all(u8::is_ascii_graphic)).and_then(etag);
        } else if is("retry-after") {
            // A date is not understood, and is no reason to wait.
            self.retry_after_s = whole.and_then(number);
        }
        Ok(())
    }
}

/// `HTTP/1.1 200`, and then nothing or a blank.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, behind) = rest.split_at_checked(3)?;
    if behind.first().is_some_and(|byte| *byte != b' ') {
        return None;
    }
    let status = u16::try_from(number(digits)?).ok()?;
    (status >= 100).then_some(status)
}

/// `bytes 5-` and whatever follows.
fn range_from(value: &[u8]) -> Option<u32> {
    let range = value.strip_prefix(b"bytes ")?;
    let dash = range.iter().position(|byte| *byte == b'-')?;
    number(range.get(..dash)?)
}

fn etag(value: &[u8]) -> Option<Etag> {
    let text = core::str::from_utf8(value).ok()?;
    Etag::from(text).ok()
}

/// Digits and nothing else: no sign, no blank. A number that is longer than 32 bits is the longest one: nothing here is.
fn number(digits: &[u8]) -> Option<u32> {
    let first = digits.first()?;
    let value = digits.iter().try_fold(0_u32, |value, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some(value.saturating_mul(10).saturating_add(digit))
    });
    value.filter(|_| first.is_ascii_digit())
}
