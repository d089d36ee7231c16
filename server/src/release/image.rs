//! Full images, packed with zstd.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::storage::{Facts, StorageError};

/// The best ratio that a client still unpacks with a window of 8 MiB.
const LEVEL: i32 = 19;
const PIECE_BYTES: usize = 64 * 1024;

/// An image and its packed file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub image: Facts,
    pub file: Facts,
}

/// Packs an image into a new file. The same image always gives the same bytes: one thread, fixed level, no times or names.
pub(crate) fn pack(from: &Path, to: &Path) -> Result<Packed, StorageError> {
    let mut image = File::open(from).map_err(StorageError::not_read(from))?;
    let length = image.metadata().map_err(StorageError::not_read(from))?.len();
    let fresh = to.with_extension("part");
    let written = StorageError::not_written(to);
    let mut write = || -> io::Result<Packed> {
        let (packed, file) = pack_stream(&mut image, length, BufWriter::new(File::create(&fresh)?))?;
        file.into_inner()?.sync_all()?;
        fs::rename(&fresh, to)?;
        Ok(packed)
    };
    write().map_err(written)
}

/// Bytes of the file that a release would carry for this image. For tools that compare; nothing is written.
pub fn packed_bytes(image: &[u8]) -> io::Result<u64> {
    let (packed, _) = pack_stream(&mut &image[..], image.len() as u64, io::sink())?;
    Ok(packed.file.length)
}

/// Packs an image of `length` bytes, and gives back where it went.
fn pack_stream<W: Write>(image: &mut impl Read, length: u64, to: W) -> io::Result<(Packed, W)> {
    let mut encoder = zstd::Encoder::new(Hashing::new(to), LEVEL)?;
    // Known beforehand, so it stands in the frame and the window is no larger than the image.
    encoder.set_pledged_src_size(Some(length))?;
    let mut source = Hashing::new(&mut encoder);
    io::copy(image, &mut source)?;
    let image = source.facts();
    let mut file = encoder.finish()?;
    file.flush()?;
    let packed = Packed {
        image,
        file: file.facts(),
    };
    Ok((packed, file.inner))
}

/// Length and digest of what a packed file holds. Stops after `length_max` bytes: such a file is not what it should be, and
/// then its length here is more than `length_max`.
pub(crate) fn unpacked(path: &Path, length_max: u64) -> Result<Facts, StorageError> {
    let read = || -> io::Result<Facts> {
        let decoder = zstd::Decoder::new(File::open(path)?)?;
        let mut image = Hashing::new(io::sink());
        let mut limited = decoder.take(length_max.saturating_add(1));
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match limited.read(&mut piece)? {
                0 => return Ok(image.facts()),
                count => image.write_all(&piece[..count])?,
            }
        }
    };
    read().map_err(StorageError::not_read(path))
}

/// The image that a packed file holds. `None`: it holds another one.
pub(crate) fn unpack(path: &Path, expected: Facts) -> Result<Option<Vec<u8>>, StorageError> {
    let read = || -> io::Result<Vec<u8>> {
        let decoder = zstd::Decoder::new(File::open(path)?)?;
        let mut image = Vec::new();
        decoder
            .take(expected.length.saturating_add(1))
            .read_to_end(&mut image)?;
        Ok(image)
    };
    let image = read().map_err(StorageError::not_read(path))?;
    Ok((Facts::of(&image) == expected).then_some(image))
}

/// Counts and hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    length: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            length: 0,
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            length: self.length,
            digest: self.hash.clone().finalize().into(),
        }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_repeatable_and_reversible() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let bytes: Vec<u8> = (0..300_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        fs::write(&image, &bytes).unwrap();
        let (first, second) = (folder.path().join("1.zst"), folder.path().join("2.zst"));
        let packed = pack(&image, &first).unwrap();
        pack(&image, &second).unwrap();
        assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
        assert_eq!(packed.file, Facts::of_file(&first).unwrap());
        assert_eq!(packed.image, Facts::of(&bytes));
        assert!(packed.file.length < packed.image.length / 2);
        assert_eq!(packed_bytes(&bytes).unwrap(), packed.file.length);
        assert_eq!(unpacked(&first, packed.image.length).unwrap(), packed.image);
        assert_eq!(unpack(&first, packed.image).unwrap().as_deref(), Some(&bytes[..]));
        let shorter = Facts {
            length: packed.image.length - 1,
            ..packed.image
        };
        assert_eq!(unpack(&first, shorter).unwrap(), None);
        assert_eq!(zstd::decode_all(File::open(&first).unwrap()).unwrap(), bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn unpacking_stops_at_the_expected_length() {
        let folder = tempfile::tempdir().unwrap();
        let (image, file) = (folder.path().join("image"), folder.path().join("x.zst"));
        fs::write(&image, vec![0; 50_000_000]).unwrap();
        pack(&image, &file).unwrap();
        assert_eq!(unpacked(&file, 1000).unwrap().length, 1001);
        fs::write(&file, b"not zstd").unwrap();
        assert!(unpacked(&file, 1000).is_err());
    }
}
