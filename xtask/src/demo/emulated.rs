//! The emulated board of the demo: the real firmware of a small device, which updates itself while the demo looks on.
//!
//! - Its firmware is built here, in three versions: the third hangs.
//! - Nobody tells the board what to do. Each step waits until it has said, on its serial port, what it is to come to.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::board;
use crate::demo::Done;
use crate::demo::bench::{Bench, Server};
use crate::demo::device::{read, write};
use crate::demo::firmware::Firmware;
use crate::demo::line::{Line, version};
use crate::failure::{Blame, Failure};

/// The hardware id.
pub const HARDWARE: &str = "mps2-an385";

const PROGRAM: &str = "tuffet-emulated-board";

/// How long one step of the board may take; a few seconds are usual.
const PATIENCE: Duration = Duration::from_secs(120);

/// Events that only tell figures.
const FIGURES: [&str; 3] = ["tuffet flash", "tuffet memory", "tuffet time"];

/// What a board needs of a vendor.
pub struct Boards {
    /// The firmware for slots A and B.
    pub firmware: [Firmware; 2],
    /// Bytes of a slot.
    pub slot_bytes: String,
}

/// Whether there can be a board: the firmware of its versions; `None` if this machine lacks a compiler or the emulator, and
/// cannot get it.
pub fn obtain(bench: &mut Bench) -> Result<(Done, Option<Boards>), Failure> {
    let compiler = match board::find_tools(None) {
        Ok(compiler) => compiler,
        Err(reason) if is_optional() => return Ok((Done::new(format!("LEFT OUT: {reason}")), None)),
        Err(reason) => return Err(reason),
    };
    let built = board::build_with(&compiler)?;
    bench.use_boards(built.folder);
    let told = ["good", "good", "hangs"].iter().zip(1..).map(|(behaviour, number)| {
        let version = version(number);
        let images = ["images", "--version", &version, "--behaviour", behaviour, "--out", "."];
        let printed = bench.run(PROGRAM, &images)?;
        serde_json::from_str(&printed.output)
            .map_err(|error| Failure::refused(format!("`{PROGRAM}` said no JSON: {error}")))
    });
    let told = told.collect::<Result<Vec<Value>, Failure>>()?;
    let boards = Boards {
        firmware: [firmware(bench, &told, 0)?, firmware(bench, &told, 1)?],
        slot_bytes: told
            .first()
            .map_or_else(String::new, |told| told["slot_bytes"].to_string()),
    };
    let done = Done::new("bootloader, and an application for each of two slots");
    Ok((done, Some(boards)))
}

/// A developer's machine may lack a compiler; the one that checks every change may not.
fn is_optional() -> bool {
    !std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The firmware for one of the slots, by what was told of each version.
fn firmware(bench: &Bench, told: &[Value], slot: usize) -> Result<Firmware, Failure> {
    let text = |told: &Value, name: &str| told["images"][slot][name].as_str().map(str::to_owned);
    let files: Option<Vec<PathBuf>> = told
        .iter()
        .map(|told| text(told, "file").map(|file| bench.path(&file)))
        .collect();
    let address = told.first().and_then(|told| text(told, "address"));
    let images = files.and_then(|files| <[PathBuf; 3]>::try_from(files).ok());
    let incomplete = || Failure::refused(format!("`{PROGRAM}` does not say where its images are"));
    Ok(Firmware {
        hardware: HARDWARE,
        address: Some(address.ok_or_else(incomplete)?),
        description: "the board's application".to_owned(),
        images: images.ok_or_else(incomplete)?,
    })
}

/// A board that is on. Its power goes when this is dropped.
pub struct EmulatedBoard {
    child: Child,
    /// The board lives as long as this is open.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl EmulatedBoard {
    /// Provisions it from the server, and switches it on.
    pub fn start(bench: &Bench, line: &Line<'_>, server: &Server) -> Result<(Done, Self), Failure> {
        let place = ["run", "--repository", server.address(), "--root", "root.json"];
        let identity = ["--product", line.id, "--hardware", HARDWARE];
        let mut child = bench
            .command(PROGRAM)?
            .args(place)
            .args(identity)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(Blame::Storage, format!("cannot start {PROGRAM}: {error}")))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = channel();
        if let Some(output) = output {
            // It ends with the program, or when nobody wants the lines any more.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let mut board = Self {
            child,
            input,
            lines,
            said: Vec::new(),
        };
        board.hears(&[
            "boot slot=A why=confirmed",
            "app version=1.0.0 slot=A",
            "update outcome=up-to-date",
        ])?;
        Ok((Done::new("v1 in slot A, confirmed; it polls over Ethernet"), board))
    }

    /// The second release comes by a delta, and works.
    pub fn updates(&mut self, line: &Line<'_>, boards: &Boards) -> Result<Done, Failure> {
        self.hears(&["update outcome=installed version=2.0.0 way=delta"])?;
        let [a, b] = &boards.firmware;
        let saving = line.saving(a, b, 2)?;
        Ok(Done {
            saving: Some(saving),
            ..Done::new(saving.to_string())
        })
    }

    /// The second release is tried.
    pub fn confirms(&mut self) -> Result<Done, Failure> {
        self.hears(&[
            "boot slot=B why=trial",
            "app version=2.0.0 slot=B",
            "confirmed",
            "update outcome=up-to-date",
        ])?;
        Ok(Done::new("slot B runs v2; self test passed, confirmed"))
    }

    /// The third release comes by a delta, too.
    pub fn updates_to_what_hangs(&mut self, line: &Line<'_>, boards: &Boards) -> Result<Done, Failure> {
        self.hears(&["update outcome=installed version=3.0.0 way=delta"])?;
        let [a, b] = &boards.firmware;
        let saving = line.saving(b, a, 3)?;
        Ok(Done {
            saving: Some(saving),
            ..Done::new(saving.to_string())
        })
    }

    /// It hangs at each of its boots, and the watchdog ends that.
    pub fn reverts(&mut self) -> Result<Done, Failure> {
        self.hears(&[
            "boot slot=A why=trial attempts_left=1",
            "app version=3.0.0 slot=A",
            "boot slot=A why=trial attempts_left=0",
            "app version=3.0.0 slot=A",
            "boot slot=B why=reverted",
            "app version=2.0.0 slot=B",
        ])?;
        Ok(Done::new("two boots, each ended by the watchdog; v2 runs from slot B"))
    }

    /// What failed once is refused.
    pub fn refuses_to_try_again(&mut self) -> Result<Done, Failure> {
        self.hears(&["update outcome=refused name=FailedBefore"])?;
        Ok(Done::new("refused: FailedBefore"))
    }

    /// Puts the repository's own timestamp of the time of v1 in its place, and looks whether the board falls for it.
    pub fn survives_old_timestamp(&mut self, place: &Path, old: &[u8]) -> Result<Done, Failure> {
        let current = read(place)?;
        write(place, old)?;
        let heard = self.hears_part("update", "name=Rollback");
        write(place, &current)?;
        heard?;
        self.hears(&["update outcome=refused name=FailedBefore"])?;
        Ok(Done::new("refused: Rollback; then it goes on with what it trusts"))
    }

    /// Waits until the board has said all this, in this order. Lines between them do not matter.
    fn hears(&mut self, all: &[&str]) -> Result<(), Failure> {
        for words in all {
            let wanted = format!("tuffet {words}");
            self.wait(words, |line| {
                line.strip_prefix(&wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })?;
        }
        Ok(())
    }

    fn hears_part(&mut self, event: &str, field: &str) -> Result<(), Failure> {
        let wanted = format!("tuffet {event} ");
        self.wait(field, |line| {
            line.starts_with(&wanted) && line.split(' ').any(|word| word == field)
        })
    }

    fn wait(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if is_it(&line) => return Ok(()),
                Ok(line) => {
                    if !FIGURES.iter().any(|figure| line.starts_with(figure)) {
                        self.said.push(line);
                    }
                }
                Err(reason) => {
                    let why = match reason {
                        RecvTimeoutError::Timeout => "did not say",
                        RecvTimeoutError::Disconnected => "ended before it said",
                    };
                    let last = self.said.iter().rev().take(5).rev().cloned().collect::<Vec<_>>();
                    return Err(Failure::refused(format!(
                        "the board {why} `{what}`; its last lines: {}",
                        last.join(" | ")
                    )));
                }
            }
        }
    }
}

impl Drop for EmulatedBoard {
    fn drop(&mut self) {
        // Without input the program switches the board off and ends.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
