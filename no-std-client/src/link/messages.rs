//! What is said on the line, and in which bytes.

use crate::frame::{Buffer, Frame, PAYLOAD_BYTES_MAX, payload, seal};
use crate::transport::{Ask, Etag, Path};

const OPEN: u8 = 0x91;
const MORE: u8 = 0x92;
const PRESENT: u8 = 0x11;
const ABSENT: u8 = 0x12;
const NOT_MODIFIED: u8 = 0x13;
const DATA: u8 = 0x14;
const END: u8 = 0x15;
const FAILED: u8 = 0x16;

/// Bytes of the number of a request.
const NUMBER_BYTES: usize = 2;
/// Most bytes of a file in one frame.
pub const DATA_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - NUMBER_BYTES;

/// What a device asks.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one at a time, on the side that has room"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Open {
        bytes_max: u32,
        unless: Option<Etag>,
        path: Path,
    },
    More {
        credit: u16,
    },
}

/// What a gateway answers. The bytes of data stay where the frame is; on a device, which has no room to hand it on, so does the tag.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer<T = Option<Etag>> {
    Absent,
    Data,
    End,
    Failed { retry_after_s: Option<u32> },
    NotModified,
    Present { etag: T },
}

/// An answer as a device hears it.
pub(super) type Heard = Answer<()>;

/// Puts payloads together, piece by piece.
struct Writer<'b> {
    buffer: &'b mut Buffer,
    used: usize,
}

impl<'b> Writer<'b> {
    fn new(buffer: &'b mut Buffer, number: u16) -> Self {
        let mut writer = Self { buffer, used: 0 };
        // There is room for two bytes.
        let _ = writer.put(&number.to_le_bytes());
        writer
    }

    /// Nothing, if it has no room.
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.used.checked_add(bytes.len())?;
        let room = payload(self.buffer).get(..PAYLOAD_BYTES_MAX)?;
        let room = payload_range(room.len(), self.used, end)?;
        payload(self.buffer).get_mut(room)?.copy_from_slice(bytes);
        self.used = end;
        Some(())
    }

    fn finish(self, kind: u8, offset: u32) -> &'b [u8] {
        seal(self.buffer, kind, offset, self.used)
    }
}

/// The range, if it is within so many bytes.
fn payload_range(length: usize, from: usize, to: usize) -> Option<core::ops::Range<usize>> {
    (to <= length).then_some(from..to)
}

/// An Open. The tag is left out where there is no room for it: then the file comes whether it is another one or not. `None`: there is
/// no room for the path.
pub(super) fn open<'b>(buffer: &'b mut Buffer, number: u16, ask: &Ask<'_>) -> Option<&'b [u8]> {
    let tag = ask.unless.map_or("", |tag| tag.as_str());
    let fixed_bytes = NUMBER_BYTES.saturating_add(5).saturating_add(ask.path.len());
    let fits = fixed_bytes.saturating_add(tag.len()) <= PAYLOAD_BYTES_MAX;
    let tag = if fits { tag } else { "" };
    let mut writer = Writer::new(buffer, number);
    writer.put(&ask.bytes_max.to_le_bytes())?;
    writer.put(&[u8::try_from(tag.len()).ok()?])?;
    writer.put(tag.as_bytes())?;
    writer.put(ask.path.as_bytes())?;
    Some(writer.finish(OPEN, ask.offset))
}

/// A More.
pub(super) fn more(buffer: &mut Buffer, number: u16, offset: u32, credit: u16) -> &[u8] {
    let mut writer = Writer::new(buffer, number);
    let _ = writer.put(&credit.to_le_bytes());
    writer.finish(MORE, offset)
}

/// An answer other than data.
pub(super) fn answer<'b>(buffer: &'b mut Buffer, number: u16, offset: u32, answer: &Answer) -> &'b [u8] {
    let mut writer = Writer::new(buffer, number);
    let kind = match answer {
        Answer::Absent => ABSENT,
        Answer::Data => DATA,
        Answer::End => END,
        Answer::Failed { retry_after_s } => {
            let _ = writer.put(&retry_after_s.unwrap_or(0).to_le_bytes());
            FAILED
        }
        Answer::NotModified => NOT_MODIFIED,
        Answer::Present { etag } => {
            // It is shorter than a payload.
            let _ = writer.put(etag.as_ref().map_or("", |etag| etag.as_str()).as_bytes());
            PRESENT
        }
    };
    writer.finish(kind, offset)
}

/// Bytes of a file, at most [`DATA_BYTES_MAX`].
pub(super) fn data<'b>(buffer: &'b mut Buffer, number: u16, offset: u32, bytes: &[u8]) -> &'b [u8] {
    let mut writer = Writer::new(buffer, number);
    let _ = writer.put(bytes);
    writer.finish(DATA, offset)
}

/// What a gateway says to the request of this number; nothing, if it is no such thing.
pub(super) fn answer_of(frame: &Frame<'_>, number: u16) -> Option<Heard> {
    let (said, rest) = frame.payload.split_first_chunk::<NUMBER_BYTES>()?;
    if u16::from_le_bytes(*said) != number {
        return None;
    }
    Some(match (frame.kind, rest) {
        (ABSENT, []) => Answer::Absent,
        (DATA, [_, ..]) => Answer::Data,
        (END, []) => Answer::End,
        (FAILED, seconds) => Answer::Failed {
            retry_after_s: Some(u32::from_le_bytes(seconds.try_into().ok()?)).filter(|seconds| *seconds > 0),
        },
        (NOT_MODIFIED, []) => Answer::NotModified,
        (PRESENT, _) => Answer::Present { etag: () },
        _ => return None,
    })
}

/// The tag in the payload of a Present, if there is one. One that is too long is not used.
pub(super) fn etag_of(payload: &[u8]) -> Option<Etag> {
    let tag = core::str::from_utf8(file_bytes(payload)).ok()?;
    if tag.is_empty() { None } else { Etag::from(tag).ok() }
}

/// The bytes of a payload that are the file's.
pub(super) fn file_bytes(payload: &[u8]) -> &[u8] {
    payload.get(NUMBER_BYTES..).unwrap_or_default()
}

/// What a device asks, and the number of its request; nothing, if it is no such thing.
pub(super) fn question_of(frame: &Frame<'_>) -> Option<(u16, Question)> {
    let (number, rest) = frame.payload.split_first_chunk::<NUMBER_BYTES>()?;
    let question = match frame.kind {
        OPEN => {
            let (bytes_max, rest) = rest.split_first_chunk::<4>()?;
            let (tag_bytes, rest) = rest.split_first()?;
            let (tag, path) = rest.split_at_checked(usize::from(*tag_bytes))?;
            let tag = core::str::from_utf8(tag).ok()?;
            Question::Open {
                bytes_max: u32::from_le_bytes(*bytes_max),
                unless: Some(Etag::from(tag).ok()?).filter(|tag| !tag.is_empty()),
                path: Path::from(core::str::from_utf8(path).ok()?).ok()?,
            }
        }
        MORE => Question::More {
            credit: u16::from_le_bytes(rest.try_into().ok()?),
        },
        _ => return None,
    };
    Some((u16::from_le_bytes(*number), question))
}
