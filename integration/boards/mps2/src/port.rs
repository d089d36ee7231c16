//! The serial port as a stream of bytes, for whoever speaks to the device in more than lines.

use crate::serial;
use core::convert::Infallible;
use embedded_io::{ErrorType, Read, Write};
use tuffet_program::Register;

/// The second timer of the CMSDK, which counts down; the first one is the clock's.
const TIMER: usize = 0x4000_1000;
// SAFETY: the registers of that timer.
const CONTROL: Register = unsafe { Register::at(TIMER) };
// SAFETY: as above.
const VALUE: Register = unsafe { Register::at(TIMER + 0x04) };
// SAFETY: as above.
const RELOAD: Register = unsafe { Register::at(TIMER + 0x08) };

const ENABLE: u32 = 1;
/// How long a read waits for a byte, in ticks of 25 MHz: a tenth of a second.
const SILENCE_TICKS: u32 = 25_000_000 / 10;

/// The stream.
pub struct Port(());

impl Port {
    /// The port, which is switched on already, and its timer.
    pub fn open() -> Self {
        RELOAD.write(u32::MAX);
        VALUE.write(u32::MAX);
        CONTROL.write(ENABLE);
        Self(())
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
        let began = VALUE.read();
        loop {
            if let Some(byte) = serial::receive() {
                *place = byte;
                return Ok(1);
            }
            if began.wrapping_sub(VALUE.read()) > SILENCE_TICKS {
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
