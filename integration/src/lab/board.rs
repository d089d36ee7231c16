//! A board: what its file says, checked.
//!
//! ```text
//! description = "…"
//! adapter = "command"            # or "emulator"
//! lock = "/run/lock/relay-1"     # boards that share a relay or a port name one file; from the folder of the board file on
//!
//! [identity]                     # what the firmware goes by
//! [flash]                        # what lies where: the map of the firmware
//! [firmware]                     # how to tell a wrong file
//! [network]                      # where the lab serves, and how the board calls that
//! [timing]                       # how long the lab waits, in seconds
//! [log]                          # what lines mean, where they are not the usual ones
//! [command]                      # a line for each verb
//! [command.timeouts]             # seconds for each verb
//! [values]                       # placeholders of one's own
//! [emulator]                     # which machine it is
//! ```
//!
//! Every mistake is said with the line and the key.

use super::command::{CommandTable, Commands, PLACEHOLDERS};
use super::emulator::EmulatorTable;
use super::flash_map::{FlashMap, FlashTable};
use super::pattern::{LogTable, Patterns};
use super::trouble::Trouble;
use crate::simulator::names::Names;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use tuffet_no_std_client::release::{Id, Profile};

/// Where the boards lie that come with the lab.
pub const BOARDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/lab");

/// The shortest and the longest time that a board file may ask for, in seconds.
const SECONDS: Range<f64> = 0.01..3_600.1;

/// A board, as its file describes it.
#[derive(Debug)]
pub struct Board {
    /// Its name: that of its file.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// A sentence for people.
    pub description: String,
    /// How it is driven.
    pub adapter: AdapterKind,
    /// The lock file, if it is not the usual one.
    pub lock: Option<PathBuf>,
    /// What its releases are called.
    pub names: Names,
    /// What its decoder takes.
    pub profile: Profile,
    /// What lies where in its flash.
    pub flash: FlashMap,
    /// How to tell a wrong firmware file.
    pub firmware: FirmwareTable,
    /// Where its repository is.
    pub network: NetworkTable,
    /// How long the lab waits for it.
    pub timing: Timing,
    /// What its lines mean.
    pub patterns: Patterns,
}

/// How a board is driven.
#[derive(Debug)]
pub enum AdapterKind {
    /// By command lines.
    Command(Box<Commands>),
    /// By the emulator.
    Emulator(EmulatorTable),
}

/// How to tell a firmware file of another board.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareTable {
    /// An image begins with the vector table of this processor, if it is said.
    pub processor: Option<Processor>,
    /// Every image of this hardware holds this text.
    pub mark: Option<String>,
}

/// A family of processors whose images say for which address they are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Processor {
    /// An image begins with the stack pointer and the address of the reset handler.
    CortexM,
}

/// Where the lab serves, and how the board calls that place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTable {
    /// An address of this machine and a port; port 0: any that is free.
    #[serde(default = "loopback")]
    pub listen: SocketAddr,
    /// The host by which the board reaches this machine; without it that of `listen`.
    pub host: Option<Spanned<String>>,
}

/// How long the lab waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From power-up until the application says its version.
    pub boot: Duration,
    /// From a boot until an update is over, new firmware confirmed.
    pub update: Duration,
    /// How long the power stays off.
    pub off: Duration,
}

/// Which words `adapter` has.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AdapterWord {
    Command,
    Emulator,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoardFile {
    description: String,
    adapter: Spanned<AdapterWord>,
    lock: Option<PathBuf>,
    identity: IdentityTable,
    flash: Spanned<FlashTable>,
    #[serde(default)]
    firmware: FirmwareTable,
    #[serde(default)]
    network: NetworkTable,
    #[serde(default)]
    timing: TimingTable,
    #[serde(default)]
    log: LogTable,
    command: Option<Spanned<CommandTable>>,
    emulator: Option<Spanned<EmulatorTable>>,
    #[serde(default)]
    values: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityTable {
    product: Spanned<String>,
    hardware: Spanned<String>,
    channel: Spanned<String>,
    profile: ProfileWord,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProfileWord {
    Small,
    Standard,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimingTable {
    boot_s: Option<Spanned<f64>>,
    update_s: Option<Spanned<f64>>,
    off_s: Option<Spanned<f64>>,
}

/// The text of a board file, to say where in it something is wrong.
pub struct Text<'t> {
    path: &'t Path,
    text: &'t str,
}

impl Board {
    /// The board of this name, or in the file at this path, with these placeholders beside those of the file.
    ///
    /// # Errors
    ///
    /// When there is no such board, or its file is wrong.
    pub fn find(name: &str, values: &[(String, String)]) -> Result<Self, Trouble> {
        let named = Path::new(BOARDS).join(format!("{name}.toml"));
        let is_name = !name.contains(['/', '.']);
        let path = if is_name { named } else { PathBuf::from(name) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text, values),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_name => Err(Trouble::NoBoard {
                name: name.to_owned(),
                known: known()?.join(", "),
            }),
            Err(error) => Err(Trouble::file("read the board file", &path, error)),
        }
    }

    /// The board that this text describes.
    ///
    /// # Errors
    ///
    /// When it says something that cannot be.
    pub fn parse(path: &Path, text: &str, values: &[(String, String)]) -> Result<Self, Trouble> {
        let place = Text { path, text };
        let file: BoardFile = toml::from_str(text).map_err(|error| {
            let reason = error.message().replace('\n', " ");
            place.wrong(error.span().unwrap_or_default(), reason)
        })?;
        let all = file.all_values(values, &place)?;
        let adapter = match file.adapter.get_ref() {
            AdapterWord::Command => AdapterKind::Command(Box::new(Commands::of(
                file.command.as_ref(),
                &file.adapter.span(),
                &all,
                &place,
            )?)),
            AdapterWord::Emulator => match &file.emulator {
                Some(table) => AdapterKind::Emulator(table.get_ref().clone()),
                None => {
                    let reason = "`adapter` is \"emulator\", and there is no [emulator]";
                    return Err(place.wrong(file.adapter.span(), reason));
                }
            },
        };
        file.check_given(values, &adapter)?;
        file.check_use(&adapter, &place)?;
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            name,
            path: path.to_owned(),
            description: file.description.clone(),
            adapter,
            lock: file.lock.as_ref().map(|lock| folder_of(path).join(lock)),
            names: file.identity.names(&place)?,
            profile: file.identity.profile.profile(),
            flash: FlashMap::of(&file.flash, file.identity.profile.profile(), &place)?,
            firmware: file.firmware.clone(),
            network: file.network.clone(),
            timing: file.timing.checked(&place)?,
            patterns: Patterns::of(&file.log, &place)?,
        })
    }

    /// The folder in which its commands run: that of its file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

impl BoardFile {
    /// The placeholders of the file, and those that are given in their place.
    fn all_values(&self, given: &[(String, String)], place: &Text<'_>) -> Result<BTreeMap<String, String>, Trouble> {
        for (name, value) in &self.values {
            if PLACEHOLDERS.contains(&name.as_str()) {
                let reason = format!("`{name}` in [values] is what the lab fills in itself: take another name");
                return Err(place.wrong(value.span(), reason));
            }
        }
        let own = self.values.iter();
        let own = own.map(|(name, value)| (name.clone(), value.get_ref().clone()));
        Ok(own.chain(given.iter().cloned()).collect())
    }

    /// Refuses what the file says for nothing: it is misspelt, or means another adapter.
    fn check_use(&self, adapter: &AdapterKind, place: &Text<'_>) -> Result<(), Trouble> {
        let commands = match adapter {
            AdapterKind::Command(commands) if self.emulator.is_none() => Some(commands),
            AdapterKind::Emulator(_) if self.command.is_none() => None,
            AdapterKind::Command(_) => {
                let reason = "`adapter` is \"command\", and there is an [emulator]";
                return Err(place.wrong(self.adapter.span(), reason));
            }
            AdapterKind::Emulator(_) => {
                let reason = "`adapter` is \"emulator\", and there is a [command]";
                return Err(place.wrong(self.adapter.span(), reason));
            }
        };
        let hold = |name: &str| commands.is_some_and(|commands| commands.hold(name));
        let unused = self.values.iter().filter(|(name, _)| !hold(name));
        // The first one in the file.
        if let Some((name, value)) = unused.min_by_key(|(_, value)| value.span().start) {
            let why = match commands {
                Some(_) => " of [command]: is it misspelt?",
                None => ": the adapter is \"emulator\"",
            };
            return Err(place.wrong(value.span(), format!("`{name}` in [values] stands in no line{why}")));
        }
        match &self.network.host {
            Some(host) if !hold("host") && !hold("url") => {
                let why = match commands {
                    Some(_) => "is for `{host}` and `{url}`, and no line of [command] holds one of them",
                    None => "is not used: the emulated board has its own name for this machine",
                };
                Err(place.wrong(host.span(), format!("`host` in [network] {why}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a value that is given for nothing: its name is misspelt.
    fn check_given(&self, given: &[(String, String)], adapter: &AdapterKind) -> Result<(), Trouble> {
        for (name, _) in given {
            if PLACEHOLDERS.contains(&name.as_str()) {
                let reason = format!("--set {name}: the lab fills that in itself");
                return Err(Trouble::Usage(reason));
            }
            let is_used = match adapter {
                AdapterKind::Command(commands) => commands.hold(name),
                AdapterKind::Emulator(_) => false,
            };
            if !is_used {
                let reason = format!("--set {name}: no line of [command] in the board file uses `{name}`");
                return Err(Trouble::Usage(reason));
            }
        }
        Ok(())
    }
}

/// The names of the boards that come with the lab.
///
/// # Errors
///
/// When their folder cannot be read.
pub fn known() -> Result<Vec<String>, Trouble> {
    let folder = Path::new(BOARDS);
    let entries = std::fs::read_dir(folder).map_err(|error| Trouble::file("read", folder, error))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".toml")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}

impl Text<'_> {
    /// Something is wrong there.
    #[must_use]
    pub fn wrong(&self, span: Range<usize>, reason: impl Into<String>) -> Trouble {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        Trouble::BoardFile {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            reason: reason.into(),
        }
    }

    /// A time in seconds, or else this one.
    ///
    /// # Errors
    ///
    /// When it is no time that anybody would wait.
    pub fn seconds(&self, key: &str, value: Option<&Spanned<f64>>, default_s: f64) -> Result<Duration, Trouble> {
        let seconds = value.map_or(default_s, |value| *value.get_ref());
        if SECONDS.contains(&seconds) {
            return Ok(Duration::from_secs_f64(seconds));
        }
        let span = value.map(Spanned::span).unwrap_or_default();
        Err(self.wrong(span, format!("`{key}` is {seconds}, and must be 0.01 to 3600 seconds")))
    }
}

impl IdentityTable {
    fn names(&self, place: &Text<'_>) -> Result<Names, Trouble> {
        let id = |key: &str, value: &Spanned<String>| match Id::parse(value.get_ref()) {
            Ok(_) => Ok(value.get_ref().clone()),
            Err(_) => Err(place.wrong(
                value.span(),
                format!(
                    "`{key}` is {:?}, and must be 1 to 24 characters of a-z, 0-9 and -, and not the name of a TUF role",
                    value.get_ref()
                ),
            )),
        };
        Ok(Names {
            product: id("product", &self.product)?,
            hardware: id("hardware", &self.hardware)?,
            channel: id("channel", &self.channel)?,
        })
    }
}

impl ProfileWord {
    const fn profile(self) -> Profile {
        match self {
            Self::Small => Profile::Small,
            Self::Standard => Profile::Standard,
        }
    }
}

impl TimingTable {
    fn checked(&self, place: &Text<'_>) -> Result<Timing, Trouble> {
        Ok(Timing {
            boot: place.seconds("boot_s", self.boot_s.as_ref(), 15.0)?,
            update: place.seconds("update_s", self.update_s.as_ref(), 120.0)?,
            off: place.seconds("off_s", self.off_s.as_ref(), 1.0)?,
        })
    }
}

impl Default for NetworkTable {
    fn default() -> Self {
        Self {
            listen: loopback(),
            host: None,
        }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
