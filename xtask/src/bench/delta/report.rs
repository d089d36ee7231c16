//! Everything that was measured in one run, as tables and as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

use super::pairs::MCU_BYTES;
use super::ratios::{Kind, Summary};
use super::row::{Floors, Row};
use super::tables;
use crate::table::Table;

/// One run.
#[derive(Debug)]
pub struct Report {
    pub rows: Vec<Row>,
    /// Of the peers' packages, if they were run.
    pub versions: Option<Vec<String>>,
    pub floors: Floors,
}

/// A table with what is to be known about it.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    pub table: Table,
    pub notes: Vec<String>,
}

impl Report {
    /// All tables, in the order in which they are read.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section {
            title: "Bytes",
            table: tables::bytes(&self.rows),
            notes: vec![
                "Files as sent, in bytes: a patch with header and chain, the full image as a release packs it (zstd). \
                 `% full` is of that. `from nothing` is the image as a `small` patch that needs no old one."
                    .to_owned(),
            ],
        }];
        if self.versions.is_some() {
            sections.push(self.beside_peers());
            sections.push(Section {
                title: "Time to encode, in parts of HDiffPatch's",
                table: tables::time(&self.rows),
                notes: vec![
                    "Seconds by the clock and of processors (user and system); ours prove each patch with the decoder of \
                     the devices, HDiffPatch's check of its own is off."
                        .to_owned(),
                ],
            });
        }
        sections.push(Section {
            title: "Full images",
            table: tables::images(&self.rows),
            notes: vec!["The new image from nothing, in bytes. `full` is what a release carries.".to_owned()],
        });
        sections.push(Section {
            title: "Every patch",
            table: tables::every(&self.rows),
            notes: self.costs(),
        });
        sections
    }

    fn beside_peers(&self) -> Section {
        let mut notes = vec![
            "`MCU peer` is the smallest patch that a microcontroller can decode (kilobytes of memory), `host peer` the \
             smallest of any; `×` is ours in parts of it."
                .to_owned(),
        ];
        let names = self.mcu_names();
        if !names.is_empty() {
            notes.push(format!(
                "MCU pairs are those with both images below {} KiB: {}.",
                MCU_BYTES / 1024,
                names.join(", ")
            ));
        }
        let versions = self.versions.as_deref().unwrap_or_default();
        notes.push(format!("Tools: {}.", versions.join(", ")));
        Section {
            title: "Beside the peers",
            table: tables::beside_peers(&self.rows),
            notes,
        }
    }

    fn costs(&self) -> Vec<String> {
        let mut notes = vec![
            "Each line is two processes, one that encodes and one that applies: seconds by the clock, and the most memory \
             that was resident. Every patch led to the image, else the line says why not."
                .to_owned(),
        ];
        let mebibytes = tables::mebibytes;
        let program = format!(
            "Of the memory, a program that does nothing has {} MiB",
            mebibytes(self.floors.program_bytes)
        );
        notes.push(match self.floors.script_bytes {
            None => format!("{program}."),
            Some(bytes) => format!(
                "{program}; detools, HDiffPatch, HPatchLite and heatshrink run in a Python of {} MiB, whose start is not in \
                 the seconds.",
                mebibytes(bytes)
            ),
        });
        let skipped = self.rows.iter().flat_map(|row| {
            let skipped = row.skipped().into_iter();
            skipped.map(|(name, reason)| format!("Not measured: {}, {name}: {reason}.", row.pair.name))
        });
        notes.extend(skipped);
        notes
    }

    fn mcu_names(&self) -> Vec<&str> {
        let mcu = self.rows.iter().filter(|row| row.pair.is_mcu());
        mcu.map(|row| row.pair.name.as_str()).collect()
    }

    /// Everything, as one object.
    pub fn json(&self) -> Value {
        let skipped = self.rows.iter().flat_map(|row| {
            let skipped = row.skipped().into_iter();
            skipped.map(|(name, reason)| json!({ "pair": row.pair.name, "what": name, "reason": reason }))
        });
        let left_out = self.rows.iter().filter(|row| row.ours().iter().all(Option::is_none));
        json!({
            "pairs": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "left_out": left_out.map(|row| row.pair.name.as_str()).collect::<Vec<_>>(),
            "skipped": skipped.collect::<Vec<_>>(),
            "mcu_pairs": self.mcu_names(),
            "summary": { "mcu": summaries(self.rows.iter().filter(|row| row.pair.is_mcu())), "all": summaries(self.rows.iter()) },
            "versions": self.versions,
            "floors": { "program_bytes": self.floors.program_bytes, "script_bytes": self.floors.script_bytes },
        })
    }
}

/// Each kind of ratio over some pairs; null where no pair has one.
fn summaries<'a>(rows: impl Iterator<Item = &'a Row> + Clone) -> Value {
    let kinds: [(&str, Kind); 8] = [
        ("small_to_mcu_peer", |ratios| ratios.to_mcu[0]),
        ("standard_to_mcu_peer", |ratios| ratios.to_mcu[1]),
        ("small_to_host_peer", |ratios| ratios.to_host[0]),
        ("standard_to_host_peer", |ratios| ratios.to_host[1]),
        ("large_to_host_peer", |ratios| ratios.to_host[2]),
        ("small_encode_seconds_to_hdiffpatch", |ratios| ratios.time[0]),
        ("standard_encode_seconds_to_hdiffpatch", |ratios| ratios.time[1]),
        ("large_encode_seconds_to_hdiffpatch", |ratios| ratios.time[2]),
    ];
    let objects = kinds.map(|(name, kind)| {
        let summary = Summary::over(rows.clone(), kind).map(|summary| summary.json());
        (name.to_owned(), summary.into())
    });
    Value::Object(Map::from_iter(objects))
}

/// For a terminal.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}", self.title, self.table)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
