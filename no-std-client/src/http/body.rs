//! What is left of a body, and the frames around its chunks.

use super::error::{HttpError, Unclear};
use super::head::HEAD_BYTES_MAX;

/// What comes next of a body.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Its chunks, and the frames around them.
    Chunked(Frame),
    /// Nothing.
    Done,
    /// So many bytes.
    Sized(u32),
    /// As many as come.
    UntilClose,
}

/// Where in its chunks a body is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// So many bytes of a chunk.
    Data(u32),
    /// The end of the line behind a chunk, of two bytes or one.
    DataEnd { is_half: bool },
    /// The line with the length of the next chunk.
    Length(Length),
    /// Lines behind the last chunk; the last of them is empty.
    Trailer { line_is_empty: bool, bytes_left: u16 },
}

/// The length of a chunk on its way in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Length {
    value: Option<u32>,
    /// What follows the number is not looked at.
    is_over: bool,
    bytes_left: u16,
}

impl Length {
    const NEW: Self = Self {
        value: None,
        is_over: false,
        bytes_left: HEAD_BYTES_MAX,
    };
}

impl Body {
    /// A body in chunks, before the first one.
    pub const CHUNKED: Self = Self::Chunked(Frame::Length(Length::NEW));

    /// How many bytes of the file may come next; `None`: the frame of a chunk does.
    pub const fn data_left(&self) -> Option<u32> {
        match self {
            Self::Done => Some(0),
            Self::Sized(left) | Self::Chunked(Frame::Data(left)) => Some(*left),
            Self::UntilClose => Some(u32::MAX),
            Self::Chunked(Frame::DataEnd { .. } | Frame::Length(_) | Frame::Trailer { .. }) => None,
        }
    }

    /// Notes that so many bytes of the file came.
    pub const fn note(&mut self, count: u32) {
        match self {
            Self::Sized(left) => *left = left.saturating_sub(count),
            Self::Chunked(Frame::Data(left)) => {
                *left = left.saturating_sub(count);
                if *left == 0 {
                    *self = Self::Chunked(Frame::DataEnd { is_half: false });
                }
            }
            Self::Done | Self::UntilClose | Self::Chunked(_) => {}
        }
    }

    /// Takes the next byte of a frame.
    pub fn push<E>(&mut self, byte: u8) -> Result<(), HttpError<E>> {
        let Self::Chunked(frame) = self else {
            return Ok(());
        };
        match frame {
            Frame::Data(_) => {}
            Frame::DataEnd { is_half } => match byte {
                b'\r' if !*is_half => *is_half = true,
                b'\n' => *self = Self::CHUNKED,
                _ => return Err(Unclear::ChunkEnd.into()),
            },
            Frame::Length(length) => {
                if let Some(chunk_bytes) = length.push(byte)? {
                    *frame = match chunk_bytes {
                        0 => Frame::Trailer {
                            line_is_empty: true,
                            bytes_left: HEAD_BYTES_MAX,
                        },
                        _ => Frame::Data(chunk_bytes),
                    };
                }
            }
            Frame::Trailer {
                line_is_empty,
                bytes_left,
            } => {
                *bytes_left = bytes_left.checked_sub(1).ok_or(HttpError::HeadTooLong)?;
                match byte {
                    b'\n' if *line_is_empty => *self = Self::Done,
                    b'\n' => *line_is_empty = true,
                    b'\r' => {}
                    _ => *line_is_empty = false,
                }
            }
        }
        Ok(())
    }
}

impl Length {
    /// Takes the next byte of the line; the length, at its end.
    fn push<E>(&mut self, byte: u8) -> Result<Option<u32>, HttpError<E>> {
        self.bytes_left = self.bytes_left.checked_sub(1).ok_or(HttpError::HeadTooLong)?;
        match byte {
            b'\n' => return Ok(Some(self.value.ok_or(Unclear::ChunkLength)?)),
            b'\r' => self.is_over = true,
            b' ' | b'\t' | b';' if self.value.is_some() => self.is_over = true,
            _ if self.is_over => {}
            _ => {
                let digit = char::from(byte).to_digit(16).ok_or(Unclear::ChunkLength)?;
                let value = self.value.unwrap_or(0);
                // A chunk of more than four gigabytes is nothing that a device reads to its end.
                let value = value.checked_mul(16).ok_or(Unclear::ChunkLength)?;
                self.value = Some(value.saturating_add(digit));
            }
        }
        Ok(None)
    }
}
