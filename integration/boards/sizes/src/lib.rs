//! What every measured program has: a panic handler that stops, and a start that calls one function.
//!
//! Inputs come out of [`input`] and results go into [`core::hint::black_box`], so that the compiler knows neither
//! and must keep every path that a device would have.
#![no_std]

use core::panic::PanicInfo;

/// Bytes that the compiler knows nothing about.
pub fn input() -> &'static [u8] {
    core::hint::black_box(&[])
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
