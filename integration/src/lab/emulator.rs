//! The adapter `emulator`: a board of the project, with the real firmware of small devices, in QEMU.
//!
//! - The power is the process: it is killed where the power goes. What lasts is a file.
//! - The board finds the lab by its settings page, which is written when it is flashed.

use super::adapter::{Adapter, Sink, pass_on};
use super::board::Board;
use super::firmware::Firmware;
use super::flash_map::{FlashMap, StrategyMap};
use super::releases::now;
use super::stop::Stop;
use super::tools;
use super::trouble::Trouble;
use crate::board::factory::write_settings;
use crate::board::{self, Emulator, Memory, emulator_command, settings};
use serde::Deserialize;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tuffet_board_layout::Settings;
use tuffet_board_layout::image::Behaviour;
use tuffet_no_std_client::boot::Slot;
use tuffet_no_std_client::flash::{Swap, Xip};
use tuffet_no_std_client::release::Id;

/// The emulator.
const PROGRAM: &str = "qemu-system-arm";
/// The folder of firmware that was built already, by whoever runs all tests.
const READY: &str = "TUFFET_BOARDS";
/// The board asks after each start, and then not again while a suite lasts.
const INTERVAL_S: u32 = 3_600;
/// After trouble with the network it asks again.
const BACKOFF_S: u32 = 2;
/// Boots that a new image has to be confirmed.
const TRIAL_ATTEMPTS: u8 = 3;
/// How long the emulator may take to open its monitor.
const MONITOR_LIMIT: Duration = Duration::from_secs(10);

/// `[emulator]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmulatorTable {
    machine: Machine,
}

/// The machines that run the project's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Machine {
    /// A Cortex-M3.
    #[serde(rename = "mps2-an385")]
    An385,
    /// A Cortex-M4.
    #[serde(rename = "mps2-an386")]
    An386,
}

/// A board in the emulator. Its power goes when it is dropped.
pub struct EmulatedBoard {
    emulator: Emulator,
    bootloader: PathBuf,
    settings: Settings,
    folder: PathBuf,
    memory: Option<Memory>,
    running: Option<Child>,
    sink: Option<Sink>,
}

/// Refuses to begin without the emulator.
///
/// # Errors
///
/// When it is missing.
pub fn check_tools() -> Result<(), Trouble> {
    tools::check([PROGRAM])
}

/// The project's firmware for the board: built by the command `board` of this workspace, if nobody did it already.
///
/// # Errors
///
/// When it cannot be built.
pub fn project_firmware(map: &FlashMap) -> Result<board::Firmware, Trouble> {
    let folder = match std::env::var_os(READY) {
        Some(folder) => PathBuf::from(folder),
        None => built()?,
    };
    let firmware = match map.map {
        StrategyMap::Swap(_) => board::Firmware::in_folder::<Swap>(&folder),
        StrategyMap::Xip(_) => board::Firmware::in_folder::<Xip>(&folder),
    };
    firmware.map_err(|error| Trouble::file("read the firmware of the board in", &folder, error))
}

/// The project's application as a version of the vendor's firmware, with as many images as the board needs.
#[must_use]
pub fn application(firmware: &board::Firmware, map: &FlashMap, version: &str) -> Firmware {
    let image = |slot| board::image::image(firmware, slot, version, Behaviour::Good);
    let slots = [Slot::A, Slot::B].into_iter().take(map.images());
    Firmware {
        version: version.to_owned(),
        images: slots.map(image).collect(),
    }
}

fn built() -> Result<PathBuf, Trouble> {
    let own = std::env::current_exe().map_err(|error| Trouble::file("find", Path::new("this program"), error))?;
    let xtask = own.with_file_name("tuffet-xtask");
    eprintln!("… build the firmware of the board");
    let output = Command::new(&xtask)
        .args(["board", "--json"])
        // Whoever starts the lab may stand anywhere.
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Trouble::file("run", &xtask, error))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let object: Option<serde_json::Value> = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let text = |key: &str| {
        object
            .as_ref()
            .and_then(|object| object[key].as_str())
            .map(str::to_owned)
    };
    match text("folder").filter(|_| output.status.success()) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Err(Trouble::Build(text("error").unwrap_or_else(|| said.into_owned()))),
    }
}

impl EmulatorTable {
    /// The emulated board, which asks the server at this address; its files lie in this folder.
    ///
    /// # Errors
    ///
    /// When its firmware cannot be had.
    pub fn board(&self, board: &Board, server: SocketAddr, folder: &Path) -> Result<EmulatedBoard, Trouble> {
        let id = |text: &str| Id::parse(text).map_err(|_| Trouble::Usage(format!("`{text}` is no id")));
        let settings = Settings {
            product: id(&board.names.product)?,
            hardware: id(&board.names.hardware)?,
            channel: id(&board.names.channel)?,
            trial_attempts: TRIAL_ATTEMPTS,
            interval_s: INTERVAL_S,
            backoff_s: BACKOFF_S,
            ..settings(server)
        };
        Ok(EmulatedBoard {
            emulator: match self.machine {
                Machine::An385 => Emulator::An385,
                Machine::An386 => Emulator::An386,
            },
            bootloader: project_firmware(&board.flash)?.bootloader,
            settings,
            folder: folder.to_owned(),
            memory: None,
            running: None,
            sink: None,
        })
    }
}

impl EmulatedBoard {
    fn monitor(&self) -> PathBuf {
        self.folder.join("monitor")
    }

    fn fails(verb: &'static str, error: &std::io::Error) -> Trouble {
        Trouble::Verb {
            verb,
            line: PROGRAM.to_owned(),
            how: format!("fails: {error}"),
        }
    }

    fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended by itself; then there is nothing to end.
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    /// The monitor is a socket, which the emulator opens soon after its start.
    fn connect(&self, stop: &Stop) -> Result<UnixStream, Trouble> {
        let until = Instant::now() + MONITOR_LIMIT;
        loop {
            match UnixStream::connect(self.monitor()) {
                Ok(monitor) => return Ok(monitor),
                Err(error) if Instant::now() > until => return Err(Self::fails("reset", &error)),
                Err(_) => stop.sleep(Duration::from_millis(10))?,
            }
        }
    }
}

/// Gives the monitor an order, and waits until it asks for the next one: what it did not answer it may not have done.
fn order(mut monitor: UnixStream, line: &str) -> std::io::Result<()> {
    const PROMPT: &str = "(qemu) ";
    monitor.set_read_timeout(Some(MONITOR_LIMIT))?;
    monitor.write_all(format!("{line}\n").as_bytes())?;
    let mut said = Vec::new();
    let mut piece = [0; 256];
    // One prompt is there before the order.
    while String::from_utf8_lossy(&said).matches(PROMPT).count() < 2 {
        let count = monitor.read(&mut piece)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        said.extend(piece.iter().take(count));
    }
    Ok(())
}

impl Adapter for EmulatedBoard {
    fn flash(&mut self, image: &Path, _stop: &Stop) -> Result<(), Trouble> {
        let mut flash = std::fs::read(image).map_err(|error| Trouble::file("read", image, error))?;
        write_settings(&mut flash, &self.settings);
        let path = self.folder.join("memory");
        let memory = match self.memory.take() {
            Some(memory) => memory.write_flash(&flash).map(|()| memory),
            None => Memory::create(&path, &flash),
        };
        let clocked = memory.and_then(|memory| memory.set_clock(Some(now())).map(|()| memory));
        self.memory = Some(clocked.map_err(|error| Trouble::file("write", &path, error))?);
        Ok(())
    }

    fn flashes_with_power(&self) -> bool {
        false
    }

    fn reset(&mut self, stop: &Stop) -> Result<(), Trouble> {
        let monitor = self.connect(stop)?;
        order(monitor, "system_reset").map_err(|error| Self::fails("reset", &error))
    }

    fn power_off(&mut self, _stop: &Stop) -> Result<(), Trouble> {
        self.end();
        Ok(())
    }

    fn power_on(&mut self, _stop: &Stop) -> Result<(), Trouble> {
        self.end();
        let (Some(memory), Some(sink)) = (&self.memory, &self.sink) else {
            return Err(Trouble::Usage(
                "the board has to be flashed before it is switched on".to_owned(),
            ));
        };
        let begun = memory.begin(None).and_then(|()| memory.set_clock(Some(now())));
        begun.map_err(|error| Trouble::file("write", memory.path(), error))?;
        let monitor = format!("unix:{},server=on,wait=off", self.monitor().display());
        let spawned = emulator_command(self.emulator, memory)
            .arg("-kernel")
            .arg(&self.bootloader)
            .args(["-monitor", &monitor])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| Self::fails("power_on", &error))?;
        if let Some(output) = child.stdout.take() {
            pass_on(output, sink.clone());
        }
        if let Some(errors) = child.stderr.take() {
            pass_on(errors, sink.clone());
        }
        self.running = Some(child);
        Ok(())
    }

    fn listen(&mut self, sink: Sink) -> Result<(), Trouble> {
        self.sink = Some(sink);
        Ok(())
    }

    fn log_ended(&mut self) -> Option<Trouble> {
        let status = self.running.as_mut()?.try_wait().ok().flatten()?;
        Some(Trouble::LogEnded {
            line: self.log_source(),
            how: format!("stopped ({status})"),
        })
    }

    fn log_source(&self) -> String {
        format!("{PROGRAM} -machine {}", self.emulator.machine())
    }

    /// Nothing is left of it.
    fn leave(&mut self, _has_power: bool) -> Result<(), Trouble> {
        self.end();
        Ok(())
    }
}

impl Drop for EmulatedBoard {
    fn drop(&mut self) {
        self.end();
    }
}
