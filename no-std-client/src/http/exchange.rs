//! One request and its answer, without I/O: what both twins do between two calls of their stream.

use super::body::Body;
use super::error::{HttpError, Unclear};
use super::head::Head;
use crate::transport::{Ask, Opened};

/// What came so far, and for how many requests.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Number of requests.
    pub requests: u64,
    /// Bytes of bodies, also of those that were dropped.
    pub body_bytes: u64,
    /// Bytes around them: heads, and the frames of chunks.
    pub head_bytes: u64,
}

/// What is to be done to bring more bytes of the file.
pub(super) enum Step {
    /// So many were put into the space of the caller; 0 at the end of the file.
    Came(usize),
    /// Read at most so many bytes into the space of the caller, and [tell](Exchange::came).
    Direct(usize),
    /// Read into the [buffer](Exchange::space), and [tell](Exchange::filled).
    Fill,
}

/// The state of an exchange.
pub(super) struct Exchange<'b> {
    buffer: &'b mut [u8],
    /// Bytes of the buffer that were read and not looked at yet: from, to.
    from: usize,
    to: usize,
    /// `None`: nothing is open.
    body: Option<Body>,
    /// Bytes of the file before the offset that was asked for.
    skip_left: u32,
    /// Bytes behind them that are wanted.
    wanted_left: u32,
    received: Received,
}

impl<'b> Exchange<'b> {
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            from: 0,
            to: 0,
            body: None,
            skip_left: 0,
            wanted_left: 0,
            received: Received {
                requests: 0,
                body_bytes: 0,
                head_bytes: 0,
            },
        }
    }

    pub const fn received(&self) -> Received {
        self.received
    }

    /// Forgets the answer that was open.
    pub fn begin<E>(&mut self) -> Result<(), HttpError<E>> {
        self.end();
        if self.buffer.is_empty() {
            return Err(HttpError::NoBuffer);
        }
        Ok(())
    }

    pub const fn end(&mut self) {
        (self.from, self.to, self.body, self.skip_left) = (0, 0, None, 0);
    }

    /// Nothing of the answer is wanted any more.
    pub const fn is_over(&self) -> bool {
        match &self.body {
            None => true,
            Some(body) => self.wanted_left == 0 || matches!(body.data_left(), Some(0)),
        }
    }

    /// A request was sent.
    pub const fn sent(&mut self) {
        self.received.requests = self.received.requests.saturating_add(1);
    }

    /// The whole buffer: what it held was looked at.
    pub const fn space(&mut self) -> &mut [u8] {
        self.buffer
    }

    /// So many bytes were read into the buffer.
    pub fn filled<E>(&mut self, count: usize) -> Result<(), HttpError<E>> {
        (self.from, self.to) = (0, count.min(self.buffer.len()));
        if count == 0 {
            return Err(HttpError::EndedEarly);
        }
        Ok(())
    }

    /// Looks at what the buffer holds. `true`: the head is complete.
    pub fn head<E>(&mut self, head: &mut Head) -> Result<bool, HttpError<E>> {
        while let Some(byte) = self.next_byte() {
            if head.push(byte)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the answer with this head says.
    pub fn opened<E>(&mut self, ask: &Ask<'_>, head: Head) -> Result<Opened, HttpError<E>> {
        let body = match (head.is_chunked, head.content_length) {
            (true, None) => Body::CHUNKED,
            (true, Some(_)) => return Err(Unclear::TwoLengths.into()),
            (false, Some(length)) => Body::Sized(length),
            (false, None) => Body::UntilClose,
        };
        let (body, skip_left) = match head.status {
            // The server does not do ranges: what is here already comes once more.
            200 => (body, ask.offset),
            206 if ask.offset > 0 && head.range_from == Some(ask.offset) => (body, 0),
            206 if ask.offset > 0 => return Err(HttpError::WrongRange),
            304 if ask.unless.is_some() => return Ok(Opened::NotModified),
            403 | 404 => return Ok(Opened::Absent),
            // The file ends where it was to go on, or before.
            416 if ask.offset > 0 => (Body::Done, 0),
            status => {
                return Err(HttpError::Status {
                    status,
                    retry_after_s: head.retry_after_s,
                });
            }
        };
        (self.body, self.skip_left, self.wanted_left) = (Some(body), skip_left, ask.bytes_max);
        Ok(Opened::Present { etag: head.etag })
    }

    /// Says how more bytes come into `space`.
    pub fn step<E>(&mut self, space: &mut [u8]) -> Result<Step, HttpError<E>> {
        loop {
            let mut body = self.body.ok_or(HttpError::NotOpen)?;
            if self.wanted_left == 0 {
                return Ok(Step::Came(0));
            }
            let Some(data_left) = body.data_left() else {
                let Some(byte) = self.next_byte() else {
                    return Ok(Step::Fill);
                };
                body.push(byte)?;
                self.body = Some(body);
                continue;
            };
            let skips = self.skip_left > 0;
            let most = data_left.min(if skips { self.skip_left } else { self.wanted_left });
            let room = space.len().min(usize::try_from(most).unwrap_or(usize::MAX));
            if room == 0 {
                return Ok(Step::Came(0));
            }
            let held = self.buffer.get(self.from..self.to).unwrap_or_default();
            if held.is_empty() {
                return Ok(Step::Direct(room));
            }
            let mut count = 0_usize;
            for (to, from) in space.iter_mut().take(room).zip(held) {
                *to = *from;
                count = count.saturating_add(1);
            }
            self.from = self.from.saturating_add(count);
            self.note(body, count);
            if !skips {
                return Ok(Step::Came(count));
            }
        }
    }

    /// So many bytes were read into the space of the caller. `Some`: so many of them count, 0 at the end of the file;
    /// `None`: they were dropped.
    pub fn came<E>(&mut self, count: usize) -> Result<Option<usize>, HttpError<E>> {
        let body = self.body.ok_or(HttpError::NotOpen)?;
        if count == 0 {
            if body != Body::UntilClose {
                return Err(HttpError::EndedEarly);
            }
            self.body = Some(Body::Done);
            return Ok(Some(0));
        }
        let skips = self.skip_left > 0;
        self.note(body, count);
        Ok((!skips).then_some(count))
    }

    fn note(&mut self, mut body: Body, count: usize) {
        let bytes = u32::try_from(count).unwrap_or(u32::MAX);
        self.received.body_bytes = self.received.body_bytes.saturating_add(u64::from(bytes));
        if self.skip_left > 0 {
            self.skip_left = self.skip_left.saturating_sub(bytes);
        } else {
            self.wanted_left = self.wanted_left.saturating_sub(bytes);
        }
        body.note(bytes);
        self.body = Some(body);
    }

    /// The next byte of a head or a frame.
    fn next_byte(&mut self) -> Option<u8> {
        let held = self.buffer.get(self.from..self.to)?;
        let byte = *held.first()?;
        self.from = self.from.saturating_add(1);
        self.received.head_bytes = self.received.head_bytes.saturating_add(1);
        Some(byte)
    }
}
