//! Suites on boards that do what they must, and on boards that do not.

use crate::fake::{Fake, Said};
use std::process::Command;
use std::time::{Duration, Instant};
use tuffet_integration::lab::suite::ROWS;

fn assert_all_pass(said: &Said, cases: usize) {
    assert_eq!(said.verdicts(), "p".repeat(cases), "{}", said.text);
    assert_eq!(said.exit, 0, "{}", said.text);
    assert_eq!(said.object["ok"], true);
    assert_eq!(said.object["passed"], cases);
}

#[test]
fn board_boots_and_updates() {
    let fake = Fake::real();
    assert_all_pass(&fake.run("smoke", &[]), 4);
    let said = fake.run("update", &[]);
    assert_all_pass(&said, 5);
    assert!(said.seen(1).contains("way: delta"), "{}", said.text);
    assert!(said.seen(2).contains("2.0.0 runs in slot B"), "{}", said.text);
    assert!(fake.has_power());
}

#[test]
fn board_survives_power_cuts() {
    let fake = Fake::real();
    let said = fake.run("power", &["--cuts", "3", "--seed", "7"]);
    assert_all_pass(&said, 4);
    assert_eq!(said.object["seed"], 7);
    assert!(fake.has_power());
}

#[test]
fn board_refuses_attacks_by_name_and_code() {
    let fake = Fake::real();
    let said = fake.run("attack", &[]);
    assert_all_pass(&said, ROWS.len());
    assert!(said.seen(0).contains("refused: 116 WrongVersion"), "{}", said.text);
}

/// A lab that praises everything proves nothing.
#[test]
fn board_that_takes_everything_fails_the_attacks() {
    let fake = Fake::real();
    let firmware = std::fs::read_to_string(fake.path("firmware.sh")).unwrap();
    fake.write(
        "firmware.sh",
        &firmware.replace("error=$(field code \"$update\") name=$name", "outcome=installed"),
    );
    let said = fake.run("attack", &[]);
    assert_eq!(said.exit, 1, "{}", said.text);
    assert_eq!(said.verdicts(), "ffffffp", "{}", said.text);
    assert!(said.seen(0).contains("installs what it must refuse"), "{}", said.text);
}

#[test]
fn board_that_says_another_version_fails() {
    let fake = Fake::talking();
    let said = fake.run("smoke", &["--old-version", "1.0.1"]);
    assert_eq!((said.exit, said.verdicts().as_str()), (1, "pfss"), "{}", said.text);
    assert!(
        said.seen(1).contains("says that it is 1.0.0, and 1.0.1 was to run"),
        "{}",
        said.text
    );
}

#[test]
fn board_that_never_updates_fails() {
    let fake = Fake::talking();
    fake.edit("update_s = 60", "update_s = 0.3");
    let said = fake.run("update", &[]);
    assert_eq!((said.exit, said.verdicts().as_str()), (1, "pfsss"), "{}", said.text);
    assert!(
        said.seen(1).contains("did not come in 0.3 s; the last line is"),
        "{}",
        said.text
    );
}

/// Nobody waits for what will not come.
#[test]
fn board_that_finds_nothing_newer_fails_at_once() {
    let fake = Fake::talking();
    let says = std::fs::read_to_string(fake.path("say.sh")).unwrap();
    fake.write(
        "say.sh",
        &format!("{says}echo 'tuffet update outcome=up-to-date' >> serial\n"),
    );
    let started = Instant::now();
    let said = fake.run("update", &[]);
    assert!(started.elapsed() < Duration::from_secs(30), "{}", said.text);
    assert_eq!((said.exit, said.verdicts().as_str()), (1, "pfsss"), "{}", said.text);
    assert!(
        said.seen(1).contains("finds nothing newer, and 2.0.0 is served"),
        "{}",
        said.text
    );
}

#[test]
fn board_in_recovery_fails_at_once() {
    let fake = Fake::talking();
    fake.write("say.sh", "echo 'tuffet recovery why=NothingVerified' >> serial\n");
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 1, "{}", said.text);
    assert!(said.seen(1).contains("recovery (NothingVerified)"), "{}", said.text);
}

#[test]
fn words_of_a_vendor_are_understood() {
    let fake = Fake::talking();
    fake.write("say.sh", "echo '[0.1] lamp v1.0.0 ready' >> serial\n");
    fake.edit("[command]", "[log]\napp = \"lamp v{version} ready\"\n[command]");
    assert_all_pass(&fake.run("smoke", &[]), 4);
}

/// Each verb in turn hangs, or fails: the run ends soon, says which line it was, and the board has power.
#[test]
fn verb_that_hangs_or_fails_ends_the_run() {
    let cases = [
        (
            "flash = \"cp {image} flashed\"",
            "flash = \"echo no target; exit 3\"",
            "`flash` failed: `echo no target; exit 3` ended with 3: no target",
            "fsss",
        ),
        (
            "reset = \"sh say.sh\"",
            "reset = \"sleep 600\"\ntimeouts.reset = 0.2",
            "`reset` failed: `sleep 600` was killed with all that it started",
            "ppfs",
        ),
        (
            "reset = \"sh say.sh\"",
            "reset = \"tuffet-no-such-program\"",
            "Is the program on this machine?",
            "ppfs",
        ),
        (
            "power_off = \"echo off > power\"",
            "power_off = \"echo off > power; sleep 600\"\ntimeouts.power_off = 0.2",
            "`power_off` failed",
            "fsss",
        ),
    ];
    for (from, to, expected, verdicts) in cases {
        let fake = Fake::talking();
        fake.edit(from, to);
        let started = Instant::now();
        let said = fake.run("smoke", &[]);
        assert!(started.elapsed() < Duration::from_secs(60), "{to}");
        assert_eq!((said.exit, said.verdicts().as_str()), (3, verdicts), "{}", said.text);
        assert!(said.text.contains(expected), "{}", said.text);
        assert!(fake.has_power(), "{to}");
    }
}

#[test]
fn dead_serial_line_is_said() {
    let fake = Fake::talking();
    fake.edit("boot_s = 20", "boot_s = 0.3");
    fake.write("say.sh", "");
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 3, "{}", said.text);
    assert!(
        said.seen(1)
            .contains("nothing came in 0.3 s from `exec tail -n 0 -f serial`"),
        "{}",
        said.text
    );
    assert!(fake.has_power());
}

#[test]
fn log_that_ends_is_opened_again_and_then_said() {
    let fake = Fake::talking();
    fake.edit("boot_s = 20", "boot_s = 0.7");
    fake.edit(
        "log = \"exec tail -n 0 -f serial\"",
        "log = \"echo x >> tries; cat absent\"",
    );
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 3, "{}", said.text);
    assert!(
        said.seen(1).contains("the serial log ended by itself") && said.seen(1).contains("absent"),
        "{}",
        said.text
    );
    let tries = std::fs::read_to_string(fake.path("tries")).unwrap();
    assert!(tries.lines().count() > 1, "{tries}");
}

#[test]
fn board_in_use_is_left_alone() {
    let fake = Fake::talking();
    // The first run waits until its board is back from a rest of an hour.
    fake.edit("off_s = 0.05", "off_s = 3600");
    let mut first = fake.begin("smoke");
    wait_until("the first run rests", || {
        !fake.has_power() && fake.path("power").is_file()
    });
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 6, "{}", said.text);
    assert!(
        said.text.contains(&format!("in use by process {}", first.id())),
        "{}",
        said.text
    );
    // Who asks it politely gets a board with power back.
    assert!(
        Command::new("kill")
            .arg(first.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(first.wait().unwrap().code(), Some(6));
    assert!(fake.has_power());
}

#[test]
fn board_of_a_dead_run_is_taken_over() {
    let fake = Fake::talking();
    fake.edit("off_s = 0.05", "off_s = 3600");
    let mut first = fake.begin("smoke");
    wait_until("the first run rests", || {
        !fake.has_power() && fake.path("power").is_file()
    });
    first.kill().unwrap();
    first.wait().unwrap();
    fake.edit("off_s = 3600", "off_s = 0.05");
    let said = fake.run("smoke", &[]);
    assert_all_pass(&said, 4);
    assert!(
        said.text
            .contains(&format!("from process {}, which is dead", first.id())),
        "{}",
        said.text
    );
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
