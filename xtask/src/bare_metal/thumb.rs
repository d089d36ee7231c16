//! The instructions of a Cortex-M0, as far as they tell where the stack is and which function is called.
//!
//! - Everything else says only which register it changes.
//! - The encodings are those of the Armv6-M Architecture Reference Manual, section A5.2.

/// A register, 0 to 15.
pub type Register = u8;

/// The stack pointer.
pub const SP: Register = 13;
/// Where a function returns to.
pub const LR: Register = 14;
/// Where the processor is.
pub const PC: Register = 15;

/// What an instruction does.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Instruction {
    /// Puts registers on the stack: so many bytes.
    Push { bytes: u32 },
    /// Takes them off; a mask of the low registers, and whether the function ends so.
    Pop { bytes: u32, low: u8, returns: bool },
    /// Moves the stack pointer up by a number, which may be negative.
    AddToSp { bytes: i32 },
    /// `rd = rn + number`.
    Add { rd: Register, rn: Register, number: i32 },
    /// `rd = rd + rm`, of any registers.
    AddRegister { rd: Register, rm: Register },
    /// `rd = rm`, of any registers.
    Move { rd: Register, rm: Register },
    /// `rd = number`.
    Set { rd: Register, number: u32 },
    /// `rd = rm << bits`.
    ShiftLeft { rd: Register, rm: Register, bits: u32 },
    /// `rd = -rm`.
    Negate { rd: Register, rm: Register },
    /// `rd =` the word at this address.
    LoadLiteral { rd: Register, address: u32 },
    /// `rd =` the word that is so many bytes above the stack pointer.
    LoadFromStack { rd: Register, offset: u32 },
    /// The other way.
    StoreToStack { rd: Register, offset: u32 },
    /// `rd =` the word that is so many bytes behind `rn`.
    Load { rd: Register, rn: Register, offset: u32 },
    /// Goes elsewhere, or goes on if there is a condition.
    Branch { to: u32, is_conditional: bool },
    /// Calls a function.
    Call { to: u32 },
    /// Calls whatever function a register names.
    CallRegister { rm: Register },
    /// Goes to whatever a register names, and comes not back.
    BranchRegister { rm: Register },
    /// Ends by a fault.
    Undefined,
    /// Changes these low registers, a mask.
    Other { changes: u8 },
}

use Instruction::{
    Add, AddRegister, AddToSp, Branch, BranchRegister, Call, CallRegister, Load, LoadFromStack, LoadLiteral, Move,
    Negate, Other, Pop, Push, Set, ShiftLeft, StoreToStack, Undefined,
};

/// The instruction at this address whose halfwords these are, and how many bytes it takes.
pub fn decode(address: u32, first: u16, second: u16) -> (Instruction, u32) {
    if is_wide(first) {
        return (wide(address, first, second), 4);
    }
    (narrow(address, first), 2)
}

/// Whether an instruction that begins so has a second halfword.
const fn is_wide(first: u16) -> bool {
    first >= 0xE800
}

fn wide(address: u32, first: u16, second: u16) -> Instruction {
    let is_call = first & 0xF800 == 0xF000 && second & 0xD000 == 0xD000;
    if !is_call {
        // Barriers and special registers; `mrs` writes a register, whose number is in the second halfword.
        return Other { changes: u8::MAX };
    }
    let bit = |word: u16, at: u32| u32::from(word) >> at & 1;
    let sign = bit(first, 10);
    let i1 = 1 ^ bit(second, 13) ^ sign;
    let i2 = 1 ^ bit(second, 11) ^ sign;
    let offset = sign << 24 | i1 << 23 | i2 << 22 | u32::from(first & 0x3FF) << 12 | u32::from(second & 0x7FF) << 1;
    Call {
        to: address
            .wrapping_add(4)
            .wrapping_add(extended(offset, 25).cast_unsigned()),
    }
}

/// A number of so many bits with a sign.
const fn extended(number: u32, bits: u32) -> i32 {
    let unused = 32 - bits;
    (number << unused).cast_signed() >> unused
}

fn narrow(address: u32, word: u16) -> Instruction {
    let field = |at: u32, bits: u32| u32::from(word) >> at & ((1 << bits) - 1);
    let low = |at: u32| (word >> at & 7) as Register;
    let imm8 = field(0, 8);
    let [d, m] = [low(0), low(3)];
    match word >> 11 {
        0b0_0000 => ShiftLeft {
            rd: d,
            rm: m,
            bits: field(6, 5),
        },
        0b0_0011 if field(10, 1) == 1 => {
            let number = field(6, 3).cast_signed();
            let number = if field(9, 1) == 1 { -number } else { number };
            Add { rd: d, rn: m, number }
        }
        0b0_0100 => Set {
            rd: low(8),
            number: imm8,
        },
        // A comparison changes nothing.
        0b0_0101 => Other { changes: 0 },
        0b0_0110 | 0b0_0111 => {
            let number = imm8.cast_signed();
            let number = if field(11, 1) == 1 { -number } else { number };
            Add {
                rd: low(8),
                rn: low(8),
                number,
            }
        }
        0b0_1000 => with_any_register(word),
        0b0_1001 => LoadLiteral {
            rd: low(8),
            address: (address.wrapping_add(4) & !3).wrapping_add(imm8 * 4),
        },
        0b0_1101 => Load {
            rd: d,
            rn: m,
            offset: field(6, 5) * 4,
        },
        // What stores changes no register: to a place, or to one that another register counts from.
        0b0_1100 | 0b0_1110 | 0b1_0000 => Other { changes: 0 },
        0b0_1010 if field(9, 2) < 3 => Other { changes: 0 },
        0b1_0010 => StoreToStack {
            rd: low(8),
            offset: imm8 * 4,
        },
        0b1_0011 => LoadFromStack {
            rd: low(8),
            offset: imm8 * 4,
        },
        0b1_0100 => Other { changes: 1 << low(8) },
        0b1_0101 => Add {
            rd: low(8),
            rn: SP,
            number: (imm8 * 4).cast_signed(),
        },
        0b1_0110 | 0b1_0111 => miscellaneous(word),
        0b1_1000 => Other { changes: 1 << low(8) },
        0b1_1001 => Other {
            changes: imm8 as u8 | 1 << low(8),
        },
        0b1_1010 | 0b1_1011 => branch(address, word),
        0b1_1100 => Branch {
            to: address
                .wrapping_add(4)
                .wrapping_add(extended(field(0, 11) << 1, 12).cast_unsigned()),
            is_conditional: false,
        },
        _ => Other { changes: 1 << d },
    }
}

fn with_any_register(word: u16) -> Instruction {
    let rd = (word & 7 | word >> 4 & 8) as Register;
    let rm = (word >> 3 & 0xF) as Register;
    match word >> 8 & 7 {
        // An operation of two low registers.
        0b000..=0b011 if word >> 6 == 0b01_0000_1001 => Negate { rd: rd & 7, rm: rm & 7 },
        0b000..=0b011 => Other { changes: 1 << (rd & 7) },
        0b100 => AddRegister { rd, rm },
        0b110 => Move { rd, rm },
        0b111 if word & 0x80 == 0 => BranchRegister { rm },
        0b111 => CallRegister { rm },
        // A comparison.
        _ => Other { changes: 0 },
    }
}

fn miscellaneous(word: u16) -> Instruction {
    let bytes = u32::from(word & 0x7F) * 4;
    let registers = u32::from(word & 0x1FF).count_ones() * 4;
    match word >> 8 & 0xF {
        0x0 if word & 0x80 == 0 => AddToSp {
            bytes: bytes.cast_signed(),
        },
        0x0 => AddToSp {
            bytes: -bytes.cast_signed(),
        },
        0x4 | 0x5 => Push { bytes: registers },
        0xC | 0xD => Pop {
            bytes: registers,
            low: word as u8,
            returns: word & 0x100 != 0,
        },
        // Extensions and reversals.
        0x2 | 0xA => Other {
            changes: 1 << (word & 7),
        },
        // Hints, breakpoints, interrupts on and off.
        _ => Other { changes: 0 },
    }
}

fn branch(address: u32, word: u16) -> Instruction {
    match word >> 8 & 0xF {
        0xE => Undefined,
        // A call of a supervisor, which nothing here has.
        0xF => Other { changes: u8::MAX },
        _ => Branch {
            to: address
                .wrapping_add(4)
                .wrapping_add((i32::from(word as u8 as i8) * 2).cast_unsigned()),
            is_conditional: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an assembler has them at address 0x1000.
    #[test]
    fn instructions_that_move_the_stack_or_call_are_read() {
        let read = |first, second| decode(0x1000, first, second).0;
        assert_eq!(read(0xB5F0, 0), Push { bytes: 20 }, "push {{r4-r7, lr}}");
        assert_eq!(
            read(0xBDF0, 0),
            Pop {
                bytes: 20,
                low: 0xF0,
                returns: true
            }
        );
        assert_eq!(read(0xB082, 0), AddToSp { bytes: -8 }, "sub sp, #8");
        assert_eq!(read(0xB07F, 0), AddToSp { bytes: 508 }, "add sp, #508");
        assert_eq!(read(0x44B5, 0), AddRegister { rd: SP, rm: 6 }, "add sp, r6");
        assert_eq!(read(0x46B5, 0), Move { rd: SP, rm: 6 }, "mov sp, r6");
        assert_eq!(
            read(0x4E01, 0),
            LoadLiteral { rd: 6, address: 0x1008 },
            "ldr r6, [pc, #4]"
        );
        assert_eq!(
            read(0xAF03, 0),
            Add {
                rd: 7,
                rn: SP,
                number: 12
            },
            "add r7, sp, #12"
        );
        assert_eq!(
            read(0x1F3E, 0),
            Add {
                rd: 6,
                rn: 7,
                number: -4
            },
            "subs r6, r7, #4"
        );
        assert_eq!(
            read(0x3E08, 0),
            Add {
                rd: 6,
                rn: 6,
                number: -8
            },
            "subs r6, #8"
        );
        assert_eq!(read(0x4270, 0), Negate { rd: 0, rm: 6 }, "rsbs r0, r6, #0");
        assert_eq!(read(0x01F6, 0), ShiftLeft { rd: 6, rm: 6, bits: 7 }, "lsls r6, r6, #7");
        assert_eq!(read(0x9802, 0), LoadFromStack { rd: 0, offset: 8 }, "ldr r0, [sp, #8]");
        assert_eq!(
            read(0x68DB, 0),
            Load {
                rd: 3,
                rn: 3,
                offset: 12
            },
            "ldr r3, [r3, #12]"
        );
        assert_eq!(read(0x4798, 0), CallRegister { rm: 3 }, "blx r3");
        assert_eq!(read(0x4770, 0), BranchRegister { rm: LR }, "bx lr");
        assert_eq!(read(0xDE00, 0), Undefined, "udf #0");
    }

    #[test]
    fn branches_go_where_they_say() {
        let read = |first, second| decode(0x1000, first, second).0;
        let branch = |to, is_conditional| Branch { to, is_conditional };
        assert_eq!(read(0xE7FE, 0), branch(0x1000, false), "b .");
        assert_eq!(read(0xD001, 0), branch(0x1006, true), "beq");
        assert_eq!(read(0xD1FD, 0), branch(0xFFE, true), "bne, backwards");
        assert_eq!(read(0xF000, 0xF800), Call { to: 0x1004 });
        assert_eq!(read(0xF7FF, 0xFFFE), Call { to: 0x1000 });
        assert_eq!(read(0xF001, 0xF802), Call { to: 0x2008 });
        // A barrier.
        assert_eq!(decode(0x1000, 0xF3BF, 0x8F4F), (Other { changes: u8::MAX }, 4));
    }
}
