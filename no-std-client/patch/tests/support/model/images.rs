//! Pairs of images: what is in one, and what the next version made of it.

use super::{Random, Script, elf, program};

/// Bytes of a program in front of its first function.
const HEADERS_BYTES: usize = 64 + 2 * 56;

/// An old and a new image, of hardly more bytes than this.
pub fn pair(script: &mut Script<'_>, bytes_max: usize) -> (Vec<u8>, Vec<u8>) {
    let kind = script.byte();
    let bytes = length(script, bytes_max);
    let (mut old, mut new) = match kind % 16 {
        0 => (Vec::new(), content(script, bytes)),
        1 => (content(script, bytes), content(script, bytes)),
        2..=6 => programs(script, bytes),
        _ => {
            let old = content(script, bytes);
            (old.clone(), old)
        }
    };
    if kind >= 192 {
        // Beside another content, as files of a root filesystem lie.
        let before = content(script, bytes / 4);
        old.splice(0..0, before.iter().copied());
        let shift = script.below(16);
        new.splice(0..0, before.iter().copied().skip(shift));
    }
    for _ in 0..script.byte() % 8 {
        edit(script, &mut new);
    }
    (old, new)
}

/// Mostly short.
fn length(script: &mut Script<'_>, bytes_max: usize) -> usize {
    match script.byte() {
        0..32 => script.below(9),
        32..128 => script.below(bytes_max / 8 + 1),
        _ => script.below(bytes_max.min(1 << 15) + 1) * bytes_max.div_ceil(1 << 15),
    }
}

fn content(script: &mut Script<'_>, length: usize) -> Vec<u8> {
    let kind = script.byte();
    let mut random = script.random();
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        match kind % 8 {
            0 => bytes.extend(script.bytes(64)),
            1 => bytes.extend(random.bytes(length)),
            2 => bytes.push(random.below(3) as u8),
            3 => bytes.extend(vec![random.next() as u8; 1 + random.below(300)]),
            // Words that are distances in the image, or far from it.
            4 => bytes.extend((random.next() as u32 % (1 << random.below(32))).to_le_bytes()),
            _ => words(&mut random, &mut bytes),
        }
        if kind.is_multiple_of(8) && bytes.len() < length {
            let missing = length - bytes.len();
            bytes.extend(random.bytes(missing));
        }
    }
    bytes.truncate(length);
    bytes
}

/// Something like firmware: words that repeat with changes, pointers, runs, text.
fn words(random: &mut Random, bytes: &mut Vec<u8>) {
    match random.below(20) {
        0 => bytes.extend(vec![0; random.below(200)]),
        1 => bytes.extend_from_slice(b"error: the flash did not answer in time"),
        2 => bytes.extend((0_u32..8).flat_map(|word| (0x0800_0000 + word * 16).to_le_bytes())),
        // Calls, and addresses in two instructions.
        3 => bytes.extend((0x9400_0000 | (random.next() as u32 & 0x3FF)).to_le_bytes()),
        4 => bytes.extend(
            [0x9000_0001_u32, 0x9100_0021 | ((random.next() as u32 & 0xFFF) << 10)]
                .map(u32::to_le_bytes)
                .concat(),
        ),
        _ => bytes.extend((0xAA00_03E0 | random.below(31) as u32).to_le_bytes()),
    }
}

/// Two versions of a program for a microcontroller or for AArch64, or of an object that is not linked yet; or of what only looks like one.
fn programs(script: &mut Script<'_>, bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let kind = script.byte();
    let seed = script.number() as u64 + 1;
    if kind >= 192 {
        let program = program::Program::new(1 + bytes / 50, seed);
        return (program.link(), program.next(seed ^ 0x55).link());
    }
    let program = elf::Program::new(1 + bytes / 150, seed);
    let (mut old, mut new) = (program.link(), program.next(seed ^ 0x55).link());
    if kind >= 64 && bytes < 1_000 {
        // Without the gap in front of the variables, and these.
        old.truncate(HEADERS_BYTES + 3 * bytes);
        new.truncate(HEADERS_BYTES + 3 * bytes);
    }
    match kind % 4 {
        0 => {
            for image in [&mut old, &mut new] {
                // Relocatable, with a table of sections behind everything.
                image[16] = 1;
                let end = image.len() as u64 - 64;
                image[40..48].copy_from_slice(&end.to_le_bytes());
                image[58..62].copy_from_slice(&[64, 0, 1, 0]);
            }
        }
        1 => {
            for _ in 0..=script.byte() % 4 {
                let (at, byte) = (script.below(HEADERS_BYTES), script.byte());
                let [first, second] = [&mut old, &mut new];
                first[at] = byte;
                if byte % 4 != 0 {
                    second[at] = byte;
                }
            }
        }
        _ => {}
    }
    (old, new)
}

/// One edit of a new image.
fn edit(script: &mut Script<'_>, image: &mut Vec<u8>) {
    let kind = script.byte();
    let at = match kind / 64 {
        // At the edges more often than by chance.
        0 => script.below(4).min(image.len()),
        1 => image.len().saturating_sub(script.below(12)),
        _ => script.number() * image.len() / (1 << 16),
    };
    let end = image.len().min(at + script.below(1 + image.len() / 4));
    match kind % 12 {
        0 => image.truncate(at),
        1 => drop(image.drain(at..end)),
        2 => {
            let bytes = content(script, end - at);
            image.splice(at..at, bytes);
        }
        3 => {
            let moved: Vec<u8> = image.drain(at..end).collect();
            let to = script.below(image.len() + 1);
            image.splice(to..to, moved);
        }
        4 => {
            let again = image[at..end].to_vec();
            let to = script.below(image.len() + 1);
            image.splice(to..to, again);
        }
        5 => {
            let by = script.number() as u32;
            for word in image[at / 4 * 4..end].as_chunks_mut().0 {
                *word = u32::from_le_bytes(*word).wrapping_add(by).to_le_bytes();
            }
        }
        6 => {
            let byte = script.byte();
            image[at..end].fill(byte);
        }
        // Changes here and there.
        7 => {
            let (every, by) = (1 + usize::from(script.byte()), script.byte());
            for byte in image[at..end].iter_mut().step_by(every) {
                *byte = byte.wrapping_add(by);
            }
        }
        // At both edges, and something behind them that shows whether encoder and decoder still agree.
        8 | 9 => {
            let count = image.len();
            for at in [script.below(4), count.saturating_sub(1 + script.below(4))] {
                if let Some(byte) = image.get_mut(at) {
                    *byte ^= 1 << (script.byte() % 8);
                }
            }
            image.extend_from_slice(script.bytes(12));
        }
        10 => {
            let bytes = script.bytes(8);
            image.splice(at..at, bytes.iter().copied());
        }
        _ => {
            if let Some(byte) = image.get_mut(at) {
                *byte = script.byte();
            }
        }
    }
}
