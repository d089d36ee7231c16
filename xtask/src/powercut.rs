//! `cargo xtask powercut`: the power is cut at every flash operation of every scenario, and bits rot, and operations fail.
//!
//! - The program `tuffet-powercut` does it, on the flash model that is specified in `integration/src/nor`. What it tries is also
//!   what the tests assert; here it is told in tables, and there may be much more of it.
//! - `--mutants` turns the question around: known bugs of others are put into a copy of the tree, and each must be found.

mod mutants;
mod tree;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Blame, Failure, conclude};
use crate::process::Tool;
use crate::workspace;

/// A cold build, or all of `--deep`, on two busy processors.
const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// Cut the power of simulated devices everywhere.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Every cut is lived to its end, every bit is flipped, and there are many times the random cuts.
    #[arg(long)]
    deep: bool,
    /// Put known bugs into a copy of the tree, and see each of them found.
    #[arg(long, conflicts_with_all = ["deep", "only"])]
    mutants: bool,
    /// Only this sweep; may be given more than once. A wrong name lists them all.
    #[arg(long, value_name = "SWEEP")]
    only: Vec<String>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds the program, runs it, and fails when it found something.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.mutants {
        let (verdict, report) = mutants::run()?;
        return conclude(verdict, arguments.json.then_some(report));
    }
    let root = workspace::root()?;
    let program = built(PROGRAM, &root, &workspace::target_dir(&root))?;
    let mut tool = Tool::new(program).limit(LIMIT);
    if arguments.deep {
        tool = tool.arg("--deep");
    }
    for name in &arguments.only {
        tool = tool.args(["--only", name]);
    }
    if !arguments.json {
        return found(tool.show_code()?);
    }
    let printed = tool.arg("--json").capture()?;
    eprint!("{}", printed.errors);
    let (tables, report) = taken_apart(&printed.output);
    print!("{tables}");
    conclude(found(printed.status.code()), report)
}

/// The program, and what it is built from.
const PROGRAM: &str = "tuffet-powercut";

/// Builds a program of the simulators in a tree, into a target folder, and answers where it is.
pub fn built(program: &str, root: &Path, target: &Path) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = Tool::new(cargo)
        .args(["build", "--quiet", "--package", "tuffet-integration", "--bin", program])
        .arg("--target-dir")
        .arg(target)
        .folder(root)
        .limit(LIMIT);
    if build.show()? {
        Ok(target.join("debug").join(program))
    } else {
        Err(Failure::refused(format!("`{program}` does not build; see above")))
    }
}

fn found(code: Option<i32>) -> Result<(), Failure> {
    match code {
        Some(0) => Ok(()),
        Some(1) => Err(Failure::refused("what must hold does not; see what was FOUND above")),
        Some(2) => Err(Failure::new(Blame::Usage, "see above")),
        Some(_) | None => Err(Failure::new(Blame::Storage, "the program ended by itself; see above")),
    }
}

/// What is for people, and the object of the last line.
fn taken_apart(output: &str) -> (String, Option<Value>) {
    let output = output.trim_end();
    let (tables, last) = output.rsplit_once('\n').unwrap_or(("", output));
    match serde_json::from_str(last) {
        Ok(object) => (format!("{tables}\n"), Some(object)),
        Err(_) => (format!("{output}\n"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_the_report() {
        let (tables, report) = taken_apart("| a |\n\n{\"ok\":true}\n");
        assert_eq!(tables, "| a |\n\n");
        assert_eq!(report, Some(serde_json::json!({ "ok": true })));
        let (tables, report) = taken_apart("killed");
        assert_eq!((tables.as_str(), report), ("killed\n", None));
    }
}
