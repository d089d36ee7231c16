//! `cargo xtask bench stack`: what each phase of a small device takes of its stack, on an emulated microcontroller.
//!
//! - The simulator of the tests writes the repositories, stage by stage; the program `tuffet-stack` of the boards' workspace
//!   lives through them as a device does, and paints its stack before each phase.
//! - It runs on a Cortex-M3 and is built for a Cortex-M0: each instruction of that one is one of this one.
//! - The stack follows from the compiler, so the same compiler gives the same figures.

use serde_json::{Value, json};

use crate::bare_metal;
use crate::bare_metal::toolchain::{Source, Toolchain};
use crate::bench::emulator;
use crate::failure::{Blame, Failure, conclude};
use crate::table::{Align, Table};

/// All RAM of the smallest part that we serve.
const RAM_BYTES: u64 = 16 * 1024;

/// A board with memory to spare.
const BOARD: [&str; 2] = ["-machine", "mps2-an385"];

/// Measure the stack of a small device.
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
    let program = bare_metal::build_boards(&toolchain, ["--package", "tuffet-stack"])?.join("tuffet-stack");

    let stages = tempfile::Builder::new().prefix("tuffet-stages-").tempdir();
    let stages = stages.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
    emulator::write_with("small_stages", stages.path())?;

    let (printed, is_well) = emulator::run(&BOARD, &program, stages.path())?;
    let measured = Measured::parse(&printed).filter(|_| is_well);
    let measured = measured.ok_or_else(|| {
        let printed = printed.trim_end();
        Failure::refused(format!("the device did not live through its phases:\n{printed}"))
    })?;
    print!("{}\n{}", measured.phase_table(), measured.size_table());
    println!(
        "Bytes of stack below the caller, and instructions. A part with {RAM_BYTES} B of RAM needs the largest of them and \
         `Client` and `Device`;\n`Update` and what follows stand on the stack while they are used."
    );
    let report = arguments.json.then(|| measured.json(&toolchain)).transpose()?;
    conclude(Ok(()), report)
}

/// What the program said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Measured {
    phases: Vec<Phase>,
    /// Bytes of values, by their types.
    sizes: Vec<(String, u64)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Phase {
    name: String,
    stack: u64,
    instructions: u64,
}

impl Measured {
    /// Reads `phase STACK INSTRUCTIONS NAME` and `size BYTES NAME`, line by line; anything else is no answer.
    fn parse(text: &str) -> Option<Self> {
        let mut measured = Self::default();
        for line in text.lines() {
            match line.split_once(' ')? {
                ("phase", rest) => {
                    let (stack, rest) = rest.split_once(' ')?;
                    let (instructions, name) = rest.split_once(' ')?;
                    measured.phases.push(Phase {
                        name: name.to_owned(),
                        stack: stack.parse().ok()?,
                        instructions: instructions.parse().ok()?,
                    });
                }
                ("size", rest) => {
                    let (bytes, name) = rest.split_once(' ')?;
                    measured.sizes.push((name.to_owned(), bytes.parse().ok()?));
                }
                _ => return None,
            }
        }
        (!measured.phases.is_empty()).then_some(measured)
    }

    fn phase_table(&self) -> Table {
        let columns = [
            ("phase", Align::Left),
            ("stack", Align::Right),
            ("of 16 KiB", Align::Right),
            ("instructions", Align::Right),
        ];
        let mut table = Table::new(&columns);
        for phase in &self.phases {
            let percent = format!("{} %", phase.stack * 100 / RAM_BYTES);
            let cells = [
                phase.name.clone(),
                phase.stack.to_string(),
                percent,
                phase.instructions.to_string(),
            ];
            table.row(cells);
        }
        table
    }

    fn size_table(&self) -> Table {
        let mut table = Table::new(&[("value", Align::Left), ("bytes", Align::Right)]);
        for (name, bytes) in &self.sizes {
            table.row([name.clone(), bytes.to_string()]);
        }
        table
    }

    fn json(&self, toolchain: &Toolchain) -> Result<Value, Failure> {
        let phases: Vec<Value> = self
            .phases
            .iter()
            .map(|phase| json!({"name": phase.name, "stack": phase.stack, "instructions": phase.instructions}))
            .collect();
        let sizes: Vec<Value> = self
            .sizes
            .iter()
            .map(|(name, bytes)| json!({"name": name, "bytes": bytes}))
            .collect();
        let compiler = toolchain.version()?;
        Ok(json!({
            "toolchain": toolchain.source(), "compiler": compiler, "ram_bytes": RAM_BYTES,
            "phases": phases, "sizes": sizes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_prints_is_read_and_a_failure_is_not() {
        let measured = Measured::parse("size 168 Client\nphase 4300 1000 boot, trial\nphase 10 20 fail\n").unwrap();
        assert_eq!(measured.sizes, [("Client".to_owned(), 168)]);
        assert_eq!(
            (measured.phases[0].name.as_str(), measured.phases[0].stack),
            ("boot, trial", 4_300)
        );
        let text = measured.phase_table().to_string();
        assert!(text.contains("26 %") && text.lines().count() == 4, "{text}");
        assert_eq!(Measured::parse("size 168 Client\nphase 1 2 boot\nwrong: cycle\n"), None);
        assert_eq!(Measured::parse("size 168 Client\n"), None);
    }
}
