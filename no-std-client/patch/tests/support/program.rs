//! Programs whose addresses move: what a linker makes of functions that call each other and name each other and variables.

use super::Random;

/// Where a program lies when it runs.
pub const BASE: u32 = 0x0800_4000;
const RAM: u32 = 0x2000_0000;

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
        let mut places = vec![0; self.names];
        let mut end = 0;
        for function in &self.functions {
            places[function.name] = end;
            end += function.bytes();
        }
        let mut image = Vec::with_capacity(end);
        for function in &self.functions {
            function.link(&mut image, &places, self.moved);
        }
        image
    }
}

impl Function {
    /// push {r4, lr}; the instructions; pop {r4, pc}; filled up to a word; the table.
    fn bytes(&self) -> usize {
        let code = 4 + 2 * self.plain.len() + 4 * self.calls.len();
        code.next_multiple_of(4) + 4 * (self.functions.len() + self.variables.len())
    }

    fn link(&self, image: &mut Vec<u8>, places: &[usize], (from, by): (u32, u32)) {
        let start = image.len();
        image.extend(0xB510_u16.to_le_bytes());
        for (at, plain) in self.plain.iter().enumerate() {
            image.extend(plain.to_le_bytes());
            for (_, name) in self.calls.iter().filter(|(behind, _)| *behind == at) {
                let distance = places[*name] as i64 - image.len() as i64 - 4;
                image.extend(call(distance as i32));
            }
        }
        image.extend(0xBD10_u16.to_le_bytes());
        image.resize(start + (image.len() - start).next_multiple_of(4), 0);
        for name in &self.functions {
            image.extend((BASE + places[*name] as u32 + 1).to_le_bytes());
        }
        for variable in &self.variables {
            let moved = if *variable >= from { by } else { 0 };
            image.extend((RAM + variable + moved).to_le_bytes());
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
