//! `bench delta` as a script calls it: what it measures, and what it refuses before the work is done.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tuffet-xtask");

/// What a command said, and how it ended.
struct Said {
    exit_code: i32,
    /// The last line of standard output.
    object: Value,
    out: String,
    err: String,
}

/// Runs `bench delta` on a folder with our own commands in this build.
fn bench(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let mut command = Command::new(PROGRAM);
    command
        .args(["bench", "delta"])
        .arg(folder)
        .args(["--program", PROGRAM, "--json"]);
    command.args(arguments).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    Said {
        exit_code: output.status.code().unwrap(),
        object: serde_json::from_str(out.lines().last().unwrap()).unwrap(),
        out,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn refused(said: &Said, exit_code: i32, parts: &[&str]) {
    assert_eq!(said.exit_code, exit_code, "{}", said.err);
    assert_eq!(
        (&said.object["ok"], &said.object["exit_code"]),
        (&false.into(), &exit_code.into())
    );
    for part in parts {
        let text = said.object["error"].as_str().unwrap();
        assert!(text.contains(part), "`{text}` does not say `{part}`");
    }
    // Nothing was measured.
    assert!(!said.err.contains("… "), "{}", said.err);
}

/// A folder with a pair that has something to follow, and one whose new image is empty.
fn pairs() -> (TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let old: Vec<u8> = (0..9_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let mut new = old.clone();
    new.rotate_left(100);
    place(folder.path(), "blinky", &old, &new);
    place(folder.path(), "empty", &old, b"");
    (folder, new)
}

fn place(folder: &Path, name: &str, old: &[u8], new: &[u8]) -> PathBuf {
    let pair = folder.join(name);
    fs::create_dir(&pair).unwrap();
    fs::write(pair.join("old.bin"), old).unwrap();
    fs::write(pair.join("new.bin"), new).unwrap();
    pair
}

#[test]
fn each_job_is_measured_and_what_is_refused_is_said() {
    let (folder, new) = pairs();
    let said = bench(folder.path(), &[], &[]);
    assert_eq!((said.exit_code, &said.object["ok"]), (0, &true.into()), "{}", said.err);
    let pair = &said.object["pairs"][0];
    assert_eq!((&pair["name"], &pair["is_mcu"]), (&"blinky".into(), &true.into()));
    for profile in ["small", "standard", "large"] {
        let done = &pair["profiles"][profile];
        assert_eq!(pair[profile], done["bytes"]);
        assert!(done["bytes"].as_u64().unwrap() < pair["from_nothing"][profile]["bytes"].as_u64().unwrap());
        assert!(done["decoder_state_bytes"].as_u64().unwrap() > 1_000);
        assert_eq!(done["arch"], "unknown");
        for half in ["encode", "apply"] {
            assert!(done[half]["seconds"].as_f64().unwrap() > 0.0, "{done}");
            // A process has at least some pages, and these images do not fill a machine.
            let peak = done[half]["peak_memory_bytes"].as_u64().unwrap();
            assert!((1 << 18..1 << 30).contains(&peak), "{done}");
        }
    }
    assert_eq!(pair["new_bytes"], new.len());
    assert_eq!(pair["percent_of_full"]["small"].as_f64().unwrap() as u64, {
        100 * pair["small"].as_u64().unwrap() / pair["full"].as_u64().unwrap()
    });

    // No device boots an empty image: skipped in every profile, with what the encoder says, in both places.
    assert_eq!(said.object["left_out"], serde_json::json!(["empty"]));
    let skipped = said.object["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 9);
    assert!(
        skipped
            .iter()
            .all(|skip| skip["reason"].as_str().unwrap().contains("is empty"))
    );
    assert!(
        said.out.contains("Not measured: empty, small: encode failed:"),
        "{}",
        said.out
    );
}

#[test]
fn encode_and_apply_say_what_they_took() {
    let (folder, new) = pairs();
    let run = |words: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(folder.path())
            .arg("delta")
            .args(words.split(' '))
            .arg("--json");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let encoded = run("encode blinky/old.bin blinky/new.bin patch --profile small");
    assert_eq!(encoded["bytes"], fs::read(folder.path().join("patch")).unwrap().len());
    let (applied, info) = (run("apply blinky/old.bin patch out"), run("info patch"));
    assert_eq!(applied["bytes"], new.len());
    assert_eq!(applied["decoder_state_bytes"], info["state_bytes"]);
    if cfg!(target_os = "linux") {
        for said in [&encoded, &applied] {
            assert!(said["peak_memory_bytes"].as_u64().unwrap() > 1 << 18, "{said}");
        }
    }
}

#[test]
fn wrong_arguments_are_refused_before_the_work() {
    let (folder, _) = pairs();
    let nowhere = folder.path().join("absent");
    refused(&bench(&nowhere, &[], &[]), 3, &["cannot read", "absent"]);
    refused(
        &bench(&folder.path().join("empty"), &[], &[]),
        2,
        &["holds no NAME/old.bin", "cargo xtask corpus"],
    );
    refused(
        &bench(folder.path(), &["--only", "blinky", "--only", "z"], &[]),
        2,
        &["no pair `z`", "blinky, empty"],
    );
    refused(&bench(folder.path(), &["--markdown", "paper.md"], &[]), 2, &["--peers"]);
    let paper = folder.path().join("paper.md");
    fs::write(&paper, "# No marks\n").unwrap();
    let paper = paper.to_str().unwrap();
    refused(
        &bench(folder.path(), &["--peers", "--markdown", paper], &[]),
        2,
        &["needs these two lines"],
    );
    assert_eq!(fs::read_to_string(paper).unwrap(), "# No marks\n");
}

#[test]
fn pair_grows_as_far_as_its_bytes_do() {
    let (folder, _) = pairs();
    let run = |bytes_max: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .args([
                "bench",
                "growth",
                "--pair",
                "blinky",
                "--program",
                PROGRAM,
                "--bytes-max",
                bytes_max,
            ])
            .arg(folder.path());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run("20000").0, Some(0));
    let (exit_code, err) = run("20000000");
    assert_eq!(exit_code, Some(2), "{err}");
    assert!(err.contains("grows to 2304000 bytes at most"), "{err}");
    assert_eq!(run("19999").0, Some(2));
}

#[test]
fn peers_that_cannot_be_had_are_named_before_the_work() {
    let (folder, _) = pairs();
    let nothing = folder.path().join("bin");
    fs::create_dir(&nothing).unwrap();
    // On a path without programs there is no package client either.
    let said = bench(folder.path(), &["--peers"], &[("PATH", nothing.to_str().unwrap())]);
    refused(
        &said,
        3,
        &[
            "no peers without",
            "bsdiff",
            "xdelta3",
            "xz-utils",
            "zstd",
            "apt-get",
            "without --peers",
        ],
    );
}

#[test]
fn program_that_is_not_ours_is_no_measurement() {
    let (folder, _) = pairs();
    let mut command = Command::new(PROGRAM);
    command
        .args(["bench", "delta"])
        .arg(folder.path())
        .args(["--program", "/no/such/program"]);
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("/no/such/program"), "{err}");
}

#[test]
fn program_that_takes_too_long_is_ended() {
    let mut command = Command::new(PROGRAM);
    command.args(["bench", "measure", "--limit", "0", "--", "sleep", "60"]);
    let output = command.output().unwrap();
    let ended: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&ended["is_timed_out"], &ended["code"]), (&true.into(), &Value::Null));
    assert!(ended["cost"]["seconds"].as_f64().unwrap() < 30.0, "{ended}");
}
