//! One module per command. Each gives back what to print, or an error that has changed nothing.

mod generate;
mod key;
mod root;

use crate::{arguments::Command, report::Report};
use tuffet_keys_tool::Error;

/// Does what the arguments say.
pub fn run(command: &Command) -> Result<Report, Error> {
    match command {
        Command::Generate(arguments) => generate::run(arguments),
        Command::Key(command) => key::run(command),
        Command::Root(command) => root::run(command),
    }
}
