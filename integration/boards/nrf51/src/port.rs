//! The serial port as a stream of bytes, for whoever speaks to the device in more than lines.

use crate::{Clock, serial, watchdog};
use core::convert::Infallible;
use embedded_io::{ErrorType, Read, Write};

/// How long a read waits for a byte, in microseconds.
const SILENCE_US: u32 = 100_000;

/// The stream.
pub struct Port {
    clock: Clock,
}

impl Port {
    /// The port, which is switched on already.
    pub fn open(clock: Clock) -> Self {
        Self { clock }
    }
}

impl ErrorType for Port {
    type Error = Infallible;
}

impl Read for Port {
    /// One byte; none if the line is silent for a tenth of a second.
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        let Some(place) = space.first_mut() else {
            return Ok(0);
        };
        watchdog::pet();
        let began = self.clock.microseconds();
        loop {
            if let Some(byte) = serial::receive() {
                *place = byte;
                return Ok(1);
            }
            if self.clock.microseconds().wrapping_sub(began) > SILENCE_US {
                return Ok(0);
            }
        }
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        bytes.iter().copied().for_each(serial::send);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
