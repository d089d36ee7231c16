//! The papers are held to the tree: what they name is there.
//!
//! - In `ARCHITECTURE.md` every word between backticks is looked up: a test or attack row in a column "shown by", a constant
//!   with its value in a column "value", and everywhere else a crate, a path, a command, or a word of the code.
//! - A row of "shown by" that names nothing says "no test"; a hole is written down, not left blank.
//! - Every crate of the workspace stands in the code map.
//! - In the other papers, those at the root and all below `docs`, crates, paths and commands are looked up.
//! - Links between papers, and to headings, lead somewhere. A link begins at the root, with or without a slash.
//! - It is a search in text: it finds a name that is gone, not a sentence that is no longer true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// This file holds words that are nowhere else, to test itself.
const ITSELF: &str = "integration/tests/papers.rs";
/// Folders that are not part of the tree.
const NOT_TREE: [&str; 4] = [".git", "artifacts", "corpus", "target"];
/// Files whose words count.
const CODE_ENDS: [&str; 3] = [".py", ".rs", ".toml"];

/// The tree, as far as papers talk about it.
#[derive(Default)]
struct Tree {
    /// Files and folders.
    paths: BTreeSet<String>,
    /// The text of code, by path.
    code: BTreeMap<String, String>,
    /// The text of papers, by path.
    papers: BTreeMap<String, String>,
}

/// How much of a paper is looked up.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Scope {
    /// Every word between backticks.
    Everything,
    /// What is clearly a crate, a path, or a command.
    Recognizable,
}

/// A sentence that names something which is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Untruth {
    /// A line of "shown by" without a name and without the words "no test".
    Blank { line: usize },
    /// A crate of the workspace that the code map does not have.
    CrateUnmapped { package: String },
    /// A link to a file that is not there.
    DeadLink { line: usize, to: String },
    /// No member of the workspace, and no program of one.
    NoCrate { line: usize, name: String },
    /// No command of `cargo xtask`.
    NoCommand { line: usize, name: String },
    /// No such file or folder.
    NoPath { line: usize, path: String },
    /// No such test, and no such row.
    NoTest { line: usize, name: String },
    /// No such word in the code.
    NoWord { line: usize, word: String },
    /// The code has no such constant, or it has another value.
    OtherValue { line: usize, claim: String },
}

#[test]
fn papers_name_only_what_is_there() {
    let tree = Tree::read();
    assert!(tree.code.len() > 100, "the tree was not found");
    assert!(tree.papers.len() > 10, "the papers were not found");
    let found: Vec<(&str, Untruth)> = tree
        .papers
        .iter()
        .flat_map(|(path, paper)| {
            let scope = if path == ARCHITECTURE {
                Scope::Everything
            } else {
                Scope::Recognizable
            };
            let found = untruths(paper, &tree, scope);
            found.into_iter().map(move |untruth| (path.as_str(), untruth))
        })
        .collect();
    assert_eq!(found, []);
}

#[test]
fn code_map_has_every_crate() {
    let tree = Tree::read();
    assert_eq!(unmapped(&tree.papers[ARCHITECTURE], &tree), []);
}

#[test]
fn each_untruth_is_found() {
    let tree = Tree::forged();
    let cases = [
        (
            "| a | shown by |\n| --- | --- |\n| x | `gone` |",
            Untruth::NoTest {
                line: 3,
                name: "gone".into(),
            },
        ),
        (
            "| a | shown by |\n| --- | --- |\n| x | surely |",
            Untruth::Blank { line: 3 },
        ),
        (
            "| a | value |\n| --- | --- |\n| x | `LIMIT = 9` |",
            Untruth::OtherValue {
                line: 3,
                claim: "LIMIT = 9".into(),
            },
        ),
        (
            "in `tuffet-shed`",
            Untruth::NoCrate {
                line: 1,
                name: "tuffet-shed".into(),
            },
        ),
        (
            "\nin `core/src/gone.rs`",
            Untruth::NoPath {
                line: 2,
                path: "core/src/gone.rs".into(),
            },
        ),
        (
            "run `cargo xtask gone --all`",
            Untruth::NoCommand {
                line: 1,
                name: "gone".into(),
            },
        ),
        (
            "the `Gone` one",
            Untruth::NoWord {
                line: 1,
                word: "Gone".into(),
            },
        ),
        (
            "`Limit::gone`",
            Untruth::NoWord {
                line: 1,
                word: "gone".into(),
            },
        ),
        (
            "see [here](GONE.md)",
            Untruth::DeadLink {
                line: 1,
                to: "GONE.md".into(),
            },
        ),
        (
            "see [here](/README.md#gone)",
            Untruth::DeadLink {
                line: 1,
                to: "/README.md#gone".into(),
            },
        ),
        (
            "# Here\n[here](#gone)",
            Untruth::DeadLink {
                line: 2,
                to: "#gone".into(),
            },
        ),
    ];
    for (paper, expected) in cases {
        assert_eq!(untruths(paper, &tree, Scope::Everything), [expected], "{paper}");
    }
}

#[test]
fn what_is_there_is_found() {
    let tree = Tree::forged();
    let paper = "`tuffet-core`, `core/src`, `core/src/lib.rs`, `Limit`, `Limit::new`, `cargo xtask tidy`\n\
                 ## Why `Limit`, too\n[x](README.md), [y](#why-limit-too), [z](/README.md#how-to), [d](/core)\n\
                 | a | shown by | value |\n| --- | --- | --- |\n| `Limit` | `holds`, `row_fault` | `LIMIT = 8`, `limit_max = 8 * 1024` |\n\
                 | x | no test | |\n```text\n`Gone`\n```\n";
    assert_eq!(untruths(paper, &tree, Scope::Everything), []);
    // A row that only another kind of file names is none.
    let elsewhere = "| shown by |\n| --- |\n| `limit_max` |";
    assert_eq!(untruths(elsewhere, &tree, Scope::Everything).len(), 1);
}

#[test]
fn other_papers_are_held_to_less() {
    let tree = Tree::forged();
    let paper = "`git commit` and `Gone`, but not `core/gone`";
    let expected = Untruth::NoPath {
        line: 1,
        path: "core/gone".into(),
    };
    assert_eq!(untruths(paper, &tree, Scope::Recognizable), [expected]);
}

#[test]
fn crate_without_a_place_is_found() {
    let tree = Tree::forged();
    let expected = Untruth::CrateUnmapped {
        package: "tuffet-core".into(),
    };
    let paper = "`tuffet-core`\n## Code map\n`tuffet-xtask`\n## Limits\n`tuffet-core`\n";
    assert_eq!(unmapped(paper, &tree), [expected]);
    assert_eq!(unmapped("## Code map\n`tuffet-core` `tuffet-xtask`", &tree), []);
}

/// What a paper says that is not so.
fn untruths(paper: &str, tree: &Tree, scope: Scope) -> Vec<Untruth> {
    let mut found = Vec::new();
    let mut is_code = false;
    let mut columns: Vec<String> = Vec::new();
    for (line, text) in (1..).zip(paper.lines()) {
        if text.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        found.extend(dead_links(line, text, paper, tree));
        if !text.starts_with('|') {
            columns.clear();
            found.extend(words(text).filter_map(|word| untrue_word(line, word, tree, scope)));
        } else if columns.is_empty() {
            columns = cells(text).map(str::to_owned).collect();
        } else {
            let row = columns.iter().map(String::as_str).zip(cells(text));
            found.extend(row.flat_map(|(column, cell)| untrue_cell(line, column, cell, tree, scope)));
        }
    }
    found
}

fn untrue_cell(line: usize, column: &str, cell: &str, tree: &Tree, scope: Scope) -> Vec<Untruth> {
    if cell.chars().all(|letter| letter == '-') && column != "shown by" || cell == "---" {
        return Vec::new();
    }
    let is_blank = column == "shown by" && words(cell).next().is_none() && !cell.contains("no test");
    let blank = is_blank.then_some(Untruth::Blank { line });
    let wrong = words(cell).filter_map(|word| match column {
        "shown by" => (!tree.has_test(word)).then(|| Untruth::NoTest {
            line,
            name: word.to_owned(),
        }),
        "value" => (!tree.has_value(word)).then(|| Untruth::OtherValue {
            line,
            claim: word.to_owned(),
        }),
        _ => untrue_word(line, word, tree, scope),
    });
    blank.into_iter().chain(wrong).collect()
}

fn untrue_word(line: usize, word: &str, tree: &Tree, scope: Scope) -> Option<Untruth> {
    if let Some(command) = word.strip_prefix("cargo xtask ") {
        let name = command.split(' ').next().unwrap_or_default();
        return (!tree.has_command(name)).then(|| Untruth::NoCommand {
            line,
            name: name.to_owned(),
        });
    }
    if word.starts_with("tuffet-") && !word.contains(' ') {
        return (!tree.has_crate(word)).then(|| Untruth::NoCrate {
            line,
            name: word.to_owned(),
        });
    }
    if tree.is_meant_as_path(word) {
        return (!tree.paths.contains(word.trim_end_matches('/'))).then(|| Untruth::NoPath {
            line,
            path: word.to_owned(),
        });
    }
    if scope == Scope::Recognizable || tree.has_word(word) {
        return None;
    }
    // A list like `shell → {core, core}`, or a path through types: each of its words.
    let parts = word.split(|letter: char| !(letter.is_alphanumeric() || "_-.$".contains(letter)));
    let missing = parts
        .filter(|part| part.chars().any(char::is_alphanumeric) && *part != "all")
        .find(|part| !tree.has_word(part))?;
    Some(Untruth::NoWord {
        line,
        word: missing.to_owned(),
    })
}

fn dead_links(line: usize, text: &str, paper: &str, tree: &Tree) -> Vec<Untruth> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(to, _)| to));
    let leads_somewhere = |to: &str| {
        let (file, heading) = to.split_once('#').unwrap_or((to, ""));
        let file = file.trim_start_matches('/');
        let is_there = file.is_empty() || tree.paths.contains(file);
        let headed = if file.is_empty() {
            Some(paper)
        } else {
            tree.papers.get(file).map(String::as_str)
        };
        is_there && (heading.is_empty() || headed.is_some_and(|paper| has_heading(paper, heading)))
    };
    let dead = links.filter(|to| !to.contains("://") && !leads_somewhere(to));
    dead.map(|to| Untruth::DeadLink {
        line,
        to: to.to_owned(),
    })
    .collect()
}

/// Whether a paper has a heading that is linked to so: in small letters, with hyphens for spaces, and without other signs.
fn has_heading(paper: &str, link: &str) -> bool {
    // What stands between fences is code, with comments of its own.
    let mut is_code = false;
    let headings = paper.lines().filter(|line| {
        is_code ^= line.trim_start().starts_with("```");
        !is_code && line.starts_with('#')
    });
    let mut linked = headings.map(|heading| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.replace(|letter: char| !(letter.is_alphanumeric() || "-_".contains(letter)), "")
    });
    linked.any(|heading| heading == link)
}

/// The crates that the section "Code map" does not name.
fn unmapped(paper: &str, tree: &Tree) -> Vec<Untruth> {
    let map: Vec<&str> = paper
        .lines()
        .skip_while(|line| *line != "## Code map")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .flat_map(words)
        .collect();
    let missing = tree
        .crates()
        .into_iter()
        .filter(|package| !map.contains(&package.as_str()));
    missing.map(|package| Untruth::CrateUnmapped { package }).collect()
}

/// What stands between backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn cells(row: &str) -> impl Iterator<Item = &str> {
    row.trim().trim_matches('|').split('|').map(str::trim)
}

impl Tree {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut tree = Self::default();
        tree.walk(root, "");
        tree
    }

    fn walk(&mut self, folder: &Path, below: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            if NOT_TREE.contains(&name.as_str()) {
                continue;
            }
            let path = format!("{below}{name}");
            if entry.path().is_dir() {
                self.walk(&entry.path(), &format!("{path}/"));
            } else if CODE_ENDS.iter().any(|end| name.ends_with(end)) && path != ITSELF {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                self.code.insert(path.clone(), text);
            } else if name.ends_with(".md") && (below.is_empty() || below.starts_with("docs/")) {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                self.papers.insert(path.clone(), text);
            }
            self.paths.insert(path);
        }
    }

    /// A small tree, to test the search with.
    fn forged() -> Self {
        let code = [
            (
                "core/src/lib.rs",
                "const LIMIT: u8 = 8;\nstruct Limit { x: u8 }\nlimit_max: 8 * 1024,\nfn new() {}",
            ),
            ("core/tests/limit.rs", "#[test]\nfn holds() {}"),
            ("integration/src/attacks/row.rs", "Row::new(\"row_fault\")"),
            ("core/Cargo.toml", "[package]\nname = \"tuffet-core\""),
            ("xtask/Cargo.toml", "[package]\nname = \"tuffet-xtask\""),
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\n    \"core\",\n    \"xtask\",\n]",
            ),
        ];
        let paths = ["core", "core/src", "README.md", "xtask/src/tidy.rs"].map(str::to_owned);
        let own = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
        let code: BTreeMap<String, String> = code.into_iter().map(own).collect();
        Self {
            paths: code.keys().cloned().chain(paths).collect(),
            code,
            papers: [own(("README.md", "# How to\n"))].into(),
        }
    }

    /// The names of the workspace's members.
    fn crates(&self) -> Vec<String> {
        let members = self.code["Cargo.toml"]
            .split_once("members = [")
            .and_then(|(_, rest)| rest.split_once(']'));
        let folders = members.map_or("", |(members, _)| members).split('"').skip(1).step_by(2);
        let manifests = folders.map(|folder| &self.code[&format!("{folder}/Cargo.toml")]);
        manifests
            .filter_map(|manifest| manifest.split("name = \"").nth(1)?.split('"').next())
            .map(str::to_owned)
            .collect()
    }

    fn has_crate(&self, name: &str) -> bool {
        let manifests = self.code.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
        let line = format!("name = \"{name}\"");
        let mut texts = manifests.map(|(_, text)| text);
        texts.any(|text| text.contains(&line))
    }

    fn has_command(&self, name: &str) -> bool {
        let module = format!("xtask/src/{}", name.replace('-', "_"));
        self.paths.contains(&format!("{module}.rs")) || self.paths.contains(&module)
    }

    /// A function of this name, or a row or scenario called so.
    fn has_test(&self, name: &str) -> bool {
        let (function, row) = (format!("fn {name}("), format!("\"{name}\""));
        self.code.iter().any(|(path, text)| {
            let has_rows = path.starts_with("integration/src/attacks/") || path.contains("/tests/");
            text.contains(&function) || has_rows && text.contains(&row)
        })
    }

    /// `NAME = VALUE`, as a constant or a field has it.
    fn has_value(&self, claim: &str) -> bool {
        let Some((name, value)) = claim.split_once(" = ") else {
            return false;
        };
        let says = |line: &str| {
            let Some((before, after)) = line.split_once(name) else {
                return false;
            };
            let is_whole = !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
            let after = after.trim_end().trim_end_matches([';', ',']);
            is_whole && (after.ends_with(&format!(" = {value}")) || after == format!(": {value}"))
        };
        self.code.values().any(|text| text.lines().any(says))
    }

    fn is_meant_as_path(&self, word: &str) -> bool {
        let first = word.split('/').next().unwrap_or_default();
        word.contains('/') && !word.contains(' ') && self.paths.contains(first)
    }

    fn has_word(&self, word: &str) -> bool {
        self.code.values().any(|text| text.contains(word))
    }
}
