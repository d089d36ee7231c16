//! `cargo xtask bench verify-small`: what the metadata verifier alone takes of a Cortex-M0.
//!
//! - The simulator of the tests writes a repository as one file: a root with new keys, three of five, timestamp, snapshot,
//!   targets, and a product role of 8 KiB. The program `tuffet-verifier` of the boards' workspace has it in flash, and follows
//!   it from the root before.
//! - Flash is what that program has more than the same one without a verifier. RAM is all that is in use at the deepest point of a
//!   step, session and statics included.
//! - The emulated part has more RAM than the real one, so that there are figures where it would not be enough.

use std::path::Path;

use serde_json::{Value, json};

use crate::bare_metal;
use crate::bare_metal::elf::{self, Sections};
use crate::bare_metal::toolchain::{Source, Toolchain};
use crate::bench::emulator;
use crate::failure::{Blame, Failure, conclude};
use crate::table::{Align, Table};

const PACKAGE: &str = "tuffet-verifier";
const PROGRAM: &str = "tuffet-verifier";
const EMPTY: &str = "tuffet-verifier-empty";

/// The file that the simulator writes, and where the program looks for it.
const REPOSITORY: &str = "repository.bin";
const BOARD: [&str; 6] = [
    "-machine",
    "microbit",
    "-global",
    "nrf51-soc.sram-size=65536",
    "-device",
    "loader,file=repository.bin,addr=0x20000,force-raw=on",
];

/// What we want it to be below.
const FLASH_BYTES_WANTED: u64 = 40 * 1024;
const RAM_BYTES_WANTED: u64 = 11 * 1024;

/// Measure the verifier on a small part.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which compiler to use; without it, the first that this machine has or can get.
    #[arg(long, value_enum)]
    toolchain: Option<Source>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds, runs and prints.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    emulator::is_there()?;
    let toolchain = bare_metal::chosen(arguments.toolchain)?;
    let programs = bare_metal::build_boards(&toolchain, ["--package", PACKAGE, "--bins"])?;
    let program = programs.join(PROGRAM);
    let sections = elf::sections(&program)?;
    let verifier = sections.more_than(&elf::sections(&programs.join(EMPTY))?);

    let folder = tempfile::Builder::new().prefix("tuffet-verifier-").tempdir();
    let folder = folder.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
    emulator::write_with("small_repository", &folder.path().join(REPOSITORY))?;
    let measured = Measured::of(&program, folder.path(), verifier, sections.statics())?;

    print!("{}\n{}", measured.step_table(), measured.whole_table());
    println!(
        "RAM is all that is in use: statics, session, and the stack down to its deepest byte; below the caller of a step it is \
         what stands\nunder `stack`. Flash is code and constants beyond the same program without a verifier."
    );
    let report = arguments.json.then(|| measured.json(&toolchain)).transpose()?;
    conclude(Ok(()), report)
}

/// What the program said, and what it is.
#[derive(Debug, PartialEq, Eq)]
struct Measured {
    steps: Vec<Step>,
    /// Bytes of values, by their types.
    sizes: Vec<(String, u64)>,
    verifier: Sections,
    statics: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Step {
    name: String,
    /// All that is in use, statics included.
    ram: u64,
    /// Of that, what the step itself put on the stack.
    stack: u64,
    instructions: u64,
}

impl Measured {
    fn of(program: &Path, folder: &Path, verifier: Sections, statics: u64) -> Result<Self, Failure> {
        let (printed, is_well) = emulator::run(&BOARD, program, folder)?;
        let measured = Self::parse(&printed, verifier, statics).filter(|_| is_well);
        measured.ok_or_else(|| {
            let printed = printed.trim_end();
            Failure::refused(format!("the device did not verify the repository:\n{printed}"))
        })
    }

    /// Reads `step USED STACK INSTRUCTIONS NAME` and `size BYTES NAME`, line by line; anything else is no answer.
    fn parse(text: &str, verifier: Sections, statics: u64) -> Option<Self> {
        let (mut steps, mut sizes) = (Vec::new(), Vec::new());
        for line in text.lines() {
            match line.split_once(' ')? {
                ("step", rest) => {
                    let mut parts = rest.splitn(4, ' ');
                    let mut number = || parts.next()?.parse::<u64>().ok();
                    let (used, stack, instructions) = (number()?, number()?, number()?);
                    steps.push(Step {
                        name: parts.next()?.to_owned(),
                        ram: used + statics,
                        stack,
                        instructions,
                    });
                }
                ("size", rest) => {
                    let (bytes, name) = rest.split_once(' ')?;
                    sizes.push((name.to_owned(), bytes.parse().ok()?));
                }
                _ => return None,
            }
        }
        (!steps.is_empty()).then_some(Self {
            steps,
            sizes,
            verifier,
            statics,
        })
    }

    fn ram_peak(&self) -> u64 {
        self.steps.iter().map(|step| step.ram).max().unwrap_or(0)
    }

    fn step_table(&self) -> Table {
        let columns = [
            ("step", Align::Left),
            ("RAM", Align::Right),
            ("stack", Align::Right),
            ("instructions", Align::Right),
        ];
        let mut table = Table::new(&columns);
        for step in &self.steps {
            let numbers = [step.ram, step.stack, step.instructions].map(|number| number.to_string());
            table.row(std::iter::once(step.name.clone()).chain(numbers));
        }
        table
    }

    fn whole_table(&self) -> Table {
        let columns = [
            ("", Align::Left),
            ("bytes", Align::Right),
            ("wanted below", Align::Right),
        ];
        let mut table = Table::new(&columns);
        let mut row = |name: &str, bytes: u64, wanted: Option<u64>| {
            let wanted = wanted.map_or_else(String::new, |bytes| bytes.to_string());
            table.row([name.to_owned(), bytes.to_string(), wanted]);
        };
        row("code", self.verifier.code, None);
        row("constants", self.verifier.constants, None);
        row("flash", self.verifier.flash(), Some(FLASH_BYTES_WANTED));
        row("statics", self.statics, None);
        for (name, bytes) in &self.sizes {
            row(name, *bytes, None);
        }
        row("RAM, peak", self.ram_peak(), Some(RAM_BYTES_WANTED));
        table
    }

    fn json(&self, toolchain: &Toolchain) -> Result<Value, Failure> {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "name": step.name, "ram": step.ram, "stack": step.stack, "instructions": step.instructions,
                })
            })
            .collect();
        let sizes: Vec<Value> = self
            .sizes
            .iter()
            .map(|(name, bytes)| json!({"name": name, "bytes": bytes}))
            .collect();
        let compiler = toolchain.version()?;
        Ok(json!({
            "toolchain": toolchain.source(), "compiler": compiler,
            "code": self.verifier.code, "constants": self.verifier.constants, "flash": self.verifier.flash(),
            "flash_wanted": FLASH_BYTES_WANTED, "statics": self.statics, "ram_peak": self.ram_peak(),
            "ram_wanted": RAM_BYTES_WANTED, "steps": steps, "sizes": sizes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_prints_is_read_and_a_failure_is_not() {
        let verifier = Sections {
            code: 30_000,
            constants: 500,
            ..Sections::default()
        };
        let parse = |text| Measured::parse(text, verifier, 12);
        let measured = parse("size 2288 Session\nstep 9000 7000 1413 root, no newer\nstep 80 10 2 begin\n").unwrap();
        assert_eq!(measured.sizes, [("Session".to_owned(), 2_288)]);
        assert_eq!(
            measured.steps[0],
            Step {
                name: "root, no newer".to_owned(),
                ram: 9_012,
                stack: 7_000,
                instructions: 1_413,
            }
        );
        assert_eq!(measured.ram_peak(), 9_012);
        let text = measured.whole_table().to_string();
        assert!(text.contains("30500") && text.contains("9012"), "{text}");
        assert_eq!(parse("step 1 2 3 root\nwrong: a fault of the processor\n"), None);
        assert_eq!(parse("size 2288 Session\n"), None);
    }
}
