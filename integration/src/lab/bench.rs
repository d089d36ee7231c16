//! The bench: one board, its power, its log, and the server that it asks.
//!
//! - Everything that the board prints and everything that is done to it goes to one log, in order.
//! - The power is on when the bench is left, however that happens.

use super::adapter::{Adapter, Sink};
use super::board::{AdapterKind, Board};
use super::pattern::{Event, Kind, Patterns};
use super::stop::{LOOK_EVERY, Stop};
use super::trouble::Trouble;
use crate::server::Server;
use crate::site::Site;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long the server lives, even if the lab forgets it.
const SERVER_LIFETIME_MAX: Duration = Duration::from_secs(24 * 3_600);
/// How long a log that ended is left alone before it is tried again: the port of a board may come with its power.
const LOG_PAUSE: Duration = Duration::from_millis(200);
/// Lines that wait to be read.
const LINES_WAITING_MAX: usize = 10_000;
/// Lines that the log of one case holds; of a longer one the middle is left out.
const LOG_LINES_MAX: usize = 4_000;
/// Lines at the beginning of a log that are never left out.
const LOG_LINES_FIRST: usize = 1_000;
/// A line that was said before now takes no longer than this to come, from a board whose bootloader says nothing.
const LATE_MAX: Duration = Duration::from_millis(50);
/// How often the lab tries to give power before it leaves a board without.
const LEAVE_TRIES: usize = 3;
/// What lies between two of these tries.
const LEAVE_PAUSE: Duration = Duration::from_millis(300);

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Seconds since the bench was set up.
    pub at_s: f64,
    /// Who says it.
    pub speaker: Speaker,
    /// What.
    pub text: String,
}

/// Who says a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The board, over its serial line.
    Board,
    /// The lab, about what it does.
    Lab,
}

/// Why a case ends before its end.
#[derive(Debug)]
pub enum Halt {
    /// The board cannot be driven: nothing else can be tried.
    Trouble(Trouble),
    /// The board does not do what it must.
    Unmet(String),
}

/// What somebody who waits makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is the one.
    Done,
    /// It may happen, and something else is waited for.
    GoOn,
    /// It must not happen.
    Wrong(String),
}

/// Whether the board has power, as far as the lab knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    Off,
    On,
    Unknown,
}

/// One board under test.
pub struct Bench {
    adapter: Box<dyn Adapter>,
    patterns: Patterns,
    boot_limit: Duration,
    off: Duration,
    image: PathBuf,
    server: Server,
    stop: Stop,
    sink: Sink,
    heard: Receiver<String>,
    log: Vec<Line>,
    /// How many lines of the log were left out.
    left_out: usize,
    has_heard: bool,
    /// Whether its bootloader has words, as far as the lab knows.
    says_boot: bool,
    /// A reset was ordered, and what comes may be from before it.
    is_before_boot: bool,
    power: Power,
    started: Instant,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Sets a board up: its server, and its log.
    ///
    /// # Errors
    ///
    /// When the server or the log cannot be had.
    pub fn set_up(board: &Board, stop: Stop) -> Result<Self, Trouble> {
        let listen = board.network.listen;
        let server =
            Server::start_at(listen, Site::default(), SERVER_LIFETIME_MAX).map_err(|source| Trouble::Network {
                address: listen.to_string(),
                source,
            })?;
        let folder = tempfile::Builder::new()
            .prefix("tuffet-lab-")
            .tempdir()
            .map_err(|error| Trouble::file("make a folder in", &std::env::temp_dir(), error))?;
        let image = folder.path().join("factory.bin");
        let address = server.address();
        let host = &board.network.host;
        let host = host
            .as_ref()
            .map_or_else(|| address.ip().to_string(), |host| host.get_ref().clone());
        let known = BTreeMap::from([
            ("base".to_owned(), format!("{:#010x}", board.flash.base())),
            ("image".to_owned(), image.display().to_string()),
            ("url".to_owned(), format!("http://{host}:{}", address.port())),
            ("port".to_owned(), address.port().to_string()),
            ("host".to_owned(), host),
        ]);
        let adapter: Box<dyn Adapter> = match &board.adapter {
            AdapterKind::Command(commands) => Box::new(commands.board(board.folder(), known)),
            AdapterKind::Emulator(table) => Box::new(table.board(board, address, folder.path())?),
        };
        let (sink, heard) = sync_channel(LINES_WAITING_MAX);
        let mut bench = Self {
            adapter,
            patterns: board.patterns.clone(),
            boot_limit: board.timing.boot,
            off: board.timing.off,
            image,
            server,
            stop,
            sink,
            heard,
            log: Vec::new(),
            left_out: 0,
            has_heard: false,
            says_boot: false,
            is_before_boot: false,
            power: Power::Unknown,
            started: Instant::now(),
            _folder: folder,
        };
        bench.adapter.listen(bench.sink.clone())?;
        Ok(bench)
    }

    /// Puts the factory's contents on the board, and serves this site. The power is off afterwards.
    ///
    /// # Errors
    ///
    /// When a verb fails; so all that follow.
    pub fn factory(&mut self, contents: &[u8], site: Site) -> Result<(), Trouble> {
        std::fs::write(&self.image, contents).map_err(|error| Trouble::file("write", &self.image, error))?;
        self.serve(site);
        if self.adapter.flashes_with_power() {
            if self.power != Power::On {
                self.power_on()?;
            }
        } else {
            self.power_off()?;
        }
        self.note(format!("flash {} bytes", contents.len()));
        let image = self.image.clone();
        self.drive(self.power, |adapter, stop| adapter.flash(&image, stop))?;
        if self.power != Power::Off {
            self.power_off()?;
        }
        self.rest()
    }

    /// Gives the board power.
    pub fn power_on(&mut self) -> Result<(), Trouble> {
        // What was said before counts as before.
        self.read_rest();
        self.note("power on");
        self.is_before_boot = false;
        self.drive(Power::On, |adapter, stop| adapter.power_on(stop))
    }

    /// Takes the power of the board, at once.
    pub fn power_off(&mut self) -> Result<(), Trouble> {
        self.drive(Power::Off, |adapter, stop| adapter.power_off(stop))?;
        self.read_rest();
        self.note("power off");
        Ok(())
    }

    /// Waits as long as the power has to stay off.
    pub fn rest(&mut self) -> Result<(), Trouble> {
        self.stop.sleep(self.off)?;
        // What ran before is no concern of what follows.
        self.read_rest();
        Ok(())
    }

    /// Restarts the processor of the board.
    pub fn reset(&mut self) -> Result<(), Trouble> {
        // A fast board says its version before the verb is over, so all that is old has to be read before it begins.
        self.read_late();
        self.note("reset");
        // Nor does time tell what comes later than that; but its bootloader speaks first after a reset.
        self.is_before_boot = self.says_boot;
        self.drive(self.power, |adapter, stop| adapter.reset(stop))
    }

    /// Serves another site from now on.
    pub fn serve(&self, site: Site) {
        self.server.serve(site);
    }

    /// Lets the board run until then.
    ///
    /// # Errors
    ///
    /// When somebody asks the run to end.
    pub fn run_until(&mut self, until: Instant) -> Result<(), Trouble> {
        self.stop.sleep(until.saturating_duration_since(Instant::now()))?;
        self.read_rest();
        Ok(())
    }

    /// Waits until the application says its version, which is the event that is answered.
    ///
    /// # Errors
    ///
    /// When it does not come, or the board says something that must not be.
    pub fn wait_for_app(&mut self) -> Result<Event, Halt> {
        let limit = self.boot_limit;
        self.wait("the application's version", limit, |event| match event.kind {
            Kind::App => Judgement::Done,
            Kind::Boot
            | Kind::Confirmed
            | Kind::Error
            | Kind::Installed
            | Kind::NoRelease
            | Kind::Recovery
            | Kind::Refused
            | Kind::UpToDate
            | Kind::Waiting => Judgement::GoOn,
        })
    }

    /// Waits for an event.
    ///
    /// # Errors
    ///
    /// When it does not come in this time, or something comes that must not be.
    pub fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        mut judge: impl FnMut(&Event) -> Judgement,
    ) -> Result<Event, Halt> {
        let until = Instant::now() + limit;
        let mut log_again_at = Instant::now() + LOG_PAUSE;
        loop {
            self.stop.check()?;
            // Looked at before each line: a board that never keeps silent has no more time than others.
            if Instant::now() > until {
                let ended = self.adapter.log_ended();
                return Err(ended.map_or_else(|| self.missing(what, limit), Halt::Trouble));
            }
            match self.heard.recv_timeout(LOOK_EVERY) {
                Ok(text) => {
                    let event = self.hear(text);
                    let Some(event) = event else { continue };
                    if self.is_before_boot {
                        continue;
                    }
                    if event.kind == Kind::Recovery {
                        let why = event.value("why").unwrap_or("it does not say why");
                        return Err(Halt::Unmet(format!(
                            "nothing boots: the bootloader is in recovery ({why})"
                        )));
                    }
                    match judge(&event) {
                        Judgement::Done => return Ok(event),
                        Judgement::GoOn => {}
                        Judgement::Wrong(reason) => return Err(Halt::Unmet(reason)),
                    }
                }
                // Nothing was said meanwhile.
                Err(_) => {
                    let now = Instant::now();
                    if now > log_again_at && now <= until && self.adapter.log_ended().is_some() {
                        log_again_at = now + LOG_PAUSE;
                        // Its port went with the reset, and the first word with it.
                        self.is_before_boot = false;
                        self.adapter.listen(self.sink.clone())?;
                    }
                }
            }
        }
    }

    /// What was said and done since the last call.
    pub fn take_log(&mut self) -> Vec<Line> {
        self.read_rest();
        let mut log = std::mem::take(&mut self.log);
        let left_out = std::mem::take(&mut self.left_out);
        if let Some(behind) = log.get(LOG_LINES_FIRST).filter(|_| left_out > 0) {
            let line = Line {
                at_s: behind.at_s,
                speaker: Speaker::Lab,
                text: format!("{left_out} lines are left out here"),
            };
            log.insert(LOG_LINES_FIRST, line);
        }
        log
    }

    /// Writes down what the lab does.
    pub fn note(&mut self, text: impl Into<String>) {
        self.write_down(Speaker::Lab, text.into());
    }

    /// Leaves the board with power.
    ///
    /// # Errors
    ///
    /// When the power cannot be restored.
    pub fn leave(&mut self) -> Result<(), Trouble> {
        let has_power = self.power == Power::On;
        // Whatever comes of it: who drops the bench afterwards need not try again.
        self.power = Power::On;
        let mut left = self.adapter.leave(has_power);
        for _ in 1..LEAVE_TRIES {
            if left.is_ok() {
                break;
            }
            std::thread::sleep(LEAVE_PAUSE);
            left = self.adapter.leave(has_power);
        }
        left
    }

    /// Does a verb after which the power is like this. One that fails may have done anything to it half way: whoever leaves the
    /// bench gives power again.
    fn drive(
        &mut self,
        after: Power,
        verb: impl FnOnce(&mut dyn Adapter, &Stop) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        self.power = Power::Unknown;
        verb(self.adapter.as_mut(), &self.stop)?;
        self.power = after;
        Ok(())
    }

    fn hear(&mut self, text: String) -> Option<Event> {
        self.has_heard = true;
        let event = self.patterns.read(&text);
        if event
            .as_ref()
            .is_some_and(|event| matches!(event.kind, Kind::Boot | Kind::Recovery))
        {
            self.says_boot = true;
            self.is_before_boot = false;
        }
        self.write_down(Speaker::Board, text);
        event
    }

    fn write_down(&mut self, speaker: Speaker, text: String) {
        if self.log.len() >= LOG_LINES_MAX {
            // Half of what can go goes at once, so that not every line moves all others.
            let last = usize::midpoint(LOG_LINES_FIRST, LOG_LINES_MAX);
            self.left_out += self.log.drain(LOG_LINES_FIRST..last).len();
        }
        let at_s = self.started.elapsed().as_secs_f64();
        self.log.push(Line { at_s, speaker, text });
    }

    /// Reads what was said until now, and no more than can have waited: a board may say more than anybody reads.
    fn read_rest(&mut self) {
        for _ in 0..LINES_WAITING_MAX {
            let Ok(text) = self.heard.try_recv() else { return };
            self.hear(text);
        }
    }

    /// The same, with what is still on its way.
    fn read_late(&mut self) {
        let until = Instant::now() + LATE_MAX;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(text) if !left.is_zero() => self.hear(text),
                Ok(_) | Err(_) => return,
            };
        }
    }

    fn missing(&self, what: &str, limit: Duration) -> Halt {
        if !self.has_heard {
            return Halt::Trouble(Trouble::Silent {
                waited: limit,
                line: self.adapter.log_source(),
            });
        }
        let last = self.log.iter().rev().find(|line| line.speaker == Speaker::Board);
        let last = last.map_or_else(
            || "and nothing else either".to_owned(),
            |line| format!("the last line is `{}`", line.text),
        );
        let what = if self.is_before_boot {
            "after the reset the bootloader's first word"
        } else {
            what
        };
        Halt::Unmet(format!("{what} did not come in {} s; {last}", limit.as_secs_f32()))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Err(trouble) = self.leave() {
            eprintln!("the power of the board could not be restored: {trouble}");
        }
    }
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trouble(trouble) => trouble.fmt(f),
            Self::Unmet(reason) => f.write_str(reason),
        }
    }
}
