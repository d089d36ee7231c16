//! The repository of a stage, read from a folder of the host.

use core::ffi::CStr;
use core::fmt::Write as _;

use tuffet_emulated::host::File;
use tuffet_no_std_client::transport::{Ask, Etag, Opened, PATH_BYTES_MAX, Transport};

/// Name of a stage, a slash, and the zero behind the path.
const FULL_PATH_BYTES_MAX: usize = 16 + PATH_BYTES_MAX + 1;

/// What the network brings of a patch.
#[derive(Copy, Clone)]
pub enum Patches {
    /// All of it.
    Whole,
    /// So many bytes, and then the connection breaks off for good.
    UpTo(u32),
}

/// The network. All that it needs stands in it, and not on the stack.
pub struct Network {
    stage: &'static str,
    patches: Patches,
    path: [u8; FULL_PATH_BYTES_MAX],
    file: Option<File>,
    /// Bytes that come before the connection breaks off.
    left: u32,
}

impl Network {
    /// Reaches the repository as it is at this stage.
    pub const fn to(stage: &'static str, patches: Patches) -> Self {
        Self {
            stage,
            patches,
            path: [0; FULL_PATH_BYTES_MAX],
            file: None,
            left: 0,
        }
    }

    /// The whole of a file.
    pub fn read_whole<'s>(&mut self, path: &str, space: &'s mut [u8]) -> &'s [u8] {
        let count = self.find(path, 0).map_or(0, |mut file| file.read(space));
        &space[..count]
    }

    fn find(&mut self, path: &str, offset: u32) -> Option<File> {
        let mut used = 0;
        for piece in [self.stage, "/", path, "\0"] {
            let end = used + piece.len();
            self.path[used..end].copy_from_slice(piece.as_bytes());
            used = end;
        }
        File::open(CStr::from_bytes_until_nul(&self.path).ok()?, offset)
    }
}

impl Transport for Network {
    type Error = ();

    /// The repository of a stage does not change, so its name is the tag of all its files.
    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.left = u32::MAX;
        if let Patches::UpTo(bytes) = self.patches
            && ask.path.ends_with(".patch")
        {
            self.left = bytes.checked_sub(ask.offset).ok_or(())?;
        }
        let mut etag = Etag::new();
        etag.write_str(self.stage).map_err(|_| ())?;
        if ask.unless == Some(&etag) {
            return Ok(Opened::NotModified);
        }
        self.file = self.find(ask.path, ask.offset);
        Ok(match self.file {
            Some(_) => Opened::Present { etag: Some(etag) },
            None => Opened::Absent,
        })
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let count = space.len().min(self.left as usize);
        if count == 0 {
            return Err(());
        }
        self.left -= count as u32;
        self.file.as_mut().map(|file| file.read(&mut space[..count])).ok_or(())
    }
}
