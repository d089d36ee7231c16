//! A repository in a folder of the host.

use core::convert::Infallible;
use core::ffi::CStr;
use core::fmt::{self, Write as _};

use tuffet_emulated::host::File;
use tuffet_no_std_client::transport::{Ask, Opened, Transport};

/// The longest path, with the folder in front and a zero behind.
const PATH_BYTES: usize = 320;

/// The folder `repository`, as the emulator sees it.
#[derive(Default)]
pub struct Folder {
    open: Option<File>,
    /// Bytes that may still be asked for of the open file.
    left: usize,
}

impl Transport for Folder {
    type Error = Infallible;

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, Infallible> {
        let mut path = Path {
            bytes: [0; PATH_BYTES],
            used: 0,
        };
        // The path of a file that could exist fits.
        let written = write!(path, "repository/{}\0", ask.path);
        let path = CStr::from_bytes_until_nul(&path.bytes).ok().filter(|_| written.is_ok());
        self.open = path.and_then(|path| File::open(path, ask.offset));
        self.left = ask.bytes_max as usize;
        Ok(match &self.open {
            Some(_) => Opened::Present { etag: None },
            None => Opened::Absent,
        })
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        let Some(file) = &mut self.open else {
            return Ok(0);
        };
        let room = space.len().min(self.left);
        let count = file.read(&mut space[..room]);
        self.left -= count;
        Ok(count)
    }
}

struct Path {
    bytes: [u8; PATH_BYTES],
    used: usize,
}

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self
            .bytes
            .get_mut(self.used..self.used + text.len())
            .ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}
