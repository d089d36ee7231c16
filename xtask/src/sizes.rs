//! `cargo xtask sizes`: what the firmware of the emulated board takes, held to its budgets.
//!
//! - Flash and statics are those of the linked programs.
//! - The stack is painted, and looked at after a whole update under the emulator: a release by delta, its trial, its
//!   confirmation. The test rig drives it, and prints what the board says.

use serde_json::{Value, json};

use crate::bare_metal::elf::{self, Sections};
use crate::bare_metal::toolchain::Source;
use crate::bench::emulator;
use crate::board::{self, APPLICATIONS, BOOTLOADER};
use crate::failure::{Failure, conclude};
use crate::table::{Align, Table};

const KIB: u64 = 1024;

/// Flash of the bootloader.
const BOOTLOADER_BYTES_MAX: u64 = 16 * KIB;
/// Flash of the application, network stack included.
const APPLICATION_BYTES_MAX: u64 = 128 * KIB;
/// RAM of the application: statics and stack.
const RAM_BYTES_MAX: u64 = 64 * KIB;

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
    bytes: u64,
    bytes_max: u64,
}

/// Builds, measures, prints, and judges.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let built = board::build(arguments.toolchain)?;
    let [application, ..] = APPLICATIONS;
    let bootloader = elf::sections(&built.programs.join(BOOTLOADER))?;
    let application = elf::sections(&built.programs.join(application))?;
    let update = emulator::print_with(MEASURED_BY, &[("TUFFET_BOARDS", built.folder.as_os_str())])?;
    let budgets = budgets(bootloader, application, &update);
    print!("{}", table(&budgets));
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

impl Budget {
    const fn is_over(&self) -> bool {
        self.bytes > self.bytes_max
    }

    fn sentence(&self) -> String {
        format!("{} takes {} B of {}", self.what, self.bytes, self.bytes_max)
    }
}

fn budgets(bootloader: Sections, application: Sections, update: &Value) -> [Budget; 3] {
    // A figure that is missing is over every budget.
    let stack = update["stack"].as_u64().unwrap_or(u64::MAX);
    [
        Budget {
            what: "bootloader, flash",
            bytes: bootloader.flash(),
            bytes_max: BOOTLOADER_BYTES_MAX,
        },
        Budget {
            what: "application, flash",
            bytes: application.flash(),
            bytes_max: APPLICATION_BYTES_MAX,
        },
        Budget {
            what: "application, RAM",
            bytes: application.statics().saturating_add(stack),
            bytes_max: RAM_BYTES_MAX,
        },
    ]
}

fn table(budgets: &[Budget]) -> Table {
    let columns = [
        ("what", Align::Left),
        ("bytes", Align::Right),
        ("budget", Align::Right),
        ("left", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for budget in budgets {
        let left = i128::from(budget.bytes_max) - i128::from(budget.bytes);
        table.row([
            budget.what.to_owned(),
            budget.bytes.to_string(),
            budget.bytes_max.to_string(),
            left.to_string(),
        ]);
    }
    table
}

fn report(budgets: &[Budget], update: &Value) -> Value {
    let figures: Vec<Value> = budgets
        .iter()
        .map(|budget| json!({"what": budget.what, "bytes": budget.bytes, "bytes_max": budget.bytes_max}))
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
        let over = |bootloader, application, update: Value| {
            let budgets = budgets(sections(bootloader), sections(application), &update);
            budgets.map(|budget| budget.is_over())
        };
        assert_eq!(over(16 * KIB, 128 * KIB, json!({"stack": 64 * KIB})), [false; 3]);
        assert_eq!(over(16 * KIB + 1, 128 * KIB + 1, json!({})), [true; 3]);
    }
}
