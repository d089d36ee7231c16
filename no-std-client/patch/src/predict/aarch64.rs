//! B and BL of AArch64: 26 bits of distance in words.

/// Where the instruction at `position` goes.
pub(super) fn target(bytes: u32, position: u32) -> Option<u32> {
    if bytes & 0x7C00_0000 != 0x1400_0000 {
        return None;
    }
    // The sign of the 26 bits comes to the top, and the words become bytes.
    let words = bytes.wrapping_shl(6);
    let sign = words.wrapping_shr(31).wrapping_neg().wrapping_shl(28);
    Some(position.wrapping_add(words.wrapping_shr(4) | sign))
}

/// The same instruction at `position`, which goes to `target`.
pub(super) fn with_target(bytes: u32, position: u32, target: u32) -> u32 {
    let words = target.wrapping_sub(position).wrapping_shr(2);
    bytes & 0xFC00_0000 | words & 0x03FF_FFFF
}
