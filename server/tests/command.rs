//! The `tuffet-server` program: lines, signals, exit codes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

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
