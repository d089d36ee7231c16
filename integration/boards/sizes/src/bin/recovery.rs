//! A bootloader that chooses a slot by its hash, and takes the image again when nothing may run.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;
use core::hint::black_box;
use core::ops::ControlFlow;

use embedded_io::{ErrorType, Read, Write};
use tuffet_no_std_client::bootloader;
use tuffet_no_std_client::flash::Storage;
use tuffet_no_std_client::recovery::{BUFFER_BYTES, recover};
use tuffet_sizes::{Flash, MAP};

tuffet_sizes::start_with!(run);

/// A serial line of which only the calls cost something.
struct Line;

impl ErrorType for Line {
    type Error = Infallible;
}

impl Read for Line {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        black_box(space);
        Ok(black_box(0))
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        black_box(bytes);
        Ok(black_box(1))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn run() {
    let flash = RefCell::new(Flash);
    let storage = Storage::new(&flash, &MAP);
    let mut pet = || {
        black_box(());
    };
    if let Ok(Err(recovery)) = bootloader::choose_slot(&storage, &mut pet) {
        let mut wait = |silences| {
            black_box(silences);
            black_box(ControlFlow::Continue(()))
        };
        let mut buffer = [0; BUFFER_BYTES];
        black_box(recover(&storage, recovery, &mut Line, &mut buffer, &mut wait, &mut pet).is_ok());
    }
}
