//! What every measured program has: a panic handler that stops, and a start that calls one function.
//!
//! Inputs come out of [`input`] and its like, and results go into [`core::hint::black_box`], so that the compiler knows
//! neither and must keep every path that a device would have.
//!
//! Memory is copied and numbers are divided by what the firmware of the board microbit has for it.
#![no_std]

use core::convert::Infallible;
use core::hint::black_box;
use core::panic::PanicInfo;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use tuffet_no_std_client::flash::{Map, Span, Units, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::transport::{Ask, Opened, Transport};

tuffet_nrf51::small_division!();
tuffet_nrf51::small_memory!();

const KIB: u32 = 1024;

/// What lies where on a micro:bit.
pub const MAP: Map<Xip> = Map {
    boot_record: Span::new(12 * KIB, 2 * KIB),
    state: Span::new(14 * KIB, 2 * KIB),
    roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
    snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
    document: Span::new(40 * KIB, 8 * KIB),
    checkpoints: [Span::new(48 * KIB, 8 * KIB), Span::new(56 * KIB, 8 * KIB)],
    slots: Xip {
        slots: [Span::new(66 * KIB, 95 * KIB), Span::new(161 * KIB, 95 * KIB)],
        base: 0,
    },
};

const UNITS: Units = Units {
    capacity: 256 * KIB,
    erase_bytes: KIB,
    write_bytes: 4,
};

const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());

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

/// A network of which only the calls cost something.
pub struct Network;

impl Transport for Network {
    type Error = Infallible;

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, Infallible> {
        black_box(ask);
        Ok(black_box(Opened::Absent))
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        black_box(space);
        Ok(black_box(0))
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
