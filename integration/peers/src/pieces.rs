//! A file that is read in small pieces, so that memory does not grow with it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use tuffet_wire::Document;

/// What a device reads from its flash at once.
pub const PIECE_BYTES: usize = 4 * 1024;

/// A file on disk as a verifier reads it.
pub struct Pieces {
    file: File,
    length: u32,
    piece: [u8; PIECE_BYTES],
    /// Bytes read so far, in all passes.
    pub read: u64,
}

impl Pieces {
    /// Opens a file, or says that there is none.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = u32::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        Ok(Some(Self {
            file,
            length,
            piece: [0; PIECE_BYTES],
            read: 0,
        }))
    }
}

impl Document for Pieces {
    type Error = io::Error;

    fn length(&self) -> u32 {
        self.length
    }

    fn chunk(&mut self, offset: u32) -> io::Result<&[u8]> {
        let count = self.file.read_at(&mut self.piece, u64::from(offset))?;
        self.read += count as u64;
        Ok(self.piece.get(..count).unwrap_or_default())
    }
}
