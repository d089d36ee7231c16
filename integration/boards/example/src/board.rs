//! The board: what a vendor has drivers for. Here are stand-ins that only link.

use core::convert::Infallible;
use core::hint::black_box;
use embedded_io::{ErrorType, Read, Write};
use embedded_storage::nor_flash::{self, NorFlash, ReadNorFlash};
use tuffet_no_std_client::http::{AsyncConnect, Connect};
use tuffet_no_std_client::wire::UnixSeconds;

/// The flash.
pub struct Flash;

/// A TCP socket to the update server, or a UART to another chip that has one.
pub struct Network;

/// The serial port of the factory.
pub struct SerialPort;

impl nor_flash::ErrorType for Flash {
    type Error = Infallible;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        black_box((offset, bytes));
        Ok(())
    }

    fn capacity(&self) -> usize {
        512 * 1024
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4 * 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        black_box((from, to));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        black_box((offset, bytes));
        Ok(())
    }
}

macro_rules! stream {
    ($port:ty) => {
        impl ErrorType for $port {
            type Error = Infallible;
        }

        impl Read for $port {
            fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
                black_box(space);
                Ok(black_box(0))
            }
        }

        impl Write for $port {
            fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
                black_box(bytes);
                Ok(black_box(1))
            }

            fn flush(&mut self) -> Result<(), Infallible> {
                Ok(())
            }
        }
    };
}

stream!(Network);
stream!(SerialPort);

impl Connect for Network {
    fn connect(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn close(&mut self) {}
}

impl embedded_io_async::Read for Network {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        Read::read(self, space)
    }
}

impl embedded_io_async::Write for Network {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Write::write(self, bytes)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl AsyncConnect for Network {
    async fn connect(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn close(&mut self) {}
}

/// The time: of a clock, or of one that counts from power-up.
pub fn now() -> UnixSeconds {
    UnixSeconds::new(black_box(0))
}

/// A number that others cannot guess, so that devices do not all ask at once.
pub fn random() -> u32 {
    black_box(0)
}

/// The seed of the factory.
pub fn seed() -> [u8; 32] {
    black_box([0; 32])
}

/// Sleeps until then, or until somebody presses the button.
pub fn sleep_until(due_at: UnixSeconds) {
    black_box(due_at);
}

/// The same, for an executor.
pub async fn wait_until(due_at: UnixSeconds) {
    black_box(due_at);
}

/// Whether this firmware does what it is for.
pub fn is_healthy() -> bool {
    black_box(true)
}

/// Tells whoever looks after the device: a display, a log, the next message to the cloud.
pub fn report(code: u16) {
    black_box(code);
}

/// Pets the watchdog.
pub fn pet() {
    black_box(());
}

/// Resets.
pub fn reset() -> ! {
    loop {
        black_box(());
    }
}

/// Starts the image at this address.
pub fn leave_to(address: u32) -> ! {
    black_box(address);
    reset()
}
