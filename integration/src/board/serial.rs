//! The host's end of a board's serial line: lines, or bytes.

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a read of bytes waits.
const SILENCE: Duration = Duration::from_millis(500);

/// The line. What is read of it in one way does not come in the other.
pub struct Serial {
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// Came, and was not read.
    rest: Vec<u8>,
}

impl Serial {
    /// The line of an emulator with these pipes.
    pub(super) fn over(input: ChildStdin, mut output: ChildStdout) -> Self {
        let (sender, receiver) = channel();
        // It ends with the emulator, or when nobody wants the bytes any more.
        std::thread::spawn(move || {
            let mut space = [0; 4_096];
            while let Ok(count @ 1..) = output.read(&mut space) {
                if sender.send(space[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            input,
            output: receiver,
            rest: Vec::new(),
        }
    }

    /// The next line of text. Bytes that are none are shown as such.
    pub(super) fn text_within(&mut self, patience: Duration) -> Result<String, RecvTimeoutError> {
        let deadline = Instant::now() + patience;
        let mut looked_at = 0;
        loop {
            let end = self.rest[looked_at..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.rest.drain(..=looked_at + end).collect();
                return Ok(String::from_utf8_lossy(&line[..line.len() - 1]).into_owned());
            }
            looked_at = self.rest.len();
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.rest.extend(bytes),
                // The last line has no end.
                Err(RecvTimeoutError::Disconnected) if !self.rest.is_empty() => self.rest.push(b'\n'),
                Err(error) => return Err(error),
            }
        }
    }
}

impl ErrorType for Serial {
    type Error = ErrorKind;
}

impl Read for Serial {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        if self.rest.is_empty() {
            self.rest = self.output.recv_timeout(SILENCE).map_err(|error| match error {
                RecvTimeoutError::Timeout => ErrorKind::TimedOut,
                RecvTimeoutError::Disconnected => ErrorKind::NotConnected,
            })?;
        }
        let count = space.len().min(self.rest.len());
        for (to, from) in space.iter_mut().zip(self.rest.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

impl Write for Serial {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.input.write(bytes).map_err(|error| error.kind().into())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.input.flush().map_err(|error| error.kind().into())
    }
}
