//! Addresses that two instructions make together: one puts the upper part into a register, and another one adds the rest to it, or
//! reads or writes there.

use super::{Architecture, architecture::Instruction, shift_in};

/// Instructions behind the first one, among which the other is looked for.
const AHEAD: u8 = 8;

/// No register: the upper half of a word is wanted.
const UPPER_HALF: u8 = u8::MAX;

/// A search for the instruction that adds the rest; or for the upper half of a word of 64 bits.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Search {
    register: u8,
    upper: u32,
    at: u32,
    left: u8,
    sum: Option<u32>,
}

impl Search {
    /// The instruction at `position`, which has four bytes, puts `upper` into a register.
    pub(super) const fn new(position: u32, register: u8, upper: u32) -> Self {
        Self {
            register,
            upper,
            at: position.wrapping_add(4),
            left: AHEAD,
            sum: None,
        }
    }

    /// Four bytes that may be the lower half of an address stand at `position`: the other half is looked at.
    pub(super) const fn of_upper_half(position: u32) -> Self {
        Self {
            left: 1,
            ..Self::new(position, UPPER_HALF, 0)
        }
    }

    /// Where the next four bytes must be read, in the old image. None when there is no more to see.
    pub(crate) const fn next(&self) -> Option<u32> {
        if self.left == 0 { None } else { Some(self.at) }
    }

    /// This instruction stands there.
    pub(super) fn saw(&mut self, bytes: u32, instruction: Instruction, architecture: Architecture) {
        self.left = self.left.saturating_sub(1);
        if self.register == UPPER_HALF {
            self.sum = Some(bytes);
            return;
        }
        self.at = self.at.wrapping_add(architecture.length(bytes));
        match instruction {
            Instruction::Lower { register, value, .. } if register == self.register => {
                self.sum = Some(self.upper.wrapping_add(value));
                self.left = 0;
            }
            Instruction::Lower { written, .. } | Instruction::Other { written } if written == Some(self.register) => {
                self.left = 0;
            }
            Instruction::Upper { register, .. } if register == self.register => self.left = 0,
            Instruction::Lower { .. }
            | Instruction::Other { .. }
            | Instruction::Place(_)
            | Instruction::Upper { .. } => {}
        }
    }

    /// The address, if the rest was found.
    pub(crate) const fn sum(&self) -> Option<u32> {
        self.sum
    }
}

/// The upper part of an address, in a register.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    /// The register, from 1; 0 if there is none.
    pub(crate) register: u8,
    /// The old image's.
    pub(crate) old: u32,
    /// The new image's.
    pub(crate) new: u32,
}

/// Registers of any architecture.
const REGISTERS: u8 = 32;
/// Upper parts that are remembered: 8 would save 0.1 % more of an image of AArch64.
pub(crate) const HELD: usize = 2;

/// What the last instructions put into registers.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    /// Newest first.
    pub(crate) held: [Held; HELD],
}

impl Registers {
    const NOTHING: Held = Held {
        register: 0,
        old: 0,
        new: 0,
    };

    pub(crate) const ZERO: Self = Self {
        held: [Self::NOTHING; HELD],
    };

    pub(crate) fn clear(&mut self) {
        self.held.fill(Self::NOTHING);
    }

    /// Whether they can have come about by instructions.
    pub(crate) fn are_possible(&self) -> bool {
        self.held.iter().all(|held| held.register <= REGISTERS)
    }

    /// What `register` holds, if that is known.
    pub(crate) fn held(&self, register: u8) -> Option<Held> {
        let number = register.wrapping_add(1);
        self.held.iter().find(|held| held.register == number).copied()
    }

    pub(crate) fn hold(&mut self, register: u8, old: u32, new: u32) {
        let number = register.wrapping_add(1);
        let held = Held {
            register: number,
            old,
            new,
        };
        // What gives way is what the same register held, or nothing, else the oldest.
        let gives_way = |held: &Held| held.register == number || *held == Self::NOTHING;
        let place = self.held.iter().position(gives_way).unwrap_or(HELD);
        shift_in(self.held.iter_mut().take(place.wrapping_add(1)), held);
    }

    /// Something else was put there.
    pub(crate) fn forget(&mut self, register: Option<u8>) {
        let Some(number) = register.map(|register| register.wrapping_add(1)) else {
            return;
        };
        for held in &mut self.held {
            if held.register == number {
                *held = Self::NOTHING;
            }
        }
    }
}
