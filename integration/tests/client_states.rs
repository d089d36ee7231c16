//! States in which a device may be met, and the clear answer that it gives: half provisioned, provisioned already, not yet
//! rebooted, with a damaged store.

use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::device::{Device, Process};
use tuffet_integration::simulator::Simulator;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A device that runs release 1.0.0, and the repository with 2.0.0.
fn scene() -> (Process, Simulator) {
    let mut repository = Simulator::healthy(now());
    let mut device = Process::factory(&repository);
    repository.stage("2.0.0");
    repository.publish();
    device.serve(&repository);
    (device, repository)
}

fn set_health_check(device: &Process, check: &str) {
    let path = device.device_folder().join("device.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let settings = settings.replace("health_check = []", &format!("health_check = [\"{check}\"]"));
    assert!(settings.contains(check), "{settings}");
    std::fs::write(&path, settings).unwrap();
}

fn provision_again(device: &Process) -> tuffet_integration::device::Said {
    let arguments = [
        "--repository",
        "/nowhere",
        "--root",
        "/nowhere",
        "--product",
        "lamp",
        "--hardware",
        "c3",
    ];
    device.client(&[&["provision"], &arguments[..]].concat())
}

#[test]
fn provisioned_device_is_not_provisioned_again() {
    let (device, _) = scene();
    let before = device.files();
    let said = provision_again(&device);
    assert_eq!(
        (said.exit, said.result["name"].as_str()),
        (6, Some("ProvisionedAlready")),
        "{}",
        said.everything
    );
    assert_eq!(device.files(), before);
}

#[test]
fn half_provisioned_device_says_so_to_every_command() {
    let (device, _) = scene();
    // What makes a device provisioned is written last: without it, the factory was cut.
    std::fs::remove_file(device.device_folder().join("device.toml")).unwrap();
    let before = device.files();
    for command in ["boot", "check", "confirm", "install", "run", "status"] {
        let said = device.client(&[command]);
        assert_eq!(
            (said.exit, said.result["name"].as_str()),
            (6, Some("NotProvisioned")),
            "{}",
            said.everything
        );
        assert!(said.everything.contains("only half provisioned"), "{}", said.everything);
    }
    let said = provision_again(&device);
    assert_eq!(
        (said.exit, said.result["name"].as_str()),
        (6, Some("NotProvisioned")),
        "{}",
        said.everything
    );
    assert_eq!(device.files(), before);
}

#[test]
fn image_that_never_ran_is_neither_condemned_nor_confirmed() {
    let (device, _) = scene();
    assert_eq!(device.client(&["install"]).result["outcome"], "installed");
    set_health_check(&device, "false");
    for command in [&["confirm"][..], &["run", "--tasks", "1"]] {
        let said = device.client(command);
        assert_eq!(
            (said.exit, said.result["outcome"].as_str()),
            (0, Some("reboot-due")),
            "{}",
            said.everything
        );
    }
    let status = device.client(&["status"]);
    assert_eq!(status.result["failed"], 0, "{}", status.everything);
    assert_eq!(status.result["trial"], "2.0.0");
    // Once it was booted, the check counts.
    assert_eq!(device.client(&["boot"]).result["outcome"], "trial");
    let said = device.client(&["confirm"]);
    assert_eq!(
        (said.exit, said.result["name"].as_str()),
        (1, Some("HealthCheck")),
        "{}",
        said.everything
    );
    assert_eq!(device.client(&["status"]).result["failed"], 1);
}

#[test]
fn trial_without_attempts_left_is_reverted_by_the_boots_alone() {
    let (device, _) = scene();
    assert_eq!(device.client(&["install"]).result["outcome"], "installed");
    for _ in 0..3 {
        assert_eq!(device.client(&["boot"]).result["outcome"], "trial");
    }
    let said = device.client(&["boot"]);
    assert_eq!(said.result["outcome"], "reverted", "{}", said.everything);
    let said = device.client(&["install"]);
    assert_eq!(
        (said.exit, said.result["name"].as_str()),
        (1, Some("FailedBefore")),
        "{}",
        said.everything
    );
}

#[test]
fn open_trial_comes_before_another_update() {
    let (device, _) = scene();
    assert_eq!(device.client(&["install"]).result["outcome"], "installed");
    let said = device.client(&["install"]);
    assert_eq!(
        (said.exit, said.result["name"].as_str()),
        (6, Some("TrialOpen")),
        "{}",
        said.everything
    );
}

#[test]
fn damaged_copies_heal_and_the_store_can_decide_alone_again() {
    let (mut device, _) = scene();
    assert_eq!(device.client(&["check"]).result["outcome"], "available");
    for role in ["root", "snapshot", "targets", "lamp"] {
        device.tamper(role, &|bytes| bytes.truncate(bytes.len() / 2));
        let damaged = device.files();
        let said = device.client(&["check"]);
        assert_eq!(said.result["outcome"], "available", "{role}: {}", said.everything);
        assert!(
            said.everything.contains("damaged or gone"),
            "{role}: {}",
            said.everything
        );
        assert_ne!(device.files()[role], damaged[role], "{role} was not kept again");
        let said = device.client(&["check"]);
        assert!(
            !said.everything.contains("damaged or gone"),
            "{role}: {}",
            said.everything
        );
    }
}

#[test]
fn status_changes_nothing_and_shows_no_edited_advisory() {
    let (mut device, _) = scene();
    assert_eq!(device.client(&["check"]).exit, 0);
    let before = device.files();
    let said = device.client(&["status"]);
    assert_eq!(said.result["newest_seen"], "2.0.0", "{}", said.everything);
    assert_eq!(device.files(), before);
    device.tamper("document", &|bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("2.0.0", "9.0.0").into_bytes();
    });
    let said = device.client(&["status"]);
    assert!(said.result["newest_seen"].is_null(), "{}", said.everything);
}

#[test]
fn settings_that_cannot_be_are_named() {
    let (device, _) = scene();
    let path = device.device_folder().join("device.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, name) in [
        ("attempts = 3", "attempts = 0", "BadSetting"),
        ("product = \"lamp\"", "product = \"No Lamp\"", "BadSetting"),
        ("product = \"lamp\"", "product = \"root\"", "BadSetting"),
        ("attempts = 3", "atempts = 3", "BadSettings"),
        ("attempts = 3", "attempts = ", "BadSettings"),
        ("[limits]", "[limits]\ndata_budget_bytes = 0", "BadSetting"),
        ("[limits]", "[limits]\ndata_budget = 9", "BadSettings"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        std::fs::write(&path, bad).unwrap();
        let said = device.client(&["check"]);
        assert_eq!(
            (said.exit, said.result["name"].as_str()),
            (2, Some(name)),
            "{to}: {}",
            said.everything
        );
    }
}
