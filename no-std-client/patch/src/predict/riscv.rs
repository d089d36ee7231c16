//! JAL of RISC-V: 20 bits of distance in an order of their own.

/// Where the instruction at `position` goes.
pub(super) fn target(bytes: u32, position: u32) -> Option<u32> {
    if bytes & 0x7F != 0x6F {
        return None;
    }
    let sign = bytes.wrapping_shr(31).wrapping_neg();
    let distance = sign.wrapping_shl(20)
        | bytes & 0x000F_F000
        | bytes.wrapping_shr(20).wrapping_shl(11) & 0x800
        | bytes.wrapping_shr(20) & 0x7FE;
    Some(position.wrapping_add(distance))
}

/// The same instruction at `position`, which goes to `target`.
pub(super) fn with_target(bytes: u32, position: u32, target: u32) -> u32 {
    let distance = target.wrapping_sub(position);
    bytes & 0xFFF
        | distance & 0x000F_F000
        | (distance & 0x800).wrapping_shl(9)
        | (distance & 0x7FE).wrapping_shl(20)
        | (distance & 0x0010_0000).wrapping_shl(11)
}
