//! The two slots: files that hold a firmware image each.
//!
//! - An image is unpacked into its slot in place: the boot record says that the slot holds nothing meanwhile.
//! - Nothing here decides whether an image is good. The slot is read back from the disk, and the update machine judges.

use crate::error::StorageError;
use crate::files::sync_folder_of;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use tuffet_no_std_client::ImageFault;

const PIECE_BYTES: usize = 64 * 1_024;
/// The largest window a full image may ask the decompressor for, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// How the filling of a slot ended, when the file system did not say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// All of the image came out.
    Whole,
    /// The file does not lead to the image.
    Fault(ImageFault),
}

/// Decompresses a full image into a slot. Stops at the first byte past `length`; the file's length is the image's.
pub fn unpack(compressed: &Path, slot: &Path, length: u32) -> Result<Filled, StorageError> {
    let source = File::open(compressed).map_err(|error| StorageError::new("open", compressed, error))?;
    let mut decoder = zstd::Decoder::new(source).map_err(|error| StorageError::new("read", compressed, error))?;
    decoder
        .window_log_max(WINDOW_LOG_MAX)
        .map_err(|error| StorageError::new("read", compressed, error))?;
    let mut target = File::create(slot).map_err(|error| StorageError::new("open", slot, error))?;
    let mut written = 0_u64;
    let mut piece = vec![0; PIECE_BYTES];
    let filled = loop {
        let count = match decoder.read(&mut piece) {
            Ok(count) => count,
            // What the system said has its number; everything else is said of the content.
            Err(error) if error.raw_os_error().is_some() => {
                return Err(StorageError::new("read", compressed, error));
            }
            Err(_) => break Filled::Fault(ImageFault::Unpack),
        };
        let image = piece.get(..count).unwrap_or_default();
        written += image.len() as u64;
        if written > u64::from(length) || (image.is_empty() && written < u64::from(length)) {
            break Filled::Fault(ImageFault::Unpack);
        }
        if image.is_empty() {
            break Filled::Whole;
        }
        target
            .write_all(image)
            .map_err(|error| StorageError::new("write", slot, error))?;
    };
    target
        .sync_all()
        .and_then(|()| sync_folder_of(slot))
        .map_err(|error| StorageError::new("write", slot, error))?;
    Ok(filled)
}

/// A file that is read from its start.
pub struct Pieces {
    file: File,
    piece: Vec<u8>,
}

impl Pieces {
    /// Opens a file; `None` when there is none.
    pub fn open(path: &Path) -> Result<Option<Self>, StorageError> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self {
                file,
                piece: vec![0; PIECE_BYTES + 1],
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::new("open", path, error)),
        }
    }

    /// The next piece of a file that should have `left_bytes` more: none at its end. The last piece is asked for with one byte
    /// more, so that whoever counts sees that a file goes on.
    pub fn next(&mut self, left_bytes: u32) -> io::Result<&[u8]> {
        let left = usize::try_from(left_bytes).unwrap_or(usize::MAX);
        let wanted = if left > PIECE_BYTES { PIECE_BYTES } else { left + 1 };
        let mut count = 0;
        while let Some(rest) = self.piece.get_mut(count..wanted).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) => break,
                Ok(read) => count += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.piece.get(..count).unwrap_or_default())
    }
}

/// Whether a slot holds exactly the image that the boot record pins. A slot that cannot be read does not.
pub fn holds(path: &Path, digest: &[u8; 32], length: u32) -> bool {
    let Ok(Some(mut pieces)) = Pieces::open(path) else {
        return false;
    };
    let mut hasher = Sha256::new();
    let mut left_bytes = Some(length);
    // Too long a file leaves nothing to subtract from.
    while let Some(left) = left_bytes {
        match pieces.next(left) {
            Ok([]) => return left == 0 && hasher.finalize().as_slice() == digest,
            Ok(piece) => {
                hasher.update(piece);
                left_bytes = u32::try_from(piece.len())
                    .ok()
                    .and_then(|count| left.checked_sub(count));
            }
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(content: &[u8], length: u32) -> (Filled, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let (packed, slot) = (dir.path().join("image.zst"), dir.path().join("a.img"));
        std::fs::write(&packed, content).unwrap();
        let filled = unpack(&packed, &slot, length).unwrap();
        (filled, std::fs::read(&slot).unwrap_or_default())
    }

    #[test]
    fn an_image_comes_out_whole() {
        let image = vec![7_u8; 300_000];
        let (filled, slot) = unpacked(&zstd::encode_all(image.as_slice(), 3).unwrap(), 300_000);
        assert_eq!(filled, Filled::Whole);
        assert_eq!(slot, image);
    }

    #[test]
    fn longer_shorter_and_broken_files_are_refused_and_never_overrun_the_slot() {
        let packed = zstd::encode_all([7_u8; 300_000].as_slice(), 3).unwrap();
        let fault = Filled::Fault(ImageFault::Unpack);
        let (filled, slot) = unpacked(&packed, 100_000);
        assert_eq!(filled, fault);
        assert!(slot.len() <= 100_000);
        assert_eq!(unpacked(&packed, 300_001).0, fault);
        assert_eq!(unpacked(&packed[..packed.len() / 2], 300_000).0, fault);
        assert_eq!(unpacked(b"not a zstd file", 15).0, fault);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_fault_of_the_image() {
        let dir = tempfile::tempdir().unwrap();
        let slot = dir.path().join("a.img");
        assert!(unpack(&dir.path().join("none"), &slot, 8).is_err());
        // It can be opened, and not read: the system says so, and not zstd.
        assert!(unpack(dir.path(), &slot, 8).is_err());
    }

    #[test]
    fn the_last_piece_shows_that_a_file_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.img");
        std::fs::write(&path, vec![7; PIECE_BYTES + 2]).unwrap();
        let mut pieces = Pieces::open(&path).unwrap().unwrap();
        assert_eq!(pieces.next(PIECE_BYTES as u32 + 1).unwrap().len(), PIECE_BYTES);
        assert_eq!(pieces.next(1).unwrap().len(), 2);
        assert!(pieces.next(1).unwrap().is_empty());
        let mut pieces = Pieces::open(&path).unwrap().unwrap();
        assert_eq!(pieces.next(PIECE_BYTES as u32).unwrap().len(), PIECE_BYTES + 1);
        assert!(Pieces::open(&dir.path().join("none")).unwrap().is_none());
    }

    #[test]
    fn a_slot_holds_only_the_very_image() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.img");
        std::fs::write(&path, b"firmware").unwrap();
        let digest: [u8; 32] = Sha256::digest(b"firmware").into();
        assert!(holds(&path, &digest, 8));
        assert!(!holds(&path, &digest, 7));
        assert!(!holds(&path, &digest, 9));
        assert!(!holds(&path, &[0; 32], 8));
        assert!(!holds(&dir.path().join("none"), &digest, 8));
    }
}
