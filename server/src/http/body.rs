use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::folder::{ServedFile, ServedFileError};

/// Bytes read and handed to the connection at a time.
const CHUNK_BYTES: u64 = 64 * 1024;

/// What follows the head of an answer.
pub enum AnswerBody {
    /// Bytes that are already here.
    Whole(Bytes),
    /// A part of a file, read as the receiver takes it.
    File(FilePart),
}

/// A part of an open file on its way. At most one chunk of it is in memory.
pub struct FilePart {
    file: Arc<ServedFile>,
    offset: u64,
    left: u64,
    reading: Option<JoinHandle<Result<Vec<u8>, ServedFileError>>>,
}

impl AnswerBody {
    pub fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    pub fn file(file: ServedFile, offset: u64, length: u64) -> Self {
        Self::File(FilePart {
            file: Arc::new(file),
            offset,
            left: length,
            reading: None,
        })
    }
}

impl FilePart {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ServedFileError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let reading = self.reading.get_or_insert_with(|| {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            let length = usize::try_from(self.left.min(CHUNK_BYTES)).unwrap_or(usize::MAX);
            tokio::task::spawn_blocking(move || file.read(offset, length))
        });
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(match read {
            Ok(Ok(bytes)) => {
                // Invariant: `read` returns exactly what was asked for, at most `left`.
                self.offset += bytes.len() as u64;
                self.left -= bytes.len() as u64;
                Some(Ok(bytes.into()))
            }
            Ok(Err(error)) => Some(Err(error)),
            // The runtime is going away and took the read with it.
            Err(_) => None,
        })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = ServedFileError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ServedFileError>>> {
        let chunk = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Self::File(part) => ready!(part.poll_chunk(context)),
        };
        Poll::Ready(chunk.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::File(part) => part.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::File(part) => part.left,
        })
    }
}
