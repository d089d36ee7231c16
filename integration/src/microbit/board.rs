//! A board with its power supply, its debugger and its serial line.

use super::gdb::{Gdb, connect};
use super::instructions::Counter;
use super::line::Line as SerialLine;
use super::{Firmware, PART};
use crate::board::{Line, bound_to_this_process};
use crate::device::scratch_folder;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use tuffet_board_layout::microbit::BOOTLOADER_BYTES_MAX;

/// How long it may say nothing: an update is ten seconds of work for an emulator that is alone, and most of that in silence.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may say other things than what is waited for.
const LONG_PATIENCE: Duration = Duration::from_secs(600);
/// What flash holds that was never written.
const ERASED: u8 = 0xFF;
/// Events of lines that only tell figures.
const FIGURES: [&str; 2] = ["memory", "time"];

/// A board. Its flash outlives its power; the emulator keeps it only while the power is on.
pub struct Board {
    folder: tempfile::TempDir,
    bootloader: PathBuf,
    /// What the flash holds, while the power is off.
    flash: Vec<u8>,
    /// What lies behind the flash of the part: more than the part has.
    behind: Vec<u8>,
    running: Option<Running>,
    counts: bool,
    /// What counts since the power was switched on.
    counter: Option<Counter>,
    /// All that was said since the board was made, for whoever reads why a test failed.
    said: Vec<String>,
}

struct Running {
    child: Child,
    gdb: Gdb,
    /// `None`: it is somebody else's.
    line: Option<SerialLine>,
}

impl Board {
    /// A board with this in its flash, switched off. What is where the bootloader stands does not count.
    ///
    /// # Panics
    ///
    /// When the system has no temporary folder, or this is no flash of the board.
    #[must_use]
    pub fn new(firmware: &Firmware, flash: Vec<u8>) -> Self {
        assert_eq!(
            flash.len(),
            PART.flash_bytes as usize,
            "this is not the flash of the board"
        );
        Self {
            folder: scratch_folder(),
            bootloader: firmware.bootloader.clone(),
            flash,
            behind: Vec::new(),
            running: None,
            counts: false,
            counter: None,
            said: Vec::new(),
        }
    }

    /// What lies behind the flash of the part, whose emulator has so much more. Nothing, unless it is changed while the power is off.
    pub const fn behind(&mut self) -> &mut Vec<u8> {
        &mut self.behind
    }

    /// Counts what the processor executes from the next time on that the board is switched on.
    pub const fn count_instructions(&mut self) {
        self.counts = true;
    }

    /// What counts. `None`: nothing does, or the emulator cannot.
    #[must_use]
    pub const fn counter(&self) -> Option<&Counter> {
        self.counter.as_ref()
    }

    /// Switches the board on. The processor stands in front of its first instruction until [`go`](Self::go).
    ///
    /// # Panics
    ///
    /// When it is on, or the emulator cannot be started.
    pub fn power_on_and_wait(&mut self) {
        let line = self.power_on_with_free_line();
        let line = SerialLine::over(connect(&line).expect("the emulator has a serial line"));
        self.running.as_mut().expect("the power is on").line = Some(line);
    }

    /// The same for a line that a program takes: answers its socket. Nothing is heard here of what the board says.
    ///
    /// # Panics
    ///
    /// As [`power_on_and_wait`](Self::power_on_and_wait).
    pub fn power_on_with_free_line(&mut self) -> PathBuf {
        assert!(self.running.is_none(), "the power is on");
        self.said.push("(power on)".to_owned());
        let [gdb, line] = ["gdb", "line"].map(|name| self.folder.path().join(name));
        for socket in [&gdb, &line] {
            // The last emulator's.
            let _ = std::fs::remove_file(socket);
        }
        let flash_bytes = self.flash.len() + self.behind.len();
        let mut command = emulator_command_with(&self.bootloader, &line, &gdb, flash_bytes);
        if self.counts {
            self.counter = Counter::new(self.folder.path(), flash_bytes);
        }
        if let Some(counter) = &self.counter {
            counter.count(&mut command);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("qemu-system-arm can be started");
        let mut gdb = Gdb::connect(&gdb).expect("the emulator has a debugger");
        // The emulator's flash begins as zeros. The bootloader is loaded by the emulator, at each reset; nothing else is.
        let from = BOOTLOADER_BYTES_MAX as usize;
        gdb.write_memory(BOOTLOADER_BYTES_MAX, &self.flash[from..])
            .expect("the flash can be filled");
        gdb.write_memory(PART.flash_bytes, &self.behind)
            .expect("what lies behind the flash can be filled");
        self.running = Some(Running { child, gdb, line: None });
        line
    }

    /// Whether the power is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// Lets the processor run.
    ///
    /// # Panics
    ///
    /// When the board is off.
    pub fn go(&mut self) {
        self.gdb().resume().expect("the emulator goes on");
    }

    /// Switches the board on.
    ///
    /// # Panics
    ///
    /// As [`power_on_and_wait`](Self::power_on_and_wait).
    pub fn power_on(&mut self) {
        self.power_on_and_wait();
        self.go();
    }

    /// Cuts the power, at once and wherever the firmware is. Does nothing to a board that is off.
    ///
    /// # Panics
    ///
    /// When the flash cannot be read.
    pub fn power_off(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        // A processor that stands still already says nothing more; its flash is what it is.
        let read = running.gdb.interrupt().and_then(|_| read_flash(&mut running.gdb));
        self.end(running);
        match read {
            Ok(flash) => self.flash = flash,
            Err(error) => assert!(std::thread::panicking(), "the flash cannot be read: {error}"),
        }
    }

    /// The same where the processor [stands still](Self::gdb).
    ///
    /// # Panics
    ///
    /// When the board is off, or the flash cannot be read.
    pub fn power_off_standing(&mut self) {
        let mut running = self.running.take().expect("the power is on");
        let read = read_flash(&mut running.gdb);
        self.end(running);
        self.flash = read.expect("the flash can be read");
    }

    /// What the flash holds while the processor [stands still](Self::gdb).
    ///
    /// # Panics
    ///
    /// When the board is off, or the flash cannot be read.
    pub fn flash_standing(&mut self) -> Vec<u8> {
        read_flash(self.gdb()).expect("the flash can be read")
    }

    fn end(&mut self, mut running: Running) {
        // It may have ended by itself; then there is nothing to end.
        let _ = running.child.kill();
        let _ = running.child.wait();
        self.said.extend(running.line.iter().flat_map(|line| line.texts.iter()));
        self.said.push("(power off)".to_owned());
    }

    /// Resets the board, as a watchdog would that the emulator does not have.
    ///
    /// # Panics
    ///
    /// When the board is off, or the emulator does not answer.
    pub fn reset(&mut self) {
        self.said.push("(reset)".to_owned());
        let gdb = self.gdb();
        gdb.interrupt().expect("the processor stops");
        gdb.monitor("system_reset").expect("the emulator resets the board");
        // The emulator resets when it comes to it, and the processor goes on from there.
        gdb.resume().expect("the processor goes on");
    }

    /// The debugger.
    ///
    /// # Panics
    ///
    /// When the board is off.
    pub fn gdb(&mut self) -> &mut Gdb {
        &mut self.running.as_mut().expect("the power is on").gdb
    }

    /// The serial line, with its gateway.
    ///
    /// # Panics
    ///
    /// When the board is off, or the line is somebody else's.
    pub fn line(&mut self) -> &mut SerialLine {
        let running = self.running.as_mut().expect("the power is on");
        running.line.as_mut().expect("the line is ours")
    }

    /// What the flash holds.
    ///
    /// # Panics
    ///
    /// When the power is on.
    #[must_use]
    pub fn flash(&self) -> &[u8] {
        assert!(self.running.is_none(), "the flash is read when the power is off");
        &self.flash
    }

    /// The same, to be changed.
    ///
    /// # Panics
    ///
    /// When the power is on.
    pub fn flash_mut(&mut self) -> &mut [u8] {
        assert!(self.running.is_none(), "the flash is written when the power is off");
        &mut self.flash
    }

    /// All that was said.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.join("\n")
    }

    /// The next line of the contract, if one comes within this time.
    ///
    /// # Panics
    ///
    /// When the firmware panics, or the emulator ends; with all that was said.
    pub fn listen(&mut self, patience: Duration) -> Option<Line> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.line().texts.recv_timeout(left) {
                Ok(text) => {
                    self.said.push(text.clone());
                    let Some(line) = Line::parse(&text).map(Line::named) else {
                        continue;
                    };
                    let is_bug = ["panic", "fault"].contains(&line.event.as_str());
                    assert!(!is_bug, "the firmware has a bug:\n{}", self.said());
                    return Some(line);
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the emulator ended:\n{}", self.said()),
            }
        }
    }

    /// The next line.
    ///
    /// # Panics
    ///
    /// As [`listen`](Self::listen), and when none comes.
    pub fn next_line(&mut self) -> Line {
        self.listen(PATIENCE)
            .unwrap_or_else(|| panic!("nothing was said for {PATIENCE:?}:\n{}", self.said()))
    }

    /// Waits for a line that [says](Line::says) this.
    ///
    /// # Panics
    ///
    /// As [`next_line`](Self::next_line), and when other lines come for too long.
    pub fn wait_for(&mut self, words: &str) -> Line {
        let deadline = Instant::now() + LONG_PATIENCE;
        loop {
            let line = self.next_line();
            if line.says(words) {
                return line;
            }
            assert!(
                Instant::now() < deadline,
                "the board does not say `{words}`:\n{}",
                self.said()
            );
        }
    }

    /// The next line says this; lines with figures in front of it do not count.
    ///
    /// # Panics
    ///
    /// As [`next_line`](Self::next_line), and when another line comes.
    pub fn expect(&mut self, words: &str) -> Line {
        loop {
            let line = self.next_line();
            if FIGURES.contains(&line.event.as_str()) {
                continue;
            }
            assert!(line.says(words), "not `{words}`:\n{}", self.said());
            return line;
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.power_off();
    }
}

fn read_flash(gdb: &mut Gdb) -> std::io::Result<Vec<u8>> {
    let from = BOOTLOADER_BYTES_MAX as usize;
    let mut flash = vec![ERASED; from];
    flash.extend(gdb.read_memory(BOOTLOADER_BYTES_MAX, PART.flash_bytes as usize - from)?);
    Ok(flash)
}

/// The emulator of a board with this bootloader: its serial line and its debugger are sockets, and the processor waits for the
/// debugger. Whoever is not connected to the line hears nothing of what is said meanwhile.
#[must_use]
pub fn emulator_command(bootloader: &Path, line: &Path, gdb: &Path) -> Command {
    emulator_command_with(bootloader, line, gdb, PART.flash_bytes as usize)
}

fn emulator_command_with(bootloader: &Path, line: &Path, gdb: &Path, flash_bytes: usize) -> Command {
    let mut command = bound_to_this_process("qemu-system-arm");
    let socket = |id: &str, path: &Path| format!("socket,id={id},path={},server=on,wait=off", path.display());
    command
        .args(["-machine", "microbit", "-display", "none", "-monitor", "none", "-S"])
        .args(["-global", &format!("nrf51-soc.flash-size={flash_bytes}")])
        .args(["-global", &format!("nrf51-soc.sram-size={}", PART.ram_bytes)])
        .args(["-chardev", &socket("line", line), "-serial", "chardev:line"])
        .args(["-chardev", &socket("gdb", gdb), "-gdb", "chardev:gdb"])
        .arg("-kernel")
        .arg(bootloader);
    command
}
