//! A flash that keeps the pages which were read last.

use core::cell::Cell;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use tuffet_patch::{Cached, Page};

const PAGE_BYTES: usize = 4096;

/// A slot that ends where it was written to.
struct Slot {
    bytes: Vec<u8>,
    reads: usize,
    is_broken: Cell<bool>,
}

impl Slot {
    fn holding(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            reads: 0,
            is_broken: Cell::new(false),
        }
    }
}

/// What a broken one says.
#[derive(Debug)]
struct Broken;

impl NorFlashError for Broken {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Slot {
    type Error = Broken;
}

impl ReadNorFlash for Slot {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Broken> {
        if self.is_broken.get() {
            // Half of it came.
            let count = bytes.len() / 2;
            bytes[..count].fill(0xEE);
            return Err(Broken);
        }
        self.reads += 1;
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        1 << 20
    }
}

impl NorFlash for Slot {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Broken> {
        self.bytes[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Broken> {
        let end = offset as usize + bytes.len();
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }
}

fn written(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 / 7) as u8).collect()
}

#[test]
fn reads_beside_each_other_are_one() {
    let bytes = written(5 * PAGE_BYTES + 9);
    let slot = Slot::holding(bytes.clone());
    let mut pages = vec![Page::EMPTY; 2];
    let mut cached = Cached::new(slot, bytes.len(), &mut pages);
    let mut piece = [0; 32];
    for offset in [0, 100, 4000, 4064, 4096, 4090, 17, 20_457] {
        cached.read(offset, &mut piece).unwrap();
        assert_eq!(piece, bytes[offset as usize..][..32], "{offset}");
    }
    // The first two pages, and the last two, which took their places.
    assert_eq!(cached.flash().reads, 4);
    let mut long = vec![0; PAGE_BYTES + 1];
    cached.read(1, &mut long).unwrap();
    assert_eq!(long, bytes[1..][..long.len()]);
}

#[test]
fn what_is_written_or_erased_is_read_anew() {
    let slot = Slot::holding(Vec::new());
    let mut pages = vec![Page::EMPTY; 4];
    let mut cached = Cached::new(slot, 0, &mut pages);
    let bytes = written(3 * PAGE_BYTES);
    let mut piece = [0; 8];
    for (offset, written) in (0..).step_by(1000).zip(bytes.chunks(1000)) {
        cached.write(offset, written).unwrap();
        let end = offset + written.len() as u32;
        cached.read(end - 8, &mut piece).unwrap();
        assert_eq!(piece, bytes[end as usize - 8..][..8], "{offset}");
    }
    cached.write(4094, b"tuffet").unwrap();
    cached.read(4093, &mut piece).unwrap();
    assert_eq!(&piece[1..7], b"tuffet");
    cached.erase(4096, 4098).unwrap();
    cached.read(4093, &mut piece).unwrap();
    assert_eq!(&piece[1..7], b"tu\xFF\xFFet");
}

#[test]
fn what_could_not_be_read_is_read_anew() {
    let bytes = written(3 * PAGE_BYTES);
    let slot = Slot::holding(bytes.clone());
    let mut pages = vec![Page::EMPTY; 1];
    let mut cached = Cached::new(slot, bytes.len(), &mut pages);
    let mut piece = [0; 8];
    cached.read(0, &mut piece).unwrap();
    cached.flash().is_broken.set(true);
    cached.read(4096, &mut piece).unwrap_err();
    // It stood where that was to come.
    cached.read(0, &mut piece).unwrap_err();
    cached.flash().is_broken.set(false);
    for offset in [0, 4096] {
        cached.read(offset, &mut piece).unwrap();
        assert_eq!(piece, bytes[offset as usize..][..8], "{offset}");
    }
}
