//! CALL, J and L32R of Xtensa: instructions of three bytes, mixed with some of two. Those of a big-endian one have the same fields in
//! the other order, and are put in this one.

/// Bytes of the instruction that begins so.
pub(super) const fn length(bytes: u32) -> u32 {
    match bytes & 15 {
        8..=13 => 2,
        _ => 3,
    }
}

/// A big-endian instruction in the order of a little-endian one: the operation lowest, then a register or a mode, then the number.
pub(super) const fn from_big(bytes: u32) -> u32 {
    let fields = bytes.swap_bytes().wrapping_shr(8);
    let operation = fields.wrapping_shr(20);
    let bits = number_bits(operation);
    let mode = fields.wrapping_shr(bits) & u32::MAX.wrapping_shr(12_u32.wrapping_add(bits));
    let number = fields & u32::MAX.wrapping_shr(32_u32.wrapping_sub(bits));
    operation | mode.wrapping_shl(4) | number.wrapping_shl(24_u32.wrapping_sub(bits))
}

/// The inverse, with the fourth byte of `bytes`, which belongs to another one.
pub(super) const fn to_big(little: u32, bytes: u32) -> u32 {
    let operation = little & 15;
    let bits = number_bits(operation);
    let number = (little & 0x00FF_FFFF).wrapping_shr(24_u32.wrapping_sub(bits));
    let mode = little.wrapping_shr(4) & u32::MAX.wrapping_shr(12_u32.wrapping_add(bits));
    let fields = operation.wrapping_shl(20) | mode.wrapping_shl(bits) | number;
    fields.wrapping_shl(8).swap_bytes() | bytes & 0xFF00_0000
}

/// Bits of the number: 16 in L32R, 18 in CALL and J.
const fn number_bits(operation: u32) -> u32 {
    if operation == 1 { 16 } else { 18 }
}

/// Where the instruction at `position` goes, or has its literal.
pub(super) fn target(bytes: u32, position: u32) -> Option<u32> {
    let bytes = bytes & 0x00FF_FFFF;
    match bytes & 15 {
        // L32R: words before here.
        1 => {
            let words = bytes.wrapping_shr(8) | 0xFFFF_0000;
            let here = position.wrapping_add(3) & !3;
            Some(here.wrapping_add(words.wrapping_shl(2)))
        }
        5 => {
            let words = signed(bytes.wrapping_shr(6));
            Some((position & !3).wrapping_add(4).wrapping_add(words.wrapping_shl(2)))
        }
        6 if bytes & 0x30 == 0 => Some(position.wrapping_add(4).wrapping_add(signed(bytes.wrapping_shr(6)))),
        _ => None,
    }
}

/// The same instruction at `position`, which goes to `target`.
pub(super) fn with_target(bytes: u32, position: u32, target: u32) -> u32 {
    let kept = match bytes & 15 {
        1 => {
            let here = position.wrapping_add(3) & !3;
            let words = target.wrapping_sub(here).wrapping_shr(2) & 0xFFFF;
            bytes & 0xFF | words.wrapping_shl(8)
        }
        5 => {
            let here = (position & !3).wrapping_add(4);
            let words = target.wrapping_sub(here).wrapping_shr(2);
            bytes & 0x3F | words.wrapping_shl(6)
        }
        _ => bytes & 0x3F | target.wrapping_sub(position).wrapping_sub(4).wrapping_shl(6),
    };
    kept & 0x00FF_FFFF | bytes & 0xFF00_0000
}

/// Eighteen bits with their sign.
const fn signed(value: u32) -> u32 {
    if value.wrapping_shr(17) & 1 == 1 {
        value | 0xFFFC_0000
    } else {
        value & 0x0003_FFFF
    }
}
