//! What polling costs: the requests of `tuffet-client run`, counted.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tuffet_integration::device::{Device, Process};
use tuffet_integration::server::Request;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::time::utc;
use tuffet_integration::site::{Fault, label};

const TIMESTAMP: &str = "metadata/timestamp.json";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A request in one word; `?` marks a conditional one.
fn word(request: &Request) -> String {
    let mark = if request.if_none_match().is_some() { "?" } else { "" };
    format!("{}{mark}", label(&request.path))
}

fn words(device: &Process) -> Vec<String> {
    device.server().requests().iter().map(word).collect()
}

#[test]
fn idle_peek_is_one_conditional_request() {
    let repository = Simulator::healthy(now());
    let device = Process::factory(&repository);
    let said = device.client(&["run", "--tasks", "4"]);
    assert_eq!(said.exit, 0, "{}", said.everything);
    // After the restart one full cycle, root first; then three peeks that end at their 304.
    assert_eq!(
        words(&device),
        ["2.root", "timestamp", "timestamp?", "timestamp?", "timestamp?"]
    );
    let requests = device.server().requests();
    for pair in requests[1..].windows(2) {
        let between = pair[1].at - pair[0].at;
        assert!(between >= Duration::from_millis(500), "two peeks within {between:?}");
    }
}

#[test]
fn peek_that_finds_something_starts_a_full_cycle() {
    let mut repository = Simulator::healthy(now());
    let mut device = Process::factory(&repository);
    let running = device
        .command(&["run", "--tasks", "9"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&device, "timestamp?");
    repository.stage("2.0.0");
    repository.publish();
    device.serve(&repository);
    // It stops by itself when something is installed: a reboot is due.
    let status = wait(running);
    assert!(status.success(), "{status}");
    let words = words(&device);
    let cycle = [
        "2.root",
        "timestamp",
        "2.snapshot",
        "2.lamp",
        "lamp_c3_stable.release",
        "lamp_2.0.0_c3.zst",
    ];
    assert!(words.ends_with(&cycle.map(str::to_owned)), "{words:?}");
    let peeks = &words[2..words.len() - cycle.len()];
    assert!(
        !peeks.is_empty() && peeks.iter().all(|word| word == "timestamp?"),
        "{words:?}"
    );
    device.try_out(true);
}

#[test]
fn document_damaged_between_two_peeks_leads_to_a_full_cycle() {
    let repository = Simulator::healthy(now());
    let mut device = Process::factory(&repository);
    let mut running = device
        .command(&["run", "--tasks", "9"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&device, "timestamp?");
    device.tamper("document", &|bytes| bytes.truncate(bytes.len() / 2));
    wait_for(&device, "lamp_c3_stable.release");
    running.kill().unwrap();
    running.wait().unwrap();
    let words = words(&device);
    let cycle = ["timestamp?", "2.root", "timestamp", "lamp_c3_stable.release"];
    assert!(words.ends_with(&cycle.map(str::to_owned)), "{words:?}");
}

#[test]
fn withdrawn_release_is_not_decided_about_again() {
    let mut repository = Simulator::healthy(now());
    let mut device = Process::factory(&repository);
    repository.stage("2.0.0");
    repository.release.require_rollout(30);
    repository.publish();
    device.serve(&repository);
    assert_eq!(device.client(&["check"]).result["outcome"], "waiting");
    // The role lists nothing any more.
    repository.revise();
    let now = repository.now;
    let role = repository.role("lamp");
    role.revise(role.version() + 1, now);
    role.signed["targets"] = serde_json::json!({});
    repository.publish_roles();
    device.serve(&repository);
    device.server().forget_requests();
    let said = device.client(&["run", "--tasks", "2"]);
    assert_eq!(said.result["outcome"], "no-release", "{}", said.everything);
    let words = words(&device);
    // And a peek is a peek, also where there is no release.
    assert_eq!(words, ["2.root", "timestamp", "3.snapshot", "3.lamp", "timestamp?"]);
}

#[test]
fn timestamp_near_its_expiry_starts_a_full_cycle() {
    let mut repository = Simulator::healthy(now());
    repository.timestamp.signed["expires"] = utc(now() + 3_600).into();
    repository.publish_timestamp();
    let device = Process::factory(&repository);
    let said = device.client(&["run", "--tasks", "2"]);
    assert_eq!(said.exit, 0, "{}", said.everything);
    assert_eq!(words(&device), ["2.root", "timestamp", "2.root", "timestamp"]);
}

#[test]
fn failing_server_is_left_alone() {
    // Half a minute to a minute after the first failure; as long as the server asks for, when it asks.
    for (retry_after_s, at_least, at_most) in [(None, 25, 61), (Some(1), 25, 61), (Some(600), 600, 676)] {
        let mut repository = Simulator::healthy(now());
        let mut device = Process::factory(&repository);
        repository.site.fault(
            TIMESTAMP,
            Fault::Status {
                code: 503,
                retry_after_s,
            },
        );
        device.serve(&repository);
        let mut running = device.command(&["run"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let said = lines
            .find_map(|line| line.ok().filter(|line| line.contains("next try at ")))
            .unwrap();
        let said_at = now();
        running.kill().unwrap();
        running.wait().unwrap();
        let due_at = said
            .split("next try at ")
            .nth(1)
            .unwrap()
            .trim_end_matches(['"', '}'])
            .to_owned();
        let waits: Vec<u64> = (0..1_000).filter(|wait| utc(said_at + wait) == due_at).collect();
        let [wait] = waits[..] else {
            panic!("no wait fits {due_at}")
        };
        assert!(
            (at_least..=at_most).contains(&wait),
            "Retry-After {retry_after_s:?}: it waits {wait} s"
        );
        assert_eq!(words(&device), ["2.root", "timestamp"]);
    }
}

fn wait_for(device: &Process, last: &str) {
    for _ in 0..200 {
        if words(device).last().is_some_and(|word| word == last) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no {last} within 10 s: {:?}", words(device));
}

/// The exit status, within half a minute.
fn wait(mut running: Child) -> std::process::ExitStatus {
    for _ in 0..600 {
        if let Some(status) = running.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.kill().unwrap();
    panic!("the client polls on, though an update was there");
}
