//! The lab, on boards that are shell scripts in a folder, and on the emulated board.

mod bad_input;
mod emulated;
mod fake;
mod reports;
mod runs;
