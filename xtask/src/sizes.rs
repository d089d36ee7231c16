//! `cargo xtask sizes`: what the firmware of the emulated board takes, held to its budgets.
//!
//! - Flash and statics are those of the linked programs.
//! - The stack is painted, and looked at after a whole update under the emulator: a release by delta, its trial, its
//!   confirmation. The test rig drives it, and prints what the board says.
//! - Erases are counted by the board, page by page: of that update, of one where slots are exchanged, and of its revert.

use serde_json::{Value, json};

use crate::bare_metal::elf::{self, Sections};
use crate::bare_metal::toolchain::Source;
use crate::bare_metal::{self, CLIENT, CLIENT_FLASH_BYTES_MAX};
use crate::bench::emulator;
use crate::board::{self, APPLICATIONS, BOOTLOADERS, MICROBIT_APPLICATIONS, MICROBIT_BOOTLOADER};
use crate::failure::{Failure, conclude};
use crate::table::{Align, Table};

const KIB: u64 = 1024;

/// Flash of the bootloader.
const BOOTLOADER_BYTES_MAX: u64 = 16 * KIB;
/// Flash of the bootloader of the board `microbit`.
const MICROBIT_BOOTLOADER_BYTES_MAX: u64 = 12 * KIB;
/// Flash of its application: a slot.
const MICROBIT_APPLICATION_BYTES_MAX: u64 = 95 * KIB;
/// Flash of the client on a Cortex-M0. It shall be [`CLIENT_FLASH_BYTES_MAX`]; until it is, it takes no more than this, which is only
/// ever made smaller.
const CLIENT_BYTES_FOR_NOW: u64 = 73 * KIB;
/// Flash of the application, network stack included.
const APPLICATION_BYTES_MAX: u64 = 128 * KIB;
/// RAM that the board has for the application, and how much of it must not have been used: a stack that went through the statics
/// leaves nothing.
const RAM_BYTES: u64 = 64 * KIB;
const UNUSED_BYTES_MIN: u64 = KIB;
/// RAM of the application: statics and stack.
const RAM_BYTES_MAX: u64 = RAM_BYTES - UNUSED_BYTES_MIN;

/// What the rig runs to see how deep the stack grows.
const MEASURED_BY: &str = "board_update";

/// Hold the firmware of the emulated board to its budgets.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which compiler to use; without it, the first that this machine has or can get.
    #[arg(long, value_enum)]
    toolchain: Option<Source>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// One figure, and what it may be.
struct Budget {
    what: &'static str,
    unit: &'static str,
    measured: u64,
    max: u64,
}

/// The most erases of a page in one update, by what the rig calls the part; [`Budget`] says what they are.
const ERASES: [(&str, &str, &str, u64); 10] = [
    ("xip", "running", "xip, page of the running slot", 0),
    ("xip", "spare", "xip, page of the spare slot", 1),
    ("xip", "records", "xip, page of records", 2),
    ("xip", "checkpoints", "xip, page of checkpoints", 4),
    ("swap", "running", "swap, page of the running place", 1),
    ("swap", "staged", "swap, page of the staged place", 2),
    ("swap", "records", "swap, page of records", 2),
    ("swap", "checkpoints", "swap, page of checkpoints", 4),
    ("revert", "running", "swap, page of the running place, revert", 1),
    ("revert", "staged", "swap, page of the staged place, revert", 1),
];

/// Builds, measures, prints, and judges.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let built = board::build(arguments.toolchain)?;
    let [application, ..] = APPLICATIONS;
    let [microbit_application, ..] = MICROBIT_APPLICATIONS;
    let [xip, swap] = BOOTLOADERS.map(|program| elf::sections(&built.programs.join(program)));
    let programs = Programs {
        bootloaders: [xip?, swap?],
        application: elf::sections(&built.programs.join(application))?,
        microbit_bootloader: elf::sections(&built.microbit_programs.join(MICROBIT_BOOTLOADER))?,
        microbit_application: elf::sections(&built.microbit_programs.join(microbit_application))?,
        client: bare_metal::client(arguments.toolchain)?,
    };
    let update = emulator::print_with(MEASURED_BY, &[("TUFFET_BOARDS", built.folder.as_os_str())])?;
    let budgets = budgets(&programs, &update);
    print!("{}", table(&budgets));
    let client = programs.client.flash();
    if client > CLIENT_FLASH_BYTES_MAX {
        println!(
            "`{CLIENT}` shall take {CLIENT_FLASH_BYTES_MAX} B in the end, and takes {client}; its budget is what it may take until then."
        );
    }
    println!("One update by delta, its trial and its confirmation under the emulator: {update}");
    let over: Vec<&Budget> = budgets.iter().filter(|budget| budget.is_over()).collect();
    let verdict = if over.is_empty() {
        Ok(())
    } else {
        let lines: Vec<String> = over.iter().map(|budget| budget.sentence()).collect();
        Err(Failure::refused(format!("over budget: {}", lines.join("; "))))
    };
    conclude(verdict, arguments.json.then(|| report(&budgets, &update)))
}

/// What the linked programs take.
struct Programs {
    /// With slots that run where they lie, and with slots that are exchanged.
    bootloaders: [Sections; 2],
    application: Sections,
    microbit_bootloader: Sections,
    microbit_application: Sections,
    client: Sections,
}

impl Budget {
    const fn is_over(&self) -> bool {
        self.measured > self.max
    }

    fn sentence(&self) -> String {
        format!("{} takes {} {} of {}", self.what, self.measured, self.unit, self.max)
    }

    const fn bytes(what: &'static str, measured: u64, max: u64) -> Self {
        let unit = "B";
        Self {
            what,
            unit,
            measured,
            max,
        }
    }
}

fn budgets(programs: &Programs, update: &Value) -> Vec<Budget> {
    // A figure that is missing is over every budget.
    let figure = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let [xip, swap] = programs.bootloaders.each_ref().map(Sections::flash);
    let ram = programs.application.statics().saturating_add(figure(&update["stack"]));
    let flash = |what, program: &Sections, max| Budget::bytes(what, program.flash(), max);
    let mut budgets = vec![
        Budget::bytes("bootloader, xip, flash", xip, BOOTLOADER_BYTES_MAX),
        Budget::bytes("bootloader, swap, flash", swap, BOOTLOADER_BYTES_MAX),
        flash(
            "microbit, bootloader, flash",
            &programs.microbit_bootloader,
            MICROBIT_BOOTLOADER_BYTES_MAX,
        ),
        flash(
            "microbit, application, flash",
            &programs.microbit_application,
            MICROBIT_APPLICATION_BYTES_MAX,
        ),
        flash("client on a Cortex-M0, flash", &programs.client, CLIENT_BYTES_FOR_NOW),
        flash("application, flash", &programs.application, APPLICATION_BYTES_MAX),
        Budget::bytes("application, RAM", ram, RAM_BYTES_MAX),
    ];
    budgets.extend(ERASES.map(|(strategy, part, what, max)| Budget {
        what,
        unit: "erases",
        measured: figure(&update["erases_of_a_page"][strategy][part]),
        max,
    }));
    budgets
}

fn table(budgets: &[Budget]) -> Table {
    let columns = [
        ("what", Align::Left),
        ("unit", Align::Left),
        ("measured", Align::Right),
        ("budget", Align::Right),
        ("left", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for budget in budgets {
        let left = i128::from(budget.max) - i128::from(budget.measured);
        table.row([
            budget.what.to_owned(),
            budget.unit.to_owned(),
            budget.measured.to_string(),
            budget.max.to_string(),
            left.to_string(),
        ]);
    }
    table
}

fn report(budgets: &[Budget], update: &Value) -> Value {
    let figures: Vec<Value> = budgets
        .iter()
        .map(|budget| json!({"what": budget.what, "unit": budget.unit, "measured": budget.measured, "max": budget.max, "missed": budget.is_over()}))
        .collect();
    json!({"budgets": figures, "update": update})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_above_its_budget_or_missing_is_over() {
        let sections = |code| Sections {
            code,
            ..Sections::default()
        };
        let over = |more: u64, update: Value| {
            let programs = Programs {
                bootloaders: [16 * KIB, 16 * KIB].map(|most| sections(most + more)),
                application: sections(128 * KIB + more),
                microbit_bootloader: sections(12 * KIB + more),
                microbit_application: sections(95 * KIB + more),
                client: sections(CLIENT_BYTES_FOR_NOW + more),
            };
            let budgets = budgets(&programs, &update);
            budgets.iter().map(Budget::is_over).collect::<Vec<_>>()
        };
        let erases = json!({
            "xip": {"running": 0, "spare": 1, "records": 2, "checkpoints": 4},
            "swap": {"running": 1, "staged": 2, "records": 2, "checkpoints": 4},
            "revert": {"running": 1, "staged": 1},
        });
        let most = json!({"stack": RAM_BYTES_MAX, "erases_of_a_page": erases});
        assert_eq!(over(0, most), [false; 17]);
        assert_eq!(over(1, json!({})), [true; 17]);
    }
}
