//! What a board can be told to do, whatever stands between it and the lab.

use super::stop::Stop;
use super::trouble::Trouble;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::SyncSender;

/// The longest line that is taken as one; a longer one comes in pieces. A line without an end is no reason to run out of memory.
const LINE_BYTES_MAX: u64 = 2_000;

/// Where the lines of a board go. It holds a number of them: who says more than anybody reads has to wait.
pub type Sink = SyncSender<String>;

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
        while read_line(&mut from, &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sink.send(text).is_err() {
                // Nobody listens any more.
                return;
            }
            line.clear();
        }
    });
}

fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    from.take(LINE_BYTES_MAX).read_until(b'\n', line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_without_an_end_comes_in_pieces() {
        let text = [&b"first\r\n"[..], &[b'x'; 4_500], b"\nlast"].concat();
        let (sink, heard) = std::sync::mpsc::sync_channel(1);
        pass_on(std::io::Cursor::new(text), sink);
        let heard: Vec<String> = heard.iter().collect();
        let lengths: Vec<usize> = heard.iter().map(String::len).collect();
        assert_eq!(lengths, [5, 2_000, 2_000, 500, 4]);
    }
}
