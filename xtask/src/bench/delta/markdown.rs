//! The part of a paper that this benchmark writes, between two marks. What stands around it is written by hand.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::report::{Report, Section};
use crate::failure::{Blame, Failure};
use crate::whole_file::{fresh, replace};

/// The line after which the tables begin.
const BEGIN: &str = "<!-- begin: written by `cargo xtask bench delta DIR --peers --markdown FILE`; do not edit -->";
/// The line before which they end.
const END: &str = "<!-- end -->";

/// A paper with room for the tables.
#[derive(Debug)]
pub struct Paper {
    path: PathBuf,
    before: String,
    after: String,
}

impl Paper {
    /// Reads a paper that has both marks, each once, and can be written.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file("cannot read", path, &error))?;
        let (before, after) = parted(&text).ok_or_else(|| {
            let text = format!(
                "{} has no place for the tables: it needs these two lines, each once\n{BEGIN}\n{END}",
                path.display()
            );
            Failure::new(Blame::Usage, text)
        })?;
        // Found out now, and not after an hour of measuring.
        fresh(path).map_err(|error| Failure::file("cannot write", path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    /// Writes it with new tables.
    pub fn write(&self, report: &Report) -> Result<(), Failure> {
        let sections: String = report.sections().iter().map(in_markdown).collect();
        let text = format!("{}{BEGIN}\n{sections}\n{END}{}", self.before, self.after);
        replace(&self.path, text.as_bytes()).map_err(|error| Failure::file("cannot write", &self.path, &error))
    }
}

/// What stands before the first mark and after the second one.
fn parted(text: &str) -> Option<(&str, &str)> {
    let once = |mark| text.matches(mark).count() == 1;
    let (before, rest) = text.split_once(BEGIN).filter(|_| once(BEGIN) && once(END))?;
    let (_, after) = rest.split_once(END)?;
    Some((before, after))
}

fn in_markdown(section: &Section) -> String {
    let mut text = format!("\n### {}\n\n{}", section.title, section.table.markdown());
    if !section.notes.is_empty() {
        text.push('\n');
    }
    for note in &section.notes {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "- {}", wrapped(note));
    }
    text
}

/// A list item in lines that are not too long.
fn wrapped(note: &str) -> String {
    const COLUMNS_MAX: usize = 118;
    let mut lines = vec![String::new()];
    for word in note.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS_MAX => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Align, Table};

    #[test]
    fn what_is_written_by_hand_stays() {
        let text = format!("# Title\n\n{BEGIN}\nold\n{END}\n\n## More\n");
        assert_eq!(parted(&text), Some(("# Title\n\n", "\n\n## More\n")));
        for wrong in [
            String::new(),
            BEGIN.to_owned(),
            format!("{END}\n{BEGIN}"),
            format!("{BEGIN}\n{BEGIN}\n{END}"),
            format!("{BEGIN}\n{END}\n{END}"),
        ] {
            assert_eq!(parted(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn section_is_a_heading_a_table_and_a_list() {
        let mut table = Table::new(&[("pair", Align::Left), ("new", Align::Right)]);
        table.row(["a", "1"]);
        let long = "word ".repeat(40);
        let section = Section {
            title: "Bytes",
            table,
            notes: vec!["Short.".to_owned(), long],
        };
        let text = in_markdown(&section);
        assert!(
            text.starts_with("\n### Bytes\n\n| pair | new |\n| --- | ---: |\n| a | 1 |\n\n- Short.\n- word"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        assert!(text.lines().last().unwrap().starts_with("  word"), "{text}");
    }
}
