//! `tuffet-keys`: the keys of a repository and its root, on the command line.

mod arguments;
mod clock;
mod commands;
mod report;

use arguments::Arguments;
use clap::Parser as _;
use report::Form;
use std::{env, process::ExitCode};
use tuffet_keys_tool::{Error, Exit, FileError};

fn main() -> ExitCode {
    let exit = match Arguments::try_parse() {
        Ok(arguments) => {
            let form = Form::of(arguments.json);
            match commands::run(&arguments.command).and_then(|report| report::print(&report, form)) {
                Ok(()) => Exit::Ok,
                Err(error) => report::fail(&error.to_string(), error.exit(), form),
            }
        }
        // Help and version come this way too; they are no failures.
        Err(error) if !error.use_stderr() => match error.print() {
            Ok(()) => Exit::Ok,
            Err(source) => {
                let error = Error::from(FileError::NotPrinted { source });
                report::fail(&error.to_string(), error.exit(), Form::Text)
            }
        },
        Err(error) => {
            let form = Form::of(env::args_os().any(|argument| argument == "--json"));
            report::fail_usage(&error, form)
        }
    };
    ExitCode::from(exit.code())
}
