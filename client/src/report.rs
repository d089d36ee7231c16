//! What the user sees: plain lines, a progress bar on a terminal, or JSON.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value};
use std::io::IsTerminal;

/// How to talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object per line; the last one is the result.
    Json,
    /// Sentences.
    Lines,
}

/// The voice of a command.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    form: Form,
}

impl Report {
    /// A voice in the given form.
    #[must_use]
    pub const fn new(form: Form) -> Self {
        Self { form }
    }

    /// Says what happens on the way. In JSON such a line has the key `event`.
    pub fn note(self, sentence: &str) {
        match self.form {
            Form::Lines => println!("{sentence}"),
            Form::Json => println!("{}", serde_json::json!({ "event": sentence })),
        }
    }

    /// Says the result: sentences for a person, the object for a machine.
    pub fn result(self, sentences: &[String], object: Map<String, Value>) {
        match self.form {
            Form::Lines => {
                for sentence in sentences {
                    println!("{sentence}");
                }
            }
            Form::Json => println!("{}", Value::Object(object)),
        }
    }

    /// Says why the command failed.
    pub fn error(self, error: &crate::error::ClientError) {
        match self.form {
            Form::Lines => eprintln!("error: {error}"),
            Form::Json => println!(
                "{}",
                serde_json::json!({
                    "ok": false,
                    "outcome": "failed",
                    "name": error.name(),
                    "code": error.code(),
                    "message": error.to_string(),
                    "exit": error.exit_code(),
                })
            ),
        }
    }

    /// A bar for a download of so many bytes; it is drawn on a terminal only.
    #[must_use]
    pub fn progress(self, what: &str, bytes: u64) -> ProgressBar {
        let is_drawn = self.form == Form::Lines && std::io::stderr().is_terminal();
        let target = if is_drawn {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        // The template is a constant; should it ever not parse, the plain bar does as well.
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    }
}
