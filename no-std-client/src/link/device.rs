//! The end of the line that is the device.

use super::messages::{Answer, DATA_BYTES_MAX, Heard, answer_of, etag_of, file_bytes, more, open};
use crate::frame::{BUFFER_BYTES, Buffer, Receiver};
use crate::transport::{Ask, Opened, Transport};
use embedded_io::{Error as _, ErrorKind, Read, Write};

/// Reads in a row that bring nothing until the device asks again.
const SILENCES_MAX: u8 = 3;
/// Bytes without an answer in them until the device asks again. What was asked for before may still come, as it is repeated at most.
const NOISE_BYTES_MAX: u16 = 4 * 1024;
/// Answers to something else until the device asks again.
const STALE_MAX: u8 = 64;
/// How often the device asks without an answer.
const ASKS_MAX: u8 = 40;

/// What a frame of data holds at most, as a device counts it.
#[allow(clippy::as_conversions, reason = "a constant that fits")]
const CREDIT: u16 = DATA_BYTES_MAX as u16;

/// Why a file does not come. `E` is the error of the port.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError<E> {
    /// The gateway could not get it, or was started anew and does not know what it was asked.
    Failed,
    /// The port failed.
    Line(E),
    /// The path has no room in a frame.
    PathTooLong,
    /// No gateway answers.
    Silent,
}

/// A way to a repository over a serial line.
///
/// The port is like that of the [recovery](crate::recovery::recover): a read that brings nothing for some ten or hundred
/// milliseconds ends with an error of kind [`TimedOut`](ErrorKind::TimedOut), or with no bytes. Any other error ends the transfer: a
/// port with a clock can give up a gateway that says its bytes one by one, or pet the watchdog meanwhile.
pub struct Link<'b, L> {
    line: L,
    receiver: Receiver<'b>,
    /// The number of the request.
    number: u16,
    /// How many bytes may come at once.
    credit: u16,
    /// The byte of the file that is taken next.
    next: u32,
    /// Behind the last byte that will be read.
    end: u32,
    /// Behind the last byte that may come now.
    granted: u32,
    /// Where the bytes of the frame at hand begin and end that were not read yet.
    unread: (u16, u16),
    retry_after_s: Option<u32>,
}

impl<'b, L: Read + Write> Link<'b, L> {
    /// A link on which nothing was asked yet. `first` should be another number after each start, so that no answer from before it is
    /// taken for one of now; that is a convenience, and no matter of security.
    pub const fn new(line: L, buffer: &'b mut Buffer, first: u16) -> Self {
        Self {
            line,
            receiver: Receiver::new(buffer),
            number: first,
            credit: CREDIT,
            next: 0,
            end: 0,
            granted: 0,
            unread: (0, 0),
            retry_after_s: None,
        }
    }

    /// The same for a port that keeps what comes while nobody reads: so many bytes of a file may come at once. Each 254 of
    /// them take 270 on the line.
    #[must_use]
    pub const fn with_credit(mut self, bytes: u16) -> Self {
        // Less than a frame would only be slower.
        self.credit = if bytes > CREDIT { bytes } else { CREDIT };
        self
    }

    /// The port.
    pub const fn line(&mut self) -> &mut L {
        &mut self.line
    }

    /// Listens for the answer that `is_it`, and says whether there was one. Everything else is stale, or noise.
    fn listen(&mut self, is_it: &dyn Fn(&Heard, u32) -> bool) -> Result<Option<Heard>, LinkError<L::Error>> {
        let (mut silences_left, mut noise_left, mut stale_left) = (SILENCES_MAX, NOISE_BYTES_MAX, STALE_MAX);
        loop {
            while let Some(frame) = self.receiver.next() {
                let offset = frame.offset;
                match answer_of(&frame, self.number) {
                    Some(answer) if is_it(&answer, offset) => return Ok(Some(answer)),
                    Some(_) | None => stale_left = stale_left.saturating_sub(1),
                }
            }
            if silences_left == 0 || noise_left == 0 || stale_left == 0 {
                return Ok(None);
            }
            let mut byte = [0];
            match self.line.read(&mut byte) {
                Ok(1..) => {
                    noise_left = noise_left.saturating_sub(1);
                    self.receiver.push(byte[0]);
                }
                Err(error) if !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    return Err(LinkError::Line(error));
                }
                Ok(_) | Err(_) => {
                    silences_left = silences_left.saturating_sub(1);
                    self.receiver.silent();
                }
            }
        }
    }

    /// Asks for what comes next of the file.
    fn grant(&mut self) {
        let left = self.end.saturating_sub(self.next);
        let credit = u16::try_from(left).unwrap_or(u16::MAX).min(self.credit);
        self.granted = self.next.saturating_add(credit.into());
        // Nothing is to come, so the buffer has room for a frame that goes.
        say(
            &mut self.line,
            more(self.receiver.clear(), self.number, self.next, credit),
        );
    }

    /// Takes the next frame of the file; `false` at its end.
    fn take(&mut self) -> Result<bool, LinkError<L::Error>> {
        if self.next >= self.end {
            return Ok(false);
        }
        let next = self.next;
        let is_it = |answer: &Heard, offset| match answer {
            Answer::Data | Answer::End => offset == next,
            Answer::Failed { .. } => true,
            Answer::Absent | Answer::NotModified | Answer::Present { .. } => false,
        };
        let mut is_asked = next < self.granted;
        for _ in 0..ASKS_MAX {
            if !is_asked {
                self.grant();
            }
            is_asked = false;
            match self.listen(&is_it)? {
                Some(Answer::Data) => {
                    let came = file_bytes(self.receiver.payload()).len();
                    let left = usize::try_from(self.end.saturating_sub(next)).unwrap_or(usize::MAX);
                    let bytes = u16::try_from(came.min(left)).unwrap_or(u16::MAX);
                    self.unread = (0, bytes);
                    self.next = next.saturating_add(bytes.into());
                    return Ok(true);
                }
                Some(Answer::Failed { retry_after_s }) => {
                    self.end = next;
                    self.retry_after_s = retry_after_s;
                    return Err(LinkError::Failed);
                }
                Some(_) => {
                    self.end = next;
                    return Ok(false);
                }
                None => {}
            }
        }
        Err(LinkError::Silent)
    }
}

impl<L: Read + Write> Transport for Link<'_, L> {
    type Error = LinkError<L::Error>;

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, Self::Error> {
        self.number = self.number.wrapping_add(1);
        self.retry_after_s = None;
        self.unread = (0, 0);
        (self.next, self.granted, self.end) = (ask.offset, ask.offset, ask.offset);
        let is_it = |answer: &Heard, _| !matches!(answer, Answer::Data | Answer::End);
        for _ in 0..ASKS_MAX {
            let frame = open(self.receiver.clear(), self.number, ask).ok_or(LinkError::PathTooLong)?;
            say(&mut self.line, frame);
            match self.listen(&is_it)? {
                Some(Answer::Absent) => return Ok(Opened::Absent),
                Some(Answer::NotModified) => return Ok(Opened::NotModified),
                Some(Answer::Present { .. }) => {
                    self.end = ask.offset.saturating_add(ask.bytes_max);
                    let etag = etag_of(self.receiver.payload());
                    return Ok(Opened::Present { etag });
                }
                Some(Answer::Failed { retry_after_s }) => {
                    self.retry_after_s = retry_after_s;
                    return Err(LinkError::Failed);
                }
                Some(Answer::Data | Answer::End) | None => {}
            }
        }
        Err(LinkError::Silent)
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
        let (from, to) = self.unread;
        if space.is_empty() || (from == to && !self.take()?) {
            return Ok(0);
        }
        let (from, to) = self.unread;
        let held = file_bytes(self.receiver.payload());
        let held = held.get(from.into()..to.into()).unwrap_or_default();
        let count = held.len().min(space.len());
        for (to, from) in space.iter_mut().zip(held) {
            *to = *from;
        }
        self.unread.0 = from.saturating_add(u16::try_from(count).unwrap_or(u16::MAX));
        Ok(count)
    }

    fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }
}

/// Says it, if the line takes it. Who does not hear it is asked again. Not `write_all`, which panics where a line takes nothing.
fn say<L: Write>(line: &mut L, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match line.write(rest) {
            Ok(taken @ 1..) => rest = rest.get(taken..).unwrap_or_default(),
            Ok(_) | Err(_) => return,
        }
    }
    let _ = line.flush();
}

const _: () = assert!(BUFFER_BYTES <= 300);
