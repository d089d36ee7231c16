//! The lab, on boards that are shell scripts in a folder.

mod bad_input;
mod fake;
mod reports;
mod runs;
