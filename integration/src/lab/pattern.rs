//! What the lines of a log mean.
//!
//! Firmware that prints the usual lines needs nothing:
//!
//! ```text
//! tuffet boot slot=A why=confirmed        why: confirmed, trial, reverted, fell-back
//! tuffet app version=1.0.0 slot=A
//! tuffet confirmed
//! tuffet update outcome=installed version=2.0.0 way=delta
//!                                         outcome: installed, up-to-date, waiting, refused, no-release
//! tuffet update error=101 name=TooFewSignatures
//! tuffet recovery why=…
//! ```
//!
//! For any other one, `[log]` has a pattern for each event: text that a line holds, in which `{key}` stands for a value, a run of
//! characters without blanks. An event with a pattern of its own is not looked for in the usual line.

use super::board::Text;
use super::trouble::Trouble;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// With which word the usual lines begin.
const CONTRACT: &str = "tuffet ";

/// What a board tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The application runs.
    App,
    /// The bootloader starts an image.
    Boot,
    /// The running image is confirmed.
    Confirmed,
    /// An update ended with an error.
    Error,
    /// A release stands in the spare slot.
    Installed,
    /// The repository has no release for the board.
    NoRelease,
    /// Nothing boots; the bootloader waits for help.
    Recovery,
    /// The release is refused.
    Refused,
    /// The newest release runs.
    UpToDate,
    /// There is a release, and it has to wait.
    Waiting,
}

/// Something that a board told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    values: BTreeMap<String, String>,
}

/// `[log]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTable {
    app: Option<Spanned<String>>,
    boot: Option<Spanned<String>>,
    confirmed: Option<Spanned<String>>,
    error: Option<Spanned<String>>,
    installed: Option<Spanned<String>>,
    no_release: Option<Spanned<String>>,
    recovery: Option<Spanned<String>>,
    refused: Option<Spanned<String>>,
    up_to_date: Option<Spanned<String>>,
    waiting: Option<Spanned<String>>,
}

/// What the lines of one board mean.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    own: Vec<(Kind, Pattern)>,
}

/// Text with places for values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(String),
}

impl Event {
    /// A value that the line has.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The version that it is about, as far as it says.
    #[must_use]
    pub fn version(&self) -> &str {
        self.value("version").unwrap_or("of an unknown version")
    }
}

impl Patterns {
    /// The patterns of a board file.
    ///
    /// # Errors
    ///
    /// When one of them is none, or does not catch the value that it is for.
    pub fn of(table: &LogTable, place: &Text<'_>) -> Result<Self, Trouble> {
        let all = [
            ("app", Kind::App, &table.app, Some("version")),
            ("boot", Kind::Boot, &table.boot, None),
            ("confirmed", Kind::Confirmed, &table.confirmed, None),
            ("error", Kind::Error, &table.error, None),
            ("installed", Kind::Installed, &table.installed, None),
            ("no_release", Kind::NoRelease, &table.no_release, None),
            ("recovery", Kind::Recovery, &table.recovery, None),
            ("refused", Kind::Refused, &table.refused, None),
            ("up_to_date", Kind::UpToDate, &table.up_to_date, None),
            ("waiting", Kind::Waiting, &table.waiting, None),
        ];
        let mut own = Vec::new();
        for (key, kind, text, needed) in all {
            let Some(text) = text else { continue };
            let pattern = Pattern::parse(text.get_ref())
                .map_err(|reason| place.wrong(text.span(), format!("[log] `{key}`: {reason}")))?;
            if let Some(needed) = needed.filter(|needed| !pattern.catches(needed)) {
                let reason = format!("[log] `{key}` must hold {{{needed}}}: the lab goes by it");
                return Err(place.wrong(text.span(), reason));
            }
            own.push((kind, pattern));
        }
        Ok(Self { own })
    }

    /// What a line says, if it is one of those that count.
    #[must_use]
    pub fn read(&self, line: &str) -> Option<Event> {
        let own = self.own.iter().find_map(|(kind, pattern)| {
            let values = pattern.values(line)?;
            Some(Event { kind: *kind, values })
        });
        let is_usual = |event: &Event| self.own.iter().all(|(kind, _)| *kind != event.kind);
        own.or_else(|| usual(line).filter(is_usual))
    }
}

/// The usual line. What stands in front of it, such as a time, or the rest of a line that a cut ended, does not matter.
fn usual(line: &str) -> Option<Event> {
    let (_, said) = line.rsplit_once(CONTRACT)?;
    let mut words = said.split_whitespace();
    let event = words.next()?;
    let pair = |word: &str| {
        word.split_once('=')
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
    };
    let values: BTreeMap<String, String> = words.filter_map(pair).collect();
    let outcome = values.get("outcome").map(String::as_str);
    let kind = match (event, outcome) {
        ("app", _) => Kind::App,
        ("boot", _) => Kind::Boot,
        ("confirmed", _) => Kind::Confirmed,
        ("recovery", _) => Kind::Recovery,
        ("update", Some("installed")) => Kind::Installed,
        ("update", Some("no-release")) => Kind::NoRelease,
        ("update", Some("refused")) => Kind::Refused,
        ("update", Some("up-to-date")) => Kind::UpToDate,
        ("update", Some("waiting")) => Kind::Waiting,
        ("update", None) if values.contains_key("error") => Kind::Error,
        _ => return None,
    };
    Some(Event { kind, values })
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((key, behind)) = behind.split_once('}') else {
                return Err("a `{` has no `}`".to_owned());
            };
            if key.is_empty() || !key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') {
                return Err(format!("`{{{key}}}` is no name of a value"));
            }
            if before.is_empty() && matches!(pieces.last(), Some(Piece::Value(_))) {
                return Err(format!("`{{{key}}}` needs some text in front of it"));
            }
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
            pieces.push(Piece::Value(key.to_owned()));
            rest = behind;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
        if pieces.iter().any(|piece| matches!(piece, Piece::Text(_))) {
            Ok(Self { pieces })
        } else {
            Err("it holds no text, so every line would do".to_owned())
        }
    }

    fn catches(&self, key: &str) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Value(name) if name == key))
    }

    /// The values in a line that holds the text; the first place where it stands counts.
    fn values(&self, line: &str) -> Option<BTreeMap<String, String>> {
        let first = self.pieces.first()?;
        let starts: Vec<usize> = match first {
            Piece::Text(text) => line.match_indices(text.as_str()).map(|(at, _)| at).collect(),
            Piece::Value(_) => line.char_indices().map(|(at, _)| at).collect(),
        };
        starts
            .into_iter()
            .find_map(|start| self.values_from(line.get(start..)?))
    }

    fn values_from(&self, line: &str) -> Option<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        let mut rest = line;
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Value(key) => {
                    let run = rest
                        .split_whitespace()
                        .next()
                        .filter(|_| !rest.starts_with(char::is_whitespace));
                    let run = run.unwrap_or_default();
                    let end = match pieces.peek() {
                        // The value ends where the text begins that follows it.
                        Some(Piece::Text(text)) => rest.find(text.as_str()).filter(|end| *end <= run.len())?,
                        _ => run.len(),
                    };
                    let value = rest.get(..end).filter(|value| !value.is_empty())?;
                    values.insert(key.clone(), value.to_owned());
                    rest = rest.get(end..)?;
                }
            }
        }
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, values: &[(&str, &str)]) -> Option<Event> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Some(Event {
            kind,
            values: values.iter().map(own).collect(),
        })
    }

    #[test]
    fn usual_lines_are_read() {
        let lines = [
            (
                "tuffet boot slot=A why=trial",
                event(Kind::Boot, &[("slot", "A"), ("why", "trial")]),
            ),
            (
                "[ 1.2] tuffet app version=1.0.0 slot=A\r",
                event(Kind::App, &[("version", "1.0.0"), ("slot", "A")]),
            ),
            ("tuffet confirmed", event(Kind::Confirmed, &[])),
            ("tuffet up\0tuffet boot slot=B", event(Kind::Boot, &[("slot", "B")])),
            (
                "tuffet update outcome=installed version=2.0.0 way=delta",
                event(
                    Kind::Installed,
                    &[("outcome", "installed"), ("version", "2.0.0"), ("way", "delta")],
                ),
            ),
            (
                "tuffet update outcome=up-to-date",
                event(Kind::UpToDate, &[("outcome", "up-to-date")]),
            ),
            (
                "tuffet update error=101 name=Expired",
                event(Kind::Error, &[("error", "101"), ("name", "Expired")]),
            ),
            ("tuffet update outcome=more-roots", None),
            (
                "tuffet recovery why=NothingVerified",
                event(Kind::Recovery, &[("why", "NothingVerified")]),
            ),
            ("hello", None),
            ("tuffet ", None),
        ];
        for (line, expected) in lines {
            assert_eq!(Patterns::default().read(line), expected, "{line}");
        }
    }

    #[test]
    fn own_patterns_take_the_place_of_the_usual_lines() {
        let patterns = Patterns {
            own: vec![
                (Kind::App, Pattern::parse("Firmware {version}, built").unwrap()),
                (Kind::UpToDate, Pattern::parse("nothing newer").unwrap()),
                (Kind::Boot, Pattern::parse("-> slot {slot}").unwrap()),
            ],
        };
        let cases = [
            (
                "I: Firmware 1.2.3, built today",
                event(Kind::App, &[("version", "1.2.3")]),
            ),
            ("I: Firmware 1.2.3 built today", None),
            ("OTA: nothing newer.", event(Kind::UpToDate, &[])),
            ("jump -> slot 1", event(Kind::Boot, &[("slot", "1")])),
            ("jump -> slot ", None),
            ("tuffet app version=1.0.0", None),
            ("tuffet confirmed", event(Kind::Confirmed, &[])),
        ];
        for (line, expected) in cases {
            assert_eq!(patterns.read(line), expected, "{line}");
        }
    }

    #[test]
    fn patterns_that_are_none_are_named() {
        let cases = [
            ("a {b", "has no `}`"),
            ("a {}", "no name of a value"),
            ("a {b}{c}", "needs some text"),
            ("{a}", "holds no text"),
            ("", "holds no text"),
        ];
        for (text, expected) in cases {
            let reason = Pattern::parse(text).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
        }
    }
}
