//! What every measured program has: a panic handler that stops, and a start that calls one function.
//!
//! Inputs come out of [`input`] and its like, and results go into [`core::hint::black_box`], so that the compiler knows
//! neither and must keep every path that a device would have.
#![no_std]

use core::convert::Infallible;
use core::hint::black_box;
use core::panic::PanicInfo;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// Bytes that the compiler knows nothing about.
pub fn input() -> &'static [u8] {
    black_box(&[])
}

/// Text that the compiler knows nothing about.
pub fn text() -> &'static str {
    black_box("")
}

/// A digest that the compiler knows nothing about.
pub fn digest() -> [u8; 32] {
    black_box([0; 32])
}

/// A flash of which only the calls cost something: the driver is the device's, and not measured.
pub struct Flash;

impl ErrorType for Flash {
    type Error = Infallible;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, _offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        black_box(bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        2 * Self::ERASE_SIZE
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        black_box((from, to));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        black_box((offset, bytes));
        Ok(())
    }
}

/// The start of a program: runs the function, then stops.
#[macro_export]
macro_rules! start_with {
    ($body:path) => {
        // SAFETY: the linker enters here and nowhere else, and no other item of the program has this name.
        #[unsafe(no_mangle)]
        extern "C" fn start() -> ! {
            $body();
            loop {}
        }
    };
}

#[panic_handler]
fn stop(_: &PanicInfo<'_>) -> ! {
    loop {}
}
