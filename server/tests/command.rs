//! The `tuffet-server` program: lines, signals, exit codes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;
use tuffet_keys_tool::{
    KeyRole, KeySource, Passphrase, SecretKey, WorkFactor,
    root::{RolePlan, RootFile, RootPlan, Spare},
};
use tuffet_server::{
    clock, create,
    online::OnlineKeys,
    repository::{Published, Repository},
    roles::Lifetimes,
};

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for part in ["metadata", "targets"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    fs::write(folder.path().join("metadata/timestamp.json"), b"{}").unwrap();
    folder
}

fn server(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuffet-server"));
    command
        .arg("serve")
        .arg(folder)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .arg(name)
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
}

fn refused(output: Output, code: i32, says: &str) {
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("error: ") && text.contains(says), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn says_where_it_listens_and_stops_on_signals() {
    let folder = folder();
    for (name, json) in [("-INT", false), ("-TERM", true)] {
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--log-requests"];
        if json {
            arguments.push("--json");
        }
        let mut child = server(&arguments, folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let url = if json {
            let line: serde_json::Value = serde_json::from_str(&first).unwrap();
            assert_eq!(line["event"], "listening");
            line["url"].as_str().unwrap().to_owned()
        } else {
            first.trim().strip_prefix("listening on ").unwrap().to_owned()
        };
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream
            .write_all(b"GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{}"));
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        if json {
            let events: Vec<serde_json::Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(events[0]["path"], "/metadata/timestamp.json");
            assert_eq!(events.last().unwrap()["event"], "stopped");
        } else {
            assert!(rest.starts_with("GET /metadata/timestamp.json 200 2\n"), "{rest}");
            assert!(rest.ends_with("stopped\n"), "{rest}");
        }
    }
}

#[test]
fn wrong_starts_give_one_error_and_their_code() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = |arguments: &[&str], path: &Path| server(arguments, path).output().unwrap();
    refused(
        run(&["--listen", &address], folder.path()),
        5,
        "is in use by another process",
    );
    refused(run(&[], &folder.path().join("none")), 3, "no folder at");
    refused(run(&[], &folder.path().join("metadata")), 3, "is not a repository");
    let usage = run(&["--connections-max", "0"], folder.path());
    assert_eq!(usage.status.code(), Some(2));
}

/// A repository that was made two days ago, with its online keys in `online` and the passphrase in `passphrase`.
fn old_repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("online")).unwrap();
    fs::write(path("passphrase"), "correct horse").unwrap();
    fs::set_permissions(path("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    let passphrase = Passphrase::new("correct horse".to_owned()).unwrap();
    let key = |role: KeyRole, name: &str| {
        let key = SecretKey::generate(role).unwrap();
        key.save(&path(name), &passphrase, WorkFactor::new(1).unwrap()).unwrap();
        key
    };
    let (root_key, targets) = (key(KeyRole::Root, "root-1.key"), key(KeyRole::Targets, "targets-1.key"));
    let snapshot = key(KeyRole::Snapshot, "online/snapshot-1.key");
    let timestamp = key(KeyRole::Timestamp, "online/timestamp-1.key");
    let role = |key: &SecretKey| RolePlan {
        keys: vec![key.public_key().clone()],
        threshold: 1,
    };
    let two_days_ago = clock::now().saturating_sub(2 * 24 * 3600);
    let plan = RootPlan {
        root: role(&root_key),
        targets: role(&targets),
        snapshot: role(&snapshot),
        timestamp: role(&timestamp),
        signed_at: two_days_ago,
        expires: two_days_ago.saturating_add_days(730),
        spare: Spare::Waived,
    };
    let mut root = RootFile::create(&plan).unwrap();
    root.sign(&root_key, two_days_ago).unwrap();
    let online = OnlineKeys::load(&path("online"), &passphrase).unwrap();
    let lifetimes = Lifetimes::default();
    create::init(
        &path("repository"),
        &root,
        &[&targets],
        &online,
        &lifetimes,
        two_days_ago,
    )
    .unwrap();
    folder
}

#[test]
fn an_old_timestamp_is_signed_again_at_the_start() {
    let folder = old_repository();
    let repository = Repository::open(&folder.path().join("repository")).unwrap();
    let (online, passphrase) = (folder.path().join("online"), folder.path().join("passphrase"));
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--online-keys",
        online.to_str().unwrap(),
        "--passphrase-file",
        passphrase.to_str().unwrap(),
    ];
    let mut child = server(&arguments, repository.path()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let resigned = lines
        .map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap())
        .find(|event| event["event"] != "listening")
        .unwrap();
    assert_eq!(
        (&resigned["event"], &resigned["role"]),
        (&"resigned".into(), &"timestamp".into())
    );
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let published = Published::load(&repository).unwrap();
    assert_eq!(
        (published.timestamp.role.version, published.snapshot.role.version),
        (2, 1)
    );
}

#[test]
fn a_failed_signing_is_reported_and_serving_goes_on() {
    let folder = old_repository();
    let repository = folder.path().join("repository");
    let (online, passphrase) = (folder.path().join("online"), folder.path().join("passphrase"));
    let arguments = ["--listen", "127.0.0.1:0", "--resign-interval", "1", "--online-keys"];
    let arguments = [
        &arguments[..],
        &[
            online.to_str().unwrap(),
            "--passphrase-file",
            passphrase.to_str().unwrap(),
        ],
    ]
    .concat();
    // A folder in the way of the file that is written first.
    fs::create_dir(repository.join("metadata/.new-timestamp.json")).unwrap();
    let mut child = server(&arguments, &repository).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let mut warnings = BufReader::new(child.stderr.take().unwrap()).lines();
    for _ in 0..2 {
        let warning = warnings.next().unwrap().unwrap();
        assert!(
            warning.starts_with("warning: trouble with signing the timestamp again: cannot write"),
            "{warning}"
        );
    }
    let mut stream = TcpStream::connect(first.trim().strip_prefix("listening on http://").unwrap()).unwrap();
    stream
        .write_all(b"GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"));
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_keys_stop_the_start() {
    let folder = old_repository();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |keys: &str, passphrase: &str| {
        let arguments = [
            "--listen",
            "127.0.0.1:0",
            "--online-keys",
            keys,
            "--passphrase-file",
            passphrase,
        ];
        server(&arguments, &folder.path().join("repository")).output().unwrap()
    };
    let good = path("passphrase");
    refused(
        run(folder.path().to_str().unwrap(), &good),
        4,
        "has no business among online keys",
    );
    refused(run(&path("repository"), &good), 4, "holds no key files");
    refused(run(&path("online"), &path("none")), 3, "none");
    fs::write(path("wrong"), "incorrect horse").unwrap();
    fs::set_permissions(path("wrong"), fs::Permissions::from_mode(0o600)).unwrap();
    refused(run(&path("online"), &path("wrong")), 4, "the passphrase does not open");
    let other = old_repository();
    let (keys, passphrase) = (other.path().join("online"), other.path().join("passphrase"));
    refused(
        run(keys.to_str().unwrap(), passphrase.to_str().unwrap()),
        4,
        "snapshot needs 1 signatures",
    );
}
