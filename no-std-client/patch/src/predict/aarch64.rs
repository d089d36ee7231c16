//! B and BL of AArch64: 26 bits of distance in words. ADRP, and what adds the rest: ADD, and loads and stores with an offset.

use super::architecture::Instruction;

/// Where the instruction at `position` goes.
pub(crate) fn target(bytes: u32, position: u32) -> Option<u32> {
    if bytes & 0x7C00_0000 != 0x1400_0000 {
        return None;
    }
    // The sign of the 26 bits comes to the top, and the words become bytes.
    let words = bytes.wrapping_shl(6);
    let sign = words.wrapping_shr(31).wrapping_neg().wrapping_shl(28);
    Some(position.wrapping_add(words.wrapping_shr(4) | sign))
}

/// The same instruction at `position`, which goes to `target`.
pub(crate) fn with_target(bytes: u32, position: u32, target: u32) -> u32 {
    let words = target.wrapping_sub(position).wrapping_shr(2);
    bytes & 0xFC00_0000 | words & 0x03FF_FFFF
}

/// The page that ADRP at `address` puts into a register.
pub(crate) fn page(bytes: u32, address: u32) -> Option<u32> {
    if bytes & 0x9F00_0000 != 0x9000_0000 {
        return None;
    }
    // 19 bits of pages, and below them two that stand elsewhere; what is above 32 bits of address is cut off.
    let pages = bytes.wrapping_shr(5).wrapping_shl(2) | bytes.wrapping_shr(29) & 3;
    Some((address & !0xFFF).wrapping_add(pages.wrapping_shl(12)))
}

/// The same instruction at `address`, with the page of `target`.
pub(crate) fn with_page(bytes: u32, address: u32, target: u32) -> u32 {
    let distance = (target & !0xFFF).wrapping_sub(address & !0xFFF);
    let sign = distance.wrapping_shr(31).wrapping_shl(20);
    let pages = distance.wrapping_shr(12) | sign;
    bytes & 0x9F00_001F | (pages & 3).wrapping_shl(29) | pages.wrapping_shr(2).wrapping_shl(5)
}

/// How far behind its register ADD, or a load or a store, points: ADD of 64 bits, not shifted.
pub(crate) fn offset(bytes: u32) -> Option<u32> {
    let offset = bytes.wrapping_shr(10) & 0xFFF;
    Some(offset.wrapping_shl(scale(bytes)?))
}

/// The same instruction, which points behind its register by the lowest 12 bits of `offset`, as far as it can.
pub(crate) fn with_offset(bytes: u32, offset: u32) -> u32 {
    let offset = (offset & 0xFFF).wrapping_shr(scale(bytes).unwrap_or(0));
    bytes & 0xFFC0_03FF | offset.wrapping_shl(10)
}

/// How far the offset of an addition, a load or a store is shifted.
fn scale(bytes: u32) -> Option<u32> {
    if bytes & 0xFFC0_0000 == 0x9100_0000 {
        return Some(0);
    }
    if bytes & 0x3B00_0000 != 0x3900_0000 {
        return None;
    }
    // A register of 128 bits.
    if bytes & 0xFF80_0000 == 0x3D80_0000 {
        return Some(4);
    }
    Some(bytes.wrapping_shr(30))
}

/// The register that an instruction writes: nearly all that write one name it in their lowest bits. Branches and stores do not.
fn written(bytes: u32) -> Option<u8> {
    let is_branch = bytes & 0x1C00_0000 == 0x1400_0000;
    let is_store = bytes & 0x3AC0_0000 == 0x3800_0000 || bytes & 0x3A40_0000 == 0x2800_0000;
    (!is_branch && !is_store).then(|| register(bytes))
}

/// The register in the lowest five bits.
fn register(bytes: u32) -> u8 {
    u8::try_from(bytes & 31).unwrap_or(0)
}

/// What the instruction says of addresses.
pub(crate) fn read(bytes: u32, address: u32) -> Instruction {
    if let Some(target) = target(bytes, address) {
        return Instruction::Place(target);
    }
    if let Some(value) = page(bytes, address) {
        let register = register(bytes);
        return Instruction::Upper { register, value };
    }
    let written = written(bytes);
    match offset(bytes) {
        None => Instruction::Other { written },
        Some(value) => Instruction::Lower {
            register: register(bytes.wrapping_shr(5)),
            value,
            written,
        },
    }
}

/// The same instruction, which says `value`.
pub(crate) fn with(bytes: u32, address: u32, value: u32) -> u32 {
    if target(bytes, address).is_some() {
        with_target(bytes, address, value)
    } else if page(bytes, address).is_some() {
        with_page(bytes, address, value)
    } else {
        with_offset(bytes, value)
    }
}
