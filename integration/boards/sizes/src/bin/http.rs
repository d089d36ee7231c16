//! The transport over HTTP: what it adds to a client beside the network's driver.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::hint::black_box;

use embedded_io::{ErrorType, Read, Write};
use tuffet_no_std_client::http::{Connect, Http};
use tuffet_no_std_client::transport::{Ask, Etag, Transport};

tuffet_sizes::start_with!(run);

/// A stream of which only the calls cost something.
struct Stream;

impl ErrorType for Stream {
    type Error = Infallible;
}

impl Read for Stream {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        black_box(space);
        Ok(black_box(0))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        black_box(bytes);
        Ok(black_box(1))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Connect for Stream {
    fn connect(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn close(&mut self) {}
}

fn run() {
    let mut buffer = [0; 512];
    let mut http = Http::new(Stream, tuffet_sizes::text(), tuffet_sizes::text(), &mut buffer);
    let etag = Etag::from(tuffet_sizes::text()).ok();
    let ask = Ask {
        path: tuffet_sizes::text(),
        offset: black_box(0),
        bytes_max: black_box(0),
        unless: etag.as_ref(),
    };
    black_box(http.open(&ask).is_ok());
    black_box(http.read(&mut [0; 16]).is_ok());
    black_box(http.retry_after_s());
}
