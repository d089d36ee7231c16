//! Every frozen patch, decoded in slots of flash by the decoder of its profile. No encoder is here, so that this runs on parts too.

#[path = "support/elf.rs"]
mod elf;
#[path = "support/flash.rs"]
#[allow(dead_code, reason = "other tests look at more of it")]
mod flash;
#[path = "support/pairs.rs"]
mod pairs;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "other tests have more of them")]
mod program;
#[path = "support/random.rs"]
mod random;

use core::convert::Infallible;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use flash::Slot;
use program::Machine;
use random::Random;
use sha2::{Digest as _, Sha256};
use tuffet_patch::{
    BULK_BYTES, BulkState, Drive, Error, Image, LargeState, Pinned, Progress, Refusal, SmallState, StandardState,
};

type Outcome = Result<Vec<u8>, Error<Infallible, Infallible>>;

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn image(bytes: &[u8]) -> Image {
    Image {
        length: bytes.len() as u32,
        digest: digest(bytes),
    }
}

/// A patch as its file has it, in hexadecimal digits.
fn patch(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let number = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    let pairs = digits.as_chunks().0.iter();
    pairs.map(|[high, low]| number(*high) << 4 | number(*low)).collect()
}

/// What a document says of a file.
fn pinned(patch: &[u8]) -> Pinned {
    Pinned {
        length: patch.len() as u32,
        head: digest(&patch[..patch.len().min(pairs::BLOCK_BYTES as usize)]),
        block_bytes: pairs::BLOCK_BYTES,
    }
}

/// A slot that is read and written by the byte, as the bulk codec wants it.
struct Bytes(Vec<u8>);

impl ErrorType for Bytes {
    type Error = Infallible;
}

impl ReadNorFlash for Bytes {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Bytes {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        self.0[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// Drives a decoder through a file, from one slot into another.
fn drive<O, N>(decoder: &mut impl Drive, file: &[u8], old: &mut O, new: &mut N) -> Result<(), Error<O::Error, N::Error>>
where
    O: ReadNorFlash,
    N: NorFlash<Error = Infallible>,
{
    while let Some(range) = decoder.next_block() {
        let block = &file[range.offset as usize..][..range.length as usize];
        let Ok(block) = decoder.authenticate(block) else {
            panic!("the block at {} is not the one that is pinned", range.offset);
        };
        loop {
            match decoder.run(&block, old, new)? {
                Progress::NeedsErase { from, to } => new.erase(from, to).unwrap(),
                Progress::Checkpoint { .. } => {}
                Progress::NeedsBlock => break,
                Progress::Done => return Ok(()),
            }
        }
    }
    panic!("neither done nor refused, and no block is left");
}

/// Decodes a file with the mixing codec.
fn decode(decoder: &mut impl Drive, file: &[u8], old: &[u8], new: &[u8]) -> Outcome {
    let source = if old.is_empty() { Image::NOTHING } else { image(old) };
    decoder
        .begin(pinned(file), source, image(new))
        .map_err(Error::Refused)?;
    let (mut from, mut to) = (Slot::holding(old), Slot::filled(new.len(), 0x5A));
    drive(decoder, file, &mut from, &mut to)?;
    to.bytes.truncate(new.len());
    Ok(to.bytes)
}

fn decode_bulk(file: &[u8], (old, new): &pairs::Pair) -> Outcome {
    let mut memory = vec![0; BULK_BYTES / 4];
    let mut decoder = Box::new(BulkState::new(&mut memory).unwrap());
    decoder
        .begin(pinned(file), image(old), image(new))
        .map_err(Error::Refused)?;
    let (mut from, mut to) = (Bytes(old.clone()), Bytes(vec![0x5A; new.len()]));
    drive(&mut *decoder, file, &mut from, &mut to)?;
    Ok(to.0)
}

/// Decodes the file of this name and compares what it makes.
macro_rules! decodes {
    ($state:ident: $($name:literal $pair:expr;)*) => {$(
        let (old, new) = $pair;
        let file = patch(include_str!(concat!("frozen/", $name, "_v1.txt")));
        let made = decode(&mut *Box::new($state::new()), &file, &old, &new);
        assert!(made.as_ref() == Ok(&new), "{}: {:?}", $name, made.err());
    )*};
}

#[test]
fn small() {
    decodes! { SmallState:
        "small_thumb" pairs::moved(Machine::Thumb);
        "small_xtensa" pairs::moved(Machine::XtensaBig);
        "small_full" (Vec::new(), pairs::full());
        "small_saved" pairs::saved();
        "small_saved_full" (Vec::new(), pairs::saved_full());
    }
}

#[test]
fn standard() {
    decodes! { StandardState:
        "standard_thumb" pairs::moved(Machine::Thumb);
        "standard_riscv" pairs::moved(Machine::RiscV);
    }
}

#[test]
fn large() {
    decodes! { LargeState:
        "large_thumb" pairs::moved(Machine::Thumb);
        "large_aarch64" pairs::moved(Machine::AArch64);
        "large_x86_64" pairs::moved(Machine::X86_64);
        "large_ranges" pairs::ranges();
    }
}

#[test]
fn bulk() {
    for (text, pair) in [
        (include_str!("frozen/bulk_v1.txt"), pairs::bulk()),
        (
            include_str!("frozen/bulk_backward_v1.txt"),
            pairs::moved(Machine::AArch64),
        ),
    ] {
        let made = decode_bulk(&patch(text), &pair);
        assert!(made.as_ref() == Ok(&pair.1), "{:?}", made.err());
    }
}

#[test]
fn version_before_this_one_is_refused() {
    let (old, new) = pairs::moved(Machine::Thumb);
    let file = patch(include_str!("frozen/small_thumb_v0.txt"));
    let refused = decode(&mut SmallState::new(), &file, &old, &new);
    assert_eq!(refused, Err(Error::Refused(Refusal::UnknownVersion { version: 0 })));
}

/// Every bit of a file is under the hash that pins it.
#[test]
fn changed_file_is_refused() {
    let (old, new) = pairs::moved(Machine::Thumb);
    let file = patch(include_str!("frozen/small_thumb_v1.txt"));
    for at in (0..file.len()).step_by(37) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        let mut decoder = SmallState::new();
        decoder.begin(pinned(&file), image(&old), image(&new)).unwrap();
        let (mut from, mut to) = (Slot::holding(&old), Slot::filled(new.len(), 0x5A));
        let is_refused = loop {
            let range = decoder.next_block().unwrap();
            let Ok(block) = decoder.authenticate(&changed[range.offset as usize..][..range.length as usize]) else {
                break range.offset as usize <= at && at < (range.offset + range.length) as usize;
            };
            while let Progress::NeedsErase { from, to: end } = decoder.run(&block, &mut from, &mut to).unwrap() {
                to.erase_units(from, end);
            }
        };
        assert!(is_refused, "byte {at}");
    }
}
