//! JAL of RISC-V: 20 bits of distance in an order of their own. AUIPC and LUI, and what adds the rest.

use super::architecture::Instruction;

/// Bytes of the instruction that begins so.
pub(super) const fn length(bytes: u32) -> u32 {
    if bytes & 3 == 3 { 4 } else { 2 }
}

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

/// What the instruction says of addresses.
pub(super) fn read(bytes: u32, address: u32) -> Instruction {
    if let Some(target) = target(bytes, address) {
        return Instruction::Place(target);
    }
    let upper = bytes & 0xFFFF_F000;
    let named = register(bytes.wrapping_shr(7));
    match bytes & 0x7F {
        AUIPC => Instruction::Upper {
            register: named,
            value: address.wrapping_add(upper),
        },
        LUI => Instruction::Upper {
            register: named,
            value: upper,
        },
        _ => {
            let written = written(bytes);
            match offset(bytes) {
                None => Instruction::Other { written },
                Some(value) => Instruction::Lower {
                    register: register(bytes.wrapping_shr(15)),
                    value,
                    written,
                },
            }
        }
    }
}

/// The same instruction, which says `value`.
pub(super) fn with(bytes: u32, address: u32, value: u32) -> u32 {
    // What is added has a sign.
    let rounded = value.wrapping_add(0x800);
    match bytes & 0x7F {
        JAL => with_target(bytes, address, value),
        AUIPC => bytes & 0xFFF | rounded.wrapping_sub(address) & 0xFFFF_F000,
        LUI => bytes & 0xFFF | rounded & 0xFFFF_F000,
        code if is_store(code) => {
            bytes & 0x01FF_F07F | (value & 0xFE0).wrapping_shl(20) | (value & 0x1F).wrapping_shl(7)
        }
        _ => bytes & 0x000F_FFFF | value.wrapping_shl(20),
    }
}

const JAL: u32 = 0x6F;
const AUIPC: u32 = 0x17;
const LUI: u32 = 0x37;

/// What ADDI or JALR, a load or a store adds to a register.
fn offset(bytes: u32) -> Option<u32> {
    let sign = bytes.wrapping_shr(31).wrapping_neg().wrapping_shl(11);
    match bytes & 0x7F {
        0x03 | 0x07 => {}
        0x13 | 0x67 if bytes & 0x7000 == 0 => {}
        code if is_store(code) => return Some(sign | bytes.wrapping_shr(20) & 0x7E0 | bytes.wrapping_shr(7) & 0x1F),
        _ => return None,
    }
    Some(sign | bytes.wrapping_shr(20) & 0x7FF)
}

const fn is_store(code: u32) -> bool {
    code & 0x7B == 0x23
}

/// The register that an instruction writes, of four bytes or two.
fn written(bytes: u32) -> Option<u8> {
    let code = bytes & 0x7F;
    let high = bytes.wrapping_shr(13) & 7;
    match (bytes & 3, high) {
        // Stores and branches.
        (3, _) if is_store(code) || code == 0x63 => None,
        (3, _) | (1, 0 | 2 | 3) | (2, 0..=4) => Some(register(bytes.wrapping_shr(7))),
        // Registers 8 to 15.
        (0, 0..=3) => Some(register(bytes.wrapping_shr(2) & 7 | 8)),
        (1, 4) => Some(register(bytes.wrapping_shr(7) & 7 | 8)),
        (_, _) => None,
    }
}

/// The register in the lowest five bits.
fn register(bytes: u32) -> u8 {
    u8::try_from(bytes & 31).unwrap_or(0)
}
