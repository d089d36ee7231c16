//! A debugger, as small as a rig needs one: the remote protocol of gdb, over a Unix socket of the emulator.
//!
//! - It reads and writes memory, sets breakpoints, lets the processor go on, and says where it stopped. The flash of the emulated part can be
//!   written this way too, whatever its controller says.
//! - Nothing waits for ever: an emulator that does not answer is an error.
//! - While the processor runs, only [`interrupt`](Gdb::interrupt) and the wait for a stop make sense.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the emulator may take to answer, on a machine that has something else to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a read of the socket waits, so that a deadline is noticed.
const TICK: Duration = Duration::from_millis(50);
/// Bytes of memory in one packet: twice as many characters, and the emulator takes 4,096.
const PIECE_BYTES: usize = 1_024;
/// The byte that stops the processor.
const INTERRUPT: u8 = 3;

/// A connection to an emulator.
pub struct Gdb {
    socket: UnixStream,
    /// Came, and was not read.
    rest: Vec<u8>,
}

/// Why the processor stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal, as gdb counts them: 2 for an interrupt, 5 for a breakpoint or a step.
    Signal(u8),
    /// The emulator ended.
    Ended,
}

/// The registers of the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// r0 to r12, the stack pointer, the link register, the program counter.
    pub general: [u32; 16],
}

impl Registers {
    /// The arguments of a function at whose first instruction the processor stands.
    #[must_use]
    pub const fn arguments(&self) -> [u32; 4] {
        let [a, b, c, d, ..] = self.general;
        [a, b, c, d]
    }

    /// The stack pointer.
    #[must_use]
    pub const fn stack_pointer(&self) -> u32 {
        self.general[13]
    }

    /// Where the processor stands.
    #[must_use]
    pub const fn program_counter(&self) -> u32 {
        self.general[15]
    }
}

impl Gdb {
    /// Connects to the socket of an emulator that is starting.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let socket = connect(path)?;
        socket.set_read_timeout(Some(TICK))?;
        let mut gdb = Self {
            socket,
            rest: Vec::new(),
        };
        // Why it stands still; a question that changes nothing, to see that somebody answers.
        gdb.ask("?")?;
        Ok(gdb)
    }

    /// Reads memory.
    pub fn read_memory(&mut self, address: u32, bytes: usize) -> io::Result<Vec<u8>> {
        let mut read = Vec::with_capacity(bytes);
        while read.len() < bytes {
            let count = (bytes - read.len()).min(PIECE_BYTES);
            let answer = self.ask(&format!("m{:x},{count:x}", address as usize + read.len()))?;
            let piece = from_hex(&answer).filter(|piece| piece.len() == count);
            read.extend(piece.ok_or_else(|| refused(&answer))?);
        }
        Ok(read)
    }

    /// Writes memory.
    pub fn write_memory(&mut self, address: u32, bytes: &[u8]) -> io::Result<()> {
        for (index, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
            let at = address as usize + index * PIECE_BYTES;
            self.command(&format!("M{at:x},{:x}:{}", piece.len(), to_hex(piece)))?;
        }
        Ok(())
    }

    /// Stops the processor in front of the instruction at this address, from now on. A function's address has its lowest bit set; that
    /// is left out.
    pub fn set_breakpoint(&mut self, address: u32) -> io::Result<()> {
        self.command(&format!("Z1,{:x},2", address & !1))
    }

    /// Does not stop there any more.
    pub fn clear_breakpoint(&mut self, address: u32) -> io::Result<()> {
        self.command(&format!("z1,{:x},2", address & !1))
    }

    /// The registers.
    pub fn registers(&mut self) -> io::Result<Registers> {
        let answer = self.ask("g")?;
        let bytes = from_hex(&answer).ok_or_else(|| refused(&answer))?;
        let (words, _) = bytes.as_chunks::<4>();
        let words = words.get(..16).ok_or_else(|| refused(&answer))?;
        let mut general = [0; 16];
        for (register, word) in general.iter_mut().zip(words) {
            *register = u32::from_le_bytes(*word);
        }
        Ok(Registers { general })
    }

    /// Lets the processor go on. It does not stop where it stands.
    pub fn resume(&mut self) -> io::Result<()> {
        // The emulator does not step over a breakpoint of its own.
        self.step()?;
        self.send("c")
    }

    /// One instruction.
    pub fn step(&mut self) -> io::Result<Stop> {
        self.send("s")?;
        self.wait(PATIENCE)?.ok_or_else(silent)
    }

    /// Waits until the processor stops; `None`: it did not within this time, and runs.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Option<Stop>> {
        let deadline = Instant::now() + patience;
        loop {
            match self.packet(deadline) {
                Ok(packet) => {
                    if let Some(stop) = stop_of(&packet) {
                        return Ok(Some(stop));
                    }
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
                Err(error) if is_end(&error) => return Ok(Some(Stop::Ended)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets the processor go on until it stops.
    pub fn resume_until_stop(&mut self, patience: Duration) -> io::Result<Option<Stop>> {
        self.resume()?;
        self.wait(patience)
    }

    /// Stops the processor, wherever it is.
    pub fn interrupt(&mut self) -> io::Result<Stop> {
        self.socket.write_all(&[INTERRUPT])?;
        self.wait(PATIENCE)?.ok_or_else(silent)
    }

    /// A command of the emulator's monitor, such as `system_reset`. Answers what it says.
    pub fn monitor(&mut self, command: &str) -> io::Result<String> {
        let mut said = String::new();
        self.send(&format!("qRcmd,{}", to_hex(command.as_bytes())))?;
        loop {
            let packet = self.packet(Instant::now() + PATIENCE)?;
            match packet.strip_prefix('O').map(from_hex) {
                _ if packet == "OK" => return Ok(said),
                Some(Some(text)) => said += &String::from_utf8_lossy(&text),
                _ => return Err(refused(&packet)),
            }
        }
    }

    /// Ends the emulator. What it had not said is lost, as when the power goes.
    pub fn kill(mut self) -> io::Result<()> {
        self.send("k")
    }

    fn command(&mut self, text: &str) -> io::Result<()> {
        let answer = self.ask(text)?;
        if answer == "OK" { Ok(()) } else { Err(refused(&answer)) }
    }

    fn ask(&mut self, text: &str) -> io::Result<String> {
        self.send(text)?;
        self.packet(Instant::now() + PATIENCE)
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        let sum = text.bytes().fold(0_u8, u8::wrapping_add);
        self.socket.write_all(format!("${text}#{sum:02x}").as_bytes())
    }

    /// The next packet. A socket loses nothing, so its checksum is only skipped.
    fn packet(&mut self, deadline: Instant) -> io::Result<String> {
        loop {
            let start = self.rest.iter().position(|byte| *byte == b'$');
            let end = self.rest.iter().position(|byte| *byte == b'#');
            if let (Some(start), Some(end)) = (start, end)
                && self.rest.len() >= end + 3
            {
                let text = String::from_utf8_lossy(&self.rest[start + 1..end]).into_owned();
                self.rest.drain(..end + 3);
                // Who is gone needs no thanks; that it is gone is seen by reading.
                let _thanked = self.socket.write_all(b"+");
                return Ok(text);
            }
            if Instant::now() > deadline {
                return Err(silent());
            }
            let mut space = [0; 8_192];
            match self.socket.read(&mut space) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.rest.extend(&space[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Connects to a socket that a program makes which was just started.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(path) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            connected => return connected,
        }
    }
}

fn stop_of(packet: &str) -> Option<Stop> {
    match packet.split_at_checked(1)? {
        ("S" | "T", rest) => Some(Stop::Signal(u8::from_str_radix(rest.get(..2)?, 16).ok()?)),
        ("W" | "X", _) => Some(Stop::Ended),
        _ => None,
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

fn silent() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the emulator does not answer")
}

fn refused(answer: &str) -> io::Error {
    io::Error::other(format!("the emulator answered `{answer}`"))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// An emulator that takes each of these, and answers with its partner.
    fn emulator(talk: &'static [(&'static str, &'static str)]) -> (tempfile::TempDir, Gdb) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gdb");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut came = Vec::new();
            for (asked, answer) in [("$?#3f", "$T05thread:01;#07")].iter().chain(talk) {
                let mut space = [0; 100];
                while !String::from_utf8_lossy(&came).contains(asked) {
                    let count = socket.read(&mut space).unwrap();
                    assert!(count > 0, "not {asked}, but {}", String::from_utf8_lossy(&came));
                    came.extend(&space[..count]);
                }
                came.clear();
                // In two pieces, since a socket keeps no bounds.
                let (first, second) = answer.split_at(answer.len() / 2);
                socket.write_all(first.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(5));
                socket.write_all(second.as_bytes()).unwrap();
            }
        });
        let gdb = Gdb::connect(&path).unwrap();
        (folder, gdb)
    }

    #[test]
    fn packets_are_those_of_the_protocol() {
        let (_folder, mut gdb) = emulator(&[
            ("$m100,2#5c", "+$00ff#2c"),
            ("$M100,2:abcd#", "+$OK#9a"),
            ("$Z1,200,2#", "+$OK#9a"),
            ("$s#73", "+$T05thread:01;#07"),
            ("$c#63", "+"),
            ("\x03", "$T02thread:01;#04"),
            ("$m0,1#", "+$E14#aa"),
            ("$qRcmd,78#", "+$O6869#00$OK#9a"),
        ]);
        assert_eq!(gdb.read_memory(0x100, 2).unwrap(), [0, 255]);
        gdb.write_memory(0x100, &[0xAB, 0xCD]).unwrap();
        gdb.set_breakpoint(0x201).unwrap();
        gdb.resume().unwrap();
        assert_eq!(gdb.wait(Duration::from_millis(1)).unwrap(), None);
        assert_eq!(gdb.interrupt().unwrap(), Stop::Signal(2));
        assert!(gdb.read_memory(0, 1).is_err());
        assert_eq!(gdb.monitor("x").unwrap(), "hi");
        assert_eq!(gdb.wait(PATIENCE).unwrap(), Some(Stop::Ended));
    }
}
