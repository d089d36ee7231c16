//! Everything that was measured in one run, as tables and as JSON.

use std::fmt;

use serde_json::{Map, Value, json};
use tuffet_server::delta::Effort;

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
        let mut sections = vec![
            Section {
                title: "Bytes",
                table: tables::bytes(&self.rows, Effort::Quick),
                notes: vec![
                    "Files as sent, in bytes: a patch with header and chain, the full image as a release packs it (zstd). \
                     `% full` is of that. `from nothing` is the image as a `small` patch that needs no old one. All by the \
                     default setting of `delta encode`."
                        .to_owned(),
                ],
            },
            Section {
                title: "Bytes, searched",
                table: tables::bytes(&self.rows, Effort::Search),
                notes: vec![
                    "The same by `delta encode --search`, as `release build` makes patches; `from nothing` is by the \
                     default setting here, too."
                        .to_owned(),
                ],
            },
        ];
        if self.versions.is_some() {
            sections.extend(self.beside_peers());
            sections.push(Section {
                title: "Time to encode, in parts of HDiffPatch's",
                table: tables::time(&self.rows),
                notes: vec![
                    "Seconds by the clock and of processors (user and system), by the default setting, and searched for, the \
                     least of three runs where one takes less than a second. Ours prove each patch with the decoder of the \
                     devices; HDiffPatch's check of its own is off, so the time without our proof stands beside it."
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

    fn beside_peers(&self) -> [Section; 2] {
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
        [
            Section {
                title: "Beside the peers",
                table: tables::beside_peers(&self.rows, Effort::Quick),
                notes,
            },
            Section {
                title: "Beside the peers, searched",
                table: tables::beside_peers(&self.rows, Effort::Search),
                notes: vec!["The same by `delta encode --search`.".to_owned()],
            },
        ]
    }

    fn costs(&self) -> Vec<String> {
        let mut notes = vec![
            "Each line is a process that encodes, or the quickest of three where that takes less than a second, and one that \
             applies: seconds by the clock, and the most memory that was resident. Every patch led to the image, else the \
             line says why not."
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
                 the seconds; nor is that of ours, and that of the others is.",
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
        let left_out = self
            .rows
            .iter()
            .filter(|row| row.ours(Effort::Quick).iter().all(Option::is_none));
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
    let efforts = [(Effort::Quick, ""), (Effort::Search, "_searched")];
    let objects = efforts.into_iter().flat_map(|(effort, behind)| {
        let rows = rows.clone();
        kinds.iter().map(move |(name, kind)| {
            let summary = Summary::over(rows.clone(), effort, *kind).map(|summary| summary.json());
            (format!("{name}{behind}"), summary.into())
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::delta::job::{Done, Outcome, Reason};
    use crate::bench::delta::pairs::Pair;
    use crate::bench::delta::peers::{Decoder, IMAGES, PATCHES, TIMED};
    use crate::bench::measure::Cost;
    use tuffet_server::delta::Profile;

    fn done(bytes: u64, seconds: f64) -> Outcome {
        let cost = Cost {
            seconds,
            cpu_seconds: 2.0 * seconds,
            peak_memory_bytes: 1 << 20,
        };
        Ok(Done {
            bytes,
            proof_seconds: seconds / 4.0,
            encode: cost.clone(),
            apply: cost,
            state_bytes: None,
            architecture: None,
        })
    }

    /// Ours have 100, 90 and 80 bytes. Peers for microcontrollers have 200, HDiffPatch 160, and no other peer has any.
    fn row(name: &str, image_bytes: u64) -> Row {
        let of_peer = |name: &str, decoder| match (name, decoder) {
            (TIMED, _) => done(160, 0.5),
            (_, Decoder::Microcontroller) => done(200, 1.0),
            (_, Decoder::Host) => Err(Reason::WrongResult),
        };
        let ours = |factor: u64| {
            [(Profile::Small, 100), (Profile::Standard, 90), (Profile::Large, 80)]
                .map(|(profile, bytes)| (profile, done(bytes * factor, 2.0)))
        };
        Row {
            pair: Pair {
                name: name.to_owned(),
                old: "old".into(),
                new: "new".into(),
                old_bytes: image_bytes,
                new_bytes: image_bytes,
            },
            full: 1_000,
            patches: ours(1),
            searched: ours(1),
            nothing: ours(10),
            peers: PATCHES
                .iter()
                .map(|peer| (peer, of_peer(peer.name, peer.decoder)))
                .collect(),
            image_peers: IMAGES.iter().map(|peer| (peer, done(900, 0.1))).collect(),
        }
    }

    fn report() -> Report {
        let mut worse = row("worse", MCU_BYTES);
        worse.patches[0].1 = done(400, 2.0);
        worse.patches[2].1 = Err(Reason::Large { bytes_max: 5 });
        Report {
            rows: vec![row("blinky", MCU_BYTES - 1), worse],
            versions: Some(vec!["detools 0.53.0".to_owned()]),
            floors: Floors {
                program_bytes: 1 << 20,
                script_bytes: Some(3 << 20),
            },
        }
    }

    #[test]
    fn ratios_are_to_the_best_peer_and_summed_up_by_class() {
        let json = report().json();
        let [blinky, worse] = [&json["pairs"][0], &json["pairs"][1]];
        assert_eq!(
            blinky["best_mcu_peer"],
            json!({ "name": PATCHES[0].name, "bytes": 200 })
        );
        assert_eq!(blinky["best_host_peer"], json!({ "name": TIMED, "bytes": 160 }));
        let ratios = &blinky["ratios"];
        assert_eq!(
            (&ratios["small_to_mcu_peer"], &ratios["large_to_host_peer"]),
            (&json!(0.5), &json!(0.5))
        );
        assert_eq!(ratios["encode_seconds_to_hdiffpatch"]["large"], 4.0);
        assert_eq!(ratios["encode_seconds_without_proof_to_hdiffpatch"]["large"], 3.0);
        assert_eq!(
            (&worse["large"], &worse["ratios"]["large_to_host_peer"]),
            (&Value::Null, &Value::Null)
        );

        assert_eq!(json["mcu_pairs"], json!(["blinky"]));
        let of = |class: &str, kind: &str| json["summary"][class][kind].clone();
        let small = of("all", "small_to_mcu_peer");
        // The roots of 0.5 times 2.
        let expected = json!({ "pairs": 2, "geometric_mean": 1.0, "worst": 2.0, "worst_pair": "worse" });
        assert_eq!(small, expected);
        assert_eq!(of("mcu", "small_to_mcu_peer")["worst"], 0.5);
        assert_eq!(of("all", "large_to_host_peer")["pairs"], 1);
    }

    #[test]
    fn what_is_missing_stands_in_the_tables_with_its_reason() {
        let sections = report().sections();
        let text: String = sections.iter().map(ToString::to_string).collect();
        for part in [
            "MCU pairs are those with both images below 1024 KiB: blinky.",
            "Tools: detools 0.53.0.",
            "Not measured: worse, large: an image of it has more than 5 bytes.",
            "Not measured: blinky, bsdiff: what came out is another image.",
            "MCU pairs (1), geometric mean",
            "all pairs (2), worst",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(
            lines.contains(&vec!["worse", "large", "ours", "skipped", "-", "-", "-", "-", "-"]),
            "{text}"
        );
        assert!(
            lines.contains(&vec!["blinky", "bsdiff", "host", "wrong", "-", "-", "-", "-", "-"]),
            "{text}"
        );
        // Without peers there is nothing to stand beside.
        let alone = Report {
            versions: None,
            ..report()
        };
        assert_eq!(alone.sections().len(), sections.len() - 3);
    }
}
