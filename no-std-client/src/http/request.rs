//! The text of a request, in pieces of any length.

use crate::transport::Ask;
use arrayvec::ArrayString;
use core::fmt::Write as _;

/// A request that is being sent.
pub(super) struct RequestText<'a> {
    host: &'a str,
    base: &'a str,
    ask: &'a Ask<'a>,
    /// The offset in digits; empty without one.
    offset: ArrayString<10>,
    sent_bytes: usize,
}

impl<'a> RequestText<'a> {
    pub fn new(host: &'a str, base: &'a str, ask: &'a Ask<'a>) -> Self {
        let mut offset = ArrayString::new_const();
        if ask.offset > 0 {
            // Invariant: a number of 32 bits has at most ten digits.
            let _ = write!(offset, "{}", ask.offset);
        }
        Self {
            host,
            base,
            ask,
            offset,
            sent_bytes: 0,
        }
    }

    /// Puts what comes next into `space`, and answers how much; 0 at the end.
    pub fn fill(&mut self, space: &mut [u8]) -> usize {
        let range = if self.offset.is_empty() {
            ["", "", ""]
        } else {
            ["Range: bytes=", self.offset.as_str(), "-\r\n"]
        };
        let unless = match self.ask.unless {
            Some(etag) => ["If-None-Match: ", etag.as_str(), "\r\n"],
            None => ["", "", ""],
        };
        let always = [
            "GET ",
            self.base,
            self.ask.path,
            " HTTP/1.1\r\nHost: ",
            self.host,
            "\r\nUser-Agent: tuffet\r\nConnection: close\r\n",
        ];
        let text = always.iter().chain(&range).chain(&unless).chain(&["\r\n"]);
        let bytes = text.flat_map(|part| part.bytes()).skip(self.sent_bytes);
        let mut count = 0_usize;
        for (to, from) in space.iter_mut().zip(bytes) {
            *to = from;
            count = count.saturating_add(1);
        }
        self.sent_bytes = self.sent_bytes.saturating_add(count);
        count
    }
}
