//! The link to a gateway: what it adds to a client beside the driver of its port.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::hint::black_box;

use embedded_io::{ErrorType, Read, Write};
use tuffet_no_std_client::link::{BUFFER_BYTES, Link};
use tuffet_no_std_client::transport::{Ask, Etag, Transport};

tuffet_sizes::start_with!(run);

/// A port of which only the calls cost something.
struct Port;

impl ErrorType for Port {
    type Error = Infallible;
}

impl Read for Port {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        black_box(space);
        Ok(black_box(0))
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        black_box(bytes);
        Ok(black_box(1))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn run() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Port, &mut buffer, black_box(0));
    let etag = Etag::from(tuffet_sizes::text()).ok();
    let ask = Ask {
        path: tuffet_sizes::text(),
        offset: black_box(0),
        bytes_max: black_box(0),
        unless: etag.as_ref(),
    };
    black_box(link.open(&ask).is_ok());
    black_box(link.read(&mut [0; 16]).is_ok());
    black_box(link.retry_after_s());
}
