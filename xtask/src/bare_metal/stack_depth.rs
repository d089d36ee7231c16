//! How deep the stack of a linked program can get: an estimate of its instructions, before anything runs.
//!
//! - Each function is walked from its first instruction along all branches: where the stack is at each call, and which function is called. A
//!   jump by a table may go to any instruction of the function that is reached in no other way.
//! - A call of a function whose address was loaded as a constant, also by way of the stack, is a call of that function.
//! - What is called by way of a table of methods is one of the functions that stand at the same place of any such table in the constants, and
//!   else any function whose address stands in the constants or is loaded by a function that does not call it.
//!   [`CALLED_BY`] says by name which of these can be meant. What fits none of its names is not seen; if nothing fits, that is an error.
//! - A function that the linker folded with another one goes by the name of one of them.
//! - Functions that call each other in a circle count once each, all of them: a recursion that went through its circle more than once
//!   would not be bounded by this. [`Depth::circles`] names them.
//! - Interrupts come on top: the deepest handler, and what the processor puts on the stack for it. Faults and panics do not, since nothing goes
//!   on after one.
//! - It knows nothing of values, so it takes ways that no run takes, unless [`NEVER`] names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind, elf};

use crate::bare_metal::call_graph::{Calls, Graph};
use crate::bare_metal::thumb::{self, Instruction, LR, PC, Register, SP};
use crate::failure::{Blame, Failure};

/// What the processor puts on the stack when an interrupt comes: eight registers, and a word to get to a multiple of eight.
const FRAME_BYTES: u32 = 36;
/// Vectors in front of that of the first interrupt of the part: the stack, the reset and what the processor finds wrong.
const FIRST_INTERRUPT: usize = 16;
/// Where a table of methods has the first of them, behind what drops the value, its size and its alignment.
const FIRST_METHOD: u32 = 12;
/// Pieces of the names that are called by way of a table or of an argument, by a piece of the caller's name; the first that fits counts. It
/// is what the source says.
const CALLED_BY: [(&str, &[&str]); 13] = [
    // They leave the program, for one that has a stack of its own or takes the rest of this one.
    ("forward", &[]),
    ("tuffet_nrf515start5leave", &[]),
    ("11tuffet_wire5spell", CLOSURES),
    (
        "12tuffet_patch",
        &["12tuffet_patch", "tuffet_patch..", "4core3ops8function6Fn"],
    ),
    ("14tuffet_ed25519", &["14tuffet_ed25519", "4core3ops8function6Fn"]),
    ("tuffet_wire7scanner", &["wire..scan..Sink$GT$"]),
    ("tuffet_wire..scanner", &["wire..scan..Sink$GT$"]),
    ("tuffet_tuf..read..Envelope", BODY),
    ("4read17Envelope", BODY),
    ("4read21Received", BODY),
    ("4link6device", &["4link6device"]),
    ("10tuffet_tuf5names", CLOSURES),
    // Anybody else: what writes itself somewhere, and what stands where it is used. Other traits need a row of their own.
    (
        "",
        &["Output$GT$", "$u7b$$u7b$closure$u7d$$u7d$", "4core3ops8function6Fn"],
    ),
];
/// A function that does two kinds of work, as if there were two of it: its name, who calls the second, and what the first and the second
/// call by way of a table. The frame of an installation never has the work of a check on top of it.
const TWICE: (&str, &str, [&str; 2]) = (
    "6driver6client4pump",
    "$GT$4fill17h",
    ["checking..Checking$LT$", "filling..Filling$LT$"],
);
/// The lowest bit of a function's address, if it is the second of [`TWICE`].
const SECOND: u32 = 1;
/// Calls that are not followed: pieces of the names of caller and callee, and why.
const NEVER: [(&str, &str); 3] = [
    // After a panic nothing goes on, so it does not matter what its text goes over.
    ("", "17rust_begin_unwind"),
    // They hash 64 bytes of a signature and a key: half a block, which is only kept.
    (
        "SmallEd25519Key$u20$as$u20$tuffet_tuf..algorithms..PublicKey$GT$5begin",
        "digest..Digest$GT$6update",
    ),
    ("14tuffet_ed255198verifier8Verifier3new", "digest..Digest$GT$6update"),
];
/// What takes something out of a file of metadata: its own methods, and those that the trait has.
const BODY: &[&str] = &["tuf..read..Body$GT$", "4read4Body"];
/// What stands in the source where it is used.
const CLOSURES: &[&str] = &["$u7b$$u7b$closure$u7d$$u7d$", "4core3ops8function6Fn"];

/// The section of the vectors: nobody but the processor calls what they name.
const VECTORS: &str = ".vectors";
/// What stands in front of it there is at most this.
const ALIGNMENT_MAX: u32 = 16;
/// A function that comes to more different depths than these is not what a compiler makes.
const VISITS_MAX: u32 = 64;

/// What was estimated.
#[derive(Debug)]
pub struct Depth {
    /// Bytes of the stack at its deepest, an interrupt included.
    pub bytes: u32,
    /// Bytes of RAM from the end of the statics to the top of the stack.
    pub room: u32,
    /// The functions on the way there, with the bytes of each.
    pub way: Vec<(String, u32)>,
    /// Functions that call each other in a circle.
    pub circles: Vec<Vec<String>>,
    /// Calls of which only a set of candidates is known.
    pub guessed: usize,
}

/// A loaded program.
struct Image {
    /// Sections with contents: their address, whether they are instructions, and their bytes.
    sections: Vec<(u32, bool, Vec<u8>)>,
    /// First instruction of each function, its end and its name.
    functions: BTreeMap<u32, (u32, String)>,
    /// Where constants between instructions begin, and instructions behind them; `true` for constants.
    constants: BTreeMap<u32, bool>,
    statics_end: u32,
    vectors: Vec<u32>,
}

/// What is known of a register, or of a word on the stack.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Value {
    Unknown,
    Constant(u32),
    /// An address on the stack: so many bytes below where the function began.
    Stack(i64),
    /// A word that was read so many bytes behind an address.
    Read(u32),
}

/// What is known in front of an instruction.
#[derive(Clone, PartialEq, Eq)]
struct State {
    /// Bytes of the stack below where the function began.
    depth: i64,
    registers: [Value; 16],
    /// Words on the stack, by their depth.
    words: BTreeMap<i64, Value>,
}

/// A function that is called.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Callee {
    Known(u32),
    /// One of those that stand so many bytes behind the beginning of a table.
    Method(u32),
    Any,
}

/// What a function does to the stack.
#[derive(Default, Debug, PartialEq, Eq)]
struct Frame {
    /// At its deepest.
    bytes: u32,
    /// At each call, at its deepest.
    calls: BTreeMap<Callee, u32>,
    /// Functions whose addresses it loads.
    loads: BTreeSet<u32>,
}

/// Estimates a program with vectors, a symbol `statics_end`, and symbols of its functions.
pub fn of_program(path: &Path) -> Result<Depth, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    let wrong = |why: &str| Failure::new(Blame::Storage, format!("{}: {why}", path.display()));
    let image = Image::parse(&bytes).ok_or_else(|| wrong("is no program with vectors and symbols"))?;
    image.depth().map_err(|why| wrong(&why))
}

impl Image {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let file = object::File::parse(bytes).ok()?;
        let mut sections = Vec::new();
        for section in file.sections() {
            if let SectionFlags::Elf { sh_flags, .. } = section.flags()
                && sh_flags.contains(elf::SHF_ALLOC)
            {
                let is_code = sh_flags.contains(elf::SHF_EXECINSTR) || section.name() == Ok(VECTORS);
                sections.push((section.address() as u32, is_code, section.data().ok()?.to_vec()));
            }
        }
        let (mut functions, mut constants) = (BTreeMap::new(), BTreeMap::new());
        let mut statics_end = None;
        for symbol in file.symbols() {
            let (begin, name) = (symbol.address() as u32, symbol.name().ok()?);
            if symbol.kind() == SymbolKind::Text && symbol.is_definition() && !name.starts_with('$') {
                let end = (begin & !1) + symbol.size() as u32;
                let of_place = functions.entry(begin & !1).or_insert((end, name.to_owned()));
                of_place.0 = of_place.0.max(end);
            }
            match name {
                "statics_end" => statics_end = Some(begin),
                "$d" => drop(constants.insert(begin, true)),
                "$t" => drop(constants.insert(begin, false)),
                _ => {}
            }
        }
        let vectors = file.section_by_name(VECTORS)?.data().ok()?.as_chunks::<4>().0;
        Some(Self {
            sections,
            functions: with_ends(functions),
            constants,
            statics_end: statics_end?,
            vectors: vectors.iter().map(|word| u32::from_le_bytes(*word)).collect(),
        })
    }

    fn halfword(&self, address: u32) -> Option<u16> {
        let bytes = self.at(address)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    }

    fn word(&self, address: u32) -> Option<u32> {
        let bytes = self.at(address)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn at(&self, address: u32) -> Option<&[u8]> {
        self.sections.iter().find_map(|(begin, _, bytes)| {
            let offset = address.checked_sub(*begin)? as usize;
            bytes.get(offset..).filter(|rest| !rest.is_empty())
        })
    }

    fn is_constant(&self, address: u32) -> bool {
        self.constants
            .range(..=address)
            .next_back()
            .is_some_and(|(_, is_constant)| *is_constant)
    }

    /// Of a function, or of the second of one.
    fn name(&self, function: u32) -> &str {
        self.functions.get(&(function & !SECOND)).map_or("", |(_, name)| name)
    }

    /// The function whose address this word is.
    fn function(&self, word: u32) -> Option<u32> {
        (word & 1 == 1 && self.functions.contains_key(&(word & !1))).then_some(word & !1)
    }

    fn depth(&self) -> Result<Depth, String> {
        let mut frames = BTreeMap::new();
        for begin in self.functions.keys() {
            frames.insert(*begin, self.frame(*begin)?);
            if self.name(*begin).contains(TWICE.0) {
                frames.insert(*begin | SECOND, self.frame(*begin)?);
            }
        }
        let candidates = self.candidates(&frames);
        let bytes = frames.iter().map(|(function, frame)| (*function, frame.bytes));
        let graph = Graph::new(self.calls(&frames, &candidates)?, bytes.collect());
        let [Some(top), Some(reset)] = [0, 1].map(|index| self.vectors.get(index).copied()) else {
            return Err("has no vector for its start".to_owned());
        };
        let reset = self.function(reset).ok_or("starts with no function")?;
        let interrupts = self.vectors.iter().skip(FIRST_INTERRUPT);
        let handlers = interrupts.filter_map(|vector| self.function(*vector));
        let interrupt = handlers.map(|handler| graph.deepest(handler) + FRAME_BYTES).max();
        let name = |place: u32| self.name(place).to_owned();
        let mut way: Vec<(String, u32)> = graph
            .way(reset)
            .into_iter()
            .map(|(place, bytes)| (name(place), bytes))
            .collect();
        way.extend(interrupt.map(|bytes| ("an interrupt".to_owned(), bytes)));
        let reached = graph.reached(reset);
        let circles = graph
            .circles
            .iter()
            .filter(|circle| circle.iter().any(|place| reached.contains(place)));
        let guessed = reached.iter().filter_map(|place| frames.get(place));
        Ok(Depth {
            bytes: graph.deepest(reset) + interrupt.unwrap_or_default(),
            room: top - self.statics_end,
            way,
            circles: circles
                .map(|circle| circle.iter().map(|place| name(*place)).collect())
                .collect(),
            guessed: guessed
                .map(|frame| {
                    frame
                        .calls
                        .keys()
                        .filter(|callee| !matches!(callee, Callee::Known(_)))
                        .count()
                })
                .sum(),
        })
    }

    /// Who may be called where a callee is not known.
    fn candidates(&self, frames: &BTreeMap<u32, Frame>) -> BTreeMap<Callee, BTreeSet<u32>> {
        let constants = self.sections.iter().filter(|(_, is_code, _)| !is_code);
        let words = constants.flat_map(|(_, _, bytes)| bytes.as_chunks::<4>().0);
        let words: Vec<u32> = words.map(|word| u32::from_le_bytes(*word)).collect();
        let mut candidates: BTreeMap<Callee, BTreeSet<u32>> = BTreeMap::new();
        for (index, word) in words.iter().enumerate() {
            let Some(function) = self.function(*word) else { continue };
            candidates.entry(Callee::Any).or_default().insert(function);
            // A table of methods has them behind an alignment. What does not may be any part of one.
            let before = words[..index]
                .iter()
                .rev()
                .take_while(|word| self.function(**word).is_some())
                .count();
            let alignment = words[..index - before].last();
            let is_whole = alignment.is_some_and(|word| word.is_power_of_two() && *word <= ALIGNMENT_MAX);
            for place in if is_whole { before } else { 0 }..=before {
                let offset = FIRST_METHOD + 4 * place as u32;
                candidates.entry(Callee::Method(offset)).or_default().insert(function);
            }
        }
        for frame in frames.values() {
            let called = |function: &&u32| frame.calls.contains_key(&Callee::Known(**function));
            let kept = frame.loads.iter().filter(|function| !called(function));
            candidates.entry(Callee::Any).or_default().extend(kept);
        }
        candidates
    }

    /// Which function calls which, and how deep the stack is there.
    fn calls(
        &self,
        frames: &BTreeMap<u32, Frame>,
        candidates: &BTreeMap<Callee, BTreeSet<u32>>,
    ) -> Result<Calls, String> {
        let mut calls = Calls::new();
        for (caller, frame) in frames {
            let of_caller = calls.entry(*caller).or_default();
            for (callee, depth) in &frame.calls {
                let callees = match callee {
                    Callee::Known(function) => vec![*function],
                    Callee::Method(_) | Callee::Any => self.guessed(*caller, *callee, candidates)?,
                };
                let is_second = self.name(*caller).contains(TWICE.1);
                for function in callees {
                    let second = function | SECOND;
                    let function = if is_second && frames.contains_key(&second) {
                        second
                    } else {
                        function
                    };
                    if !frames.contains_key(&function) || self.is_never(*caller, function) {
                        continue;
                    }
                    let at = of_caller.entry(function).or_default();
                    *at = (*at).max(*depth);
                }
            }
        }
        Ok(calls)
    }

    fn is_never(&self, caller: u32, callee: u32) -> bool {
        let fits = |(of_caller, of_callee): &(&str, &str)| {
            self.name(caller).contains(of_caller) && self.name(callee).contains(of_callee)
        };
        NEVER.iter().any(fits)
    }

    fn guessed(
        &self,
        caller: u32,
        callee: Callee,
        candidates: &BTreeMap<Callee, BTreeSet<u32>>,
    ) -> Result<Vec<u32>, String> {
        let some = candidates.get(&callee).or_else(|| candidates.get(&Callee::Any));
        let some: Vec<u32> = some.into_iter().flatten().copied().collect();
        let name = self.name(caller);
        let of_kind = [TWICE.2[usize::from(caller & SECOND == SECOND)]];
        let pieces = CALLED_BY
            .iter()
            .find(|(piece, _)| name.contains(piece))
            .map(|(_, pieces)| *pieces);
        let pieces = if name.contains(TWICE.0) {
            Some(&of_kind[..])
        } else {
            pieces
        };
        let Some(pieces) = pieces else { return Ok(some) };
        let is_called = |function: &u32| pieces.iter().any(|piece| self.name(*function).contains(piece));
        let called: Vec<u32> = some.into_iter().filter(is_called).collect();
        if called.is_empty() && !pieces.is_empty() {
            return Err(format!("{name} calls nobody that is known, by {callee:?}"));
        }
        Ok(called)
    }

    /// Walks through a function.
    fn frame(&self, begin: u32) -> Result<Frame, String> {
        let (end, name) = &self.functions[&begin];
        let mut walk = Walk {
            image: self,
            range: begin..*end,
            known: BTreeMap::new(),
            left: Vec::new(),
            jumps: None,
            is_endless: false,
            frame: Frame::default(),
        };
        walk.go_to(begin, State::at_begin());
        walk.all().map_err(|why| format!("{name}: {why}"))?;
        Ok(walk.frame)
    }
}

/// A function without a length, as assemblers leave it, ends where the next one begins.
fn with_ends(functions: BTreeMap<u32, (u32, String)>) -> BTreeMap<u32, (u32, String)> {
    let begins: Vec<u32> = functions.keys().copied().collect();
    let nexts = begins.into_iter().skip(1).map(Some).chain([None]);
    let ended = functions.into_iter().zip(nexts).map(|((begin, (end, name)), next)| {
        let end = if end == begin { next.unwrap_or(u32::MAX) } else { end };
        (begin, (end, name))
    });
    ended.collect()
}

impl Value {
    /// Of what is not a constant nothing is known.
    fn map(self, operation: impl Fn(u32) -> u32) -> Self {
        match self {
            Self::Constant(constant) => Self::Constant(operation(constant)),
            Self::Unknown | Self::Stack(_) | Self::Read(_) => Self::Unknown,
        }
    }

    fn plus(self, number: i32) -> Self {
        match self {
            Self::Constant(constant) => Self::Constant(constant.wrapping_add_signed(number)),
            Self::Stack(depth) => Self::Stack(depth - i64::from(number)),
            Self::Unknown | Self::Read(_) => Self::Unknown,
        }
    }
}

impl State {
    fn at_begin() -> Self {
        let mut registers = [Value::Unknown; 16];
        registers[usize::from(SP)] = Value::Stack(0);
        Self {
            depth: 0,
            registers,
            words: BTreeMap::new(),
        }
    }

    fn get(&self, register: Register) -> Value {
        match register {
            SP => Value::Stack(self.depth),
            _ => self.registers[usize::from(register)],
        }
    }

    fn set(&mut self, register: Register, value: Value) -> Result<(), String> {
        match (register, value) {
            (SP, Value::Stack(depth)) => self.depth = depth,
            (SP, _) => return Err("the stack goes where nobody knows".to_owned()),
            _ => self.registers[usize::from(register)] = value,
        }
        Ok(())
    }

    fn forget(&mut self, registers: u16) {
        for (index, value) in self.registers.iter_mut().enumerate() {
            if registers >> index & 1 == 1 {
                *value = Value::Unknown;
            }
        }
    }

    /// What a function that was called may change: all registers that it need not save.
    fn called(&mut self) {
        self.forget(0b0101_0000_0000_1111);
    }

    /// What holds whichever way came here: the deeper stack, and what is the same.
    fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.depth = self.depth.max(other.depth);
        for (value, of_other) in joined.registers.iter_mut().zip(other.registers) {
            if *value != of_other {
                *value = Value::Unknown;
            }
        }
        joined
            .words
            .retain(|depth, value| other.words.get(depth) == Some(value));
        joined
    }
}

/// A walk through a function.
struct Walk<'i> {
    image: &'i Image,
    range: std::ops::Range<u32>,
    /// What is known in front of each instruction, and how often that changed.
    known: BTreeMap<u32, (State, u32)>,
    left: Vec<u32>,
    /// What is known at jumps by a table.
    jumps: Option<State>,
    /// A circle of branches that takes more of the stack each time.
    is_endless: bool,
    frame: Frame,
}

impl Walk<'_> {
    fn all(&mut self) -> Result<(), String> {
        loop {
            while let Some(address) = self.left.pop() {
                self.step(address)?;
                if self.is_endless {
                    return Err("takes more of the stack each time around".to_owned());
                }
            }
            let Some(jumped) = self.jumps.take() else { return Ok(()) };
            // Wherever nobody came yet, one table or another may lead.
            let mut address = self.range.start;
            while address < self.range.end && self.left.is_empty() {
                if !self.known.contains_key(&address) && !self.is_inside_known(address) {
                    self.go_to(address, jumped.clone());
                }
                address += 2;
            }
            if !self.left.is_empty() {
                self.jumps = Some(jumped);
            }
        }
    }

    /// The second half of an instruction that was walked through.
    fn is_inside_known(&self, address: u32) -> bool {
        let before = address.wrapping_sub(2);
        let Some(first) = self.image.halfword(before) else {
            return false;
        };
        self.known.contains_key(&before) && thumb::decode(before, first, 0).1 == 4
    }

    fn go_to(&mut self, address: u32, state: State) {
        // Behind the call of a function that never returns anything may stand.
        if !self.range.contains(&address) || self.image.is_constant(address) {
            return;
        }
        let Some((known, visits)) = self.known.get_mut(&address) else {
            self.known.insert(address, (state, 0));
            self.left.push(address);
            return;
        };
        let joined = known.joined(&state);
        if joined != *known {
            self.is_endless |= *visits >= VISITS_MAX;
            *known = joined;
            *visits += 1;
            self.left.push(address);
        }
    }

    fn call(&mut self, callee: Callee, depth: i64) {
        let depth = u32::try_from(depth).unwrap_or_default();
        let at = self.frame.calls.entry(callee).or_default();
        *at = depth.max(*at);
    }

    fn callee(&self, value: Value) -> Callee {
        match value {
            Value::Constant(word) => self.image.function(word).map_or(Callee::Any, Callee::Known),
            Value::Read(offset) if offset >= FIRST_METHOD && offset % 4 == 0 => Callee::Method(offset),
            Value::Read(_) | Value::Unknown | Value::Stack(_) => Callee::Any,
        }
    }

    fn step(&mut self, address: u32) -> Result<(), String> {
        let Some(first) = self.image.halfword(address) else {
            return Ok(());
        };
        let second = self.image.halfword(address + 2).unwrap_or_default();
        let (instruction, bytes) = thumb::decode(address, first, second);
        let mut state = self.known[&address].0.clone();
        match instruction {
            Instruction::Branch { to, is_conditional } => {
                if !self.range.contains(&to) && self.image.functions.contains_key(&to) {
                    self.call(Callee::Known(to), state.depth);
                }
                self.go_to(to, state.clone());
                if !is_conditional {
                    return Ok(());
                }
            }
            Instruction::Call { to } => {
                self.call(Callee::Known(to), state.depth);
                state.called();
            }
            Instruction::CallRegister { rm } => {
                self.call(self.callee(state.get(rm)), state.depth);
                state.called();
            }
            Instruction::BranchRegister { rm } => {
                if rm != LR {
                    self.call(self.callee(state.get(rm)), state.depth);
                }
                return Ok(());
            }
            Instruction::Pop { returns: true, .. } | Instruction::Undefined | Instruction::Move { rd: PC, rm: LR } => {
                return Ok(());
            }
            Instruction::Move { rd: PC, .. } | Instruction::AddRegister { rd: PC, .. } => {
                let jumps = self.jumps.take();
                self.jumps = Some(jumps.map_or_else(|| state.clone(), |jumps| jumps.joined(&state)));
                return Ok(());
            }
            Instruction::Push { .. }
            | Instruction::Pop { .. }
            | Instruction::AddToSp { .. }
            | Instruction::Add { .. }
            | Instruction::AddRegister { .. }
            | Instruction::Move { .. }
            | Instruction::Set { .. }
            | Instruction::ShiftLeft { .. }
            | Instruction::Negate { .. }
            | Instruction::LoadLiteral { .. }
            | Instruction::LoadFromStack { .. }
            | Instruction::StoreToStack { .. }
            | Instruction::Load { .. }
            | Instruction::Other { .. } => self.change(&mut state, instruction)?,
        }
        self.frame.bytes = self.frame.bytes.max(u32::try_from(state.depth).unwrap_or_default());
        self.go_to(address + bytes, state);
        Ok(())
    }

    /// What an instruction that goes nowhere does to what is known.
    fn change(&mut self, state: &mut State, instruction: Instruction) -> Result<(), String> {
        match instruction {
            Instruction::Push { bytes } => state.depth += i64::from(bytes),
            Instruction::Pop { bytes, low, .. } => {
                state.depth -= i64::from(bytes);
                state.forget(u16::from(low));
            }
            Instruction::AddToSp { bytes } => state.depth -= i64::from(bytes),
            Instruction::Add { rd, rn, number } => state.set(rd, state.get(rn).plus(number))?,
            Instruction::AddRegister { rd, rm } => {
                let sum = match (state.get(rd), state.get(rm)) {
                    (Value::Constant(number), value) | (value, Value::Constant(number)) => {
                        value.plus(number.cast_signed())
                    }
                    _ => Value::Unknown,
                };
                state.set(rd, sum)?;
            }
            Instruction::Move { rd, rm } => state.set(rd, state.get(rm))?,
            Instruction::Set { rd, number } => state.set(rd, Value::Constant(number))?,
            Instruction::ShiftLeft { rd, rm, bits: 0 } => state.set(rd, state.get(rm))?,
            Instruction::ShiftLeft { rd, rm, bits } => state.set(rd, state.get(rm).map(|number| number << bits))?,
            Instruction::Negate { rd, rm } => state.set(rd, state.get(rm).map(u32::wrapping_neg))?,
            Instruction::LoadLiteral { rd, address } => {
                let word = self.image.word(address);
                self.frame.loads.extend(word.and_then(|word| self.image.function(word)));
                state.set(rd, word.map_or(Value::Unknown, Value::Constant))?;
            }
            Instruction::LoadFromStack { rd, offset } => {
                let at = state.depth - i64::from(offset);
                let word = state.words.get(&at).copied().unwrap_or(Value::Unknown);
                state.set(rd, word)?;
            }
            Instruction::StoreToStack { rd, offset } => {
                state.words.insert(state.depth - i64::from(offset), state.get(rd));
            }
            Instruction::Load { rd, offset, .. } => state.set(rd, Value::Read(offset))?,
            Instruction::Other { changes } => state.forget(u16::from(changes)),
            Instruction::Branch { .. }
            | Instruction::Call { .. }
            | Instruction::CallRegister { .. }
            | Instruction::BranchRegister { .. }
            | Instruction::Undefined => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the instructions of a test begin.
    const CODE: u32 = 0x100;
    const TOP: u32 = 0x2000_4000;
    /// A name that a function has which is called by way of a table.
    const CLOSURE: &str = "a$u7b$$u7b$closure$u7d$$u7d$";

    fn image(code: &[u16], functions: &[(u32, u32, &str)], constants: &[u32]) -> Image {
        let code = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let constants = constants.iter().flat_map(|word| word.to_le_bytes()).collect();
        let functions = functions
            .iter()
            .map(|(begin, end, name)| (*begin, (*end, (*name).to_owned())));
        Image {
            sections: vec![(CODE, true, code), (0x1000, false, constants)],
            functions: functions.collect(),
            constants: BTreeMap::new(),
            statics_end: 0x2000_0010,
            vectors: vec![TOP, CODE | 1],
        }
    }

    #[test]
    fn frames_of_numbers_and_of_constants_add_up_along_calls() {
        let code = [
            0xB510, 0xB082, 0xF000, 0xF804, 0xB002, 0xBD10, 0x46C0, 0x46C0, // push, sub sp #8, bl 0x110
            0xB5F0, 0x4E02, 0x44B5, 0x4E02, 0x44B5, 0xBDF0, 0xFE00, 0xFFFF, 0x0200,
            0x0000, // add sp, -512 and 512
        ];
        let mut image = image(&code, &[(0x100, 0x110, "main"), (0x110, 0x124, "leaf")], &[]);
        let depth = image.depth().unwrap();
        assert_eq!((depth.bytes, depth.room), (16 + 532, 0x3FF0));
        assert_eq!(depth.way, [("main".to_owned(), 16), ("leaf".to_owned(), 532)]);
        assert!(depth.circles.is_empty() && depth.guessed == 0);
        image.vectors.resize(FIRST_INTERRUPT, 0);
        image.vectors.push(0x111);
        assert_eq!(image.depth().unwrap().bytes, 16 + 532 + 532 + FRAME_BYTES);
    }

    /// The address of what is called is loaded, put on the stack, and loaded from there.
    #[test]
    fn constants_are_followed_by_way_of_the_stack() {
        let code = [
            0xB500, 0xB081, 0x4802, 0x9000, 0x9B00, 0x4798, 0xB001, 0xBD00, 0x0115, 0x0000, 0xB510, 0xBD10,
        ];
        let image = image(&code, &[(0x100, 0x114, "main"), (0x114, 0x118, "leaf")], &[]);
        let depth = image.depth().unwrap();
        assert_eq!((depth.bytes, depth.guessed), (16, 0));
    }

    #[test]
    fn method_of_a_table_is_called_and_a_circle_counts_once() {
        // ldr r3, [r3, #12]; blx r3
        let code = [0xB500, 0x68DB, 0x4798, 0xBD00, 0xB5F0, 0xF7FF, 0xFFF9, 0xBDF0];
        let table = [0, 4, 4, 0x109, 0x109, 0x8000];
        let functions = [(0x100, 0x108, "main"), (0x108, 0x110, CLOSURE)];
        let depth = image(&code, &functions, &table).depth().unwrap();
        assert_eq!((depth.bytes, depth.guessed), (4 + 20, 1));
        assert_eq!(depth.circles.len(), 1);
        assert_eq!(depth.circles[0].len(), 2);
        // One that the source does not name is not called, and a call of nobody is no call that was understood.
        let functions = [(0x100, 0x108, "main"), (0x108, 0x110, "another")];
        let wrong = image(&code, &functions, &table).depth().unwrap_err();
        assert!(wrong.contains("main calls nobody"), "{wrong}");
    }

    #[test]
    fn jump_by_a_table_goes_on_wherever_nobody_came() {
        // push; add pc, r0; sub sp, #8; add sp, #8; pop
        let code = [0xB510, 0x4487, 0xB082, 0xB002, 0xBD10];
        let depth = image(&code, &[(0x100, 0x10A, "main")], &[]).depth().unwrap();
        assert_eq!(depth.bytes, 16);
    }

    #[test]
    fn stack_without_a_bound_is_an_error() {
        // push; b to it
        let wrong = image(&[0xB410, 0xE7FD], &[(0x100, 0x104, "main")], &[])
            .depth()
            .unwrap_err();
        assert!(wrong.contains("each time around"), "{wrong}");
        // add sp, r6
        let wrong = image(&[0x44B5, 0x4770], &[(0x100, 0x104, "main")], &[])
            .depth()
            .unwrap_err();
        assert!(wrong.contains("where nobody knows"), "{wrong}");
    }
}
