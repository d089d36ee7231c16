//! Programs for AArch64 in files of the format ELF, as a compiler and a linker make them.

use super::Random;

/// A function: what it does between its references.
#[derive(Clone)]
struct Function {
    name: usize,
    plain: Vec<u32>,
    /// Behind which instruction which function is called, and which variable is named.
    calls: Vec<(usize, usize)>,
    variables: Vec<(usize, u32)>,
}

/// A program before it is linked.
#[derive(Clone)]
pub struct Program {
    functions: Vec<Function>,
    names: usize,
    /// Bytes in front of all variables.
    grown: u32,
}

/// Where the second segment runs: behind the first one in the file, and farther behind it in memory.
const APART: u64 = 0x1_0000;
const VARIABLES: u32 = 0x800;
const HEADER: usize = 64 + 2 * 56;

impl Program {
    pub fn new(functions: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let functions: Vec<Function> = (0..functions)
            .map(|name| function(name, functions, &mut random))
            .collect();
        Self {
            names: functions.len(),
            functions,
            grown: 0,
        }
    }

    /// The next version: a function is new, and the variables moved.
    pub fn next(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut next = self.clone();
        let at = random.below(next.functions.len());
        next.functions.insert(at, function(next.names, next.names, &mut random));
        next.names += 1;
        next.grown += 24;
        next
    }

    /// The file: headers and code, and behind them the data with a pointer to each function, and its distance from there.
    pub fn link(&self) -> Vec<u8> {
        let mut places = vec![0; self.names];
        let mut end = HEADER as u64;
        for function in &self.functions {
            places[function.name] = end;
            end += function.bytes();
        }
        let (text_end, data) = (end, end.next_multiple_of(4096));
        let variables = data + APART;
        let mut file = header(text_end, data, data + u64::from(self.grown) + places.len() as u64 * 12);
        for function in &self.functions {
            for (at, plain) in function.plain.iter().enumerate() {
                file.extend(plain.to_le_bytes());
                for (_, name) in function.calls.iter().filter(|(behind, _)| *behind == at) {
                    let words = (places[*name] as i64 - file.len() as i64) / 4;
                    file.extend((0x9400_0000 | words as u32 & 0x3FF_FFFF).to_le_bytes());
                }
                for (_, variable) in function.variables.iter().filter(|(behind, _)| *behind == at) {
                    let target = variables + u64::from(variable + self.grown);
                    let pages = (target >> 12) as i64 - (file.len() as i64 >> 12);
                    let (high, low) = (pages as u32 >> 2 & 0x7_FFFF, pages as u32 & 3);
                    file.extend((0x9000_0001 | high << 5 | low << 29).to_le_bytes());
                    // An addition, and of every second variable a load.
                    let rest = target as u32 & 0xFFF;
                    let word = match variable % 16 {
                        0 => 0x9100_0021 | rest << 10,
                        _ => 0xF940_0021 | (rest >> 3) << 10,
                    };
                    file.extend(word.to_le_bytes());
                }
            }
        }
        file.resize(data as usize + self.grown as usize, 0);
        for place in &places {
            file.extend(place.to_le_bytes());
        }
        for place in &places {
            let here = file.len() as u64 + APART;
            file.extend((place.wrapping_sub(here) as u32).to_le_bytes());
        }
        file
    }
}

impl Function {
    fn bytes(&self) -> u64 {
        4 * (self.plain.len() + self.calls.len() + 2 * self.variables.len()) as u64
    }
}

fn function(name: usize, names: usize, random: &mut Random) -> Function {
    let count = 4 + random.below(40);
    let mut behind: Vec<usize> = (0..random.below(8)).map(|_| random.below(count)).collect();
    behind.sort_unstable();
    behind.dedup();
    let (calls, variables) = behind.split_at(behind.len() / 2);
    Function {
        name,
        // Moves between registers, of which none names a place.
        plain: (0..count).map(|_| 0xAA00_03E0 | random.below(31) as u32).collect(),
        calls: calls.iter().map(|at| (*at, random.below(names))).collect(),
        variables: variables
            .iter()
            .map(|at| (*at, random.below(VARIABLES as usize / 8) as u32 * 8))
            .collect(),
    }
}

fn header(text_end: u64, data: u64, end: u64) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // A shared object for AArch64.
    file.extend([3, 0, 183, 0, 1, 0, 0, 0]);
    for number in [HEADER as u64, 64, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]);
    for (flags, offset, address, end) in [(5_u32, 0, 0, text_end), (6, data, data + APART, end)] {
        file.extend(1_u32.to_le_bytes());
        file.extend(flags.to_le_bytes());
        for number in [offset, address, address, end - offset, end - offset, 0x1_0000] {
            file.extend(number.to_le_bytes());
        }
    }
    file
}
