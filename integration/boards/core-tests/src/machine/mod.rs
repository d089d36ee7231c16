//! The emulated part: where a program begins and ends, and its serial line.

use core::fmt;

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "riscv32")]
mod riscv;

#[cfg(target_arch = "arm")]
use arm as part;
#[cfg(target_arch = "riscv32")]
use riscv as part;

pub use part::{NAME, exit};

/// Prints a line over the serial port.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = Line;
    // A port takes every byte.
    let _ = fmt::write(&mut line, text);
    let _ = fmt::Write::write_str(&mut line, "\n");
}

struct Line;

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(part::put);
        Ok(())
    }
}

unsafe extern "Rust" {
    /// The program.
    safe fn run();
}

/// What the start calls.
extern "C" fn begin() -> ! {
    part::open();
    run();
    exit(true)
}
