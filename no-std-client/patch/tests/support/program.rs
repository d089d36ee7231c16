//! Programs whose addresses move: what a linker makes of functions that call each other and name each other and variables.

use super::Random;

/// Where a program lies when it runs.
pub const BASE: u32 = 0x0800_4000;
/// Where its variables lie.
pub const RAM: u32 = 0x2000_0000;

/// A function: instructions that say nothing of addresses, and between them calls; behind them, a table of words.
#[derive(Clone)]
struct Function {
    name: usize,
    plain: Vec<u16>,
    /// Behind which instruction which function is called.
    calls: Vec<(usize, usize)>,
    functions: Vec<usize>,
    variables: Vec<u32>,
}

/// A program before it is linked.
#[derive(Clone)]
pub struct Program {
    functions: Vec<Function>,
    names: usize,
    /// Variables above this one stand so many bytes behind where they were first.
    moved: (u32, u32),
}

impl Program {
    pub fn new(functions: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut program = Self {
            functions: Vec::new(),
            names: functions,
            moved: (u32::MAX, 0),
        };
        for name in 0..functions {
            let function = program.function(name, &mut random);
            program.functions.push(function);
        }
        program
    }

    fn function(&self, name: usize, random: &mut Random) -> Function {
        let count = 6 + random.below(60);
        // Few different instructions, as compilers have it; none is half of a call.
        let plain: Vec<u16> = (0..count)
            .map(|_| (random.below(90) * 0x0137 % 0xB400) as u16)
            .collect();
        let calls = (0..random.below(6)).map(|_| (random.below(count), random.below(self.names)));
        let mut calls: Vec<(usize, usize)> = calls.collect();
        calls.sort_unstable();
        calls.dedup_by_key(|(behind, _)| *behind);
        Function {
            name,
            plain,
            calls,
            functions: (0..random.below(3)).map(|_| random.below(self.names)).collect(),
            variables: (0..random.below(4)).map(|_| random.below(1 << 10) as u32 * 4).collect(),
        }
    }

    /// The next version: a function is new, one is gone, and a variable was inserted.
    pub fn next(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut next = self.clone();
        let added = next.function(next.names, &mut random);
        let at = random.below(next.functions.len() / 2);
        next.functions.insert(at, added);
        next.names += 1;
        let at = next.functions.len() / 2 + random.below(next.functions.len() / 2);
        // Its callers call the first one.
        let gone = next.functions.remove(at).name;
        let first = next.functions[0].name;
        for function in &mut next.functions {
            let calls = function.calls.iter_mut().map(|(_, name)| name);
            for name in calls.chain(&mut function.functions).filter(|name| **name == gone) {
                *name = first;
            }
        }
        next.moved = (0x600, 12);
        next
    }

    /// The image.
    pub fn link(&self) -> Vec<u8> {
        self.link_for(Machine::Thumb)
    }

    /// The image, in the instructions of a machine.
    pub fn link_for(&self, machine: Machine) -> Vec<u8> {
        // How long a function is does not depend on where the others are.
        let (_, places) = self.linked(machine, &vec![0; self.names]);
        let (image, _) = self.linked(machine, &places);
        image
    }

    /// The image, and where each function is in it, by where they are taken to be.
    fn linked(&self, machine: Machine, places: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let (mut image, mut begins) = (Vec::new(), vec![0; self.names]);
        for function in &self.functions {
            begins[function.name] = image.len();
            function.link(machine, &mut image, places, self.moved);
        }
        (image, begins)
    }
}

/// What runs a program.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Machine {
    AArch64,
    RiscV,
    Thumb,
    X86_64,
    XtensaBig,
}

impl Machine {
    pub const ALL: [Self; 5] = [Self::AArch64, Self::RiscV, Self::Thumb, Self::X86_64, Self::XtensaBig];

    /// Bytes of an address in a table.
    const fn address_bytes(self) -> usize {
        match self {
            Self::AArch64 | Self::X86_64 => 8,
            Self::RiscV | Self::Thumb | Self::XtensaBig => 4,
        }
    }

    /// How a function begins, with what saves registers, and how it ends.
    const fn ends(self) -> [&'static [u8]; 2] {
        match self {
            // stp x29, x30, [sp, #-16]!; ldp x29, x30, [sp], #16; ret.
            Self::AArch64 => [
                &[0xFD, 0x7B, 0xBF, 0xA9],
                &[0xFD, 0x7B, 0xC1, 0xA8, 0xC0, 0x03, 0x5F, 0xD6],
            ],
            // c.addi sp, -32; c.addi16sp 32; c.jr ra.
            Self::RiscV => [&[0x01, 0x11], &[0x05, 0x61, 0x82, 0x80]],
            // push {r4, lr}; pop {r4, pc}.
            Self::Thumb => [&[0x10, 0xB5], &[0x10, 0xBD]],
            // push rbp; mov rbp, rsp; pop rbp; ret.
            Self::X86_64 => [&[0x55, 0x48, 0x89, 0xE5], &[0x5D, 0xC3]],
            // entry a1, 32; retw.n.
            Self::XtensaBig => [&[0x6C, 0x10, 0x04], &[0xD1, 0x0F]],
        }
    }

    /// An instruction that says nothing of addresses.
    fn plain(self, image: &mut Vec<u8>, number: u16) {
        let few = u32::from(number) >> 3 & 0xFF;
        match self {
            // add, of registers behind those that hold addresses.
            Self::AArch64 => image.extend((0x8B00_0210 | few >> 4 << 16 | few & 15).to_le_bytes()),
            // c.add, of two registers.
            Self::RiscV => image.extend((0x9002 | (few | 0x84) as u16 & 0x7C | 0x800).to_le_bytes()),
            Self::Thumb => image.extend(number.to_le_bytes()),
            // mov, of two registers.
            Self::X86_64 => image.extend([0x48, 0x89, 0xC0 | few as u8 & 0x3F]),
            // add.n.
            Self::XtensaBig => image.extend([0xA2, few as u8]),
        }
    }

    /// A call of what is at `place`.
    fn call(self, image: &mut Vec<u8>, place: usize) {
        let distance = (place as i64 - image.len() as i64) as u32;
        match self {
            Self::AArch64 => image.extend((0x9400_0000 | distance >> 2 & 0x03FF_FFFF).to_le_bytes()),
            // jal ra.
            Self::RiscV => {
                let moved =
                    distance >> 20 << 31 | (distance & 0x7FE) << 20 | (distance & 0x800) << 9 | distance & 0xF_F000;
                image.extend((0xEF | moved).to_le_bytes());
            }
            Self::Thumb => image.extend(call(distance.wrapping_sub(4) as i32)),
            Self::X86_64 => {
                image.push(0xE8);
                image.extend(distance.wrapping_sub(5).to_le_bytes());
            }
            // call8: words behind the one that it begins in.
            Self::XtensaBig => {
                let words = (place as u32 / 4).wrapping_sub(image.len() as u32 / 4 + 1);
                image.extend(&(0x58_0000 | words & 0x3_FFFF).to_be_bytes()[1..]);
            }
        }
    }

    /// The address of what is at `place`, in a register. In Thumb state, and with Xtensa, it is in the table only.
    fn address(self, image: &mut Vec<u8>, place: usize) {
        let here = BASE + image.len() as u32;
        let there = BASE + place as u32;
        let distance = there.wrapping_sub(here);
        match self {
            // adrp x0; add x0, x0.
            Self::AArch64 => {
                let pages = (there >> 12).wrapping_sub(here >> 12);
                let adrp = 0x9000_0000 | (pages & 3) << 29 | (pages >> 2 & 0x7_FFFF) << 5;
                image.extend(adrp.to_le_bytes());
                image.extend((0x9100_0000 | (there & 0xFFF) << 10).to_le_bytes());
            }
            // auipc a0; addi a0, a0.
            Self::RiscV => {
                let upper = distance.wrapping_add(0x800) & 0xFFFF_F000;
                image.extend((0x517 | upper).to_le_bytes());
                image.extend((0x5_0513 | distance << 20).to_le_bytes());
            }
            Self::Thumb | Self::XtensaBig => {}
            // lea rax, [rip + _].
            Self::X86_64 => {
                image.extend([0x48, 0x8D, 0x05]);
                image.extend(distance.wrapping_sub(7).to_le_bytes());
            }
        }
    }
}

impl Function {
    /// What saves registers; the instructions; the end; filled up to an address; the table.
    fn link(&self, machine: Machine, image: &mut Vec<u8>, places: &[usize], (from, by): (u32, u32)) {
        let [begins, ends] = machine.ends();
        image.extend(begins);
        for (at, plain) in self.plain.iter().enumerate() {
            machine.plain(image, *plain);
            for (_, name) in self.calls.iter().filter(|(behind, _)| *behind == at) {
                machine.call(image, places[*name]);
            }
        }
        for name in &self.functions {
            machine.address(image, places[*name]);
        }
        image.extend(ends);
        let bytes = machine.address_bytes();
        image.resize(image.len().next_multiple_of(bytes), 0);
        let mut put = |address: u32| {
            match machine {
                Machine::XtensaBig => image.extend(address.to_be_bytes()),
                Machine::AArch64 | Machine::RiscV | Machine::Thumb | Machine::X86_64 => {
                    image.extend(address.to_le_bytes())
                }
            }
            image.resize(image.len().next_multiple_of(bytes), 0);
        };
        let tag = u32::from(machine == Machine::Thumb);
        for name in &self.functions {
            put(BASE + places[*name] as u32 + tag);
        }
        for variable in &self.variables {
            let moved = if *variable >= from { by } else { 0 };
            put(RAM + variable + moved);
        }
    }
}

/// BL over so many bytes, as the manual draws it.
fn call(distance: i32) -> [u8; 4] {
    let distance = distance as u32;
    let sign = distance >> 31;
    let j1 = !((distance >> 23) ^ sign) & 1;
    let j2 = !((distance >> 22) ^ sign) & 1;
    let high = 0xF000 | sign << 10 | (distance >> 12 & 0x3FF);
    let low = 0xD000 | j1 << 13 | j2 << 11 | (distance >> 1 & 0x7FF);
    (high | low << 16).to_le_bytes()
}
