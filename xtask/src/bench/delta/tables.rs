//! The tables of a run.

use super::job::{Done, Outcome, Reason};
use super::peers::{Decoder, IMAGES};
use super::ratios::{Ratios, Summary};
use super::row::{Row, named};
use crate::table::{Align, Table};
use tuffet_server::delta::Effort;

/// Where there is nothing to say.
const NONE: &str = "-";

/// Our patches in bytes, by a setting.
pub fn bytes(rows: &[Row], effort: Effort) -> Table {
    let mut table = with_columns(&[
        "pair",
        "new",
        "full",
        "from nothing",
        "% full",
        "small",
        "% full",
        "standard",
        "% full",
        "large",
        "% full",
    ]);
    for row in rows {
        let [nothing, ..] = &row.nothing;
        let outcomes = std::iter::once(nothing).chain(row.outcomes(effort));
        let mut cells = vec![
            row.pair.name.clone(),
            thousands(row.pair.new_bytes),
            thousands(row.full),
        ];
        for (_, outcome) in outcomes {
            let percent = |done: &Done| format!("{:.1}", row.percent(done.bytes));
            cells.extend([length(outcome), outcome.as_ref().map_or(NONE.to_owned(), percent)]);
        }
        table.row(cells);
    }
    table
}

/// Ours beside the best of theirs, pair by pair and over pairs.
pub fn beside_peers(rows: &[Row], effort: Effort) -> Table {
    let mut table = with_columns(&[
        "pair",
        "MCU peer",
        "small",
        "×",
        "standard",
        "×",
        "host peer",
        "small ×",
        "standard ×",
        "large",
        "×",
    ]);
    for row in rows {
        let ratios = Ratios::of(row, effort);
        let best = |decoder| {
            row.best(decoder).map_or(NONE.to_owned(), |(name, bytes)| {
                format!("{} ({name})", thousands(bytes))
            })
        };
        let [small, standard, large] = row.outcomes(effort).each_ref().map(|(_, outcome)| length(outcome));
        table.row([
            row.pair.name.clone(),
            best(Decoder::Microcontroller),
            small,
            ratio(ratios.to_mcu[0]),
            standard,
            ratio(ratios.to_mcu[1]),
            best(Decoder::Host),
            ratio(ratios.to_host[0]),
            ratio(ratios.to_host[1]),
            large,
            ratio(ratios.to_host[2]),
        ]);
    }
    let mcu: Vec<&Row> = rows.iter().filter(|row| row.pair.is_mcu()).collect();
    let all: Vec<&Row> = rows.iter().collect();
    for (which, rows) in [("MCU", mcu), ("all", all)] {
        let summary = |kind| Summary::over(rows.iter().copied(), effort, kind);
        let five = [
            summary(|ratios| ratios.to_mcu[0]),
            summary(|ratios| ratios.to_mcu[1]),
            summary(|ratios| ratios.to_host[0]),
            summary(|ratios| ratios.to_host[1]),
            summary(|ratios| ratios.to_host[2]),
        ];
        let of = |what: &str, choose: fn(&Summary) -> f64| {
            let five = five.each_ref().map(|summary| ratio(summary.as_ref().map(choose)));
            let [mcu_small, mcu_standard, small, standard, large] = five;
            let empty = String::new;
            [
                format!("{which} pairs ({}), {what}", rows.len()),
                empty(),
                empty(),
                mcu_small,
                empty(),
                mcu_standard,
                empty(),
                small,
                standard,
                empty(),
                large,
            ]
        };
        table.row(of("geometric mean", |summary| summary.mean));
        table.row(of("worst", |summary| summary.worst));
    }
    table
}

/// How long ours take to encode by either setting, in parts of HDiffPatch's time.
pub fn time(rows: &[Row]) -> Table {
    let mut table = with_columns(&[
        "pair",
        "HDiffPatch, s",
        "small ×",
        "standard ×",
        "large ×",
        "without proof: small ×",
        "standard ×",
        "large ×",
        "searched: small ×",
        "standard ×",
        "large ×",
        "processors, s",
        "small ×",
        "standard ×",
        "large ×",
        "searched: small ×",
        "standard ×",
        "large ×",
    ]);
    for row in rows {
        let [ratios, searched] = [Effort::Quick, Effort::Search].map(|effort| Ratios::of(row, effort));
        let (seconds, cpu_seconds) = row.timed().map_or((NONE.to_owned(), NONE.to_owned()), |cost| {
            (seconds(cost.seconds), seconds(cost.cpu_seconds))
        });
        let cells = [row.pair.name.clone(), seconds].into_iter();
        let cells = cells
            .chain(ratios.time.map(times))
            .chain(ratios.time_unproven.map(times));
        let cells = cells.chain(searched.time.map(times));
        let cells = cells.chain([cpu_seconds]).chain(ratios.cpu_time.map(times));
        table.row(cells.chain(searched.cpu_time.map(times)));
    }
    table
}

/// The new image from nothing.
pub fn images(rows: &[Row]) -> Table {
    let is_beside_peers = rows.iter().any(|row| !row.image_peers.is_empty());
    let mut columns = vec!["pair", "new", "full", "small", "standard", "large"];
    if is_beside_peers {
        columns.extend(IMAGES.iter().map(|peer| peer.name));
    }
    let mut table = with_columns(&columns);
    for row in rows {
        let cells = [
            row.pair.name.clone(),
            thousands(row.pair.new_bytes),
            thousands(row.full),
        ]
        .into_iter();
        let cells = cells.chain(row.nothing.iter().map(|(_, outcome)| length(outcome)));
        table.row(cells.chain(row.image_peers.iter().map(|(_, outcome)| length(outcome))));
    }
    table
}

/// Every patch with what it takes.
pub fn every(rows: &[Row]) -> Table {
    let left = |name| (name, Align::Left);
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[
        left("pair"),
        left("by"),
        left("decoder"),
        right("bytes"),
        right("encode, s"),
        right("MiB"),
        right("apply, s"),
        right("MiB"),
        right("state, bytes"),
    ]);
    for row in rows {
        let mut add = |by: String, decoder: &str, outcome: &Outcome| {
            let mut cells = vec![row.pair.name.clone(), by, decoder.to_owned(), length(outcome)];
            if let Ok(done) = outcome {
                for cost in [&done.encode, &done.apply] {
                    cells.extend([seconds(cost.seconds), mebibytes(cost.peak_memory_bytes)]);
                }
                cells.push(done.state_bytes.map_or(NONE.to_owned(), thousands));
            }
            cells.resize(9, NONE.to_owned());
            table.row(cells);
        };
        for effort in [Effort::Quick, Effort::Search] {
            for (profile, outcome) in row.outcomes(effort) {
                add(named(*profile, effort), "ours", outcome);
            }
        }
        for (peer, outcome) in &row.peers {
            add(peer.name.to_owned(), peer.decoder.name(), outcome);
        }
        for (profile, outcome) in &row.nothing {
            add(format!("{profile} from nothing"), "ours", outcome);
        }
        for (peer, outcome) in &row.image_peers {
            add(format!("{}, full image", peer.name), peer.decoder.name(), outcome);
        }
    }
    table
}

/// Words in the first column, numbers in the others.
fn with_columns(names: &[&'static str]) -> Table {
    let align = |index| if index == 0 { Align::Left } else { Align::Right };
    let columns = names.iter().enumerate().map(|(index, name)| (*name, align(index)));
    Table::new(&columns.collect::<Vec<_>>())
}

/// Bytes of a patch, or in a word why there is none.
fn length(outcome: &Outcome) -> String {
    outcome.as_ref().map_or_else(
        |reason: &Reason| reason.in_short().to_owned(),
        |done| thousands(done.bytes),
    )
}

/// 1234567 as 1,234,567.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or(NONE.to_owned(), |ratio| format!("{ratio:.2}"))
}

/// A ratio of times, which is far from one.
fn times(ratio: Option<f64>) -> String {
    ratio.map_or(NONE.to_owned(), |ratio| format!("{ratio:.1}"))
}

/// Milliseconds count only where there is nothing else.
fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{seconds:.3}")
    } else {
        format!("{seconds:.1}")
    }
}

/// In MiB, to a tenth.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_eyes() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (27_236_288, "27,236,288")];
        for (number, expected) in cases {
            assert_eq!(thousands(number), expected);
        }
        assert_eq!((seconds(0.0415).as_str(), seconds(83.46).as_str()), ("0.042", "83.5"));
        assert_eq!(mebibytes(1_572_864), "1.5");
        assert_eq!((ratio(Some(0.5549)).as_str(), ratio(None).as_str()), ("0.55", "-"));
    }
}
