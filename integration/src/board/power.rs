//! A board with its power supply and its serial port.

use super::serial::Serial;
use super::{Cut, Emulator, Firmware, Line, Memory};
use crate::device::scratch_folder;
use embedded_io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use tuffet_board_layout::memory::RESIDENT_ADDRESS;

/// How long the firmware may take for one line, if nothing else is said: a hang is over after four seconds, and an update after
/// one or two, on a machine that has nothing else to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long what a dead board said may take to come: it was said already.
const REST_PATIENCE: Duration = Duration::from_secs(5);

/// How long it may say other things than what is waited for.
const LONG_PATIENCE: Duration = Duration::from_secs(180);

/// Starts a program that ends with the one which started it; a part of util-linux.
const BINDER: [&str; 3] = ["setpriv", "--pdeathsig", "KILL"];

/// Events of lines that only tell figures.
const FIGURES: [&str; 3] = ["flash", "memory", "time"];

/// A board. Its power goes when it is dropped.
pub struct Board {
    folder: tempfile::TempDir,
    memory: Memory,
    emulator: Emulator,
    programs: Vec<String>,
    running: Option<Running>,
    /// All that was said since the board was made, for whoever reads why a test failed.
    said: Vec<String>,
}

struct Running {
    child: Child,
    serial: Serial,
}

/// The power went by itself: it was cut as ordered, or the firmware broke a rule of the flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerOff {
    /// The last line.
    pub last: Option<Line>,
}

impl Board {
    /// A board with this in its flash, switched off.
    ///
    /// # Panics
    ///
    /// When the system has no temporary folder.
    #[must_use]
    pub fn new(firmware: &Firmware, emulator: Emulator, flash: &[u8]) -> Self {
        let folder = scratch_folder();
        let memory = Memory::create(&folder.path().join("memory"), flash).expect("the folder is writable");
        Self {
            folder,
            memory,
            emulator,
            programs: vec!["-kernel".to_owned(), firmware.bootloader.display().to_string()],
            running: None,
            said: Vec::new(),
        }
    }

    /// The same with the application that runs for images which are no programs.
    ///
    /// # Panics
    ///
    /// When the system has no temporary folder.
    #[must_use]
    pub fn with_resident(firmware: &Firmware, emulator: Emulator, flash: &[u8]) -> Self {
        let mut board = Self::new(firmware, emulator, flash);
        let resident = firmware.resident.display();
        let loaded = format!("loader,file={resident},addr={RESIDENT_ADDRESS:#x},force-raw=on");
        board.programs.extend(["-device".to_owned(), loaded]);
        board
    }

    /// Whether the power is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// Its memory.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// All that was said.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.join("\n")
    }

    /// Switches the board on.
    ///
    /// # Panics
    ///
    /// When it is on, or the emulator cannot be started.
    pub fn power_on(&mut self, cut: Option<Cut>) {
        self.power_on_with(cut, &[]);
    }

    /// The same, with more arguments for the emulator.
    ///
    /// # Panics
    ///
    /// When it is on, or the emulator cannot be started.
    pub fn power_on_with(&mut self, cut: Option<Cut>, arguments: &[&str]) {
        assert!(self.running.is_none(), "the power is on");
        self.memory.begin(cut).expect("the memory can be written");
        self.said.push("(power on)".to_owned());
        let mut child = emulator_command(self.emulator, &self.memory)
            .args(["-monitor", "none"])
            .args(&self.programs)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("qemu-system-arm can be started");
        let output = child.stdout.take().expect("its output is a pipe");
        let input = child.stdin.take().expect("its input is a pipe");
        let serial = Serial::over(input, output);
        self.running = Some(Running { child, serial });
    }

    /// Cuts the power, at once and wherever the firmware is. Does nothing to a board that is off.
    ///
    /// # Panics
    ///
    /// When the firmware panicked or broke a rule behind the last line that was read; with all that was said.
    pub fn power_off(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended by itself; then there is nothing to end.
            let _ = running.child.kill();
            let _ = running.child.wait();
            let read = self.said.len();
            // The line ends with the emulator.
            self.said
                .extend(std::iter::from_fn(|| running.serial.text_within(REST_PATIENCE).ok()));
            let mut rest = self.said.iter().skip(read).filter_map(|text| Line::parse(text));
            let has_bug = rest.any(|line| is_bug(&line));
            self.said.push("(power off)".to_owned());
            // A test that fails already says why itself.
            assert!(
                !has_bug || std::thread::panicking(),
                "the firmware has a bug:\n{}",
                self.said()
            );
        }
    }

    /// Writes to the serial port.
    ///
    /// # Panics
    ///
    /// When the board is off.
    pub fn send(&mut self, bytes: &[u8]) {
        let serial = self.serial();
        serial.write_all(bytes).expect("the port takes bytes");
        serial.flush().expect("the port takes bytes");
    }

    /// The serial line, for more than lines. What is said there meanwhile is not in [`said`](Self::said).
    ///
    /// # Panics
    ///
    /// When the board is off.
    pub fn serial(&mut self) -> &mut Serial {
        &mut self.running.as_mut().expect("the power is on").serial
    }

    /// The next line of the contract.
    ///
    /// # Panics
    ///
    /// When none comes within this time, or when the firmware panics or breaks a rule; with all that was said.
    pub fn next_within(&mut self, patience: Duration) -> Result<Line, PowerOff> {
        let deadline = Instant::now() + patience;
        let mut last = None;
        loop {
            match self
                .serial()
                .text_within(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(text) => {
                    self.said.push(text.clone());
                    let Some(line) = Line::parse(&text) else { continue };
                    assert!(!is_bug(&line), "the firmware has a bug:\n{}", self.said());
                    if line.event == "cut" {
                        last = Some(line);
                        continue;
                    }
                    return Ok(line);
                }
                Err(RecvTimeoutError::Timeout) => panic!("nothing was said for {patience:?}:\n{}", self.said()),
                Err(RecvTimeoutError::Disconnected) => {
                    self.power_off();
                    return Err(PowerOff { last });
                }
            }
        }
    }

    /// The next line.
    ///
    /// # Panics
    ///
    /// As [`next_within`](Self::next_within), and when the power goes.
    pub fn next_line(&mut self) -> Line {
        self.next_within(PATIENCE)
            .unwrap_or_else(|off| panic!("the power went, {off:?}:\n{}", self.said()))
    }

    /// The next line, if one comes within this time, whatever it says.
    ///
    /// # Panics
    ///
    /// When the board is off.
    pub fn listen(&mut self, patience: Duration) -> Result<Option<Line>, PowerOff> {
        match self.serial().text_within(patience) {
            Ok(text) => {
                let line = Line::parse(&text);
                self.said.push(text);
                Ok(line)
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                self.power_off();
                Err(PowerOff { last: None })
            }
        }
    }

    /// Waits for a line that [says](Line::says) this.
    ///
    /// # Panics
    ///
    /// As [`next_within`](Self::next_within), when the power goes, and when other lines come for too long.
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
    /// As [`wait_for`](Self::wait_for), and when another line comes.
    pub fn expect(&mut self, words: &str) -> Line {
        loop {
            let line = self.next_within(PATIENCE).unwrap_or_else(|_| {
                panic!("the power went before the board said `{words}`:\n{}", self.said());
            });
            if FIGURES.contains(&line.event.as_str()) {
                continue;
            }
            assert!(line.says(words), "not `{words}`:\n{}", self.said());
            return line;
        }
    }
}

/// Whether the firmware says here that it panicked, or broke a rule.
fn is_bug(line: &Line) -> bool {
    ["panic", "fault"].contains(&line.event.as_str()) || !line.field("violation").is_empty()
}

/// The emulator of a board with this memory, its serial port on standard input and output. Which programs it loads, and
/// whether it has a monitor, is its owner's to say.
#[must_use]
pub fn emulator_command(emulator: Emulator, memory: &Memory) -> Command {
    let backend = format!(
        "memory-backend-file,id=nv,size=16M,mem-path={},share=on",
        memory.path().display()
    );
    let machine = format!("{},memory-backend=nv", emulator.machine());
    let mut command = bound_to_this_process("qemu-system-arm");
    command
        .args(["-machine", &machine, "-object", &backend])
        .args(["-nic", "user", "-display", "none", "-serial", "stdio"])
        .args(["-semihosting-config", "enable=on,target=native"]);
    command
}

/// A program that does not outlive the thread which starts it, where the system has a way: a run that is killed leaves no board
/// running. It is the same process, so whoever ends it by its number ends the program.
pub(crate) fn bound_to_this_process(program: &str) -> Command {
    static CAN_BE_BOUND: OnceLock<bool> = OnceLock::new();
    let can_be_bound = *CAN_BE_BOUND.get_or_init(|| {
        let tried = Command::new(BINDER[0]).args(&BINDER[1..]).arg("true").output();
        tried.is_ok_and(|output| output.status.success())
    });
    if !can_be_bound {
        return Command::new(program);
    }
    let mut command = Command::new(BINDER[0]);
    command.args(&BINDER[1..]).arg(program);
    command
}

impl Drop for Board {
    fn drop(&mut self) {
        self.power_off();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    /// A board whose firmware is a line of the shell.
    fn shell(line: &str) -> Board {
        let folder = scratch_folder();
        let memory = Memory::create(&folder.path().join("memory"), &[]).unwrap();
        let mut command = Command::new("sh");
        let command = command.args(["-c", line]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let serial = Serial::over(child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Board {
            folder,
            memory,
            emulator: Emulator::An385,
            programs: Vec::new(),
            running: Some(Running { child, serial }),
            said: Vec::new(),
        }
    }

    #[test]
    fn panic_behind_the_last_line_that_is_waited_for_is_found() {
        for (behind, is_found) in [
            ("panic", true),
            ("fault", true),
            ("flash violation=running offset=1", true),
            ("confirmed", false),
            // Cut off by the power.
            ("pani", false),
        ] {
            // Much, so that it does not come at once.
            let noise = "x".repeat(100);
            let line =
                format!("echo tuffet app; for i in 1 2 3 4 5 6 7 8 9; do echo {noise}; done; echo tuffet {behind}");
            for drops in [true, false] {
                let mut board = shell(&format!("{line}; exec sleep 60"));
                board.wait_for("app");
                std::thread::sleep(Duration::from_millis(300));
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    if drops {
                        drop(board);
                    } else {
                        board.power_off();
                    }
                }));
                assert_eq!(ended.is_err(), is_found, "{behind}, {drops}");
            }
        }
    }

    #[test]
    fn program_ends_with_what_started_it() {
        let started = std::thread::spawn(|| {
            let mut command = bound_to_this_process("sleep");
            let is_bound = command.get_program() == BINDER[0];
            let child = command.arg("600").spawn().unwrap();
            // It is bound from the moment at which it is the program.
            let name = format!("/proc/{}/comm", child.id());
            let deadline = Instant::now() + Duration::from_secs(20);
            while is_bound && std::fs::read_to_string(&name).unwrap().trim() != "sleep" {
                assert!(Instant::now() < deadline, "the program does not start");
                std::thread::sleep(Duration::from_millis(5));
            }
            (is_bound, child)
        });
        let (is_bound, mut child) = started.join().unwrap();
        if !is_bound {
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(std::env::var_os("CI").is_none(), "setpriv of util-linux is missing");
            eprintln!("skipped: this machine has no setpriv with --pdeathsig");
            return;
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("the program lives on");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.signal(), Some(9));
    }
}
