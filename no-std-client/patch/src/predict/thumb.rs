//! BL and B.W, in Thumb state: two halves of 16 bits, 11110 S imm10 and 1 1 J1 x J2 imm11.

/// Where the instruction at `position` goes: an offset in the image, as `position` is one.
pub(super) fn target(bytes: u32, position: u32) -> Option<u32> {
    if bytes & 0xF800 != 0xF000 || bytes & 0x9000_0000 != 0x9000_0000 {
        return None;
    }
    let high = bytes & 0xFFFF;
    let low = bytes.wrapping_shr(16);
    let sign = high.wrapping_shr(10) & 1;
    let j1 = low.wrapping_shr(13) & 1;
    let j2 = low.wrapping_shr(11) & 1;
    let i1 = (j1 ^ sign) ^ 1;
    let i2 = (j2 ^ sign) ^ 1;
    let distance = sign.wrapping_shl(24)
        | i1.wrapping_shl(23)
        | i2.wrapping_shl(22)
        | (high & 0x3FF).wrapping_shl(12)
        | (low & 0x7FF).wrapping_shl(1);
    let extended = distance | (sign.wrapping_neg()).wrapping_shl(25);
    Some(position.wrapping_add(4).wrapping_add(extended))
}

/// The same instruction at `position`, which goes to `target`.
pub(super) fn with_target(bytes: u32, position: u32, target: u32) -> u32 {
    let distance = target.wrapping_sub(position).wrapping_sub(4);
    let sign = distance.wrapping_shr(24) & 1;
    let j1 = (distance.wrapping_shr(23) & 1) ^ sign ^ 1;
    let j2 = (distance.wrapping_shr(22) & 1) ^ sign ^ 1;
    let high = 0xF000 | sign.wrapping_shl(10) | distance.wrapping_shr(12) & 0x3FF;
    let low =
        bytes.wrapping_shr(16) & 0xD000 | j1.wrapping_shl(13) | j2.wrapping_shl(11) | distance.wrapping_shr(1) & 0x7FF;
    high | low.wrapping_shl(16)
}
