//! Distances of 32 bits in x86-64: of calls, jumps, and of data beside the instruction. Instructions have any length, and nobody reads
//! them one by one: what stands in front of the four bytes says that they may be a distance, and that it leads into the image says
//! that they are. By chance, one of thousands does.

/// Bytes in front of a distance, as those of a call.
pub(super) const CALL: u32 = 0xE8;

/// Where the distance at `address` leads, by the bytes `before` it, the nearest one lowest.
pub(super) fn target(bytes: u32, before: u32, address: u32) -> Option<u32> {
    let is_call = before & 0xFE == CALL;
    let is_jump = before & 0xFFF0 == 0x0F80;
    // Mod 0 and r/m 5 mean: so far behind the instruction. Bytes of a number that may follow are not counted.
    let is_data =
        before & 0xC7 == 0x05 && (before & 0x00FF_0000 == 0x000F_0000 || has_place(before.wrapping_shr(8) & 0xFF));
    (is_call || is_jump || is_data).then(|| address.wrapping_add(4).wrapping_add(bytes))
}

/// Whether an operation of one byte reads or writes a place: one of those that compilers use.
const fn has_place(operation: u32) -> bool {
    match operation {
        // Additions to comparisons, of a register and a place.
        0x00..=0x3F => operation & 4 == 0,
        // Moves, the address itself, and what takes a number along.
        0x63 | 0x69 | 0x6B | 0x80 | 0x81 | 0x83..=0x8B | 0x8D | 0xC6 | 0xC7 | 0xF6 | 0xF7 | 0xFE | 0xFF => true,
        _ => false,
    }
}

/// The distance from `address` to `target`.
pub(super) const fn with_target(address: u32, target: u32) -> u32 {
    target.wrapping_sub(address).wrapping_sub(4)
}
