//! What a board can be told to do, whatever stands between it and the lab.

use super::stop::Stop;
use super::trouble::Trouble;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::Sender;

/// Where the lines of a board go.
pub type Sink = Sender<String>;

/// The verbs of a board. Each is bounded in time, and leaves nothing running when it fails.
pub trait Adapter {
    /// Writes this file to the flash: the factory's whole contents.
    ///
    /// # Errors
    ///
    /// When it cannot be done; so all that follow.
    fn flash(&mut self, image: &Path, stop: &Stop) -> Result<(), Trouble>;

    /// Whether the power is on while the flash is written.
    fn flashes_with_power(&self) -> bool;

    /// Restarts the processor without taking its power.
    fn reset(&mut self, stop: &Stop) -> Result<(), Trouble>;

    /// Takes the power, at once.
    fn power_off(&mut self, stop: &Stop) -> Result<(), Trouble>;

    /// Gives power.
    fn power_on(&mut self, stop: &Stop) -> Result<(), Trouble>;

    /// Sends what the board prints to this sink from now on, line by line. What sent before ends.
    fn listen(&mut self, sink: Sink) -> Result<(), Trouble>;

    /// Why the log ended by itself, if it did.
    fn log_ended(&mut self) -> Option<Trouble>;

    /// Where the log comes from, for people.
    fn log_source(&self) -> String;

    /// Leaves the board as one finds a board: with power, whatever `stop` says, and nobody listening.
    fn leave(&mut self, has_power: bool) -> Result<(), Trouble>;
}

/// Sends lines on until there are no more.
pub fn pass_on(from: impl Read + Send + 'static, sink: Sink) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sink.send(text).is_err() {
                // Nobody listens any more.
                return;
            }
            line.clear();
        }
    });
}
