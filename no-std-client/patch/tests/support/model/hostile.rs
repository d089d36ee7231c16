//! What a stolen key can sign, and what somebody can write where a checkpoint is kept.

use super::Script;
use sha2::{Digest as _, Sha256};
use tuffet_patch::{
    Architecture, Bases, Encoded, HEADER_BYTES_MAX, Header, Image, Pinned, RANGES_MAX, Range, Ranges, hostile::chained,
};

/// A file in a valid chain, and what the caller says it goes with.
pub struct Patch {
    pub file: Vec<u8>,
    pub pinned: Pinned,
    pub source: Image,
    pub result: Image,
}

/// Patches that no encoder made, from one that it did: each script has some edits of the coded bytes, then any bytes behind a
/// valid header, and at last its own rest as it is.
pub fn patches(script: &mut Script<'_>, encoded: &Encoded, result_bytes: usize) -> Vec<Patch> {
    let block_bytes = encoded.pinned.block_bytes as usize;
    let payload = payload(encoded);
    let (_, coded) = Header::parse(&payload).unwrap();
    let mut patches = Vec::new();
    for _ in 0..2 + script.byte() % 4 {
        let mut coded = coded.to_vec();
        edit(script, &mut coded);
        let header = other_result(script, encoded.header, result_bytes);
        patches.push(signed(&[&emitted(&header), &coded[..]].concat(), block_bytes, &header));
    }
    let coded = match script.byte() {
        // Zeros and ones take the shortest way through the decisions.
        kind @ 0..48 => vec![[0, 255, 1, 128][usize::from(kind % 4)]; script.below(300)],
        48..96 => script.bytes(200).to_vec(),
        _ => {
            let count = script.below(600);
            script.random().bytes(count)
        }
    };
    let header = other_result(script, encoded.header, result_bytes);
    patches.push(signed(&[&emitted(&header), &coded[..]].concat(), block_bytes, &header));
    let mut any = payload[..payload.len().min(script.below(160))].to_vec();
    edit(script, &mut any);
    any.extend(script.rest());
    // What the caller knows is what the header says, where it says anything.
    let header = Header::parse(&any).map_or(encoded.header, |(header, _)| header);
    patches.push(signed(&any, block_bytes, &header));
    patches
}

/// One range, or a few, at addresses of any kind.
fn ranges(script: &mut Script<'_>, image_bytes: u32) -> Ranges {
    let base = script.number() as u32;
    let mut ranges = vec![Range { start: 0, base }];
    let count = 1 + usize::from(script.byte()) % RANGES_MAX;
    while ranges.len() < count {
        let last = ranges[ranges.len() - 1].start;
        let start = last.saturating_add(1 + script.number() as u32 % 1_024);
        let base = u32::MAX - script.number() as u32;
        if start >= image_bytes {
            break;
        }
        ranges.push(Range { start, base });
    }
    Ranges::new(&ranges).unwrap()
}

/// The header, in some cases of a result with another length that the slot can hold, or for images at other addresses.
fn other_result(script: &mut Script<'_>, mut header: Header, result_bytes: usize) -> Header {
    let kind = script.byte();
    if kind % 8 == 1 {
        let bases = Bases {
            old: ranges(script, header.source.length),
            new: ranges(script, header.result.length),
        };
        header.layout.bases = (header.layout.architecture != Architecture::Unknown).then_some(bases);
    }
    if kind.is_multiple_of(4) {
        let length = 1 + script.below(result_bytes.max(4_096)) as u32;
        let last = header.checkpoints.positions().last().unwrap_or(0);
        if length > last {
            header.result = Image {
                length,
                digest: [7; 32],
            };
        }
    }
    header
}

/// Edits bytes: some of them, a stretch, the end, or the order.
fn edit(script: &mut Script<'_>, bytes: &mut Vec<u8>) {
    for _ in 0..=script.byte() % 4 {
        let kind = script.byte();
        // The plan stands in front: every second edit is there.
        let near = if kind >= 128 { 24 } else { bytes.len() };
        let at = script.below(near.min(bytes.len()));
        match (kind % 8, bytes.get_mut(at)) {
            (0..=2, Some(byte)) => *byte ^= 1 << (script.byte() % 8),
            (3 | 4, Some(byte)) => *byte = script.byte(),
            (5, _) => {
                // What follows is cut off, or something else.
                let count = bytes.len() - at;
                bytes.truncate(at);
                if kind & 16 != 0 {
                    bytes.extend(script.random().bytes(count));
                }
            }
            (6, _) => {
                let noise = script.random().bytes(1 + usize::from(script.byte() % 64));
                let to = bytes.len().min(at + noise.len());
                bytes.splice(at.min(to)..to, noise);
            }
            _ => {
                let more = vec![script.byte(); usize::from(script.byte() % 16)];
                bytes.splice(at..at, more);
            }
        }
    }
}

/// Edits a record, most times with a checksum that fits.
pub fn edit_record(script: &mut Script<'_>, record: &mut [u8]) {
    let end = record.len() - 32;
    for _ in 0..=script.byte() % 4 {
        // In front there is what is not a table.
        let at = match script.byte() % 4 {
            0 => script.below(end),
            1 => end - 1 - script.below(end.min(1_024)),
            _ => script.below(end.min(400)),
        };
        record[at] = match script.byte() {
            byte @ 0..64 => record[at] ^ 1 << (byte % 8),
            64..96 => 0,
            96..128 => 255,
            byte => byte,
        };
    }
    if script.byte() >= 8 {
        let digest = Sha256::digest(&record[..end]);
        record[end..].copy_from_slice(&digest);
    }
}

fn emitted(header: &Header) -> Vec<u8> {
    let mut bytes = [0; HEADER_BYTES_MAX];
    let length = header.emit(&mut bytes);
    bytes[..length].to_vec()
}

fn signed(payload: &[u8], block_bytes: usize, header: &Header) -> Patch {
    let (file, pinned) = chained(payload, block_bytes as u32);
    Patch {
        file,
        pinned,
        source: header.source,
        result: header.result,
    }
}

/// What the blocks of a file carry, without the hashes between them.
fn payload(encoded: &Encoded) -> Vec<u8> {
    let block_bytes = encoded.pinned.block_bytes as usize;
    let last = encoded.bytes.len().div_ceil(block_bytes) - 1;
    let blocks = encoded.bytes.chunks(block_bytes).enumerate();
    let pieces = blocks.flat_map(|(index, block)| match index == last {
        true => block,
        false => &block[..block_bytes - 32],
    });
    pieces.copied().collect()
}
