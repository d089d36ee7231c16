//! What the runs of the clients add up to.

use serde_json::{Value, json};

use super::clients::{Absent, Client};
use super::programs::Sample;
use crate::table::{Align, Table};

/// A client with all its runs.
pub struct Measured {
    name: &'static str,
    transport: &'static str,
    wall: Spread,
    cpu: Spread,
    memory: Spread,
}

/// The middle of some numbers, and how far apart they are.
#[derive(Copy, Clone, Debug, PartialEq)]
struct Spread {
    min: u64,
    median: u64,
    max: u64,
}

impl Measured {
    /// Of one client; it has run at least once.
    pub fn of(client: &Client, samples: &[Sample]) -> Self {
        Self::named(client.name, client.transport.name(), samples)
    }

    /// Of something that is no client.
    pub fn named(name: &'static str, transport: &'static str, samples: &[Sample]) -> Self {
        let spread = |take: fn(&Sample) -> u64| Spread::of(samples.iter().map(take).collect());
        Self {
            name,
            transport,
            wall: spread(|sample| sample.wall_us),
            cpu: spread(|sample| sample.cpu_us),
            memory: spread(|sample| sample.memory_bytes),
        }
    }

    fn json(&self, ours: Option<&Self>) -> Value {
        let times = |spread: Spread| spread.json(1_000.0);
        json!({
            "client": self.name, "transport": self.transport,
            "cpu_ms": times(self.cpu), "wall_ms": times(self.wall), "memory_mib": self.memory.json(MIB),
            "times_ours": ours.map(|ours| json!({
                "cpu": rounded(self.cpu.over(ours.cpu)), "wall": rounded(self.wall.over(ours.wall)),
                "memory": rounded(self.memory.over(ours.memory)),
            })),
        })
    }
}

const MIB: f64 = 1_048_576.0;

/// What a row has of a client, and the unit that it is shown in.
type Figure = fn(&Measured) -> Spread;

const FIGURES: [(Figure, f64); 3] = [
    (|row| row.cpu, 1_000.0),
    (|row| row.wall, 1_000.0),
    (|row| row.memory, MIB),
];

impl Spread {
    fn of(mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
        Self {
            min: at(0),
            median: at(numbers.len() / 2),
            max: at(numbers.len().saturating_sub(1)),
        }
    }

    fn over(self, other: Self) -> f64 {
        self.median as f64 / other.median.max(1) as f64
    }

    fn json(self, unit: f64) -> Value {
        let in_unit = |number: u64| rounded(number as f64 / unit);
        json!({ "min": in_unit(self.min), "median": in_unit(self.median), "max": in_unit(self.max) })
    }
}

/// Clients beside the first one of their transport, which is ours.
fn beside(rows: &[Measured]) -> impl Iterator<Item = (&Measured, Option<&Measured>)> {
    let ours = |row: &Measured| rows.iter().find(|first| first.transport == row.transport);
    rows.iter()
        .map(move |row| (row, ours(row).filter(|_| !row.transport.is_empty())))
}

/// Medians, and how many times ours they are.
pub fn table(rows: &[Measured]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[
        ("client", Align::Left),
        ("from", Align::Left),
        right("CPU, ms"),
        right("× ours"),
        right("clock, ms"),
        right("× ours"),
        right("memory, MiB"),
        right("× ours"),
    ]);
    for (row, ours) in beside(rows) {
        let mut cells = vec![row.name.to_owned(), row.transport.to_owned()];
        for (figure, unit) in FIGURES {
            let spread = figure(row);
            let times = ours.map(|ours| format!("{:.1}", spread.over(figure(ours))));
            cells.extend([format!("{:.1}", spread.median as f64 / unit), times.unwrap_or_default()]);
        }
        table.row(cells);
    }
    table
}

/// All of it, for a program.
pub fn json(rows: &[Measured], absent: &[Absent]) -> Value {
    let rows: Vec<Value> = beside(rows).map(|(row, ours)| row.json(ours)).collect();
    let absent: Vec<Value> = absent
        .iter()
        .map(|absent| json!({ "client": absent.name, "reason": absent.reason }))
        .collect();
    json!({ "clients": rows, "absent": absent })
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_of_the_same_transport() {
        let sample = |cpu_us| Sample {
            wall_us: 2 * cpu_us,
            cpu_us,
            memory_bytes: 3 << 20,
        };
        let of = |name, transport, cpu: [u64; 3]| Measured::named(name, transport, &cpu.map(sample));
        let rows = [
            of("nothing", "", [1, 1, 1]),
            of("ours", "HTTP", [3_000, 2_000, 90_000]),
            of("theirs", "HTTP", [9_000, 6_000, 12_000]),
            of("ours", "files", [1_000, 1_000, 1_000]),
        ];
        let text = table(&rows).to_string();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .skip(2)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[1], ["ours", "HTTP", "3.0", "1.0", "6.0", "1.0", "3.0", "1.0"]);
        assert_eq!(lines[2], ["theirs", "HTTP", "9.0", "3.0", "18.0", "3.0", "3.0", "1.0"]);
        assert_eq!(lines[0].len(), 4, "{text}");
        let json = json(&rows, &[]);
        assert_eq!(json["clients"][2]["times_ours"]["cpu"], 3.0);
        assert_eq!(
            json["clients"][1]["cpu_ms"],
            json!({"min": 2.0, "median": 3.0, "max": 90.0})
        );
        assert_eq!(json["clients"][0]["times_ours"], Value::Null);
    }
}
