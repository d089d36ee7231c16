//! A line to a device: whatever has a path and takes bytes both ways.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{self, OptionalActions};

/// How long a read waits.
const SILENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};

/// Why a line fails whose other end is gone.
const CLOSED: &str = "its other end was closed";

/// An open line.
pub struct Port(File);

/// Why a line failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortError {
    /// What the system said; nothing if it was only silent.
    pub reason: String,
}

impl Port {
    /// Opens a Unix socket, or a terminal, which then carries every byte as it is.
    pub fn open(path: &Path, baud: u32) -> io::Result<Self> {
        if std::fs::metadata(path)?.file_type().is_socket() {
            return Ok(Self(File::from(OwnedFd::from(UnixStream::connect(path)?))));
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if termios::isatty(&file) {
            let mut settings = termios::tcgetattr(&file)?;
            settings.make_raw();
            settings.set_speed(baud)?;
            termios::tcsetattr(&file, OptionalActions::Flush, &settings)?;
        }
        Ok(Self(file))
    }

    /// The line at this end of a socket.
    #[cfg(test)]
    pub fn of(socket: UnixStream) -> Self {
        Self(File::from(OwnedFd::from(socket)))
    }
}

impl PortError {
    /// Whether the other end was closed: nothing is wrong with the line.
    pub fn is_closed(&self) -> bool {
        self.reason == CLOSED
    }
}

impl std::fmt::Display for PortError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for PortError {}

impl embedded_io::Error for PortError {
    fn kind(&self) -> ErrorKind {
        if self.reason.is_empty() {
            ErrorKind::TimedOut
        } else {
            ErrorKind::Other
        }
    }
}

impl ErrorType for Port {
    type Error = PortError;
}

impl Read for Port {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, PortError> {
        let mut waited = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        match poll(&mut waited, Some(&SILENCE)) {
            // A signal ends a wait too; whoever waits looks why.
            Ok(0) | Err(Errno::INTR) => return Err(PortError { reason: String::new() }),
            Ok(_) => {}
            Err(error) => return Err(failed(error.into())),
        }
        match self.0.read(space).map_err(failed)? {
            0 => Err(PortError {
                reason: CLOSED.to_owned(),
            }),
            count => Ok(count),
        }
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, PortError> {
        self.0.write(bytes).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.0.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> PortError {
    PortError {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use tuffet_no_std_client::recovery::{SendError, ask};

    fn socket() -> (tempfile::TempDir, UnixListener, Port) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line");
        let listener = UnixListener::bind(&path).unwrap();
        let port = Port::open(&path, 115_200).unwrap();
        (folder, listener, port)
    }

    #[test]
    fn silent_line_is_told_from_a_closed_one() {
        let (_folder, listener, mut port) = socket();
        let (device, _) = listener.accept().unwrap();
        assert_eq!(ask(&mut port, 1), Err(SendError::Silent));
        drop(device);
        assert!(matches!(ask(&mut port, 1), Err(SendError::Line(_))));
    }

    #[test]
    fn what_is_no_line_is_not_opened() {
        assert!(Port::open(Path::new("/nonexistent/line"), 115_200).is_err());
        assert!(Port::open(Path::new("/tmp"), 115_200).is_err());
    }
}
