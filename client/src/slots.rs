//! The two slots: files that hold a firmware image each.
//!
//! - An image is unpacked into its slot in place: the boot record says that the slot holds nothing meanwhile.
//! - Nothing here decides whether an image is good. The slot is read back from the disk, and the update machine judges.

use crate::error::{ClientError, StorageError};
use crate::files::sync_folder_of;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const PIECE_BYTES: usize = 64 * 1_024;
/// The largest window a full image may ask the decompressor for, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// Decompresses a full image into a slot. Stops at the first byte past `length`; the file's length is the image's.
pub fn unpack(compressed: &Path, slot: &Path, length: u32) -> Result<(), ClientError> {
    let source = File::open(compressed).map_err(|error| StorageError::new("open", compressed, error))?;
    let mut decoder = zstd::Decoder::new(source).map_err(unpack_error)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(unpack_error)?;
    let mut target = File::create(slot).map_err(|error| StorageError::new("open", slot, error))?;
    let mut written = 0_u64;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = decoder.read(&mut piece).map_err(unpack_error)?;
        let Some(image) = piece.get(..count).filter(|image| !image.is_empty()) else {
            break;
        };
        written += image.len() as u64;
        if written > u64::from(length) {
            return Err(ClientError::Unpack {
                reason: format!("it holds more than the {length} bytes of the image"),
            });
        }
        target
            .write_all(image)
            .map_err(|error| StorageError::new("write", slot, error))?;
    }
    target
        .sync_all()
        .and_then(|()| sync_folder_of(slot))
        .map_err(|error| StorageError::new("write", slot, error))?;
    if written < u64::from(length) {
        return Err(ClientError::Unpack {
            reason: format!("it holds {written} bytes, the image has {length}"),
        });
    }
    Ok(())
}

/// Reads a file from `offset` on, piece by piece, until `each` says that it has enough or the file ends.
pub fn read_pieces(path: &Path, mut each: impl FnMut(&[u8]) -> Result<(), ClientError>) -> Result<(), ClientError> {
    let mut file = File::open(path).map_err(|error| StorageError::new("open", path, error))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => each(piece.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StorageError::new("read", path, error).into()),
        }
    }
}

/// Whether a slot holds exactly the image that the boot record pins. A slot that cannot be read does not.
pub fn holds(path: &Path, digest: &[u8; 32], length: u32) -> bool {
    let mut hasher = Sha256::new();
    let mut bytes = 0_u64;
    let read = read_pieces(path, |piece| {
        bytes += piece.len() as u64;
        hasher.update(piece);
        Ok(())
    });
    read.is_ok() && bytes == u64::from(length) && hasher.finalize().as_slice() == digest
}

fn unpack_error(error: io::Error) -> ClientError {
    ClientError::Unpack {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(content: &[u8], length: u32) -> (Result<(), ClientError>, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let (packed, slot) = (dir.path().join("image.zst"), dir.path().join("a.img"));
        std::fs::write(&packed, content).unwrap();
        let result = unpack(&packed, &slot, length);
        (result, std::fs::read(&slot).unwrap_or_default())
    }

    #[test]
    fn an_image_comes_out_whole() {
        let image = vec![7_u8; 300_000];
        let (result, slot) = unpacked(&zstd::encode_all(image.as_slice(), 3).unwrap(), 300_000);
        result.unwrap();
        assert_eq!(slot, image);
    }

    #[test]
    fn longer_shorter_and_broken_files_are_refused_and_never_overrun_the_slot() {
        let packed = zstd::encode_all([7_u8; 300_000].as_slice(), 3).unwrap();
        let (result, slot) = unpacked(&packed, 100_000);
        assert!(matches!(result, Err(ClientError::Unpack { .. })));
        assert!(slot.len() <= 100_000);
        assert!(matches!(unpacked(&packed, 300_001).0, Err(ClientError::Unpack { .. })));
        assert!(matches!(
            unpacked(&packed[..packed.len() / 2], 300_000).0,
            Err(ClientError::Unpack { .. })
        ));
        assert!(matches!(
            unpacked(b"not a zstd file", 15).0,
            Err(ClientError::Unpack { .. })
        ));
    }

    #[test]
    fn a_slot_holds_only_the_very_image() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.img");
        std::fs::write(&path, b"firmware").unwrap();
        let digest: [u8; 32] = Sha256::digest(b"firmware").into();
        assert!(holds(&path, &digest, 8));
        assert!(!holds(&path, &digest, 7));
        assert!(!holds(&path, &[0; 32], 8));
        assert!(!holds(&dir.path().join("none"), &digest, 8));
    }
}
