//! The server of the repository, as a stream of bytes.

use crate::network::{Broken, Network};
use core::fmt;
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use smoltcp::wire::{IpEndpoint, Ipv4Address};
use tuffet_board_layout::Settings;
use tuffet_no_std_client::http::Connect;

/// How long one connection may be waited for in all, in microseconds: a server that says a byte now and then does not hold the
/// device. What came of a file stays, and the rest is asked for.
const CONNECTION_US_MAX: u64 = 30_000_000;

/// A stream to the one server that the device knows.
pub struct Stream<'b> {
    network: Network<'b>,
    server: IpEndpoint,
    /// The time that was waited when the connection began.
    waited_before_us: u64,
}

impl<'b> Stream<'b> {
    /// The way to the server of these settings.
    pub fn new(network: Network<'b>, settings: &Settings) -> Self {
        let [a, b, c, d] = settings.server;
        let server = IpEndpoint::new(Ipv4Address::new(a, b, c, d).into(), settings.port);
        Self {
            network,
            server,
            waited_before_us: 0,
        }
    }

    /// Microseconds that went by while the server was waited for.
    pub const fn waited_us(&self) -> u64 {
        self.network.waited_us()
    }

    fn check_time(&self) -> Result<(), Broken> {
        if self.network.waited_us() - self.waited_before_us > CONNECTION_US_MAX {
            return Err(Broken::Silent);
        }
        Ok(())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Silent => "silent",
        })
    }
}

impl core::error::Error for Broken {}

impl embedded_io::Error for Broken {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed => ErrorKind::ConnectionReset,
            Self::Silent => ErrorKind::TimedOut,
        }
    }
}

impl ErrorType for Stream<'_> {
    type Error = Broken;
}

impl Read for Stream<'_> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Broken> {
        self.check_time()?;
        self.network.receive(space)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        self.check_time()?;
        self.network.send(bytes)
    }

    fn flush(&mut self) -> Result<(), Broken> {
        self.network.poll();
        Ok(())
    }
}

impl Connect for Stream<'_> {
    fn connect(&mut self) -> Result<(), Broken> {
        self.waited_before_us = self.network.waited_us();
        self.network.connect(self.server)
    }

    fn close(&mut self) {
        self.network.close();
    }
}
