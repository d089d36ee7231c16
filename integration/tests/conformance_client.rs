//! The command line of public TUF suites: exit codes, the exact requests, the exact files, and the clock.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::server::Server;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::POINTER;

/// The client on one folder, and the repository that it asks.
struct Client {
    folder: tempfile::TempDir,
    server: Server,
}

impl Client {
    fn of(repository: &Simulator) -> Self {
        let client = Self {
            folder: tempfile::tempdir().unwrap(),
            server: Server::start(repository.site.clone()).unwrap(),
        };
        let root = client.folder.path().join("first_root.json");
        std::fs::write(&root, repository.site.file("metadata/1.root.json").unwrap()).unwrap();
        assert_eq!(code(&client.run(&["init", root.to_str().unwrap()])), 0);
        client
    }

    /// Runs a command with every setting before it.
    fn run(&self, command: &[&str]) -> Output {
        let url = self.server.url();
        let folder = |name: &str| self.folder.path().join(name);
        Command::new(env!("CARGO_BIN_EXE_tuf-conformance-client"))
            .args([Path::new("--metadata-dir"), &folder("metadata")])
            .args(["--metadata-url", &format!("{url}/metadata/")])
            .args([Path::new("--target-dir"), &folder("targets")])
            .args(["--target-base-url", &format!("{url}/targets/")])
            .args(command)
            .output()
            .unwrap()
    }

    fn refresh(&self) -> i32 {
        code(&self.run(&["refresh"]))
    }

    fn download(&self, name: &str) -> i32 {
        code(&self.run(&["--target-name", name, "download"]))
    }

    /// The requests since the last call.
    fn requests(&self) -> Vec<String> {
        let requests = self.server.requests();
        self.server.forget_requests();
        requests.into_iter().map(|request| request.path).collect()
    }

    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path().join(folder));
        let entries: Vec<_> = entries
            .map(|entries| entries.map(Result::unwrap).collect())
            .unwrap_or_default();
        let file = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        };
        entries.into_iter().map(file).collect()
    }

    fn metadata(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files("metadata");
        files.retain(|name, _| name.ends_with(".json"));
        files
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ends the client")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn published(version: &str) -> Simulator {
    let mut repository = Simulator::healthy(now());
    repository.stage(version);
    repository.publish();
    repository
}

const REFRESH: [&str; 4] = [
    "metadata/2.root.json",
    "metadata/timestamp.json",
    "metadata/2.snapshot.json",
    "metadata/1.targets.json",
];

#[test]
fn refresh_asks_for_four_files_and_keeps_them_as_served() {
    let mut repository = published("2.0.0");
    // Nothing pins the timestamp's bytes, so it may be spelled in another way.
    let timestamp = String::from_utf8(repository.site.file("metadata/timestamp.json").unwrap().to_vec()).unwrap();
    let timestamp = format!("{} ", timestamp.replace("\":", "\" :\n  "));
    repository
        .site
        .put("metadata/timestamp.json", timestamp.clone().into_bytes());
    let client = Client::of(&repository);
    assert_eq!(client.requests(), [""; 0]);
    assert_eq!(client.refresh(), 0);
    assert_eq!(client.requests(), REFRESH);
    let served = |path: &str| repository.site.file(path).unwrap().to_vec();
    let expected: BTreeMap<String, Vec<u8>> = [
        ("root.json", served("metadata/1.root.json")),
        ("snapshot.json", served("metadata/2.snapshot.json")),
        ("targets.json", served("metadata/1.targets.json")),
        ("timestamp.json", timestamp.into_bytes()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into();
    assert_eq!(client.metadata(), expected);

    // What is there is not asked for again.
    assert_eq!(client.refresh(), 0);
    assert_eq!(client.requests(), REFRESH[..2]);
}

#[test]
fn download_asks_for_the_roles_on_the_way_and_for_a_target_once() {
    let repository = published("2.0.0");
    let client = Client::of(&repository);
    assert_eq!(client.download(POINTER), 0);
    let target = repository.document_path();
    let expected = [&REFRESH[..], &["metadata/2.lamp.json", &target]].concat();
    assert_eq!(client.requests(), expected);
    let document = repository.site.file(&target).unwrap().to_vec();
    assert_eq!(client.files("targets"), [(POINTER.to_owned(), document.clone())].into());
    assert!(client.metadata().contains_key("lamp.json"));

    assert_eq!(client.download(POINTER), 0);
    assert_eq!(client.requests(), REFRESH[..2]);
    assert_eq!(client.download("no such target"), 1);
    assert_eq!(client.files("targets"), [(POINTER.to_owned(), document)].into());
}

#[test]
fn what_was_verified_before_a_failure_stays_and_the_client_can_try_again() {
    let client = Client::of(&published("2.0.0"));
    assert_eq!(client.refresh(), 0);
    let before = client.metadata();

    let mut repository = published("2.0.0");
    repository.revise();
    repository.publish();
    let honest = repository.site.clone();
    repository.site.edit("metadata/3.snapshot.json", |bytes| bytes[40] ^= 1);
    client.server.serve(repository.site.clone());
    assert_eq!(client.refresh(), 1);
    let after = client.metadata();
    assert_ne!(after["timestamp.json"], before["timestamp.json"]);
    for name in ["root.json", "snapshot.json", "targets.json"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    client.server.serve(honest.clone());
    assert_eq!(client.refresh(), 0);
    assert_eq!(
        client.metadata()["snapshot.json"],
        honest.file("metadata/3.snapshot.json").unwrap()
    );
}

#[test]
fn every_failure_is_exit_code_one() {
    let repository = published("2.0.0");
    let client = Client::of(&repository);
    client.requests();
    for command in [
        &["fly"][..],
        &[],
        &["download"],
        &["init", "/no/such/root.json"],
        &["--no-such-option", "refresh"],
    ] {
        assert_eq!(code(&client.run(command)), 1, "{command:?}");
    }
    // A root that is not signed by its own keys is not trusted, and nothing is asked for in its name.
    let root = client.folder.path().join("edited.json");
    let edited = repository.site.file("metadata/1.root.json").unwrap().to_vec();
    let edited = String::from_utf8(edited)
        .unwrap()
        .replace("\"version\":1", "\"version\":9");
    std::fs::write(&root, edited).unwrap();
    let other = Client {
        folder: tempfile::tempdir().unwrap(),
        server: Server::start(repository.site.clone()).unwrap(),
    };
    assert_eq!(code(&other.run(&["init", root.to_str().unwrap()])), 1);
    assert_eq!(other.refresh(), 1);
    assert_eq!(other.requests(), [""; 0]);
}

/// A suite moves the clock by a library that it loads first, so the client must be linked to the C library at run time.
#[test]
fn clock_is_read_through_the_c_library() {
    let client = Client::of(&published("2.0.0"));
    let program = std::fs::read(env!("CARGO_BIN_EXE_tuf-conformance-client")).unwrap();
    let has = |text: &[u8]| program.windows(text.len()).any(|window| window == text);
    assert!(
        has(b"clock_gettime") && has(b"ld-linux"),
        "the client is linked statically"
    );
    assert_eq!(client.refresh(), 0);
}
