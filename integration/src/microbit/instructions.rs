//! What the processor of the board executed: how often each instruction of the flash, counted by the emulator itself.
//!
//! - A plugin of the emulator, `integration/boards/plugins/instruction_counts.rs`, is built with `rustc` and counts into a file.
//! - Cycles are those of the Cortex-M0 Technical Reference Manual (ARM DDI 0432C, section 3.3) without wait states: one, but two for a load or a store,
//!   one and one more for each register of several, three for a jump that is taken, four for a call. A multiplication takes one or 32, as the
//!   part was made; both are answered. How often a conditional jump was taken is what did not go on behind it.
//! - Instructions that take bytes of the line and wait for them are counted apart: the emulated line has another speed than a real one.

use super::firmware::Firmware;
use object::{Object as _, ObjectSymbol as _, SymbolKind};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tuffet_boot::Slot;

/// The source of the plugin.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/plugins/instruction_counts.rs");
/// Emulators whose plugins have the interface that it is written for.
const VERSIONS: [&str; 2] = ["version 7.", "version 8."];
/// Pieces of the names of functions, as the linker knows them, and what they do. The first that fits counts.
const PARTS: [(&str, &str); 18] = [
    ("4link6device13Link$LT$L$GT$6listen", LINE),
    ("clock5Clock12microseconds", LINE),
    ("ed25519", "ed25519"),
    ("sha2", "SHA-2"),
    ("17compiler_builtins3mem", MEMORY),
    ("__aeabi_mem", MEMORY),
    ("memcpy", MEMORY),
    ("memset", MEMORY),
    ("memcmp", MEMORY),
    ("tuffet_patch", "decoder"),
    ("tuffet_wire", "JSON"),
    ("tuffet_tuf", "TUF"),
    ("tuffet_release", "release"),
    ("tuffet_boot", "boot record"),
    ("4link", "link"),
    ("nrf51", "drivers"),
    ("17compiler_builtins", ARITHMETIC),
    ("__aeabi_", ARITHMETIC),
];
/// Takes bytes of the line and waits for them.
const LINE: &str = "line";
const MEMORY: &str = "memory functions";
const ARITHMETIC: &str = "wide arithmetic";
const OTHERS: &str = "others";

/// The plugin, and the file that it counts into.
#[derive(Clone)]
pub struct Counter {
    plugin: PathBuf,
    counts: PathBuf,
    places: usize,
}

/// How often the instruction at each two bytes of flash was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<u64>);

/// What some of them were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Instructions, without those of the line.
    pub instructions: u64,
    /// Cycles of these, if a multiplication takes one.
    pub cycles: u64,
    /// Multiplications.
    pub multiplications: u64,
    /// Instructions of each part of the program, also of the line.
    pub parts: BTreeMap<&'static str, u64>,
}

/// Which part of a program each address is.
pub struct Parts(Vec<(u32, u32, &'static str)>);

impl Counter {
    /// For so many bytes of flash, in this folder. `None`: this emulator has another interface.
    ///
    /// # Panics
    ///
    /// When the plugin cannot be built, or the file not be written.
    #[must_use]
    pub fn new(folder: &Path, flash_bytes: usize) -> Option<Self> {
        static VERSION: LazyLock<String> = LazyLock::new(|| {
            let said = Command::new("qemu-system-arm").arg("--version").output();
            said.map_or_else(
                |_| String::new(),
                |said| String::from_utf8_lossy(&said.stdout).into_owned(),
            )
        });
        if !VERSIONS.iter().any(|version| VERSION.contains(version)) {
            return None;
        }
        let plugin = folder.join("instruction_counts.so");
        if !plugin.exists() {
            let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
            let built = Command::new(rustc)
                .args(["--edition", "2024", "-O", "--crate-type", "cdylib", "-o"])
                .args([plugin.as_os_str(), SOURCE.as_ref()])
                .status();
            assert!(built.is_ok_and(|status| status.success()), "the plugin cannot be built");
        }
        let counts = folder.join("counts");
        let places = flash_bytes / 2;
        std::fs::write(&counts, vec![0; places * size_of::<u64>()]).expect("the folder can be written");
        Some(Self { plugin, counts, places })
    }

    /// Lets an emulator count, from zero.
    pub fn count(&self, emulator: &mut Command) {
        let (plugin, counts) = (self.plugin.display(), self.counts.display());
        emulator.arg("-plugin").arg(format!("file={plugin},counts={counts}"));
    }

    /// What was executed since the emulator was started, of a processor that stands still.
    pub fn read(&self) -> io::Result<Counts> {
        let bytes = std::fs::read(&self.counts)?;
        let (words, _) = bytes.as_chunks::<8>();
        assert_eq!(words.len(), self.places, "the file of the plugin has another length");
        Ok(Counts(words.iter().map(|word| u64::from_ne_bytes(*word)).collect()))
    }
}

impl Counts {
    /// What was executed between an earlier look and this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.0.iter().zip(&earlier.0);
        Self(pairs.map(|(now, then)| now - then).collect())
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.0.resize(other.0.len().max(self.0.len()), 0);
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += count;
        }
    }

    /// What that was, by the contents of the flash.
    #[must_use]
    pub fn executed(&self, flash: &[u8], parts: &Parts) -> Executed {
        let mut executed = Executed::default();
        let (words, _) = flash.as_chunks::<2>();
        for (place, (count, word)) in self.0.iter().zip(words).enumerate() {
            if *count == 0 {
                continue;
            }
            let part = parts.of(place as u32 * 2);
            *executed.parts.entry(part).or_default() += count;
            if part == LINE {
                continue;
            }
            let word = u16::from_le_bytes(*word);
            let went_on = self.0.get(place + 1).copied().unwrap_or_default().min(*count);
            executed.instructions += count;
            executed.cycles += cycles(word, *count, went_on);
            if word & 0xFFC0 == 0x4340 {
                executed.multiplications += count;
            }
        }
        executed
    }
}

/// Cycles of an instruction that begins so, executed so often; behind it so often went on what stands there.
fn cycles(word: u16, count: u64, went_on: u64) -> u64 {
    let several = |mask: u16| u64::from((word & mask).count_ones());
    let each = match word >> 12 {
        // With the program counter: a jump.
        0b0100 if word & 0xFF00 == 0x4700 || (word & 0xFD87 == 0x4487) => 3,
        // A load from behind the program.
        0b0100 if word & 0x0800 != 0 => 2,
        0b0101..=0b1001 => 2,
        0b1011 if word & 0xFE00 == 0xB400 => 1 + several(0x1FF),
        0b1011 if word & 0xFF00 == 0xBD00 => 4 + several(0xFF),
        0b1011 if word & 0xFE00 == 0xBC00 => 1 + several(0xFF),
        0b1100 => 1 + several(0xFF),
        0b1101 => return count + 2 * (count - went_on),
        0b1110 => 3,
        // A call, a barrier, a special register.
        0b1111 => 4,
        _ => 1,
    };
    count * each
}

impl Executed {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.instructions += other.instructions;
        self.cycles += other.cycles;
        self.multiplications += other.multiplications;
        for (part, count) in &other.parts {
            *self.parts.entry(part).or_default() += count;
        }
    }
}

impl Parts {
    /// Those of all programs of this firmware.
    pub fn of_programs(firmware: &Firmware) -> io::Result<Self> {
        let mut parts = Vec::new();
        for program in [
            &firmware.bootloader,
            firmware.program(Slot::A),
            firmware.program(Slot::B),
        ] {
            let bytes = std::fs::read(program)?;
            let file = object::File::parse(bytes.as_slice()).map_err(io::Error::other)?;
            for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
                let (Ok(name), begin) = (symbol.name(), symbol.address() as u32 & !1) else {
                    continue;
                };
                let part = PARTS.iter().find(|(piece, _)| name.contains(piece));
                parts.push((
                    begin,
                    begin + symbol.size() as u32,
                    part.map_or(OTHERS, |(_, part)| *part),
                ));
            }
        }
        parts.sort_unstable();
        // What assemblers leave without a length ends where the next one begins.
        let begins: Vec<u32> = parts.iter().map(|(begin, _, _)| *begin).collect();
        for (begin, end, _) in parts.iter_mut().filter(|(begin, end, _)| begin == end) {
            *end = begins[begins.partition_point(|other| other <= begin)..]
                .first()
                .copied()
                .unwrap_or(u32::MAX);
        }
        Ok(Self(parts))
    }

    fn of(&self, address: u32) -> &'static str {
        let behind = self.0.partition_point(|(begin, _, _)| *begin <= address);
        let found = self.0[..behind].iter().rev().find(|(_, end, _)| address < *end);
        found.map_or(OTHERS, |(_, _, part)| *part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_those_of_the_manual() {
        let once = |word| cycles(word, 1, 1);
        let all = [
            (0x4348, 1, "muls"),
            (0x4640, 1, "mov r0, r8"),
            (0x4687, 3, "mov pc, r0"),
            (0x4487, 3, "add pc, r0"),
            (0x4770, 3, "bx lr"),
            (0x4798, 3, "blx r3"),
            (0x4801, 2, "ldr r0, [pc]"),
            (0x9801, 2, "ldr r0, [sp]"),
            (0x7008, 2, "strb"),
            (0xA801, 1, "add r0, sp"),
            (0xB082, 1, "sub sp"),
            (0xB5F0, 6, "push of five"),
            (0xBDF0, 8, "pop of four and pc"),
            (0xBC01, 2, "pop of one"),
            (0xC907, 4, "ldm of three"),
            (0xE7FE, 3, "b"),
            (0xF000, 4, "bl"),
        ];
        for (word, expected, name) in all {
            assert_eq!(once(word), expected, "{name}");
        }
        assert_eq!(cycles(0xD001, 10, 4), 4 + 6 * 3, "taken six times of ten");
    }

    #[test]
    fn line_is_counted_apart() {
        let parts = Parts(vec![(0, 4, LINE), (4, 8, "decoder")]);
        let mut counts = Counts(vec![9, 9, 2, 1]);
        counts.add(&Counts(vec![1, 1, 0, 0]));
        let flash: Vec<u8> = [0x46C0_u16, 0x46C0, 0x4348, 0x9801]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let executed = counts.executed(&flash, &parts);
        assert_eq!(
            (executed.instructions, executed.cycles, executed.multiplications),
            (3, 4, 2)
        );
        assert_eq!(executed.parts, BTreeMap::from([(LINE, 20), ("decoder", 3)]));
        assert_eq!(counts.since(&Counts(vec![9, 9, 2, 1])), Counts(vec![1, 1, 0, 0]));
    }
}
