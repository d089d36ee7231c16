//! The end of the line that is the gateway.

use super::messages::{Answer, DATA_BYTES_MAX, Question, answer, data, question_of};
use crate::frame::{BUFFER_BYTES, Buffer, Receiver};
use crate::transport::{Ask, Opened, Path, Transport};

/// Bytes of a file that are kept until the device has asked for what follows them.
const WINDOW_BYTES: usize = 16 * DATA_BYTES_MAX;

/// What a device asks for. [`Gateway::answer`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    number: u16,
    offset: u32,
    question: Question,
}

/// A file that was forwarded, for whoever tells people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Where it lies in the repository.
    pub path: Path,
    /// The first byte that was asked for.
    pub offset: u32,
    /// Bytes that were sent, each counted once.
    pub bytes: u32,
    /// How it ended.
    pub how: How,
}

/// How a file was forwarded.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// There is none.
    Absent,
    /// The repository could not be reached, or broke off.
    Failed,
    /// The device had it.
    NotModified,
    /// The device asked for something else before its end.
    Part,
    /// All of it, or all that was wanted.
    Whole,
}

/// The file that a device reads.
struct Open {
    number: u16,
    path: Path,
    /// What Open asked for.
    from: u32,
    bytes_max: u32,
    answer: Answer,
    /// Where the bytes that are kept begin in the file, and how many they are.
    base: u32,
    kept: usize,
    /// Nothing follows them.
    is_all: bool,
    is_told: bool,
}

/// A gateway without its line: bytes in, frames out.
pub struct Gateway<'b, T> {
    transport: T,
    receiver: Receiver<'b>,
    open: Option<Open>,
    window: [u8; WINDOW_BYTES],
}

impl<'b, T: Transport> Gateway<'b, T> {
    /// Nothing was asked yet.
    pub const fn new(transport: T, buffer: &'b mut Buffer) -> Self {
        Self {
            transport,
            receiver: Receiver::new(buffer),
            open: None,
            window: [0; WINDOW_BYTES],
        }
    }

    /// The way to the repository.
    pub const fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Takes a byte of the line. All [questions](Self::asked) in the bytes before it must have been taken.
    pub fn push(&mut self, byte: u8) {
        self.receiver.push(byte);
    }

    /// The line is silent: a frame that broke off does not go on.
    pub const fn silent(&mut self) {
        self.receiver.silent();
    }

    /// The next question in what came. `text` is told of the bytes that are in no frame: what else the device says.
    pub fn asked(&mut self, text: &mut impl FnMut(u8)) -> Option<Asked> {
        while let Some(frame) = self.receiver.next_past(text) {
            if let Some((number, question)) = question_of(&frame) {
                let offset = frame.offset;
                return Some(Asked {
                    number,
                    offset,
                    question,
                });
            }
        }
        None
    }

    /// Answers a question: `say` is called with each frame. `told` is called for a file that is over.
    pub fn answer(&mut self, asked: &Asked, say: &mut impl FnMut(&[u8]), told: &mut impl FnMut(Forwarded)) {
        let mut frame: Buffer = [0; BUFFER_BYTES];
        let (number, offset) = (asked.number, asked.offset);
        match &asked.question {
            Question::Open {
                bytes_max,
                unless,
                path,
            } => {
                let is_known = self.open.as_ref().is_some_and(|open| {
                    (open.number, &open.path, open.from, open.bytes_max) == (number, path, offset, *bytes_max)
                });
                if !is_known {
                    self.leave(told);
                    let ask = Ask {
                        path,
                        offset,
                        bytes_max: *bytes_max,
                        unless: unless.as_ref(),
                    };
                    self.open(number, &ask, told);
                }
                let said = self.open.as_ref().map_or(FAILED, |open| open.answer);
                say(answer(&mut frame, number, offset, &said));
            }
            Question::More { credit } => {
                if self.send(number, offset, usize::from(*credit), say, told).is_none() {
                    let failed = Answer::Failed {
                        retry_after_s: self.transport.retry_after_s(),
                    };
                    say(answer(&mut frame, number, offset, &failed));
                }
            }
        }
    }

    /// The device has asked for something else, or the line is closed.
    pub fn leave(&mut self, told: &mut impl FnMut(Forwarded)) {
        if let Some(open) = &mut self.open {
            open.tell(How::Part, told);
        }
        self.open = None;
    }

    fn open(&mut self, number: u16, ask: &Ask<'_>, told: &mut impl FnMut(Forwarded)) {
        let (said, how) = match self.transport.open(ask) {
            Ok(Opened::Absent) => (Answer::Absent, Some(How::Absent)),
            Ok(Opened::NotModified) => (Answer::NotModified, Some(How::NotModified)),
            Ok(Opened::Present { etag }) => (Answer::Present { etag }, None),
            Err(_) => {
                let retry_after_s = self.transport.retry_after_s();
                (Answer::Failed { retry_after_s }, Some(How::Failed))
            }
        };
        let open = self.open.insert(Open {
            number,
            path: Path::from(ask.path).unwrap_or_default(),
            from: ask.offset,
            bytes_max: ask.bytes_max,
            answer: said,
            base: ask.offset,
            kept: 0,
            is_all: false,
            is_told: false,
        });
        if let Some(how) = how {
            open.tell(how, told);
        }
    }

    /// Sends what may come from an offset on. `None`: it cannot be had, or the device asks for what it cannot ask for.
    fn send(
        &mut self,
        number: u16,
        offset: u32,
        credit: usize,
        say: &mut impl FnMut(&[u8]),
        told: &mut impl FnMut(Forwarded),
    ) -> Option<()> {
        let open = self.open.as_mut().filter(|open| open.number == number)?;
        if !matches!(open.answer, Answer::Present { .. }) {
            return None;
        }
        // What is in front of the offset came; it may not ask for it again.
        let come = usize::try_from(offset.checked_sub(open.base)?).ok()?;
        let left = open.kept.checked_sub(come)?;
        self.window.copy_within(come..open.kept, 0);
        (open.base, open.kept) = (offset, left);
        let wanted = credit.min(WINDOW_BYTES);
        while open.kept < wanted && !open.is_all {
            let came = u32::try_from(open.kept)
                .ok()?
                .checked_add(open.base.checked_sub(open.from)?)?;
            let left = usize::try_from(open.bytes_max.saturating_sub(came)).unwrap_or(usize::MAX);
            let space = self.window.get_mut(open.kept..wanted)?;
            let most = space.len().min(left);
            let count = match space.get_mut(..most)? {
                [] => 0,
                space => match self.transport.read(space) {
                    Ok(count) => count.min(most),
                    Err(_) => {
                        open.tell(How::Failed, told);
                        return None;
                    }
                },
            };
            open.kept = open.kept.saturating_add(count);
            open.is_all = count == 0;
        }
        let sent = open.kept.min(wanted);
        let mut frame: Buffer = [0; BUFFER_BYTES];
        let mut at = offset;
        for piece in self.window.get(..sent)?.chunks(DATA_BYTES_MAX) {
            say(data(&mut frame, number, at, piece));
            at = at.checked_add(u32::try_from(piece.len()).ok()?)?;
        }
        if open.is_all && sent == open.kept {
            say(answer(&mut frame, number, at, &Answer::End));
            open.tell(How::Whole, told);
        }
        Some(())
    }
}

const FAILED: Answer = Answer::Failed { retry_after_s: None };

impl Open {
    /// Tells of the file, once.
    fn tell(&mut self, how: How, told: &mut impl FnMut(Forwarded)) {
        if core::mem::replace(&mut self.is_told, true) {
            return;
        }
        let kept = u32::try_from(self.kept).unwrap_or(u32::MAX);
        let bytes = self.base.saturating_sub(self.from).saturating_add(kept);
        // What ends where the device wanted it to end is whole, whether it asked for the end or not.
        let is_whole = how == How::Part && bytes >= self.bytes_max;
        told(Forwarded {
            path: self.path,
            offset: self.from,
            bytes,
            how: if is_whole { How::Whole } else { how },
        });
    }
}
