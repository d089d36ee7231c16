//! HTTP over a stream that waits.

use super::exchange::Step;
use super::head::Head;
use super::request::RequestText;
use super::{Http, HttpError};
use crate::transport::{Ask, Opened, Transport};
use embedded_io::{Read, Write};

/// A stream of bytes that can be connected, again and again, to the one server of a repository. Every call ends within some
/// time: a stream that is silent for too long is one that failed.
pub trait Connect: Read + Write {
    /// Connects to the server. What was open before is closed; so is, in the end, what cannot be opened.
    fn connect(&mut self) -> Result<(), Self::Error>;

    /// Closes the connection. Nothing that it says any more matters, so that it may be dropped at once.
    fn close(&mut self);
}

impl<S: Connect> Http<'_, S> {
    fn request(&mut self, ask: &Ask<'_>) -> Result<Opened, HttpError<S::Error>> {
        self.exchange.begin()?;
        self.stream.connect().map_err(HttpError::Stream)?;
        let mut text = RequestText::new(self.host, self.base, ask);
        loop {
            let space = self.exchange.space();
            let count = text.fill(space);
            if count == 0 {
                break;
            }
            // Not `write_all`, which panics where a stream takes nothing.
            let mut rest = space.get(..count).unwrap_or_default();
            while !rest.is_empty() {
                let taken = self.stream.write(rest).map_err(HttpError::Stream)?;
                if taken == 0 {
                    return Err(HttpError::EndedEarly);
                }
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
        self.stream.flush().map_err(HttpError::Stream)?;
        self.exchange.sent();
        let mut head = Head::new();
        while !self.exchange.head(&mut head)? {
            let count = self.stream.read(self.exchange.space());
            self.exchange.filled(count.map_err(HttpError::Stream)?)?;
        }
        self.exchange.opened(ask, head)
    }

    fn bring(&mut self, space: &mut [u8]) -> Result<usize, HttpError<S::Error>> {
        loop {
            match self.exchange.step(space)? {
                Step::Came(count) => return Ok(count),
                Step::Direct(room) => {
                    let count = self.stream.read(space.get_mut(..room).unwrap_or_default());
                    if let Some(count) = self.exchange.came(count.map_err(HttpError::Stream)?)? {
                        return Ok(count);
                    }
                }
                Step::Fill => {
                    let count = self.stream.read(self.exchange.space());
                    self.exchange.filled(count.map_err(HttpError::Stream)?)?;
                }
            }
        }
    }
}

/// Why a call failed stands in [`Http::failed`].
impl<S: Connect> Transport for Http<'_, S> {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.failed = None;
        let opened = self.request(ask);
        if !matches!(opened, Ok(Opened::Present { .. })) {
            self.exchange.end();
        }
        if self.exchange.is_over() {
            self.stream.close();
        }
        opened.map_err(|error| self.failed = Some(error))
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let read = self.bring(space);
        if read.is_err() {
            self.exchange.end();
        }
        if self.exchange.is_over() {
            self.stream.close();
        }
        read.map_err(|error| self.failed = Some(error))
    }

    fn retry_after_s(&self) -> Option<u32> {
        self.asked_to_wait_s()
    }
}
