//! The async twin: the same over a stream that is awaited.

use super::exchange::Step;
use super::head::Head;
use super::request::RequestText;
use super::{Http, HttpError};
use crate::transport::{Ask, AsyncTransport, Opened};
use embedded_io_async::{Read, Write};

/// Like [`Connect`](super::Connect), for a stream that is awaited. A future that is dropped in the middle leaves a connection
/// that the next request closes.
#[allow(async_fn_in_trait, reason = "no caller asks for more than these futures are")]
pub trait AsyncConnect: Read + Write {
    /// Connects to the server. What was open before is closed; so is, in the end, what cannot be opened.
    async fn connect(&mut self) -> Result<(), Self::Error>;

    /// Closes the connection. Nothing that it says any more matters, so that it may be dropped at once.
    fn close(&mut self);
}

impl<S: AsyncConnect> Http<'_, S> {
    async fn request_async(&mut self, ask: &Ask<'_>) -> Result<Opened, HttpError<S::Error>> {
        self.exchange.begin()?;
        self.stream.connect().await.map_err(HttpError::Stream)?;
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
                let taken = self.stream.write(rest).await.map_err(HttpError::Stream)?;
                if taken == 0 {
                    return Err(HttpError::EndedEarly);
                }
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
        self.stream.flush().await.map_err(HttpError::Stream)?;
        self.exchange.sent();
        let mut head = Head::new();
        while !self.exchange.head(&mut head)? {
            let count = self.stream.read(self.exchange.space()).await;
            self.exchange.filled(count.map_err(HttpError::Stream)?)?;
        }
        self.exchange.opened(ask, head)
    }

    async fn bring_async(&mut self, space: &mut [u8]) -> Result<usize, HttpError<S::Error>> {
        loop {
            match self.exchange.step(space)? {
                Step::Came(count) => return Ok(count),
                Step::Direct(room) => {
                    let count = self.stream.read(space.get_mut(..room).unwrap_or_default()).await;
                    if let Some(count) = self.exchange.came(count.map_err(HttpError::Stream)?)? {
                        return Ok(count);
                    }
                }
                Step::Fill => {
                    let count = self.stream.read(self.exchange.space()).await;
                    self.exchange.filled(count.map_err(HttpError::Stream)?)?;
                }
            }
        }
    }
}

/// Why a call failed stands in [`Http::failed`].
impl<S: AsyncConnect> AsyncTransport for Http<'_, S> {
    type Error = ();

    async fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.failed = None;
        let opened = self.request_async(ask).await;
        if !matches!(opened, Ok(Opened::Present { .. })) {
            self.exchange.end();
        }
        if self.exchange.is_over() {
            self.stream.close();
        }
        opened.map_err(|error| self.failed = Some(error))
    }

    async fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let read = self.bring_async(space).await;
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
