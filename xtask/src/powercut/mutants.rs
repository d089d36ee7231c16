//! Known bugs, put into a copy of the tree on purpose: each must be found, or the sweeps show nothing.
//!
//! - No feature and no switch of the product weakens a check. The copy is edited: exact pieces of text, each of which must stand
//!   there once, are replaced by ones that ask which bug is on. So it is built once, and runs once for each bug.
//! - The copy has a target folder of its own: cargo would take its libraries for those of the tree.
//! - With no bug on, the edited program must find nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tree::Tree;
use crate::failure::Failure;
use crate::process::Tool;
use crate::table::{Align, Table};
use crate::workspace;

/// Which bug is on.
const SWITCH: &str = "TUFFET_MUTANT";
/// A short run takes seconds. A bug that hangs is found, too.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// As much of a finding as a table has room for.
const FIRST_CHARACTERS: usize = 100;

/// What a core needs to know which bug is on. It is no_std everywhere but here.
const SUPPORT: &str = r#"
extern crate std;

#[allow(missing_docs)]
pub fn is_mutant(name: &str) -> bool {
    static MUTANT: std::sync::OnceLock<std::string::String> = std::sync::OnceLock::new();
    MUTANT.get_or_init(|| std::env::var("TUFFET_MUTANT").unwrap_or_default()) == name
}

"#;

const BOOT: &str = "no-std-client/boot/src";
const CLIENT: &str = "no-std-client/src";

/// A known bug.
struct Mutant {
    name: &'static str,
    what: &'static str,
    /// The file, and the folder of its crate.
    file: (&'static str, &'static str),
    edits: &'static [(&'static str, &'static str)],
}

/// Bugs that other updaters had, and the ones that an exchange invites.
const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "counter-before-confirm",
        what: "the counter rises when the trial begins, and a revert has no image left that may run",
        file: (BOOT, "book.rs"),
        edits: &[(
            "            Kind::Confirmed => self.counter.max(said.placed.image.security_version),\n",
            "            Kind::Confirmed => self.counter.max(said.placed.image.security_version),\n            \
             Kind::Attempt if crate::is_mutant(\"counter-before-confirm\") => {\n                \
             self.counter.max(said.placed.image.security_version)\n            }\n",
        )],
    },
    Mutant {
        name: "progress-before-page",
        what: "a step of an exchange is marked as done before it is",
        file: (CLIENT, "flash/swap/exchange.rs"),
        edits: &[
            (
                "        let copied = copy(",
                "        if crate::is_mutant(\"progress-before-page\") {\n            journal.note(pet)?;\n        }\n        \
                 let copied = copy(",
            ),
            (
                "        journal.note(pet)?;\n    }\n    journal.close(pet)\n",
                "        if !crate::is_mutant(\"progress-before-page\") {\n            journal.note(pet)?;\n        }\n    }\n    \
                 journal.close(pet)\n",
            ),
        ],
    },
    Mutant {
        name: "magic-without-checksum",
        what: "a boot record is believed for its magic alone, torn as it may be",
        file: (BOOT, "record.rs"),
        edits: &[
            (
                "        if !intact {\n",
                "        if !intact && !crate::is_mutant(\"magic-without-checksum\") {\n",
            ),
            (
                "        if self.encode() != *bytes {\n",
                "        if intact && self.encode() != *bytes {\n",
            ),
        ],
    },
    Mutant {
        name: "torn-revert",
        what: "a revert is written in two steps: first that the slot is empty, then that its image failed",
        file: (BOOT, "boot_records.rs"),
        edits: &[(
            "        self.append(Kind::Failed, &trial)?;\n",
            "        if crate::is_mutant(\"torn-revert\") {\n            \
             self.append(Kind::Empty, &trial)?;\n        }\n        \
             self.append(Kind::Failed, &trial)?;\n",
        )],
    },
    Mutant {
        name: "unknown-means-boot",
        what: "records that nobody understands mean that slot A boots",
        file: (CLIENT, "bootloader.rs"),
        edits: &[(
            "            Boot::Recovery(recovery) => return Ok(Err(recovery)),\n",
            "            Boot::Recovery(Recovery::Damaged) if crate::is_mutant(\"unknown-means-boot\") => {\n                \
             let image = tuffet_boot::Image { digest: [0; 32], length: 400, security_version: 0 };\n                \
             let placed = Placed { slot: tuffet_boot::Slot::A, image };\n                \
             return Ok(Ok(Run { placed, why: tuffet_boot::Why::Confirmed }));\n            }\n            \
             Boot::Recovery(recovery) => return Ok(Err(recovery)),\n",
        )],
    },
    Mutant {
        name: "image-not-hashed",
        what: "an image boots because the record says so",
        file: (CLIENT, "bootloader.rs"),
        edits: &[(
            "    Ok(hasher.finalize().as_slice() == image.digest)\n",
            "    Ok(hasher.finalize().as_slice() == image.digest || crate::is_mutant(\"image-not-hashed\"))\n",
        )],
    },
    Mutant {
        name: "any-bit-is-a-mark",
        what: "a mark with any bit cleared says that its step is done",
        file: (CLIENT, "flash/swap/journal.rs"),
        edits: &[(
            "                says_done: cleared > HALF_BITS,\n",
            "                says_done: !crate::is_mutant(\"only-whole-marks\")\n                    \
             && cleared > if crate::is_mutant(\"any-bit-is-a-mark\") { 0 } else { HALF_BITS },\n",
        )],
    },
    Mutant {
        name: "only-whole-marks",
        what: "a mark with one flipped bit says that its step is not done",
        file: (CLIENT, "flash/swap/journal.rs"),
        edits: &[],
    },
    Mutant {
        name: "mark-over-mark",
        what: "a mark is written over what a cut left of one",
        file: (CLIENT, "flash/swap/journal.rs"),
        edits: &[(
            "        let (exchange, done) = self.newest()?;\n",
            "        let (exchange, done) = self.newest()?;\n        \
             if crate::is_mutant(\"mark-over-mark\") {\n            return Ok(());\n        }\n",
        )],
    },
    Mutant {
        name: "one-area",
        what: "each exchange is written over the one before",
        file: (CLIENT, "flash/swap/journal.rs"),
        edits: &[(
            "            (newest.area.other(), newest.begin.sequence.wrapping_add(1))\n",
            "            let area = if crate::is_mutant(\"one-area\") { newest.area } else { newest.area.other() };\n            \
             (area, newest.begin.sequence.wrapping_add(1))\n",
        )],
    },
    Mutant {
        name: "undo-not-noted",
        what: "where a step fails, the journal still says that the exchange goes on",
        file: (CLIENT, "flash/swap/exchange.rs"),
        edits: &[(
            "    journal.begin(back, back.steps().saturating_sub(done), pet)?;\n",
            "    if !crate::is_mutant(\"undo-not-noted\") {\n        \
             journal.begin(back, back.steps().saturating_sub(done), pet)?;\n    }\n",
        )],
    },
    Mutant {
        name: "unknown-journal-means-boot",
        what: "where the journal does not say what lies there, the running place boots as it is",
        file: (CLIENT, "bootloader.rs"),
        edits: &[(
            "        Ok(stands)\n",
            "        Ok(stands || (!is_settled && crate::is_mutant(\"unknown-journal-means-boot\")))\n",
        )],
    },
    Mutant {
        name: "worn-journal-is-ignored",
        what: "an exchange goes on where nothing can be noted, over what was brought back",
        file: (CLIENT, "flash/swap/exchange.rs"),
        edits: &[(
            "        if !journal.is_free() || confirmed_runs(storage, pet) {\n",
            "        if !journal.is_free()\n            \
             || (confirmed_runs(storage, pet) && !crate::is_mutant(\"worn-journal-is-ignored\"))\n        {\n",
        )],
    },
];

/// What a run said.
struct Told {
    findings: u64,
    tried: u64,
    first: String,
}

/// Builds the edited copy, and runs it once without a bug and once for each.
pub fn run() -> Result<(Result<(), Failure>, Value), Failure> {
    let program = build()?;
    let mut table = Table::new(&[
        ("bug", Align::Left),
        ("what it is", Align::Left),
        ("tried", Align::Right),
        ("findings", Align::Right),
        ("seconds", Align::Right),
        ("the first one", Align::Left),
    ]);
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    let none = ("none", "the program as it is, edited and with no bug on");
    for (name, what) in std::iter::once(none).chain(MUTANTS.iter().map(|mutant| (mutant.name, mutant.what))) {
        eprintln!("{name} ...");
        let began = Instant::now();
        let told = Told::by(&program, name)?;
        let seconds = began.elapsed().as_secs_f64();
        if (told.findings > 0) == (name == "none") {
            wrong.push(name);
        }
        table.row([
            name.to_owned(),
            what.to_owned(),
            told.tried.to_string(),
            told.findings.to_string(),
            format!("{seconds:.1}"),
            told.first.chars().take(FIRST_CHARACTERS).collect(),
        ]);
        rows.push(json!({ "name": name, "tried": told.tried, "findings": told.findings, "first": told.first }));
    }
    print!("{table}");
    let verdict = if wrong.is_empty() {
        println!("{} bugs, each of them found; without one, nothing", MUTANTS.len());
        Ok(())
    } else {
        Err(Failure::refused(format!("not as it must be: {}", wrong.join(", "))))
    };
    Ok((
        verdict,
        json!({ "mutants": rows, "found": MUTANTS.len() - wrong.len() }),
    ))
}

fn build() -> Result<std::path::PathBuf, Failure> {
    let root = workspace::root()?;
    let target = workspace::target_dir(&root);
    let tree = Tree::copied(&root, target.join("mutants"))?;
    let mut files: Vec<(&str, &str)> = MUTANTS.iter().map(|mutant| mutant.file).collect();
    files.sort_unstable();
    files.dedup();
    for (folder, name) in files {
        let of_file = MUTANTS.iter().filter(|mutant| mutant.file == (folder, name));
        let edits: Vec<(&str, &str)> = of_file.flat_map(|mutant| mutant.edits.iter().copied()).collect();
        tree.edit(&format!("{folder}/{name}"), &edits)?;
    }
    // In front of the first module, behind the attributes of the crate.
    for (folder, first) in [(BOOT, "mod book;\n"), (CLIENT, "pub mod bootloader;\n")] {
        tree.edit(&format!("{folder}/lib.rs"), &[(first, &format!("{SUPPORT}{first}"))])?;
    }
    super::built(super::PROGRAM, tree.folder(), &target.join("mutants-build"))
}

impl Told {
    fn by(program: &std::path::Path, name: &str) -> Result<Told, Failure> {
        let printed = Tool::new(program)
            .args(["--short", "--json"])
            .env(SWITCH, name)
            .limit(RUN_LIMIT)
            .capture()?;
        let (_, report) = super::taken_apart(&printed.output);
        let Some(report) = report else {
            let errors = printed.errors.trim_end();
            return Err(Failure::refused(format!(
                "with `{name}` the program gave no answer: {errors}"
            )));
        };
        let number = |key: &str| report[key].as_u64().unwrap_or(0);
        let sweeps = report["sweeps"].as_array().map_or(&[][..], Vec::as_slice);
        let mut first = sweeps.iter().filter_map(|sweep| sweep["findings"][0].as_str());
        Ok(Told {
            findings: number("findings"),
            tried: number("tried"),
            first: first.next().unwrap_or_default().replace('\n', " "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noticed by the unit tests, and not after a whole build.
    #[test]
    fn what_is_edited_stands_once_in_the_tree() {
        let root = workspace::root().unwrap();
        for mutant in MUTANTS {
            let (folder, name) = mutant.file;
            let text = std::fs::read_to_string(root.join(folder).join(name)).unwrap();
            for (old, _) in mutant.edits {
                assert_eq!(text.matches(old).count(), 1, "{}: {old:?}", mutant.name);
            }
        }
    }
}
