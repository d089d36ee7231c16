//! What is said on the serial line of a board, both ways and in the order of time: lines of text, and frames of the link as
//! `docs/serial-link.md` has them.
//!
//! - Numbers of requests are counted from 1, since the device begins with a random one.
//! - Bytes of a file are told by how many they are and by the beginning of their digest; of many frames of one file the first and the last
//!   are, and between them how many there were.

use sha2::{Digest as _, Sha256};
use std::fmt;
use tuffet_boot::crc32;

/// Bytes in front of a payload, and of the checksum behind it.
const HEAD_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 4;
/// Bytes of a digest that are told.
const DIGEST_BYTES: usize = 4;

/// Who says something.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Side {
    /// The board.
    Board,
    /// The gateway.
    Gateway,
}

/// Bytes of the line as they came.
pub type Recorded = Vec<(Side, Vec<u8>)>;

/// One thing that is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A line of text, of the board.
    Text(String),
    /// A frame.
    Frame(Frame),
}

/// A frame of the link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    kind: u8,
    offset: u32,
    number: u16,
    payload: Vec<u8>,
}

/// Everything that was said, frame by frame and line by line.
#[must_use]
pub fn heard(recorded: &Recorded) -> Vec<Said> {
    let mut said = Vec::new();
    let mut of_board = Vec::new();
    for (side, bytes) in recorded {
        // Only the board says text, and only its frames come in pieces.
        match side {
            Side::Board => {
                of_board.extend_from_slice(bytes);
                take(&mut of_board, &mut said);
            }
            Side::Gateway => take(&mut bytes.clone(), &mut said),
        }
    }
    from_one(&mut said);
    said
}

/// Takes what is whole off the beginning.
fn take(bytes: &mut Vec<u8>, said: &mut Vec<Said>) {
    loop {
        if bytes.first() == Some(&b'T') && bytes.get(1).is_none_or(|second| *second == b'r') {
            let Some((frame, length)) = frame(bytes) else { return };
            said.push(Said::Frame(frame));
            bytes.drain(..length);
            continue;
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return;
        };
        said.push(Said::Text(String::from_utf8_lossy(&bytes[..end]).trim_end().to_owned()));
        bytes.drain(..=end);
    }
}

/// The frame that begins here, if it is whole, and how long it is.
fn frame(bytes: &[u8]) -> Option<(Frame, usize)> {
    let payload_bytes = usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?));
    let end = HEAD_BYTES + payload_bytes;
    let checksum = u32::from_le_bytes(*bytes.get(end..)?.first_chunk()?);
    assert_eq!(crc32(&bytes[..end]), checksum, "a frame that no side should have sent");
    let (number, payload) = bytes[HEAD_BYTES..end].split_first_chunk()?;
    let frame = Frame {
        kind: bytes[2],
        offset: u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?),
        number: u16::from_le_bytes(*number),
        payload: payload.to_vec(),
    };
    Some((frame, end + CHECKSUM_BYTES))
}

/// Counts the requests from 1. At a start the board begins anew.
fn from_one(said: &mut [Said]) {
    let mut numbers: Vec<u16> = Vec::new();
    for frame in said.iter_mut().filter_map(|said| match said {
        Said::Frame(frame) => Some(frame),
        Said::Text(_) => None,
    }) {
        if numbers.last() != Some(&frame.number) {
            numbers.push(frame.number);
        }
        frame.number = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
    }
}

impl Frame {
    /// The path that a device opens.
    fn path(&self) -> Option<String> {
        let (tag_bytes, rest) = self.payload.get(4..)?.split_first()?;
        let path = rest.get(usize::from(*tag_bytes)..)?;
        (self.kind == OPEN).then(|| String::from_utf8_lossy(path).into_owned())
    }

    fn is_of_file(&self) -> bool {
        [MORE, DATA].contains(&self.kind)
    }
}

const OPEN: u8 = 0x91;
const MORE: u8 = 0x92;
const DATA: u8 = 0x14;

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind, offset, number, ..
        } = self;
        let tag = |tag: &[u8]| match tag {
            [] => String::new(),
            tag => format!(", tag {}", String::from_utf8_lossy(tag)),
        };
        match kind {
            0x91 => {
                let most = self.payload.first_chunk().map_or(0, |most| u32::from_le_bytes(*most));
                let (path, bytes) = (
                    self.path().unwrap_or_default(),
                    usize::from(self.payload.get(4).copied().unwrap_or(0)),
                );
                let known = tag(self.payload.get(5..5 + bytes).unwrap_or_default());
                write!(f, "Open {number} {path} from {offset}, {most} B at most{known}")
            }
            0x92 => {
                let most = self.payload.first_chunk().map_or(0, |most| u16::from_le_bytes(*most));
                write!(f, "More {number}, from {offset}: {most} B")
            }
            0x11 => write!(f, "Present {number}{}", tag(&self.payload)),
            0x12 => write!(f, "Absent {number}"),
            0x13 => write!(f, "NotModified {number}"),
            0x14 => {
                let digest = digest(&self.payload);
                write!(f, "Data {number}, at {offset}: {} B, {digest}", self.payload.len())
            }
            0x15 => write!(f, "End {number}, at {offset}"),
            0x16 => write!(f, "Failed {number}"),
            other => write!(f, "{other:#x} {number}"),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}"));
    format!("SHA-256 {}…", digits.collect::<String>())
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "board:   {text}"),
            Self::Frame(frame) if frame.kind & 0x80 == 0 => write!(f, "gateway:   < {frame}"),
            Self::Frame(frame) => write!(f, "board:   > {frame}"),
        }
    }
}

/// The lines of a session; of the frames with bytes of one file the first two and the last two, and what was between them.
#[must_use]
pub fn shortened(said: &[Said]) -> Vec<String> {
    let mut lines = Vec::new();
    let is_of =
        |said: &Said, number| matches!(said, Said::Frame(frame) if frame.is_of_file() && frame.number == number);
    let mut rest = said;
    while let Some(first) = rest.first() {
        let run = match first {
            Said::Frame(frame) if frame.is_of_file() => {
                rest.iter().take_while(|said| is_of(said, frame.number)).count()
            }
            Said::Frame(_) | Said::Text(_) => 1,
        };
        let (of_run, behind) = rest.split_at(run);
        rest = behind;
        let Some([first, second, between @ .., before, last]) = Some(of_run).filter(|run| run.len() > 5) else {
            lines.extend(of_run.iter().map(ToString::to_string));
            continue;
        };
        lines.extend([first, second].map(ToString::to_string));
        let bytes: Vec<u8> = between.iter().flat_map(data).copied().collect();
        lines.push(format!(
            "         ({} frames of the same kinds, with {} B, {})",
            between.len(),
            bytes.len(),
            digest(&bytes)
        ));
        lines.extend([before, last].map(ToString::to_string));
    }
    lines
}

/// The bytes of a file that it brings.
fn data(said: &Said) -> &[u8] {
    match said {
        Said::Frame(frame) if frame.kind == DATA => &frame.payload,
        Said::Frame(_) | Said::Text(_) => &[],
    }
}

/// What the board asks for and what it says, without what is another one for other firmware: figures, and digests in names.
#[must_use]
pub fn sequence<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<String> {
    let of_line = |line: &str| {
        let said = line.strip_prefix("board:   ")?;
        if let Some(asked) = said.strip_prefix("> Open ") {
            let mut words = asked.split(' ').skip(1);
            let (path, offset) = (words.next()?, words.nth(1)?.trim_end_matches(','));
            return Some(format!("{} {offset}", crate::site::label(path)));
        }
        let is_figure = ["tuffet memory", "tuffet time", "> "]
            .iter()
            .any(|figure| said.starts_with(figure));
        (!is_figure).then(|| said.to_owned())
    };
    let mut sequence: Vec<String> = lines.into_iter().filter_map(of_line).collect();
    // What was not heard in time is asked for again.
    sequence.dedup();
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(kind: u8, offset: u32, number: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![b'T', b'r', kind, 0];
        frame.extend(offset.to_le_bytes());
        frame.extend((payload.len() as u16 + 2).to_le_bytes());
        frame.extend(number.to_le_bytes());
        frame.extend(payload);
        let checksum = crc32(&frame);
        frame.extend(checksum.to_le_bytes());
        frame
    }

    #[test]
    fn frames_and_lines_are_told_in_order_and_shortened() {
        let open = bytes(OPEN, 0, 700, b"\x00\x10\x00\x00\x02ab1.root.json");
        let (head, tail) = open.split_at(7);
        let mut recorded = vec![
            (Side::Board, [b"tuffet boot slot=A\r\n", head].concat()),
            (Side::Board, tail.to_vec()),
            (Side::Gateway, bytes(0x11, 0, 700, b"cd")),
        ];
        for piece in 0..4 {
            recorded.push((Side::Board, bytes(MORE, piece * 3, 700, &[3, 0])));
            recorded.push((Side::Gateway, bytes(DATA, piece * 3, 700, b"abc")));
        }
        recorded.push((Side::Gateway, bytes(0x15, 12, 700, b"")));
        let said = heard(&recorded);
        let lines = shortened(&said);
        let expected = [
            "board:   tuffet boot slot=A",
            "board:   > Open 1 1.root.json from 0, 4096 B at most, tag ab",
            "gateway:   < Present 1, tag cd",
            "board:   > More 1, from 0: 3 B",
            "gateway:   < Data 1, at 0: 3 B, SHA-256 ba7816bf…",
            "         (4 frames of the same kinds, with 6 B, SHA-256 bbb59da3…)",
            "board:   > More 1, from 9: 3 B",
            "gateway:   < Data 1, at 9: 3 B, SHA-256 ba7816bf…",
            "gateway:   < End 1, at 12",
        ];
        assert_eq!(lines, expected);
        let sequence = sequence(lines.iter().map(String::as_str));
        assert_eq!(sequence, ["tuffet boot slot=A", "1.root.json 0"]);
    }
}
