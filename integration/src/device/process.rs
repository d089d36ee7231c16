//! The client binary, with its device folder, over HTTP. Every step is a process of its own.

use super::{BOOT_RECORD, DOCUMENT, Device, ROLLOUT, RUNNING_SLOT, SPARE_SLOT, STATE, read_boot_record};
use crate::attacks::{Clock, Outcome, Taken};
use crate::program::program;
use crate::server::Server;
use crate::simulator::Simulator;
use crate::simulator::release::{self, CHANNEL, HARDWARE, POINTER, PRODUCT, SLOT_BYTES};
use crate::site::label;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tuffet_boot::State;

/// A device whose agent is the client binary.
pub struct Process {
    server: Server,
    folder: tempfile::TempDir,
    taken: Option<Taken>,
}

/// What a command of the client, or of another program that speaks like it, said and did.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub exit: i32,
    /// The last line: the result.
    pub result: Value,
    /// Everything, for a person who reads why a test failed.
    pub everything: String,
}

impl Device for Process {
    const PROFILE: tuffet_patch::Profile = tuffet_patch::Profile::Large;

    fn factory(repository: &Simulator) -> Self {
        let server = Server::start(repository.site.clone()).expect("loopback has a port");
        let folder = scratch_folder();
        let device = Self {
            server,
            folder,
            taken: None,
        };
        let root = device.folder.path().join("first.root.json");
        let bytes = repository
            .site
            .file("metadata/1.root.json")
            .expect("the first root is served");
        std::fs::write(&root, bytes).expect("the temporary folder is writable");
        let said = device.client(&[
            "provision",
            "--repository",
            &device.server.url(),
            "--root",
            &root.display().to_string(),
            "--product",
            PRODUCT,
            "--hardware",
            HARDWARE,
            "--channel",
            CHANNEL,
            "--slot-bytes",
            &SLOT_BYTES.to_string(),
            "--poll-interval",
            "1",
        ]);
        assert_eq!(said.exit, 0, "{}", said.everything);
        device.server.forget_requests();
        device
    }

    fn serve(&mut self, repository: &Simulator) {
        self.server.serve(repository.site.clone());
    }

    fn set_clock(&mut self, clock: Clock) {
        assert_eq!(clock, Clock::Right, "the client reads the real clock");
    }

    fn update(&mut self) -> Outcome {
        let said = self.client(&["install"]);
        self.taken = said.taken();
        said.outcome()
    }

    fn taken(&self) -> Option<Taken> {
        self.taken.clone()
    }

    fn limit_data(&mut self, bytes: Option<u32>) {
        self.edit_settings(|lines| {
            lines.retain(|line| !line.starts_with("data_budget_bytes"));
            if let Some(bytes) = bytes {
                let limits = lines.iter().position(|line| line == "[limits]");
                let limits = limits.expect("the settings have limits");
                lines.insert(limits + 1, format!("data_budget_bytes = {bytes}"));
            }
        });
    }

    fn take_requests(&mut self) -> Vec<String> {
        let labels = self
            .server
            .requests()
            .iter()
            .map(|request| label(&request.path).to_owned())
            .collect();
        self.server.forget_requests();
        labels
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.device_folder(), "", &mut files);
        files
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        let path = self.device_folder().join(path_of(file));
        let mut bytes = std::fs::read(&path).unwrap_or_default();
        edit(&mut bytes);
        std::fs::write(&path, bytes).expect("the device folder is writable");
    }

    fn try_out(&mut self, is_healthy: bool) {
        let boot = self.client(&["boot"]);
        assert_eq!(boot.result["outcome"], "trial", "{}", boot.everything);
        let check = if is_healthy { "true" } else { "false" };
        self.edit_settings(|lines| {
            let checks = lines.iter_mut().filter(|line| line.starts_with("health_check = "));
            for line in checks {
                *line = format!("health_check = [\"{check}\"]");
            }
        });
        let confirm = self.client(&["confirm"]);
        assert_eq!(confirm.exit, i32::from(!is_healthy), "{}", confirm.everything);
    }

    fn boot_state(&self) -> (State, u32) {
        let bytes = std::fs::read(self.device_folder().join("boot.bin")).expect("the device has a boot record");
        read_boot_record(bytes)
    }
}

impl Process {
    /// The server that the device asks.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The device folder.
    #[must_use]
    pub fn device_folder(&self) -> PathBuf {
        self.folder.path().join("device")
    }

    /// Changes the settings of the device, line by line.
    ///
    /// # Panics
    ///
    /// When the device is not provisioned.
    pub fn edit_settings(&self, edit: impl FnOnce(&mut Vec<String>)) {
        let path = self.device_folder().join("device.toml");
        let settings = std::fs::read_to_string(&path).expect("the device is provisioned");
        let mut lines: Vec<String> = settings.lines().map(str::to_owned).collect();
        edit(&mut lines);
        std::fs::write(&path, lines.join("\n")).expect("the device folder is writable");
    }

    /// A command of the client on this device.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(client_binary());
        command
            .arg("--json")
            .arg("--device")
            .arg(self.device_folder())
            .args(arguments);
        command
    }

    /// Runs a command of the client on this device.
    ///
    /// # Panics
    ///
    /// When the client panics, is killed, or its last line is not JSON.
    #[must_use]
    pub fn client(&self, arguments: &[&str]) -> Said {
        Said::of(&mut self.command(arguments))
    }
}

impl Said {
    /// Runs a command that prints JSON.
    ///
    /// # Panics
    ///
    /// When the program panics, is killed, or its last line is not JSON.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program can be started");
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let everything = format!("{command:?}: {}\n{stdout}{stderr}", output.status);
        let exit = output.status.code().unwrap_or_else(|| panic!("{everything}"));
        assert_ne!(exit, 101, "the program panicked: {everything}");
        let last = stdout.lines().last().unwrap_or_default();
        let result = serde_json::from_str(last).unwrap_or_else(|_| panic!("the last line is not JSON: {everything}"));
        Self {
            exit,
            result,
            everything,
        }
    }

    /// By which way an image was installed, if one was.
    #[must_use]
    pub fn taken(&self) -> Option<Taken> {
        Some(Taken {
            way: self.result["way"].as_str()?.to_owned(),
            fell_back: self.result["fell_back"].as_str().map(str::to_owned),
        })
    }

    /// The outcome in the words of the attack table; the exit code has to fit.
    ///
    /// # Panics
    ///
    /// When it does not, or the outcome is none of an update cycle.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let name = self.result["name"].as_str().unwrap_or_default().to_owned();
        let (outcome, exit) = match self.result["outcome"].as_str() {
            Some("installed") => (Outcome::Installed, 0),
            Some("no-release") => (Outcome::NoRelease, 0),
            Some("up-to-date") => (Outcome::UpToDate, 0),
            Some("waiting") => (Outcome::Waiting(name), 0),
            Some("refused") => (Outcome::Refused(name), 1),
            Some("failed") if name == "Transport" => (Outcome::Transport, 5),
            Some("failed") if ["DamagedStore", "KeptFileLost", "NoRoot", "TrialOpen"].contains(&name.as_str()) => {
                (Outcome::Refused(name), 6)
            }
            Some("failed") => (Outcome::Refused(name), 1),
            _ => panic!("not the outcome of a cycle: {}", self.everything),
        };
        assert_eq!(self.exit, exit, "{}", self.everything);
        assert_eq!(self.result["ok"].as_bool(), Some(exit == 0), "{}", self.everything);
        outcome
    }
}

/// A new folder, in memory where the system has such a place: the client syncs every write, and a disk makes hundreds of
/// devices wait for that.
///
/// # Panics
///
/// When the system has no temporary folder.
#[must_use]
pub fn scratch_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("the system has a temporary folder")
}

/// The client.
#[must_use]
pub fn client_binary() -> PathBuf {
    program("tuffet-client", "tuffet-client")
}

/// Files of the device folder that are not the device's state: the lock, and parts of downloads.
const NOT_AT_REST: [&str; 2] = [".lock", "download"];

fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder)
        .expect("the device folder can be read")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if NOT_AT_REST.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{below}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(
                name_of(&path),
                std::fs::read(entry.path()).expect("the device's files can be read"),
            );
        }
    }
}

const NAMES: [(&str, &str); 4] = [
    (STATE, "state.bin"),
    (BOOT_RECORD, "boot.bin"),
    (RUNNING_SLOT, "slots/a.img"),
    (SPARE_SLOT, "slots/b.img"),
];

/// What rows call a file of the device folder.
fn name_of(path: &str) -> String {
    if let Some((name, _)) = NAMES.iter().find(|(_, known)| *known == path) {
        return (*name).to_owned();
    }
    match path.strip_prefix("targets/") {
        Some(POINTER) => DOCUMENT.to_owned(),
        Some(release::ROLLOUT) => ROLLOUT.to_owned(),
        _ => path
            .strip_prefix("metadata/")
            .and_then(|file| file.strip_suffix(".json"))
            .unwrap_or(path)
            .to_owned(),
    }
}

/// The inverse.
fn path_of(name: &str) -> String {
    if let Some((_, path)) = NAMES.iter().find(|(known, _)| *known == name) {
        return (*path).to_owned();
    }
    match name {
        DOCUMENT => format!("targets/{POINTER}"),
        ROLLOUT => format!("targets/{}", release::ROLLOUT),
        role => format!("metadata/{role}.json"),
    }
}
