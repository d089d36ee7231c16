//! What a command has to say, and the only place that prints.

use serde_json::{Value, json};
use std::io::{self, Write};
use tuffet_keys_tool::{Error, Exit, FileError};

/// For whom to print.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object on standard output.
    Json,
    /// Text for a person.
    Text,
}

impl Form {
    /// The form that `--json` asks for.
    pub const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// What a command that succeeded has to say.
#[derive(Debug)]
pub struct Report {
    /// For a person; ends with a line end.
    pub text: String,
    /// Fields of the JSON object, beside `ok` and `warnings`.
    pub fields: Value,
    /// What the person should think about.
    pub warnings: Vec<String>,
}

/// Prints a report. What was printed in part is an error: a script must not take it for the whole.
pub fn print(report: &Report, form: Form) -> Result<(), Error> {
    let printed = || -> io::Result<()> {
        let mut out = io::stdout().lock();
        match form {
            Form::Json => {
                let mut object = json!({ "ok": true, "warnings": report.warnings });
                if let (Value::Object(object), Value::Object(fields)) = (&mut object, &report.fields) {
                    object.extend(fields.clone());
                }
                writeln!(out, "{object}")?;
            }
            Form::Text => {
                for warning in &report.warnings {
                    writeln!(io::stderr(), "warning: {warning}")?;
                }
                out.write_all(report.text.as_bytes())?;
            }
        }
        out.flush()
    };
    Ok(printed().map_err(|source| FileError::NotPrinted { source })?)
}

/// Prints an error and gives back its exit code.
pub fn fail(message: &str, exit: Exit, form: Form) -> Exit {
    // Nobody is left to tell when this fails too; the exit code still says it.
    let _ = writeln!(io::stderr(), "error: {message}");
    if form == Form::Json {
        print_error_object(message, exit);
    }
    exit
}

/// Prints what is wrong with the arguments.
pub fn fail_usage(error: &clap::Error, form: Form) -> Exit {
    let _ = error.print();
    if form == Form::Json {
        print_error_object(error.to_string().trim(), Exit::Usage);
    }
    Exit::Usage
}

fn print_error_object(message: &str, exit: Exit) {
    let object = json!({ "ok": false, "error": message, "exit_code": exit.code() });
    let _ = writeln!(io::stdout(), "{object}");
}
