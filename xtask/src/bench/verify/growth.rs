//! How time and memory of the strict verifier grow with a targets role.

use std::path::Path;

use serde_json::{Value, json};

use super::programs::Programs;
use crate::failure::Failure;
use crate::table::{Align, Table};

/// Targets in the role.
const COUNTS: [u32; 3] = [10, 1_000, 100_000];

/// What was measured.
pub struct Growth {
    rows: Vec<Row>,
    /// Nanoseconds for a thousand bytes of the largest file, by what is done with them.
    passes: Vec<(String, u64)>,
}

/// One size.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    targets: u32,
    file_bytes: u64,
    wall_ns: u64,
    cpu_ns: u64,
    passes: u64,
    memory_bytes: u64,
}

impl Growth {
    /// Writes a repository of each size and verifies it.
    pub fn measure(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        let (mut rows, mut passes) = (Vec::new(), Vec::new());
        for targets in COUNTS {
            let repository = folder.join(targets.to_string());
            let write = programs.tool("write-repository").arg(&repository);
            let target = write.args([&targets.to_string(), "honest"]).read()?.output;
            let target = target.split(' ').next().unwrap_or_default().to_owned();
            let line = [
                programs.path("tuffet-growth").into(),
                repository.clone().into(),
                target.into(),
            ];
            let ended = programs.measure(&line, None)?;
            let row = Row::parse(targets, ended.sample.memory_bytes, &ended.said).filter(|_| ended.code == 0);
            rows.push(row.ok_or_else(|| Failure::refused(format!("{targets} targets: {}", ended.said.trim_end())))?);
            let file = repository.join("metadata/1.targets.json");
            passes = parse_passes(&programs.tool("tuffet-passes").arg(file).read()?.output);
        }
        Ok(Self { rows, passes })
    }

    /// Time and memory by size.
    pub fn table(&self) -> Table {
        let right = |name| (name, Align::Right);
        let mut table = Table::new(&[
            right("targets"),
            right("bytes of the file"),
            right("times read"),
            right("CPU, ms"),
            right("clock, ms"),
            right("ns a target"),
            right("ns a further one"),
            right("memory, MiB"),
        ]);
        let before = [None].into_iter().chain(self.rows.iter().map(Some));
        for (row, before) in self.rows.iter().zip(before) {
            let further = before.map(|before| row.further(before).to_string());
            table.row([
                row.targets.to_string(),
                row.file_bytes.to_string(),
                row.passes.to_string(),
                format!("{:.2}", row.cpu_ns as f64 / 1e6),
                format!("{:.2}", row.wall_ns as f64 / 1e6),
                (row.cpu_ns / u64::from(row.targets)).to_string(),
                further.unwrap_or_default(),
                format!("{:.2}", row.memory_bytes as f64 / f64::from(1 << 20)),
            ]);
        }
        table
    }

    /// What each kind of pass costs.
    pub fn pass_table(&self) -> Table {
        let mut table = Table::new(&[
            ("one pass over the largest file", Align::Left),
            ("ns a byte", Align::Right),
        ]);
        for (name, ns) in &self.passes {
            table.row([name.clone(), format!("{:.2}", *ns as f64 / 1_000.0)]);
        }
        table
    }

    /// All of it, for a program.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let passes = self
            .passes
            .iter()
            .map(|(name, ns)| json!({ "pass": name, "ns_per_kilobyte": ns }));
        let passes: Vec<Value> = passes.collect();
        json!({ "rows": rows, "passes": passes })
    }
}

impl Row {
    /// Reads `WALL_NS CPU_NS FILE_BYTES PASSES`.
    fn parse(targets: u32, memory_bytes: u64, said: &str) -> Option<Self> {
        let mut numbers = said.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            targets,
            memory_bytes,
            wall_ns: next()?,
            cpu_ns: next()?,
            file_bytes: next()?,
            passes: next()?,
        })
    }

    /// Nanoseconds of processor time for each target that a smaller role does not have.
    fn further(&self, smaller: &Self) -> u64 {
        let targets = u64::from(self.targets.saturating_sub(smaller.targets)).max(1);
        self.cpu_ns.saturating_sub(smaller.cpu_ns) / targets
    }

    fn json(&self) -> Value {
        json!({
            "targets": self.targets, "file_bytes": self.file_bytes, "passes": self.passes,
            "cpu_ns": self.cpu_ns, "wall_ns": self.wall_ns, "memory_bytes": self.memory_bytes,
        })
    }
}

/// Reads `NS NAME`, line by line.
fn parse_passes(text: &str) -> Vec<(String, u64)> {
    let pass = |line: &str| {
        let (ns, name) = line.split_once(' ')?;
        Some((name.to_owned(), ns.parse().ok()?))
    };
    text.lines().filter_map(pass).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_by_the_target() {
        let small = Row::parse(10, 1 << 21, "400000 390000 1653 3\n").unwrap();
        let large = Row::parse(1_010, 1 << 21, "2500000 2390000 128653 3\n").unwrap();
        assert_eq!(large.further(&small), 2_000);
        assert_eq!(Row::parse(10, 0, "refused: no\n"), None);
        let passes = parse_passes("492 SHA-256, for the digest\n");
        let growth = Growth {
            rows: vec![small, large],
            passes,
        };
        let text = growth.table().to_string();
        let last: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last, ["1010", "128653", "3", "2.39", "2.50", "2366", "2000", "2.00"]);
        assert!(
            growth
                .pass_table()
                .to_string()
                .ends_with("SHA-256, for the digest              0.49\n")
        );
        assert_eq!(growth.json()["rows"][1]["cpu_ns"], 2_390_000);
    }
}
