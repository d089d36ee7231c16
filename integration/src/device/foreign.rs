//! The client's way of following other people's repositories, over HTTP. Every step is a process of its own.

use super::process::scratch_folder;
use super::{STATE, follower};
use crate::attacks::{Clock, Verdict};
use crate::program::program;
use crate::server::Server;
use crate::simulator::Simulator;
use crate::site::label;
use follower::{Follower, ReadAs};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// A folder that `tuf-conformance-client` keeps.
pub struct Foreign {
    server: Server,
    folder: tempfile::TempDir,
}

impl Follower for Foreign {
    const READS: ReadAs = ReadAs::Lenient;
    const REPAIRS: bool = false;
    const REFRESHES: bool = true;

    fn trusting(repository: &Simulator) -> Self {
        let device = Self {
            server: Server::start(repository.site.clone()).expect("loopback has a port"),
            folder: scratch_folder(),
        };
        let root = device.folder.path().join("first.root.json");
        let bytes = repository.site.file("metadata/1.root.json");
        std::fs::write(&root, bytes.expect("the first root is served")).expect("the temporary folder is writable");
        let is_sound = device.succeeds(device.command().arg("init").arg(root));
        assert!(is_sound, "the first root is sound");
        device
    }

    /// Copies that no state pins any more go.
    fn may_lose(file: &str) -> bool {
        ["snapshot", "timestamp"].contains(&file)
    }

    /// A copy of a role that is not rightly signed is asked for once more, even where the listing has its digest.
    fn asks_for(requests: &[String], row: &[&str]) -> bool {
        let is_delegated = |label: &String| {
            !["root", "snapshot", "targets", "timestamp"]
                .iter()
                .any(|role| label.ends_with(role))
        };
        let again = requests.split_last().filter(|(last, _)| is_delegated(last));
        requests == row || again.is_some_and(|(_, before)| before == row)
    }

    /// It has two exit codes, and one of them is for everything that is not well.
    fn says(said: &Verdict, verdict: &Verdict) -> bool {
        (*said == Verdict::Found) == (*verdict == Verdict::Found)
    }

    fn serve(&mut self, repository: &Simulator) {
        self.server.serve(repository.site.clone());
    }

    fn set_clock(&mut self, clock: Clock) {
        assert_eq!(clock, Clock::Right, "the client reads the real clock");
    }

    fn follow(&mut self, names: &[&str]) -> Verdict {
        if names.is_empty() {
            let mut refresh = self.command();
            refresh
                .arg("--metadata-url")
                .arg(format!("{}metadata/", self.server.url()));
            return self.verdict(refresh.arg("refresh"));
        }
        let targets = self.folder.path().join("targets");
        // What was downloaded before is not downloaded again, and would say nothing.
        let _none_yet = std::fs::remove_dir_all(&targets);
        let mut download = self.command();
        download
            .arg("--metadata-url")
            .arg(format!("{}metadata/", self.server.url()));
        download
            .arg("--target-base-url")
            .arg(format!("{}targets/", self.server.url()));
        download.arg("--target-dir").arg(&targets);
        for name in names {
            download.arg("--target-name").arg(name);
        }
        let is_done = self.succeeds(download.arg("download"));
        let is_found = names.first().is_some_and(|name| targets.join(name).is_file());
        assert!(is_found || !is_done, "{names:?} are said to be downloaded");
        if is_found {
            assert!(
                is_done || names.len() > 1,
                "{names:?} is downloaded, and the exit code is 1"
            );
            Verdict::Found
        } else {
            refused()
        }
    }

    fn take_requests(&mut self) -> Vec<String> {
        let requests = self.server.requests();
        self.server.forget_requests();
        requests.iter().map(|request| label(&request.path).to_owned()).collect()
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(self.metadata_folder()).expect("its folder can be read");
        let file = |entry: std::fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = match name.strip_suffix(".json") {
                Some(role) => role.to_owned(),
                None if name == "state.bin" => STATE.to_owned(),
                None => name,
            };
            (name, std::fs::read(entry.path()).expect("its files can be read"))
        };
        entries.flatten().map(file).collect()
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        let path = self.metadata_folder().join(format!("{file}.json"));
        let mut bytes = std::fs::read(&path).expect("the file is at rest");
        edit(&mut bytes);
        std::fs::write(&path, bytes).expect("its folder is writable");
    }
}

impl Foreign {
    fn metadata_folder(&self) -> PathBuf {
        self.folder.path().join("metadata")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(conformance_client());
        command.arg("--metadata-dir").arg(self.metadata_folder());
        command
    }

    fn verdict(&self, command: &mut Command) -> Verdict {
        if self.succeeds(command) {
            Verdict::Found
        } else {
            refused()
        }
    }

    /// Whether a command ends with 0; all others end with 1.
    fn succeeds(&self, command: &mut Command) -> bool {
        let output = command.output().expect("the program can be started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => panic!("{command:?}: {}\n{stderr}", output.status),
        }
    }
}

fn refused() -> Verdict {
    Verdict::Refused("by its exit code".to_owned())
}

/// The program by which public test suites drive the client.
#[must_use]
pub fn conformance_client() -> PathBuf {
    program("tuffet-integration", "tuf-conformance-client")
}
