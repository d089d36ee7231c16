//! `cargo xtask fuzz [TARGET]`: lets libFuzzer look for bytes that break a core.
//!
//! - Targets and their seeds stand in `integration/fuzz`; `cargo xtask test` runs every seed without a fuzzer.
//! - What the fuzzer finds on the way is kept in `integration/fuzz/corpus`, which is not committed.
//! - A crash is an artifact: it becomes a seed, under a name that says what was wrong, together with the fix.

use std::path::Path;
use std::time::Duration;

use crate::failure::{Blame, Failure};
use crate::process::{Tool, is_on_path};
use crate::workspace;

/// Look for bytes that break a core.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only this target; without it, all of them, one after the other.
    target: Option<String>,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
}

/// Bytes of an input: more than the largest file that a small device reads.
const INPUT_BYTES_MAX: u32 = 16 * 1024;

/// Building with a sanitizer, from nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// Fuzzes each target for this long.
pub fn each(seconds: u32) -> Result<(), Failure> {
    run(&Arguments { target: None, seconds })
}

/// Builds and runs the targets; the first crash ends the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = workspace::root()?;
    let fuzz = root.join("integration/fuzz");
    let targets = chosen(&fuzz, arguments.target.as_deref())?;
    workspace::use_root_lock(&root, &fuzz)?;
    get_cargo_fuzz()?;
    for target in targets {
        let corpus = fuzz.join("corpus").join(&target);
        std::fs::create_dir_all(&corpus).map_err(|error| Failure::file("cannot make", &corpus, &error))?;
        let cargo = Tool::new("cargo").args(["fuzz", "run", "--fuzz-dir"]).arg(&fuzz);
        let cargo = cargo.arg("--target-dir").arg(workspace::target_dir(&root).join("fuzz"));
        let cargo = cargo.args([&target]).arg(&corpus).arg(fuzz.join("seeds").join(&target));
        let seconds = arguments.seconds;
        let cargo = cargo.args([
            "--".to_owned(),
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
        ]);
        // A sanitizer is a nightly option; the stable compiler has it behind this switch.
        let cargo = cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .folder(&root)
            .env_remove("CARGO_TARGET_DIR");
        if !cargo
            .limit(BUILD_LIMIT + Duration::from_secs(u64::from(seconds) * 2))
            .show()?
        {
            let text = format!(
                "{target} broke: the bytes are the newest file in {}",
                fuzz.join("artifacts").display()
            );
            return Err(Failure::refused(format!("{text}; they become a seed, with the fix")));
        }
    }
    Ok(())
}

fn chosen(fuzz: &Path, wanted: Option<&str>) -> Result<Vec<String>, Failure> {
    let folder = fuzz.join("fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|error| Failure::file("cannot read", &folder, &error))?;
    let names = files
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut targets: Vec<String> = names.collect();
    targets.sort();
    let Some(wanted) = wanted else { return Ok(targets) };
    if targets.iter().any(|target| target == wanted) {
        return Ok(vec![wanted.to_owned()]);
    }
    Err(Failure::new(
        Blame::Usage,
        format!("there is no target `{wanted}`; there are {}", targets.join(", ")),
    ))
}

fn get_cargo_fuzz() -> Result<(), Failure> {
    if is_on_path("cargo-fuzz") {
        return Ok(());
    }
    eprintln!("fuzz: cargo install --locked cargo-fuzz");
    Tool::new("cargo")
        .args(["install", "--quiet", "--locked", "cargo-fuzz"])
        .limit(BUILD_LIMIT)
        .read()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_and_a_wrong_name_lists_them() {
        let fuzz = workspace::root().unwrap().join("integration/fuzz");
        assert!(chosen(&fuzz, None).unwrap().contains(&"wire_scanner".to_owned()));
        assert_eq!(chosen(&fuzz, Some("boot_records")).unwrap(), ["boot_records"]);
        let failure = chosen(&fuzz, Some("no_such_target")).unwrap_err();
        assert!(failure.to_string().contains("boot_records"), "{failure}");
    }

    #[test]
    fn every_target_has_seeds_that_are_run_as_a_test() {
        let root = workspace::root().unwrap();
        let test = std::fs::read_to_string(root.join("integration/tests/fuzz_seeds.rs")).unwrap();
        for target in chosen(&root.join("integration/fuzz"), None).unwrap() {
            assert!(
                test.contains(&format!("each_seed(\"{target}\", targets::{target}::run)")),
                "{target}"
            );
        }
    }
}
