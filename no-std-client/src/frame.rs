//! A frame on a serial line, and finding one in whatever comes: the same for the recovery and for the link to a gateway.

use tuffet_boot::crc32;

/// Most bytes of payload in one frame.
pub const PAYLOAD_BYTES_MAX: usize = 256;
/// Bytes of the longest frame: what either end needs to find one.
pub const BUFFER_BYTES: usize = HEADER_BYTES + PAYLOAD_BYTES_MAX + CHECKSUM_BYTES;
/// What either end is lent to find frames in.
pub type Buffer = [u8; BUFFER_BYTES];

const HEADER_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 4;
/// How a frame begins: two letters, the kind, and the version.
const MAGIC: [u8; 2] = *b"Tr";
const VERSION: u8 = 0;

/// A frame whose checksum holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub kind: u8,
    pub offset: u32,
    pub payload: &'a [u8],
}

/// Writes a frame to the start of a buffer that is long enough, and answers its bytes.
pub(crate) fn encode<'b>(buffer: &'b mut [u8], frame: &Frame<'_>) -> &'b [u8] {
    fill(buffer, HEADER_BYTES, frame.payload);
    seal(buffer, frame.kind, frame.offset, frame.payload.len())
}

/// Where the payload of a frame stands in a buffer, for whoever writes it there.
pub(crate) fn payload(buffer: &mut [u8]) -> &mut [u8] {
    buffer.get_mut(HEADER_BYTES..).unwrap_or_default()
}

/// Makes a frame of the payload that stands in the buffer already.
pub(crate) fn seal(buffer: &mut [u8], kind: u8, offset: u32, length: usize) -> &[u8] {
    let [l0, l1] = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    let [o0, o1, o2, o3] = offset.to_le_bytes();
    let [m0, m1] = MAGIC;
    let body_bytes = HEADER_BYTES.saturating_add(length);
    fill(buffer, 0, &[m0, m1, kind, VERSION, o0, o1, o2, o3, l0, l1]);
    let checksum = crc32(buffer.get(..body_bytes).unwrap_or_default()).to_le_bytes();
    fill(buffer, body_bytes, &checksum);
    let bytes = body_bytes.saturating_add(CHECKSUM_BYTES);
    buffer.get(..bytes).unwrap_or_default()
}

/// Puts bytes where there is room for them.
fn fill(buffer: &mut [u8], from: usize, bytes: &[u8]) {
    let room = buffer.get_mut(from..).and_then(|room| room.get_mut(..bytes.len()));
    if let Some(room) = room {
        room.copy_from_slice(bytes);
    }
}

/// What a buffer begins with.
enum Begins {
    /// With nothing that could become a frame.
    Noise,
    /// With what could become a frame.
    Part,
    /// With a frame of this kind, with this offset and so many bytes of payload.
    Frame(u8, u32, usize),
}

/// Finds frames in what comes, byte by byte.
pub(crate) struct Receiver<'b> {
    buffer: &'b mut Buffer,
    held: usize,
    /// Bytes at the start of the buffer that are done with.
    done: usize,
    is_silent: bool,
}

impl<'b> Receiver<'b> {
    pub const fn new(buffer: &'b mut Buffer) -> Self {
        Self {
            buffer,
            held: 0,
            done: 0,
            is_silent: false,
        }
    }

    /// What looks like the beginning of a frame does not go on. Whole ones may stand behind it.
    pub const fn silent(&mut self) {
        self.is_silent = true;
    }

    /// Takes a byte. Every [`next`](Self::next) frame must have been taken before.
    pub fn push(&mut self, byte: u8) {
        self.is_silent = false;
        if let Some(place) = self.buffer.get_mut(self.held) {
            *place = byte;
            self.held = self.held.saturating_add(1);
        }
    }

    /// Nothing came: the buffer may be used for something else.
    pub const fn clear(&mut self) -> &mut Buffer {
        (self.held, self.done) = (0, 0);
        self.buffer
    }

    /// The next frame in what came. Behind noise it looks from its second byte on: a frame may begin anywhere.
    pub fn next(&mut self) -> Option<Frame<'_>> {
        self.next_past(&mut |_| ())
    }

    /// The payload of the frame that was answered last, until the next one is looked for.
    pub fn payload(&self) -> &[u8] {
        let end = self.done.saturating_sub(CHECKSUM_BYTES);
        self.buffer.get(HEADER_BYTES..end).unwrap_or_default()
    }

    /// The next frame; `passed` is told of each byte in front of it that belongs to none.
    pub fn next_past(&mut self, passed: &mut impl FnMut(u8)) -> Option<Frame<'_>> {
        let mut is_noise = false;
        let (kind, offset, length) = loop {
            let done = core::mem::take(&mut self.done).min(self.held);
            if let (true, Some(byte)) = (is_noise, self.buffer.first()) {
                passed(*byte);
            }
            self.buffer.copy_within(done..self.held, 0);
            self.held = self.held.saturating_sub(done);
            match begins(self.buffer.get(..self.held)?) {
                Begins::Part if !self.is_silent || self.held == 0 => return None,
                Begins::Noise | Begins::Part => (self.done, is_noise) = (1, true),
                Begins::Frame(kind, offset, length) => break (kind, offset, length),
            }
        };
        let payload_end = HEADER_BYTES.saturating_add(length);
        self.done = payload_end.saturating_add(CHECKSUM_BYTES);
        let payload = self.buffer.get(HEADER_BYTES..payload_end)?;
        Some(Frame { kind, offset, payload })
    }
}

/// Kind, offset and length of the payload.
fn header(bytes: &[u8]) -> Option<(u8, u32, usize)> {
    let [m0, m1, kind, VERSION, o0, o1, o2, o3, l0, l1] = *<&[u8; HEADER_BYTES]>::try_from(bytes).ok()? else {
        return None;
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let is_one = [m0, m1] == MAGIC && length <= PAYLOAD_BYTES_MAX;
    is_one.then_some((kind, u32::from_le_bytes([o0, o1, o2, o3]), length))
}

fn begins(held: &[u8]) -> Begins {
    let magic_bytes = held.len().min(MAGIC.len());
    if held.get(..magic_bytes) != MAGIC.get(..magic_bytes) {
        return Begins::Noise;
    }
    let Some(first) = held.get(..HEADER_BYTES) else {
        return Begins::Part;
    };
    let Some((kind, offset, length)) = header(first) else {
        return Begins::Noise;
    };
    let body_bytes = HEADER_BYTES.saturating_add(length);
    let bytes = body_bytes.saturating_add(CHECKSUM_BYTES);
    let (Some(body), Some(checksum)) = (held.get(..body_bytes), held.get(body_bytes..bytes)) else {
        return Begins::Part;
    };
    if checksum != crc32(body).to_le_bytes() {
        return Begins::Noise;
    }
    Begins::Frame(kind, offset, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: u8 = 0x01;
    const DATA: u8 = 0x02;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn frame_bytes(kind: u8, offset: u32, payload: &[u8]) -> Vec<u8> {
        let frame = Frame { kind, offset, payload };
        encode(&mut [0; BUFFER_BYTES], &frame).to_vec()
    }

    fn found(bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
        let mut buffer = [0; BUFFER_BYTES];
        let mut receiver = Receiver::new(&mut buffer);
        let mut frames = Vec::new();
        for byte in bytes {
            receiver.push(*byte);
            while let Some(frame) = receiver.next() {
                frames.push((frame.kind, frame.offset, frame.payload.to_vec()));
            }
        }
        frames
    }

    #[test]
    fn bytes_are_frozen() {
        let bytes = frame_bytes(DATA, 0x0102_0304, b"ab");
        assert_eq!(bytes[..12], *b"Tr\x02\0\x04\x03\x02\x01\x02\0ab");
        assert_eq!(bytes[12..], crc32(&bytes[..12]).to_le_bytes());
        assert_eq!(frame_bytes(HELLO, 0, &[]).len(), 14);
    }

    #[test]
    fn frame_inside_what_looked_like_one_is_found() {
        let mut bytes = b"Tr\x02\0\0\0\0\0\0\x01".to_vec();
        for _ in 0..20 {
            bytes.extend(frame_bytes(HELLO, 7, b"x"));
        }
        assert_eq!(found(&bytes).len(), 20);
        // Frames of another version, or too long to be one, are noise.
        let mut other = frame_bytes(HELLO, 7, b"x");
        other[3] = 1;
        assert_eq!(found(&other), []);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = frame_bytes(DATA, 5, b"0123456789");
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(found(&flipped), [], "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn frames_are_found_whatever_is_between_them(
            frames in proptest::collection::vec(
                (any::<u8>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_BYTES_MAX)), 0..4),
            noise in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            // Without its first letter noise cannot hold a beginning that swallows the end of what is here.
            let noise: Vec<u8> = noise.into_iter().filter(|byte| *byte != b'T').collect();
            let mut bytes = Vec::new();
            for (kind, offset, payload) in &frames {
                bytes.extend(&noise);
                bytes.extend(frame_bytes(*kind, *offset, payload));
            }
            prop_assert_eq!(found(&bytes), frames);
        }
    }
}
