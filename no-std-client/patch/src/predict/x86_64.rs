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
    let is_data = before & 0xC7 == 0x05;
    (is_call || is_jump || is_data).then(|| address.wrapping_add(4).wrapping_add(bytes))
}

/// The distance from `address` to `target`.
pub(super) const fn with_target(address: u32, target: u32) -> u32 {
    target.wrapping_sub(address).wrapping_sub(4)
}
