//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! - Each rule is a variant of [`Rule`], and each has a test on forged input that breaks it.
//! - Rules on code look at tokens, not at text: a comment or a string may name what code may not use.
//! - Tests are held to fewer rules: they may be long, read clocks, and forge what shells may only earn.

mod rust;
mod text;

use std::fmt;
use std::path::Path;

use serde_json::json;

use crate::failure::{Failure, conclude};
use crate::process::Tool;
use crate::workspace;

/// Check the house rules that a machine can check.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// What is not tidy.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rule {
    /// A proof crosses between two cores at more or fewer places than one.
    Assertion,
    /// The local clock is read outside the one module of its shell.
    Clock,
    /// A file of code is too long before its tests.
    FileLength,
    /// A function is longer than one thing is.
    FunctionLength,
    /// A word that does not belong in the tree.
    ForbiddenWord,
    /// A file that does not parse; nothing else could be checked in it.
    NotRust,
    /// A file that looks like a secret.
    Secret,
    /// Unfinished work.
    Unfinished,
    /// Unsafe code outside the board drivers.
    UnsafeCode,
}

/// Does a finding fail the command?
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Weight {
    Error,
    Note,
}

/// One place where the tree is not tidy.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Finding {
    rule: Rule,
    weight: Weight,
    /// Relative to the root.
    path: String,
    line: usize,
    text: String,
}

/// A file of the tree, by its path relative to the root.
struct SourceFile {
    path: String,
    text: String,
}

/// Checks every file that is, or could be, committed.
pub fn check_tree() -> Result<(), Failure> {
    run(&Arguments { json: false })
}

/// Checks every file that is, or could be, committed, and reports as asked.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = workspace::root()?;
    let files = read_tree(&root)?;
    let findings = check(&files);
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Error)
        .count();
    println!(
        "tidy: {} files, {errors} errors, {} notes",
        files.len(),
        findings.len() - errors
    );
    let verdict = if errors == 0 {
        Ok(())
    } else {
        Err(Failure::refused(format!(
            "the tree is not tidy: {errors} errors stand above"
        )))
    };
    conclude(verdict, arguments.json.then(|| report(&findings)))
}

fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().flat_map(text::check).collect();
    findings.extend(rust::check(files.iter().filter(|file| file.path.ends_with(".rs"))));
    findings.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    findings
}

/// The files that git tracks or would track; what is not text has no lines to check, and only its name counts.
fn read_tree(root: &Path) -> Result<Vec<SourceFile>, Failure> {
    let git = Tool::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .folder(root);
    let listed = git.read()?.output;
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        let on_disk = root.join(path);
        if !on_disk.is_file() {
            // Deleted and not committed yet, or a link into somewhere else.
            continue;
        }
        let bytes = std::fs::read(&on_disk).map_err(|error| Failure::file("cannot read", &on_disk, &error))?;
        files.push(SourceFile {
            path: path.to_owned(),
            text: String::from_utf8(bytes).unwrap_or_default(),
        });
    }
    Ok(files)
}

fn report(findings: &[Finding]) -> serde_json::Value {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "rule": format!("{:?}", finding.rule), "error": finding.weight == Weight::Error,
                "path": finding.path, "line": finding.line, "text": finding.text,
            })
        })
        .collect();
    json!({ "findings": findings })
}

impl SourceFile {
    fn finding(&self, rule: Rule, weight: Weight, line: usize, text: impl Into<String>) -> Finding {
        Finding {
            rule,
            weight,
            path: self.path.clone(),
            line,
            text: text.into(),
        }
    }

    fn error(&self, rule: Rule, line: usize, text: impl Into<String>) -> Finding {
        self.finding(rule, Weight::Error, line, text)
    }

    /// Does this file hold nothing but tests, by the place where it stands?
    fn is_test(&self) -> bool {
        let mut folders = self.path.split('/');
        let name = folders.next_back();
        name == Some("tests.rs") || folders.any(|folder| folder == "tests")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Error => "error",
            Weight::Note => "note",
        };
        write!(f, "{}:{}: {weight}: {}", self.path, self.line, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tree of one file breaks.
    pub fn broken(path: &str, text: &str) -> Vec<Rule> {
        let file = SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&[file]).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn own_tree_is_read() {
        let files = read_tree(&workspace::root().unwrap()).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy.rs"));
        assert!(!files.iter().any(|file| file.path.starts_with("target/")));
    }

    #[test]
    fn findings_stand_in_the_order_of_the_tree() {
        let file = |path: &str| SourceFile {
            path: path.to_owned(),
            text: "unsafe fn f() {}\n".to_owned(),
        };
        let findings = check(&[file("b/src/b.rs"), file("a/src/a.rs")]);
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(lines[0].starts_with("a/src/a.rs:1: error: unsafe code"), "{lines:?}");
        assert_eq!(lines.len(), 2);
    }
}
