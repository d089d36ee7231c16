//! A flash driver that is async, for the drivers here, which wait for flash.
//!
//! - Each operation's future is polled until it is ready, without a break: the processor waits, and nothing else of the same
//!   executor runs meanwhile. Erasing a unit takes up to a tenth of a second, by the part; on a part that runs its program
//!   from the same flash the processor would stand still anyway.
//! - It is right for a flash that gets ready by itself: a register that is read, an interrupt, DMA.
//! - It is wrong for one that needs another task of the same executor to go on: a bus that several tasks share by an async
//!   mutex, a radio stack whose events another task collects. That task never runs, and the device hangs until its watchdog
//!   bites. Take the bus for the whole update instead, or drive the update from an executor of lower priority.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use embedded_storage_async::nor_flash as awaited;

/// An async flash driver, polled to the end of each operation.
#[derive(Clone, Debug)]
pub struct Polled<F> {
    flash: F,
    /// Called between two polls.
    idle: fn(),
}

impl<F> Polled<F> {
    /// Polls without a rest.
    pub const fn new(flash: F) -> Self {
        Self {
            flash,
            idle: core::hint::spin_loop,
        }
    }

    /// Calls `idle` between two polls: to sleep until an interrupt comes, or to pet a watchdog.
    pub const fn with_idle(flash: F, idle: fn()) -> Self {
        Self { flash, idle }
    }

    /// The driver.
    pub fn into_inner(self) -> F {
        self.flash
    }
}

/// Runs a future to its end.
fn wait<T>(future: impl Future<Output = T>, idle: fn()) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => idle(),
        }
    }
}

impl<F: ErrorType> ErrorType for Polled<F> {
    type Error = F::Error;
}

impl<F: awaited::ReadNorFlash> ReadNorFlash for Polled<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        wait(self.flash.read(offset, bytes), self.idle)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: awaited::NorFlash> NorFlash for Polled<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        wait(self.flash.erase(from, to), self.idle)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        wait(self.flash.write(offset, bytes), self.idle)
    }
}
