//! The recovery of the bootloader, over a Unix socket in place of a serial line.

use super::device::{FlashDevice, or_trouble};
use super::folder::Folder;
use super::report::Told;
use super::trouble::Trouble;
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tuffet_no_std_client::bootloader;
use tuffet_no_std_client::recovery::{BUFFER_BYTES, Recovered, recover};

/// How long a read waits.
const SILENCE: Duration = Duration::from_millis(50);

/// Where to listen, and for how long.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The Unix socket to make; `cargo xtask recover --port` takes it.
    #[arg(long, value_name = "PATH")]
    listen: PathBuf,
    /// Seconds until it gives up, as a bootloader would reset and look again.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

/// One end of a line.
#[derive(Debug)]
pub struct Line(UnixStream);

impl Line {
    /// The line over this socket.
    pub fn over(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(SILENCE))?;
        Ok(Self(socket))
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        let read = self.0.read(space);
        if matches!(read, Ok(0)) {
            // Nobody is there any more: it is as silent as a line that nobody is at.
            std::thread::sleep(SILENCE);
        }
        read.map_err(kind)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(kind)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.flush().map_err(kind)
    }
}

fn kind(error: io::Error) -> ErrorKind {
    let kind = error.kind();
    if kind == io::ErrorKind::WouldBlock {
        return ErrorKind::TimedOut;
    }
    kind.into()
}

/// What the bootloader does when nothing may run: waits for the image, and takes it.
pub fn command(folder: &Folder, arguments: &Arguments) -> Result<Told, Trouble> {
    let device = FlashDevice::open(folder)?;
    let chosen = or_trouble(bootloader::choose_slot(&device.storage(), &mut || ()), None)?;
    let Err(recovery) = chosen else {
        device.save()?;
        return Ok(Told::fine("bootable", "there is nothing to recover; the device boots"));
    };
    let trouble = |error| Trouble::storage("listen on", &arguments.listen, error);
    let listener = UnixListener::bind(&arguments.listen).map_err(trouble)?;
    listener.set_nonblocking(true).map_err(trouble)?;
    let ends_at = Instant::now() + Duration::from_secs(arguments.patience);
    let mut wait = |_| match Instant::now() < ends_at {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let mut recovered = Recovered::Left;
    while recovered == Recovered::Left && wait(0).is_continue() {
        match listener.accept() {
            Ok((socket, _)) => {
                let mut line = Line::over(socket).map_err(trouble)?;
                let mut buffer = [0; BUFFER_BYTES];
                let storage = device.storage();
                let ended = recover(&storage, recovery, &mut line, &mut buffer, &mut wait, &mut || ());
                recovered = or_trouble(ended, None)?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(SILENCE),
            Err(error) => return Err(trouble(error)),
        }
    }
    device.save()?;
    let _ = std::fs::remove_file(&arguments.listen);
    match recovered {
        Recovered::Restored => Ok(Told::fine(
            "restored",
            "the slot holds the confirmed image again; reboot",
        )),
        Recovered::Left => Err(Trouble::NothingBootable(recovery)),
    }
}
