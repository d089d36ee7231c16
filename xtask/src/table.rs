//! Plain text tables, as the commands print them at their end.

use std::fmt;

/// Where the cells of a column stand.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A table with one heading line; columns are as wide as their widest cell.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(columns: &[(&'static str, Align)]) -> Table {
        Table {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a line; cells beyond the columns are not shown.
    pub fn row<Cell: ToString>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().map(|cell| cell.to_string()).collect());
    }

    /// The same table for a paper.
    pub fn markdown(&self) -> String {
        let headings = self.columns.iter().map(|(heading, _)| *heading);
        let rules = self.columns.iter().map(|(_, align)| match align {
            Align::Left => "---",
            Align::Right => "---:",
        });
        let mut text = markdown_line(headings) + &markdown_line(rules);
        for row in &self.rows {
            text += &markdown_line(row.iter().take(self.columns.len()).map(String::as_str));
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let heading = self
            .columns
            .get(column)
            .map_or(0, |(heading, _)| heading.chars().count());
        let widest = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max();
        heading.max(widest.unwrap_or(0))
    }

    fn line<'a>(&self, f: &mut fmt::Formatter<'_>, cells: impl Iterator<Item = &'a str>) -> fmt::Result {
        let mut line = String::new();
        for (column, (cell, (_, align))) in cells.zip(&self.columns).enumerate() {
            let gap = " ".repeat(self.width(column).saturating_sub(cell.chars().count()));
            let between = if column == 0 { "" } else { "  " };
            match align {
                Align::Left => line.extend([between, cell, &gap]),
                Align::Right => line.extend([between, &gap, cell]),
            }
        }
        writeln!(f, "{}", line.trim_end())
    }
}

fn markdown_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<&str> = cells.collect();
    format!("| {} |\n", cells.join(" | "))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f, self.columns.iter().map(|(heading, _)| *heading))?;
        let rules: Vec<String> = (0..self.columns.len())
            .map(|column| "-".repeat(self.width(column)))
            .collect();
        self.line(f, rules.iter().map(String::as_str))?;
        for row in &self.rows {
            self.line(f, row.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("core", Align::Left), ("bytes", Align::Right)]);
        table.row(["wire", "1"]);
        table.row(["release", "23456"]);
        assert_eq!(
            table.to_string(),
            "core     bytes\n-------  -----\nwire         1\nrelease  23456\n"
        );
    }

    #[test]
    fn paper_has_the_same_cells() {
        let mut table = Table::new(&[("core", Align::Left), ("bytes", Align::Right)]);
        table.row(["wire", "1", "beyond"]);
        assert_eq!(table.markdown(), "| core | bytes |\n| --- | ---: |\n| wire | 1 |\n");
    }
}
