//! The adapter `command`: each verb is a command line in the board file.
//!
//! - `{word}` is replaced by a value, quoted for the shell: `{image}`, `{base}`, `{url}`, `{host}`, `{port}`, and what stands in
//!   `[values]`. `{{` is a brace.
//! - Lines run in the folder of the board file. The standard output of `log` is the log; that line is killed at the end.

use super::adapter::{Adapter, Sink, pass_on};
use super::board::Text;
use super::shell::{self, Running, ShellFailure};
use super::stop::Stop;
use super::tools;
use super::trouble::Trouble;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// The placeholders that the lab fills in.
pub const PLACEHOLDERS: [&str; 5] = ["image", "base", "url", "host", "port"];

/// `[command]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandTable {
    flash: Option<Spanned<String>>,
    reset: Option<Spanned<String>>,
    power_off: Option<Spanned<String>>,
    power_on: Option<Spanned<String>>,
    log: Option<Spanned<String>>,
    flash_power: Option<FlashPower>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    timeouts: TimeoutTable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FlashPower {
    Off,
    On,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeoutTable {
    flash: Option<Spanned<f64>>,
    reset: Option<Spanned<f64>>,
    power_off: Option<Spanned<f64>>,
    power_on: Option<Spanned<f64>>,
}

/// The lines of a board, checked.
#[derive(Clone, Debug)]
pub struct Commands {
    flash: Line,
    reset: Line,
    power_off: Line,
    power_on: Line,
    log: String,
    flashes_with_power: bool,
    tools: Vec<String>,
    values: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Line {
    text: String,
    limit: Duration,
}

/// A board that is driven by its lines.
pub struct CommandBoard {
    commands: Commands,
    folder: PathBuf,
    log: Option<Running>,
}

impl Commands {
    /// The lines of a board file.
    ///
    /// # Errors
    ///
    /// When one is missing, or holds a placeholder that nobody fills in.
    pub fn of(
        table: Option<&Spanned<CommandTable>>,
        adapter: &Range<usize>,
        values: &BTreeMap<String, String>,
        place: &Text<'_>,
    ) -> Result<Self, Trouble> {
        let Some(spanned) = table else {
            return Err(place.wrong(adapter.clone(), "`adapter` is \"command\", and there is no [command]"));
        };
        let table = spanned.get_ref();
        let text = |verb: &str, line: &Option<Spanned<String>>| {
            let Some(line) = line else {
                return Err(place.wrong(spanned.span(), format!("[command] has no `{verb}`")));
            };
            fill(line.get_ref(), &|name| {
                let is_known = PLACEHOLDERS.contains(&name) || values.contains_key(name);
                is_known.then(String::new)
            })
            .map_err(|name| {
                let known: Vec<&str> = PLACEHOLDERS
                    .into_iter()
                    .chain(values.keys().map(String::as_str))
                    .collect();
                place.wrong(
                    line.span(),
                    format!(
                        "`{verb}` holds `{{{name}}}`, and there are {}; `{{{{` is a brace",
                        known.join(", ")
                    ),
                )
            })?;
            Ok(line.get_ref().clone())
        };
        let timeouts = &table.timeouts;
        let timed = |verb: &str, line: &Option<Spanned<String>>, limit: &Option<Spanned<f64>>, default_s: f64| {
            Ok(Line {
                text: text(verb, line)?,
                limit: place.seconds(verb, limit.as_ref(), default_s)?,
            })
        };
        Ok(Self {
            flash: timed("flash", &table.flash, &timeouts.flash, 120.0)?,
            reset: timed("reset", &table.reset, &timeouts.reset, 15.0)?,
            power_off: timed("power_off", &table.power_off, &timeouts.power_off, 15.0)?,
            power_on: timed("power_on", &table.power_on, &timeouts.power_on, 15.0)?,
            log: text("log", &table.log)?,
            flashes_with_power: table.flash_power != Some(FlashPower::Off),
            tools: table.tools.clone(),
            values: values.clone(),
        })
    }

    /// Refuses to begin without a program that the board file says it needs.
    ///
    /// # Errors
    ///
    /// When one is missing.
    pub fn check_tools(&self) -> Result<(), Trouble> {
        tools::check(["sh"].into_iter().chain(self.tools.iter().map(String::as_str)))
    }

    /// The programs that the board file says it needs.
    #[must_use]
    pub fn tools(&self) -> &[String] {
        &self.tools
    }

    /// Whether a line holds this placeholder.
    #[must_use]
    pub fn hold(&self, name: &str) -> bool {
        let verbs = [&self.flash, &self.reset, &self.power_off, &self.power_on];
        let mut texts = verbs.into_iter().map(|line| &line.text).chain([&self.log]);
        // A line with another one is not filled without that.
        texts.any(|text| fill(text, &|word| (word != name).then(String::new)).is_err())
    }

    /// The board that these lines drive, with what the lab knows.
    #[must_use]
    pub fn board(&self, folder: &Path, known: BTreeMap<String, String>) -> CommandBoard {
        let mut commands = self.clone();
        commands.values.extend(known);
        CommandBoard {
            commands,
            folder: folder.to_owned(),
            log: None,
        }
    }

    fn filled(&self, text: &str) -> String {
        // Every placeholder was checked when the file was read.
        fill(text, &|name| self.values.get(name).map(|value| quoted(value))).unwrap_or_default()
    }
}

impl CommandBoard {
    fn run(&self, verb: &'static str, line: &Line, stop: Option<&Stop>) -> Result<(), Trouble> {
        let text = self.commands.filled(&line.text);
        shell::run(&text, &self.folder, line.limit, stop).map_err(|failure| trouble(verb, text, failure))
    }
}

impl Adapter for CommandBoard {
    fn flash(&mut self, _image: &Path, stop: &Stop) -> Result<(), Trouble> {
        self.run("flash", &self.commands.flash, Some(stop))
    }

    fn flashes_with_power(&self) -> bool {
        self.commands.flashes_with_power
    }

    fn reset(&mut self, stop: &Stop) -> Result<(), Trouble> {
        self.run("reset", &self.commands.reset, Some(stop))
    }

    fn power_off(&mut self, stop: &Stop) -> Result<(), Trouble> {
        self.run("power_off", &self.commands.power_off, Some(stop))
    }

    fn power_on(&mut self, stop: &Stop) -> Result<(), Trouble> {
        self.run("power_on", &self.commands.power_on, Some(stop))
    }

    fn listen(&mut self, sink: Sink) -> Result<(), Trouble> {
        self.log = None;
        let line = self.log_source();
        let started = Running::start(&line, &self.folder);
        let mut running = started.map_err(|failure| trouble("log", line, failure))?;
        if let Some(output) = running.output() {
            pass_on(output, sink);
        }
        self.log = Some(running);
        Ok(())
    }

    fn log_ended(&mut self) -> Option<Trouble> {
        let failure = self.log.as_mut()?.ended()?;
        let line = self.log_source();
        Some(match failure {
            ShellFailure::Ended { is_missing: true, .. } => trouble("log", line, failure),
            other @ (ShellFailure::Ended { .. }
            | ShellFailure::Interrupted
            | ShellFailure::NotRun(_)
            | ShellFailure::TimedOut { .. }) => Trouble::LogEnded {
                line,
                how: other.to_string(),
            },
        })
    }

    fn log_source(&self) -> String {
        self.commands.filled(&self.commands.log)
    }

    fn leave(&mut self, has_power: bool) -> Result<(), Trouble> {
        self.log = None;
        if has_power {
            return Ok(());
        }
        self.run("power_on", &self.commands.power_on, None)
    }
}

fn trouble(verb: &'static str, line: String, failure: ShellFailure) -> Trouble {
    match failure {
        ShellFailure::Interrupted => Trouble::Interrupted,
        ShellFailure::Ended { is_missing: true, how } => Trouble::Verb {
            verb,
            line,
            how: format!(
                "{how}. Is the program on this machine? List it in `tools`, and `tuffet-lab check` says where it comes from"
            ),
        },
        other @ (ShellFailure::Ended { .. } | ShellFailure::NotRun(_) | ShellFailure::TimedOut { .. }) => {
            Trouble::Verb {
                verb,
                line,
                how: other.to_string(),
            }
        }
    }
}

/// Replaces `{word}`; the error is a word that nobody knows. A brace behind `$` belongs to the shell.
fn fill(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        if let Some(behind) = behind.strip_prefix('{') {
            filled.push('{');
            rest = behind;
            continue;
        }
        let word = behind
            .split_once('}')
            .filter(|(word, _)| is_word(word) && !before.ends_with('$'));
        match word {
            Some((word, behind)) => {
                filled.push_str(&value(word).ok_or_else(|| word.to_owned())?);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

/// A value as one word of the shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_quoted() {
        let value = |name: &str| (name == "image").then(|| quoted("it's here"));
        let cases = [
            ("dd if={image}", Ok(r"dd if='it'\''s here'")),
            (
                "awk '{{print $1}' ${HOME} {a,b} {",
                Ok("awk '{print $1}' ${HOME} {a,b} {"),
            ),
            ("cat {port}", Err("port")),
            ("", Ok("")),
        ];
        for (text, expected) in cases {
            let filled = fill(text, &value);
            assert_eq!(filled.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }
}
