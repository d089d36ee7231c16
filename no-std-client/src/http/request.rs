//! The text of a request, in pieces of any length.

use crate::transport::Ask;

/// Digits of the largest number of 32 bits.
const DIGITS_MAX: usize = 10;

/// A request that is being sent.
pub(super) struct RequestText<'a> {
    host: &'a str,
    base: &'a str,
    ask: &'a Ask<'a>,
    sent_bytes: usize,
}

impl<'a> RequestText<'a> {
    pub const fn new(host: &'a str, base: &'a str, ask: &'a Ask<'a>) -> Self {
        Self {
            host,
            base,
            ask,
            sent_bytes: 0,
        }
    }

    /// Puts what comes next into `space`, and answers how much; 0 at the end.
    pub fn fill(&mut self, space: &mut [u8]) -> usize {
        let mut digits = [0; DIGITS_MAX];
        let range: [&[u8]; 3] = match self.ask.offset {
            0 => [b"", b"", b""],
            offset => [b"Range: bytes=", in_digits(offset, &mut digits), b"-\r\n"],
        };
        let unless: [&[u8]; 3] = match self.ask.unless {
            Some(etag) => [b"If-None-Match: ", etag.as_bytes(), b"\r\n"],
            None => [b"", b"", b""],
        };
        let always: [&[u8]; 6] = [
            b"GET ",
            self.base.as_bytes(),
            self.ask.path.as_bytes(),
            b" HTTP/1.1\r\nHost: ",
            self.host.as_bytes(),
            b"\r\nUser-Agent: tuffet\r\nConnection: close\r\n",
        ];
        let mut count = 0_usize;
        let mut places = space.iter_mut();
        let mut sent_bytes = self.sent_bytes;
        for parts in [&always[..], &range, &unless, &[b"\r\n"]] {
            for part in parts {
                let bytes = part.get(sent_bytes..).unwrap_or_default();
                sent_bytes = sent_bytes.saturating_sub(part.len());
                for (from, to) in bytes.iter().zip(&mut places) {
                    *to = *from;
                    count = count.saturating_add(1);
                }
            }
        }
        self.sent_bytes = self.sent_bytes.saturating_add(count);
        count
    }
}

/// A number as text.
fn in_digits(mut value: u32, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut from = DIGITS_MAX;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        if value == 0 {
            break;
        }
        *digit = b'0'.wrapping_add(value.wrapping_rem(10).to_le_bytes()[0]);
        value = value.wrapping_div(10);
        from = place;
    }
    digits.get(from..).unwrap_or_default()
}
