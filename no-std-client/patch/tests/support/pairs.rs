//! The pairs of images of the frozen patches: the same everywhere, made without an encoder.

use super::{
    Random, elf,
    program::{Machine, Program},
};

/// Bytes of a block of every frozen patch.
pub const BLOCK_BYTES: u32 = 256;

/// The old image and the new one.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Something like firmware: words that repeat with changes, a table, a run of zeros, some text.
pub fn firmware(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut image: Vec<u8> = Vec::with_capacity(length + 64);
    let vocabulary: Vec<Vec<u8>> = (0..40).map(|_| random.bytes(4)).collect();
    while image.len() < length {
        match random.below(20) {
            0 => image.extend(vec![0; random.below(200)]),
            1 => image.extend_from_slice(b"error: the flash did not answer in time"),
            2 => image.extend((0_u32..8).flat_map(|word| (0x0800_0000 + word * 16).to_le_bytes())),
            _ => image.extend_from_slice(&vocabulary[random.below(vocabulary.len())]),
        }
    }
    image.truncate(length);
    image
}

/// The next version: some words moved on, something inserted, something gone.
pub fn next_version(old: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut new = old.to_vec();
    for _ in 0..old.len() / 300 {
        let at = random.below(new.len());
        new[at] = new[at].wrapping_add(16);
    }
    let at = random.below(new.len());
    new.splice(at..at, firmware(old.len() / 20, seed ^ 77));
    let at = random.below(new.len() / 2);
    new.drain(at..at + old.len() / 40);
    new
}

/// Data, some of it new, and a program whose addresses moved.
pub fn moved(machine: Machine) -> Pair {
    let program = Program::new(60, 4);
    let data = firmware(2_000, 1);
    let mut next_data = next_version(&data, 2);
    next_data.splice(700..700, Random(3).bytes(200));
    (
        [program.link_for(machine), data].concat(),
        [program.next(5).link_for(machine), next_data].concat(),
    )
}

/// A longer program in front of its data, for checkpoints in all kinds of places.
pub fn saved() -> Pair {
    let program = Program::new(200, 14);
    let data = firmware(3_000, 14);
    let next_data = next_version(&data, 14 ^ 2);
    (
        [program.link(), data].concat(),
        [program.next(14 ^ 5).link(), next_data].concat(),
    )
}

/// The new image of a patch from nothing, for the same.
pub fn saved_full() -> Vec<u8> {
    firmware(6_000, 1)
}

/// A file of the format ELF, whose parts lie at several addresses.
pub fn ranges() -> Pair {
    let program = elf::Program::new(40, 3);
    (program.link(), program.next(5).link())
}

/// An image that is made from nothing.
pub fn full() -> Vec<u8> {
    Program::new(20, 4).link()
}

/// A program that moved, with calls, addresses, pointers and distances; words that became others in it; data as it was, data that
/// changed, new data, and the same once more.
pub fn bulk() -> Pair {
    let program = elf::Program::new(40, 3);
    let data = firmware(6_000, 1);
    let news = Random(7).bytes(300);
    let mut next_program = program.next(5).link();
    // A move between registers that became another one.
    let mut became = 0;
    for word in next_program.as_chunks_mut::<4>().0 {
        if *word == 0xAA00_03E5_u32.to_le_bytes() {
            *word = 0xAA13_03E5_u32.to_le_bytes();
            became += 1;
        }
    }
    assert!(became > 5, "{became}");
    let mut changed = data.clone();
    for at in (3_000..4_000).step_by(60) {
        changed[at] ^= 0x55;
    }
    (
        [&data[..], &program.link()].concat(),
        [&changed[..], &news, &next_program, b"one more file", &news].concat(),
    )
}
