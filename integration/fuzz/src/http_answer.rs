//! An answer of an HTTP server: whatever comes, in whatever pieces and through whatever buffer, it means the same.

use super::Script;
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use tuffet_no_std_client::http::{Connect, HEAD_BYTES_MAX, Http, HttpError, Received};
use tuffet_no_std_client::transport::{Ask, Opened, Transport};

/// A stream that says some bytes and ends.
struct Answer<'a> {
    left: &'a [u8],
    piece_bytes: usize,
}

impl ErrorType for Answer<'_> {
    type Error = ErrorKind;
}

impl Read for Answer<'_> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        let count = self.left.len().min(space.len()).min(self.piece_bytes);
        let (now, later) = self.left.split_at(count);
        space[..count].copy_from_slice(now);
        self.left = later;
        Ok(count)
    }
}

impl Write for Answer<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connect for Answer<'_> {
    fn connect(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn close(&mut self) {}
}

#[derive(Debug, PartialEq)]
struct Outcome {
    opened: Option<Opened>,
    bytes: Vec<u8>,
    failed: Option<HttpError<ErrorKind>>,
    received: Received,
}

/// Three bytes say in what pieces; the rest is what the server says.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let [pieces, buffer, offset] = [(); 3].map(|()| usize::from(script.byte()));
    let answer = script.bytes(data.len());
    let whole = fetch(answer, usize::MAX, 4_096, offset);
    let pieced = fetch(answer, pieces.max(1), buffer.max(1), offset);
    assert_eq!(pieced, whole, "it means something else in pieces");
    // Every byte is counted once, and none that did not come.
    let counted = whole.received.body_bytes + whole.received.head_bytes;
    assert!(counted <= answer.len() as u64, "more is counted than came");
    assert!(whole.bytes.len() as u64 <= whole.received.body_bytes);
    if whole.failed == Some(HttpError::HeadTooLong) {
        assert!(whole.received.head_bytes > 100, "a short head is called long");
    } else if whole.opened.is_none() {
        assert!(
            whole.received.head_bytes <= u64::from(HEAD_BYTES_MAX),
            "a long head is read"
        );
    }
}

fn fetch(answer: &[u8], piece_bytes: usize, buffer_bytes: usize, offset: usize) -> Outcome {
    let (mut buffer, mut space) = (vec![0; buffer_bytes], vec![0; buffer_bytes]);
    let stream = Answer {
        left: answer,
        piece_bytes,
    };
    let mut http = Http::new(stream, "h", "/", &mut buffer);
    let ask = Ask {
        path: "f",
        offset: offset as u32,
        bytes_max: u32::MAX,
        unless: None,
    };
    let opened = http.open(&ask).ok();
    let mut bytes = Vec::new();
    if matches!(opened, Some(Opened::Present { .. })) {
        while let Ok(count @ 1..) = http.read(&mut space) {
            bytes.extend_from_slice(&space[..count]);
        }
    }
    Outcome {
        opened,
        bytes,
        failed: http.failed().copied(),
        received: http.received(),
    }
}
