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

/// A verb that is killed half way may have done anything to the power, and what fails once may work again.
#[test]
fn power_is_given_again_after_verbs_that_fail_half_way() {
    let once = "test -f tried || { touch tried; FAIL; }; echo on > power; sh say.sh";
    let rows = [
        (
            "flash = \"cp {image} flashed\"",
            "flash = \"echo off > power; sleep 600\"\ntimeouts.flash = 0.5".to_owned(),
        ),
        (
            "reset = \"sh say.sh\"",
            "reset = \"echo off > power; exit 1\"".to_owned(),
        ),
        (
            "power_on = \"echo on > power; sh say.sh\"",
            format!("power_on = \"{}\"", once.replace("FAIL", "exit 1")),
        ),
        (
            "power_on = \"echo on > power; sh say.sh\"",
            format!(
                "power_on = \"{}\"\ntimeouts.power_on = 2",
                once.replace("FAIL", "sleep 600")
            ),
        ),
    ];
    for (from, to) in rows {
        let fake = Fake::talking();
        fake.edit(from, &to);
        let said = fake.run("smoke", &[]);
        assert_eq!(said.exit, 3, "{}", said.text);
        assert!(fake.has_power(), "{to}: {}", said.text);
        assert!(!said.text.contains("could not be restored"), "{}", said.text);
    }
}

#[test]
fn board_that_stays_without_power_is_said() {
    let fake = Fake::talking();
    fake.edit("power_on = \"echo on > power", "power_on = \"echo x >> tries; exit 7");
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 3, "{}", said.text);
    let error = said.object["error"].as_str().unwrap_or_default();
    assert!(
        error.starts_with("`power_on` failed") && error.contains("; and the power of the board could not be restored"),
        "{}",
        said.text
    );
    // Once for the case, and three times to leave it with power.
    let tries = std::fs::read_to_string(fake.path("tries")).unwrap();
    assert_eq!(tries.lines().count(), 4, "{}", said.text);
}

#[test]
fn interrupted_run_says_that_the_board_has_no_power() {
    let fake = Fake::talking();
    fake.edit("off_s = 0.05", "off_s = 3600");
    fake.edit("power_on = \"", "power_on = \"test -f dead && exit 7; ");
    let first = fake.begin("smoke");
    wait_until("the run rests", || !fake.has_power() && fake.path("power").is_file());
    fake.write("dead", "");
    let killed = Command::new("kill").arg(first.id().to_string()).status().unwrap();
    assert!(killed.success());
    let output = first.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("interrupted before its end; and the power of the board could not be restored"),
        "{text}"
    );
}

/// A board in a loop says more than anybody reads; its time ends as that of any other, and nobody keeps all of it.
#[test]
fn board_that_never_keeps_silent_has_no_more_time() {
    let fake = Fake::talking();
    fake.edit("boot_s = 20", "boot_s = 0.5");
    fake.edit("log = \"exec tail -n +1 -f serial\"", "log = \"exec yes\"");
    let started = Instant::now();
    let said = fake.run("smoke", &[]);
    assert!(started.elapsed() < Duration::from_secs(60));
    let seen = said.seen(1);
    assert_eq!((said.exit, said.verdicts().as_str()), (1, "pfss"), "{seen}");
    assert!(seen.contains("did not come in 0.5 s; the last line is `y`"), "{seen}");
    let log = said.object["cases"][1]["log"].as_array().unwrap();
    assert!(log.len() <= 4_001, "{} lines", log.len());
    assert!(
        log[1_000].as_str().unwrap().contains("lines are left out here"),
        "{}",
        log[1_000]
    );
}

/// What a board said before a cut does not count as after it, even if it comes late.
#[test]
fn late_lines_from_before_a_cut_do_not_count() {
    let fake = Fake::talking();
    fake.edit("boot_s = 20", "boot_s = 4");
    fake.edit("off_s = 0.05", "off_s = 1.5");
    fake.edit("reset = \"", "reset = \"touch last; ");
    fake.edit(
        "power_off = \"echo off > power\"",
        "power_off = \"echo off > power; (sleep 0.2; sh say.sh) > late 2>&1 &\"",
    );
    fake.edit(
        "power_on = \"echo on > power; sh",
        "power_on = \"echo on > power; test -f last || sh",
    );
    let said = fake.run("smoke", &[]);
    assert_eq!((said.exit, said.verdicts().as_str()), (1, "pppf"), "{}", said.text);
}

/// Nor what it said before a reset: what counts comes behind the bootloader's first word.
#[test]
fn late_lines_from_before_a_reset_do_not_count() {
    let fake = Fake::talking();
    fake.edit("boot_s = 20", "boot_s = 4");
    let late =
        "reset = \"(sleep 0.3; echo 'tuffet app version=0.9.0 slot=A' >> serial; sleep 0.3; sh say.sh) > late 2>&1 &\"";
    fake.edit("reset = \"sh say.sh\"", late);
    assert_all_pass(&fake.run("smoke", &[]), 4);
    // It said so before, and does not say so any more.
    fake.edit("; sleep 0.3; sh say.sh)", ")");
    let said = fake.run("smoke", &[]);
    assert_eq!((said.exit, said.verdicts().as_str()), (1, "ppfp"), "{}", said.text);
    assert!(said.seen(2).contains("the bootloader's first word"), "{}", said.text);
}

/// A bootloader may have no words.
#[test]
fn board_whose_bootloader_says_nothing_is_reset_too() {
    let fake = Fake::talking();
    fake.write("say.sh", "echo 'tuffet app version=1.0.0 slot=A' >> serial\n");
    assert_all_pass(&fake.run("smoke", &[]), 4);
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
            .contains("nothing came in 0.3 s from `exec tail -n +1 -f serial`"),
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
        "log = \"exec tail -n +1 -f serial\"",
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
    // The second one would not rest, if it came to that.
    fake.edit("off_s = 3600", "off_s = 0.05");
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
