//! What a gateway, or the line behind it, does to frames.

use tuffet_boot::crc32;

/// Bytes in front of a payload: the offset of the file stands from byte 4 on, the length from byte 8 on.
const HEAD_BYTES: usize = 10;
/// Bytes of the checksum behind it.
const CHECKSUM_BYTES: usize = 4;
/// Bytes of the number of a request, in front of the bytes of a file.
const NUMBER_BYTES: usize = 2;
/// Most bytes of a payload.
const PAYLOAD_BYTES_MAX: usize = 256;
/// The kind of a frame that brings bytes of a file, and of the one behind the last.
const DATA: u8 = 0x14;
const END: u8 = 0x15;
/// One answer of so many is the worse for it.
const EVERY: usize = 5;
/// Frames that come where one was asked for.
const FLOOD: usize = 40;

/// What becomes of the frames of an answer.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// Each frame comes twice.
    Doubles,
    /// One answer of several does not come.
    Drops,
    /// Where a file ends, more of it comes.
    Endless,
    /// One bit of one answer of several is another one.
    Flips,
    /// One answer of several says that it is longer than it is, under a checksum that holds.
    LengthTooLarge,
    /// And shorter.
    LengthTooSmall,
    /// They come as they are.
    #[default]
    None,
    /// Whoever asks for bytes gets many times as many.
    Overruns,
    /// Each answer comes behind the one that follows it.
    Reorders,
    /// One answer of several breaks off in its middle.
    Tears,
    /// Text and the beginnings of frames stand between frames.
    Text,
}

impl Noise {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Doubles,
        Self::Drops,
        Self::Endless,
        Self::Flips,
        Self::LengthTooLarge,
        Self::LengthTooSmall,
        Self::Overruns,
        Self::Reorders,
        Self::Tears,
        Self::Text,
    ];
}

/// A line, and what it did already.
#[derive(Default)]
pub(super) struct Noisy {
    answers: usize,
    held: Vec<u8>,
}

impl Noisy {
    /// What is heard in place of the frames of an answer.
    pub(super) fn heard(&mut self, noise: Noise, frames: Vec<Vec<u8>>) -> Vec<u8> {
        self.answers += 1;
        let is_hit = self.answers.is_multiple_of(EVERY);
        let mut bytes = frames.concat();
        let middle = bytes.len() / 2;
        match noise {
            Noise::Doubles => frames.iter().flat_map(|frame| frame.repeat(2)).collect(),
            Noise::Drops if is_hit => Vec::new(),
            Noise::Endless => {
                let mut heard = Vec::new();
                for frame in frames {
                    if frame[2] == END {
                        heard.extend(more_of(&frame, 0));
                    } else {
                        heard.extend(frame);
                    }
                }
                heard
            }
            Noise::Flips if is_hit => {
                bytes[middle] ^= 0x10;
                bytes
            }
            Noise::LengthTooLarge if is_hit => frames.iter().flat_map(|frame| with_length(frame, 1)).collect(),
            Noise::LengthTooSmall if is_hit => frames.iter().flat_map(|frame| with_length(frame, -1)).collect(),
            Noise::Overruns => {
                let beyond = frames.last().filter(|frame| frame[2] == DATA).map(|frame| {
                    let came = frame.len() - HEAD_BYTES - NUMBER_BYTES - CHECKSUM_BYTES;
                    more_of(frame, came)
                });
                bytes.extend(beyond.into_iter().flatten());
                bytes
            }
            Noise::Reorders => std::mem::replace(&mut self.held, bytes),
            Noise::Tears if is_hit => {
                bytes.truncate(middle);
                bytes
            }
            Noise::Text => {
                let between =
                    |frame: Vec<u8>| [b"Tr\x14\0 tuffet update outcome=installed\nTTr".to_vec(), frame].concat();
                frames.into_iter().flat_map(between).collect()
            }
            Noise::Drops
            | Noise::Flips
            | Noise::LengthTooLarge
            | Noise::LengthTooSmall
            | Noise::None
            | Noise::Tears => bytes,
        }
    }
}

/// Many frames of data for the request of this one, from so many bytes behind its offset on.
fn more_of(frame: &[u8], behind: usize) -> Vec<u8> {
    let offset = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]) as usize + behind;
    let room = PAYLOAD_BYTES_MAX - NUMBER_BYTES;
    let frames = (0..FLOOD).flat_map(|index| {
        let mut more = frame[..4].to_vec();
        more[2] = DATA;
        more.extend(((offset + index * room) as u32).to_le_bytes());
        more.extend((PAYLOAD_BYTES_MAX as u16).to_le_bytes());
        more.extend(&frame[HEAD_BYTES..][..NUMBER_BYTES]);
        more.resize(HEAD_BYTES + PAYLOAD_BYTES_MAX, 0xA5);
        sealed(more)
    });
    frames.collect()
}

/// The same frame with another length, and a checksum that holds for what it is made of.
fn with_length(frame: &[u8], change: i16) -> Vec<u8> {
    let mut body = frame[..frame.len() - CHECKSUM_BYTES].to_vec();
    let length = u16::from_le_bytes([body[8], body[9]]).wrapping_add_signed(change);
    body[8..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
    sealed(body)
}

fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    body.extend(crc32(&body).to_le_bytes());
    body
}
