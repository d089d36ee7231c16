//! CALL, J and L32R of little-endian Xtensa: instructions of three bytes, mixed with some of two.

/// Bytes of the instruction that begins so.
pub(super) const fn length(bytes: u32) -> u32 {
    match bytes & 15 {
        8..=13 => 2,
        _ => 3,
    }
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
